"""Vendors whose words mean something else than they say, known by headers that only they have together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

#: Headers that only one vendor has together, and what other headers of its exports mean there.
_WORDS: Final[tuple[tuple[frozenset[str], Mapping[str, str]], ...]] = (
    # Amazon: the price of all pieces of a row, not of one
    (frozenset({"amazon-order-id", "item-price"}), {"item-price": "line_total", "item-tax": "tax"}),
    # Etsy: the value before shipping and fees; "Order Net" is what is paid out
    (frozenset({"Order Value", "Order Net", "Card Processing Fees"}), {"Order Value": "net", "Order Net": "payout"}),
)


def vendor_words(headers: Collection[str]) -> dict[str, str]:
    """Header to meaning, where a vendor's word means something else than its name says."""
    found: dict[str, str] = {}
    for signature, words in _WORDS:
        if signature <= set(headers):
            found |= {header: meaning for header, meaning in words.items() if header in headers}
    return found
