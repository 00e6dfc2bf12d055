"""Headers that are a meaning and were not mapped: refused where their values change money, else named.

A column called ``currency`` with two of them, test orders among real ones, a status that says *failed*, amounts that
went back: read without them, a sum is wrong, and nothing in the mapped columns shows it. So such columns are read
beside the mapped ones. ``ignore`` names those that are left unread on purpose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from cvo_ml.config.shops import NO_CURRENCY, ShopConfig, StatusClass
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.currencies import currencies_of, have_one_currency
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.casts import RawColumn
from cvo_ml.ingest.casts.column import as_mask, text_series
from cvo_ml.ingest.findings import Tallies, Tally, counted_texts, tallies
from cvo_ml.ingest.header_names import meaning_of
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.statuses import class_of

#: Meaning of a header to the canonical column that would hold it, and what makes its values a matter of money.
_COLUMNS: Final[Mapping[str, str]] = {
    "currency": "currency", "is_test": "is_test", "status": "status", "payment_status": "status",
    "kind_of_row": "status", "refund_amount": "",
}  # fmt: skip
_NON_SALES: Final[tuple[StatusClass, ...]] = ("pending", "not_a_sale", "refunded")
_TEST: Final = re.compile(r"(?i)true|yes|y|t|1|test|testing|sandbox|ja|oui|si|sí|sim|x")
_SOME: Final = "above zero"
#: A column with more different texts holds names or numbers, and is neither a status nor a currency.
_MOST_TEXTS: Final = 200

MeaningOf = Callable[[str], "str | None"]


def unmapped_meaning(shop: ShopConfig) -> MeaningOf:
    """Whether a header of the shop's first source is a meaning of money that is neither mapped nor ignored, and which.

    Examples
    --------
    >>> from cvo_ml.ingest.shop_from_columns import shop_from_columns
    >>> told = unmapped_meaning(shop_from_columns("x.csv", {"customer_id": "c", "ordered_at": "d", "net": "v"}))
    >>> told("Currency"), told("Refunded Amount"), told("Colour"), told("c")
    ('currency', 'refund_amount', None, None)
    """
    own = [table for table in shop.tables.values() if table.source.path == shop.source.path]
    used = {*shop.columns.values(), *shop.profile.values(), *shop.ignore}
    used |= {header for table in own for header in (*table.columns.values(), *table.profile.values())}
    told = {*shop.columns, *shop.constants}
    subscriptions = shop.rows == "subscriptions"

    def found(header: str) -> str | None:
        meaning = None if header in used else meaning_of(header)
        if (
            meaning is None
            or meaning not in _COLUMNS
            or _COLUMNS[meaning] in told
            or (subscriptions and _COLUMNS[meaning] == "status")
        ):
            return None
        return None if meaning == "refund_amount" and "refunds" in shop.tables else meaning

    return found


def tally_beside(
    raw: RawTable, meanings: MeaningOf | None, used: Flags, money: Floats, mapped: Sequence[str]
) -> dict[str, Tallies]:
    """The texts of the columns that stand beside the mapped ones, of the used rows.

    Parameters
    ----------
    money:
        (n,) value of each row.
    mapped:
        Headers that are mapped.
    """
    found: dict[str, Tallies] = {}
    for header in raw.columns if meanings is not None else ():
        meaning = None if header in mapped or meanings is None else meanings(header)
        if meaning is not None:
            texts = _texts(RawColumn(raw.columns[header], header, raw.places), meaning)
            if texts is not None:
                found[header] = tallies(texts, used & texts.notna().to_numpy(), money, raw.places)
    return found


def _texts(column: RawColumn, meaning: str) -> pd.Series | None:
    """The texts that are counted; None where the column is none of such a meaning."""
    coded = column.coded()
    if meaning == "refund_amount":
        some = as_mask(pc.match_substring_regex(coded.texts, "[1-9]"))
        return pd.Series(_SOME, index=range(len(coded.codes)), dtype="str").where(coded.rows(some))
    if len(coded.texts) > _MOST_TEXTS:
        return None
    return text_series(coded.texts, np.where(coded.rows(coded.up_to(0)), -1, coded.codes))


@dataclass(frozen=True)
class _Matter:
    """Why a column is one of money, and what to write."""

    header: str
    problem: str
    remedy: str
    rows: Tally


def conclude_unmapped(
    beside: Mapping[str, Tallies], shop: ShopConfig, meanings: MeaningOf, file: str
) -> tuple[str, ...]:
    """What is said of the columns beside the mapped ones, when all rows are known.

    Raises
    ------
    DataError
        If the values of some change money; names all of them and what to write.
    """
    matters, notes = [], []
    for header, texts in beside.items():
        meaning = meanings(header)
        if meaning is None or not texts:
            continue
        if matter := _JUDGES[meaning](header, texts, shop):
            matters.append(matter)
        elif meaning in ("currency", "is_test"):
            notes.append(
                f"column {header!r} is not mapped: it says {counted_texts(texts.items())}, which changes nothing"
            )
    if matters:
        first = matters[0]
        raise DataError(
            "; and ".join(
                [
                    f"is not mapped, and {first.problem}",
                    *(f"column {m.header!r} is not, and {m.problem}" for m in matters[1:]),
                ]
            ),
            "; ".join(matter.remedy for matter in matters),
            file=file,
            column=first.header,
            count=first.rows.rows,
            first_rows=list(first.rows.first_rows),
        )
    return tuple(notes)


def _currency(header: str, texts: Tallies, shop: ShopConfig) -> _Matter | None:
    own = [shop.currency] if shop.currency != NO_CURRENCY else []
    codes = {text: text.strip().upper() if len(text.strip()) == 3 else text.strip() for text in texts}
    unknown = {code for code in codes.values() if currencies_of(code) is None}
    if have_one_currency([*own, *codes.values()]) and len(unknown) + bool(set(codes.values()) - unknown) < 2:
        return None
    most = shop.currency if own else codes[max(texts, key=lambda text: texts[text].rows)]
    other = {text: tally for text, tally in texts.items() if not have_one_currency([most, codes[text]])} or dict(texts)
    return _matter(header, other, f"holds {counted_texts(texts.items())}", "currency")


def _is_test(header: str, texts: Tallies, shop: ShopConfig) -> _Matter | None:
    tests = {text: tally for text, tally in texts.items() if _TEST.fullmatch(text.strip())}
    return _matter(header, tests, f"{_rows(tests)} are test orders ({_money(tests)})", "is_test") if tests else None


def _status(header: str, texts: Tallies, shop: ShopConfig) -> _Matter | None:
    classes = {text: class_of(text, shop.statuses) for text in texts}
    known = sum(tally.rows for text, tally in texts.items() if classes[text] is not None)
    unsold = {text: tally for text, tally in texts.items() if classes[text] in _NON_SALES}
    if not unsold or 2 * known < sum(tally.rows for tally in texts.values()):
        return None
    problem = f"{_rows(unsold)} are no sales by it ({counted_texts(unsold.items())}: {_money(unsold)})"
    return _matter(header, unsold, problem, "status")


def _kind(header: str, texts: Tallies, shop: ShopConfig) -> _Matter | None:
    """Refunds among sales, with amounts above zero."""
    back = {
        text: tally for text, tally in texts.items() if class_of(text, shop.statuses) == "refunded" and tally.money > 0
    }
    return (
        _matter(header, back, f"{_rows(back)} are refunds by it, above zero ({_money(back)})", "status")
        if back
        else None
    )


def _refunds(header: str, texts: Tallies, shop: ShopConfig) -> _Matter | None:
    if _SOME not in texts:
        return None
    columns = {"order_id": shop.columns.get("order_id", "…"), "refunded_at": "…", "amount": header}
    table = ", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in columns.items())
    source = f"{{path: {shop.source.path.rsplit('/', 1)[-1]}}}"
    remedy = (
        f"declare tables: {{refunds: {{source: {source}, columns: {{{table}}}}}}}, or "
        f"ignore: [{json.dumps(header, ensure_ascii=False)}]"
    )
    return _Matter(header, f"says of {_rows(texts)} that something went back", remedy, texts[_SOME])


_JUDGES: Final[Mapping[str, Callable[[str, Tallies, ShopConfig], _Matter | None]]] = {
    "currency": _currency, "is_test": _is_test, "status": _status, "payment_status": _status, "kind_of_row": _kind,
    "refund_amount": _refunds,
}  # fmt: skip


def _matter(header: str, texts: Tallies, problem: str, column: str) -> _Matter:
    quoted = json.dumps(header, ensure_ascii=False)
    remedy = f"write columns: {{{column}: {quoted}}} (--columns {column}={header}), or ignore: [{quoted}]"
    first = next(iter(texts.values()))
    return _Matter(
        header, problem, remedy, Tally(sum(tally.rows for tally in texts.values()), 0.0, first.file, first.first_rows)
    )


def _rows(texts: Tallies) -> str:
    total = sum(tally.rows for tally in texts.values())
    return f"{total:,} row{'s' * (total != 1)}"


def _money(texts: Tallies) -> str:
    return f"{sum(tally.money for tally in texts.values()):,.2f}"
