"""The one currency of a shop: by its column, the signs beside its amounts, or its headers; several are asked about."""

from __future__ import annotations

from collections.abc import Container, Mapping

from cvo_ml.config.shops import NO_CURRENCY
from cvo_ml.core.currencies import currencies_of, have_one_currency
from cvo_ml.core.result import Json
from cvo_ml.ingest.header_names import currency_in
from cvo_ml.ingest.look.amounts import AmountWriting
from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid


def known_currency(grid: Grid, given: str | None) -> str | None:
    """The only currency in a column of currencies, else the one that is given."""
    for header in grid.headers_for("currency"):
        if len(texts := _texts_by_code(grid.columns[header])) == 1 and _is_code(code := next(iter(texts))):
            return code
    return given


def decide_currency(
    grid: Grid,
    amounts: Mapping[str, FoundColumn],
    written: AmountWriting,
    findings: FoundOut,
    given: str | None,
    rates: Container[str] = frozenset(),
) -> None:
    """The one currency; several are asked about, or converted where a table has the ``rates`` of the others."""
    header = next(iter(grid.headers_for("currency")), None)
    column = grid.columns[header] if header else None
    texts = _texts_by_code(column) if column is not None else {}
    if column is not None and len(texts) > 1 and (own := _converted_to(texts, rates, given)) is not None:
        others = ", ".join(sorted(set(texts) - {own}))
        _currency(own, f"{others} in column {column.header!r} is converted by the table of rates", findings, given,
                  _of_column(column, own, texts))  # fmt: skip
    elif column is not None and len(texts) > 1:
        _ask_currency(column, texts, findings, given)
    elif column is not None and texts and _is_code(code := next(iter(texts))):
        why = f"column {column.header!r} says so in {counted(column.filled, 'row')}"
        _currency(code, why, findings, given, _of_column(column, code, texts))
    else:
        _by_signs(amounts, written, findings, given)


def _converted_to(texts: Mapping[str, list[str]], rates: Container[str], given: str | None) -> str | None:
    """The currency into which all others are converted; None where one of them has no rate."""
    own = [code for code in texts if code not in rates or code == given]
    plain = all(_is_code(code) and same == [code] for code, same in texts.items())
    return own[0] if plain and len(own) == 1 and given in (None, own[0]) else None


def _texts_by_code(column: FoundColumn) -> dict[str, list[str]]:
    """Currency, or a text of which nobody knows one, to the texts that stand for it."""
    found: dict[str, list[str]] = {}
    for text in column.distinct:
        found.setdefault(_code_of(text.upper()) or _code_of(text) or text, []).append(text)
    return found


def _of_column(column: FoundColumn, code: str, texts: Mapping[str, list[str]]) -> dict[str, Json]:
    signs: dict[str, Json] = {text: code for text in texts[code] if text.upper() != code}
    settings: dict[str, Json] = {"columns.currency": column.header}
    return {**settings, **({"values.currency": signs} if signs and _is_code(code) else {})}


def _currency(code: str, why: str, findings: FoundOut, given: str | None, settings: Settings) -> None:
    if given is not None and given != code:
        why += f"; not {given}, as --currency says"
    findings.decide("currency", code, why, {"currency": code, **settings})


def _ask_currency(column: FoundColumn, texts: Mapping[str, list[str]], findings: FoundOut, given: str | None) -> None:
    rows = dict(zip(column.distinct, column.counts.tolist(), strict=True))
    counts = {code: sum(rows[text] for text in same) for code, same in texts.items()}
    ranked = sorted(counts, key=lambda code: -counts[code])
    choices: dict[str, Settings] = {code: _only(code, column, texts) for code in ranked[:5]}
    if given in choices:
        chosen = choices[str(given)]
        findings.decide("currency", given, "as --currency says; rows in others are left out by rule", chosen)
        return
    told = ", ".join(f"{code} in {counted(counts[code], 'row')}" for code in ranked[:5])
    findings.ask(
        "currency", f"column {column.header!r} holds {told}: which one is this shop? Rows in the others are left out",
        choices, column.first_rows([text for code in ranked[1:] for text in texts[code]]),
        [f"{column.header} = {text}" for text in column.distinct[:3]],
    )  # fmt: skip


def _only(code: str, column: FoundColumn, texts: Mapping[str, list[str]]) -> Settings:
    """The rows of one currency; the others are left out by rule."""
    others = [text for other, same in texts.items() if other != code for text in same]
    return {
        "currency": code if _is_code(code) else NO_CURRENCY,
        **_of_column(column, code, texts),
        "exclude": [{"rule": "another currency", "column": "currency", "equals": others}],
    }


def _by_signs(
    amounts: Mapping[str, FoundColumn], written: AmountWriting, findings: FoundOut, given: str | None
) -> None:
    found = {code: f"the amounts are written with {sign}" for sign in written.signs if (code := _code_of(sign))}
    for column in amounts.values():
        if code := currency_in(column.header):
            found.setdefault(code, f"the header {column.header!r} says so")
    if len(found) > 1 or not have_one_currency(written.signs):
        told = " and ".join(found if len(found) > 1 else written.signs)
        findings.missing.append(f"currency: the amounts are in {told}: export each currency for itself")
    elif found:
        code, why = next(iter(found.items()))
        _currency(code, why, findings, given, {})
    elif given is not None:
        findings.decide("currency", given, "as --currency says", {"currency": given})
    else:
        why = (
            f"{', '.join(written.signs)} is the sign of several" if written.signs else "nothing in the file says which"
        )
        findings.decide("currency", NO_CURRENCY, f"{why}: --currency EUR names it; no number depends on it",
                        {"currency": NO_CURRENCY})  # fmt: skip


def _code_of(written: str) -> str | None:
    found = currencies_of(written)
    return next(iter(found)) if found is not None and len(found) == 1 else None


def _is_code(text: str) -> bool:
    return _code_of(text) == text
