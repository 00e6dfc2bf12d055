"""Currencies: how many decimals each has (ISO 4217), and which signs mean one of them alone."""

from __future__ import annotations

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
#: Signs of one currency; ``$``, ``kr`` and ``¥`` are those of several.
SIGNS: Final[dict[str, str]] = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₩": "KRW", "₪": "ILS", "₫": "VND", "₴": "UAH", "₽": "RUB", "₺": "TRY",
    "฿": "THB", "₦": "NGN", "₱": "PHP", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "R$": "BRL", "US$": "USD", "A$": "AUD",
    "C$": "CAD", "CA$": "CAD", "HK$": "HKD", "NZ$": "NZD", "S$": "SGD",
}  # fmt: skip


def decimals(currency: str) -> int:
    """How many decimals a currency has, as in ISO 4217; two where it is not known.

    Examples
    --------
    >>> decimals("EUR"), decimals("jpy"), decimals("KWD")
    (2, 0, 3)
    """
    return _DECIMALS.get(currency.upper(), 2)


def code_of(written: str) -> str | None:
    """The currency that a sign or code stands for, where it stands for one.

    Examples
    --------
    >>> code_of("€"), code_of("CHF"), code_of("$")
    ('EUR', 'CHF', None)
    """
    if len(written) == 3 and written.isascii() and written.isalpha() and written.isupper():
        return written
    return SIGNS.get(written)
