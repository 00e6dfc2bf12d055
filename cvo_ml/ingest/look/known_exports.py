"""Exports that are known by their headers: those that have an adapter, and vendors whose words mean something else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from cvo_ml.ingest.adapters import ADAPTERS
from cvo_ml.ingest.look.grid import Grid

#: Headers that only one vendor has together, and what other headers of its exports mean there.
_WORDS: Final[tuple[tuple[frozenset[str], Mapping[str, str]], ...]] = (
    # Amazon: the price of all pieces of a row, not of one
    (frozenset({"amazon-order-id", "item-price"}), {"item-price": "line_total", "item-tax": "tax"}),
    # Etsy: the value before shipping and fees; "Order Net" is what is paid out
    (frozenset({"Order Value", "Order Net", "Card Processing Fees"}), {"Order Value": "net", "Order Net": "payout"}),
)


def adapter_for(grid: Grid) -> str | None:
    """The adapter that reads a table; None where none knows it."""
    for name, adapter in ADAPTERS.items():
        if adapter.recognises(grid.headers, grid.objects):
            return name
    return None


def vendor_words(headers: Collection[str]) -> dict[str, str]:
    """Header to meaning, where a vendor's word means something else than its name says."""
    found: dict[str, str] = {}
    for signature, words in _WORDS:
        if signature <= set(headers):
            found |= {header: meaning for header, meaning in words.items() if header in headers}
    return found
