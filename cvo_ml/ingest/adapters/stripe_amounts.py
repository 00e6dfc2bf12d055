"""Amounts as Stripe's interface writes them: whole numbers of a currency's smallest unit, by Stripe's own list.

docs.stripe.com/currencies: currencies have two decimals unless it says otherwise. Sixteen have none and five have
three. Kronur of Iceland and shillings of Uganda have none any more and are written with two all the same (5 ISK are
``500``); forints and dollars of Taiwan are whole in payouts only. ISO 4217 says otherwise of several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.result import Json

_WITHOUT: Final = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
_OF_THREE: Final = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))


def decimals_of(currency: str) -> int:
    """How many decimals Stripe's amounts in a currency have.

    Examples
    --------
    >>> decimals_of("eur"), decimals_of("jpy"), decimals_of("KWD"), decimals_of("ISK"), decimals_of("UGX")
    (2, 0, 3, 2, 2)
    """
    code = currency.upper()
    return 0 if code in _WITHOUT else 3 if code in _OF_THREE else 2


def whole_units(amount: Decimal, currency: str) -> str:
    """An amount in smallest units as text in whole ones.

    Examples
    --------
    >>> whole_units(Decimal(1999), "usd"), whole_units(Decimal(500), "jpy")
    ('19.990000', '500.000000')
    """
    return f"{amount / Decimal(10) ** decimals_of(currency):.6f}"


def number_of(value: Any) -> Decimal | None:
    """A number of an object, which is text by then; None where there is none."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def id_of(value: Any) -> Any:
    """The id of what a field names, whether the request expanded it or not.

    Examples
    --------
    >>> id_of("cus_1"), id_of({"id": "cus_1", "object": "customer"}), id_of(None)
    ('cus_1', 'cus_1', None)
    """
    return value.get("id") if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class Moment:
    """The time at which an export shows its objects, in seconds since 1970, and what says so."""

    seconds: Decimal
    said_by: str

    @property
    def words(self) -> str:
        """Such as ``2024-05-01 (extracted_at)``."""
        return f"{datetime.fromtimestamp(float(self.seconds), UTC):%Y-%m-%d} ({self.said_by})"


def moment_of(shop: ShopConfig, times: Iterable[Json]) -> Moment:
    """The shop's ``extracted_at``; else the latest of the times, which must be of what has happened."""
    if shop.extracted_at is not None:
        stamp = pd.Timestamp(shop.extracted_at)
        zoned = stamp.tz_localize(shop.timezone, ambiguous=True) if stamp.tzinfo is None else stamp
        return Moment(Decimal(int(zoned.timestamp())), "extracted_at")
    known = [number for time in times if (number := number_of(time)) is not None and 0 < number < _LAST_SECOND]
    return Moment(max(known, default=Decimal(0)), "the latest time in the export")


_LAST_SECOND: Final = 2_524_608_000  # 2050
