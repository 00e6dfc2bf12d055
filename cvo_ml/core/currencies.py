"""Currencies: how many decimals each has (ISO 4217), and which signs mean one of them alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: ISO 4217's minor units where they are not two.
_DECIMALS: Final[dict[str, int]] = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
         "XPF"), 0
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip
#: Signs of one currency.
SIGNS: Final[dict[str, str]] = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₪": "ILS", "₫": "VND", "₴": "UAH", "₽": "RUB", "₺": "TRY",
    "฿": "THB", "₦": "NGN", "₱": "PHP", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "R$": "BRL", "US$": "USD", "A$": "AUD",
    "C$": "CAD", "CA$": "CAD", "HK$": "HKD", "NZ$": "NZD", "S$": "SGD",
}  # fmt: skip
#: Signs of several currencies, and which.
_OF_SEVERAL: Final[dict[str, frozenset[str]]] = {
    "$": frozenset(("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "MXN", "ARS", "CLP", "COP", "UYU", "TWD", "JMD", "TTD",
                    "FJD", "BSD", "BBD", "BZD", "BMD", "DOP", "NAD", "XCD")),
    "kr": frozenset(("SEK", "NOK", "DKK", "ISK")),
    "¥": frozenset(("JPY", "CNY")),
    "Fr": frozenset(("CHF",)),
}  # fmt: skip


def decimals(currency: str) -> int:
    """How many decimals a currency has, as in ISO 4217; two where it is not known.

    Examples
    --------
    >>> decimals("EUR"), decimals("jpy"), decimals("KWD")
    (2, 0, 3)
    """
    return _DECIMALS.get(currency.upper(), 2)


def currencies_of(written: str) -> frozenset[str] | None:
    """The currencies that a sign or code may stand for; None where it may be any.

    Examples
    --------
    >>> currencies_of("€"), currencies_of("CHF"), "CAD" in currencies_of("$"), "GBP" in currencies_of("$")
    (frozenset({'EUR'}), frozenset({'CHF'}), True, False)
    """
    if len(written) == 3 and written.isascii() and written.isalpha() and written.isupper():
        return frozenset((written,))
    if written in SIGNS:
        return frozenset((SIGNS[written],))
    return _OF_SEVERAL.get(written)


def have_one_currency(written: Iterable[str]) -> bool:
    """Whether there is a currency that all signs and codes may stand for.

    Examples
    --------
    >>> have_one_currency(("$", "CA$")), have_one_currency(("€", "EUR")), have_one_currency(("$", "£"))
    (True, True, False)
    """
    known = [found for sign in written if (found := currencies_of(sign)) is not None]
    return not known or bool(frozenset.intersection(*known))
