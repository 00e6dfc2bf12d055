"""The one currency of a shop: by its column, the signs beside its amounts, or its headers; several are asked about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cvo_ml.config.shops import NO_CURRENCY
from cvo_ml.core.result import Json
from cvo_ml.ingest.header_names import currency_in
from cvo_ml.ingest.look.amounts import AmountWriting
from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid

_SIGNS: Final = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₪": "ILS", "₫": "VND", "₴": "UAH", "₽": "RUB", "₺": "TRY",
    "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "R$": "BRL", "US$": "USD", "A$": "AUD", "C$": "CAD", "CA$": "CAD",
}  # fmt: skip


def decide_currency(
    grid: Grid, amounts: Mapping[str, FoundColumn], written: AmountWriting, findings: FoundOut, given: str | None
) -> None:
    """The one currency; several are asked about."""
    header = next(iter(grid.headers_for("currency")), None)
    column = grid.columns[header] if header else None
    codes = list(dict.fromkeys(text.upper() for text in column.distinct)) if column is not None else []
    settings: dict[str, Json] = {"columns.currency": header} if codes and all(len(code) == 3 for code in codes) else {}
    if settings and column is not None and len(codes) == 1:
        _currency(codes[0], f"column {header!r} says so in {counted(column.filled, 'row')}", findings, given, settings)
    elif settings and column is not None:
        _ask_currency(column, codes, findings, given)
    else:
        _by_signs(amounts, written, findings, given)


def _currency(code: str, why: str, findings: FoundOut, given: str | None, settings: Settings) -> None:
    if given is not None and given != code:
        why += f"; not {given}, as --currency says"
    findings.decide("currency", code, why, {"currency": code, **settings})


def _ask_currency(column: FoundColumn, codes: list[str], findings: FoundOut, given: str | None) -> None:
    counts = dict.fromkeys(codes, 0)
    for text, count in zip(column.distinct, column.counts.tolist(), strict=True):
        counts[text.upper()] += count
    ranked = sorted(counts, key=lambda code: -counts[code])
    choices: dict[str, Settings] = {
        code: {
            "currency": code,
            "columns.currency": column.header,
            "exclude": [
                {
                    "rule": "another currency",
                    "column": "currency",
                    "equals": [text for text in column.distinct if text.upper() != code],
                }
            ],
        }
        for code in ranked[:5]
    }
    if given in choices:
        chosen = choices[str(given)]
        findings.decide("currency", given, "as --currency says; rows in others are left out by rule", chosen)
        return
    told = ", ".join(f"{code} in {counted(counts[code], 'row')}" for code in ranked[:5])
    fewer = [text for text in column.distinct if text.upper() != ranked[0]]
    findings.ask(
        "currency", f"column {column.header!r} holds {told}: which one is this shop? Rows in the others are left out",
        choices, column.first_rows(fewer), [f"{column.header} = {text}" for text in column.distinct[:3]],
    )  # fmt: skip


def _by_signs(
    amounts: Mapping[str, FoundColumn], written: AmountWriting, findings: FoundOut, given: str | None
) -> None:
    found = {code: f"the amounts are written with {sign}" for sign in written.signs if (code := _code_of(sign))}
    for column in amounts.values():
        if code := currency_in(column.header):
            found.setdefault(code, f"the header {column.header!r} says so")
    if len(found) > 1:
        findings.missing.append(f"currency: the amounts are in {' and '.join(found)}: export each currency for itself")
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


def _code_of(sign: str) -> str | None:
    return sign if re.fullmatch("[A-Z]{3}", sign) else _SIGNS.get(sign)
