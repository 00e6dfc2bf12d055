"""Two ledgers that always balance: rows of the input, customers of the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cvo_ml.core.errors import CvoError
from cvo_ml.core.result import Json, Result


class LedgerError(CvoError):
    """A ledger does not balance: something was lost or counted twice. Always a bug."""


def _merge(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in {**left, **right}}


@dataclass(frozen=True)
class RowLedger(Result):
    """Rows in = used + quarantined (by reason) + excluded (by declared rule).

    Raises
    ------
    LedgerError
        If the sides differ.

    Examples
    --------
    >>> both = RowLedger(3, 2, {"null id": 1}, {}) + RowLedger(4, 3, {}, {"guests": 1})
    >>> both.rows_in, both.used, both.quarantined, both.excluded
    (7, 5, {'null id': 1}, {'guests': 1})
    """

    rows_in: int
    used: int
    quarantined: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        out = self.used + sum(self.quarantined.values()) + sum(self.excluded.values())
        if out != self.rows_in:
            raise LedgerError(f"row ledger does not balance: {self.rows_in:,} rows in, {out:,} accounted for")

    def __add__(self, other: RowLedger) -> RowLedger:
        return RowLedger(
            self.rows_in + other.rows_in,
            self.used + other.used,
            _merge(self.quarantined, other.quarantined),
            _merge(self.excluded, other.excluded),
        )

    def lines(self) -> list[tuple[str, str, int]]:
        """The ledger as (kind, reason, rows), for tables that people read."""
        return [
            ("rows in", "", self.rows_in),
            ("used", "", self.used),
            *(("quarantined", reason, count) for reason, count in sorted(self.quarantined.items())),
            *(("excluded by rule", rule, count) for rule, count in sorted(self.excluded.items())),
        ]

    def to_json(self) -> dict[str, Json]:
        """The ledger as JSON-ready values."""
        return {
            "rows_in": self.rows_in,
            "used": self.used,
            "quarantined": dict(sorted(self.quarantined.items())),
            "excluded": dict(sorted(self.excluded.items())),
        }


@dataclass(frozen=True)
class CustomerLedger(Result):
    """Customers known = scored + ineligible (by reason), for one model.

    Raises
    ------
    LedgerError
        If the sides differ.
    """

    known: int
    scored: int
    ineligible: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        out = self.scored + sum(self.ineligible.values())
        if out != self.known:
            raise LedgerError(f"customer ledger does not balance: {self.known:,} known, {out:,} accounted for")

    def to_json(self) -> dict[str, Json]:
        """The ledger as JSON-ready values."""
        return {"known": self.known, "scored": self.scored, "ineligible": dict(sorted(self.ineligible.items()))}
