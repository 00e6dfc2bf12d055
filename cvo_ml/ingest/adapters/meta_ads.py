"""Meta's report of ads (CSV of Ads Manager): what was spent on Facebook and Instagram, day by day.

facebook.com/business/help: "Export your ads reporting"; break it down by day.

* The currency stands in the header of what was spent (``Amount spent (EUR)``). Another one than the shop's is refused,
  or converted where rates are declared.
* A row is what a campaign, ad set or ad cost in its ``Day``; without that breakdown from ``Reporting starts`` on, which
  is said where a row spans several days.
* The channel is ``meta_ads``; ``constants: {channel: …}`` calls it as the orders do.
* The row of totals has no campaign (of a report by account, no account or no day), and is left out by rule. Nothing
  spent is empty there.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.row_texts import texts_of, with_columns
from cvo_ml.ingest.known_exports import how_to_map
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.total_rows import TOTAL_ROW

_SPENT: Final = re.compile(r"Amount spent \(([A-Z]{3})\)")
_STARTS, _ENDS, _DAY, _SPEND, _CURRENCY = "Reporting starts", "Reporting ends", "Day", "Amount spent", "Currency"
_NAMES: Final = ("Campaign name", "Ad set name", "Ad name")
_SHOP_NAMES: Final = ("Account name", "Account ID")  # of reports by account, whose rows have none of the others

_SIDES: Final[dict[str, dict[str, Any]]] = {
    "acquisition_spend": {
        "columns": {"date": _STARTS, "spend": _SPEND, "campaign": _NAMES[0], "currency": _CURRENCY},
        "constants": {"channel": "meta_ads", "cost_kind": "ads"},
    }
}


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """What was spent.

    Raises
    ------
    DataError
        If no header says in which currency.
    """
    spent, currency = _spent(raw, shop)
    texts = texts_of(raw, (_STARTS, _ENDS, _DAY, *_NAMES, *_SHOP_NAMES, _CURRENCY, spent))
    totals = _totals(raw, texts)
    day = texts[_DAY].fillna(texts[_STARTS]) if _DAY in raw.columns else texts[_STARTS]
    several = ~totals & texts[_DAY].isna() & (texts[_STARTS] != texts[_ENDS])
    columns = {
        _STARTS: day.mask(totals),
        _SPEND: texts[spent].fillna("0").mask(totals),
        _CURRENCY: pd.Series(currency, index=texts.index, dtype="str") if currency else texts[_CURRENCY],
    }
    said = (
        f"acquisition_spend: {int(several.sum()):,} rows span several days and count at the first: break the report "
        "down by day"
    )
    left_out = {TOTAL_ROW: np.asarray(totals, dtype=np.bool_)}
    return {"acquisition_spend": with_columns(raw, columns, left_out, (said,) if several.any() else ())}


def _totals(raw: RawTable, texts: pd.DataFrame) -> pd.Series:
    """(n,) rows of totals: without any of the names, or the day, that other rows have."""
    for told in (_NAMES, _SHOP_NAMES, (_DAY,)):
        named = texts[[name for name in told if name in raw.columns]].notna().any(axis=1)
        if named.any():
            return ~named
    return pd.Series(False, index=texts.index)


def _spent(raw: RawTable, shop: ShopConfig) -> tuple[str, str | None]:
    """The header of what was spent, and the currency in it."""
    found = {name: named[1] for name in raw.columns if (named := _SPENT.fullmatch(name))}
    if len(found) == 1:
        return next(iter(found.items()))
    if _SPEND in raw.columns:
        return _SPEND, None if _CURRENCY in raw.columns else shop.currency
    column = f"{_SPEND} ({shop.currency})"
    raise DataError(
        "no such column", how_to_map(tuple(raw.columns), "header of the file", "meta_ads"),
        file=raw.sources[0].name, column=column,
    )  # fmt: skip


ADAPTER: Final = Adapter(
    sides=_SIDES,
    optional=frozenset({_SPEND, _CURRENCY, _NAMES[0]}),
    like={_SPEND: _SPENT},
    prepare=prepare,
    reads_all=True,
)
