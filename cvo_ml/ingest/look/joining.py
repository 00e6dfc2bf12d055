"""Whether the ids of a table occur in the tables that it joins, and which of its columns holds those that do.

A CRM's contact has an id of its own, an e-mail address and often the id of the shop: which of them the orders use is
counted. Lists of ids in one cell stand between semicolons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cvo_ml.ingest.look.findings import FoundOut
from cvo_ml.ingest.look.grid import FoundColumn, Grid

#: Canonical id to the column that holds it: those of the orders, and the leads that the deals name.
KnownIds = Mapping[str, FoundColumn]
_JOINED: Final = {"order_id": "orders", "customer_id": "orders", "lead_id": "deals"}


@dataclass(frozen=True)
class Join:
    """How a table joins the others.

    Parameters
    ----------
    columns:
        Canonical id to the header that holds it, where that is not the one that the format maps.
    evidence:
        What was counted.
    foreign:
        Why it is no table of this shop; None where it is one.
    in_other_case:
        Addresses that are among those of the orders but for upper and lower case.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    evidence: str = ""
    foreign: str | None = None
    in_other_case: int = 0


def join_of(grid: Grid, table: str, headers: Mapping[str, tuple[str, ...]], known: KnownIds) -> Join:
    """How a vendor's table joins the orders and deals.

    Parameters
    ----------
    headers:
        Canonical id to the headers that may hold it, the mapped one first; one that is not mapped begins with ``""``.
    known:
        The ids of the orders, and of the leads that deals name. A table whose own ids are leads is none without them.
    """
    columns: dict[str, str] = {}
    evidence, none = [], []
    open_ids, in_other_case = False, 0
    for name, joined in _JOINED.items():
        mapped, *_ = headers.get(name, ("",))
        found = [header for header in headers.get(name, ()) if header in grid.columns]
        if not found:
            continue
        if name not in known:
            open_ids |= joined == "orders" or table == "deals"
            none += [] if joined == "orders" or table == "deals" else [f"no deals name {_listed(found)}"]
            continue
        other = known[name]
        counts = {header: shared(grid.columns[header], other) for header in found}
        best = max(found, key=lambda header: counts[header])
        if not counts[best]:
            none.append(f"none of its {_listed(found)} is among those of the {joined} ({other.header!r})")
            continue
        if best != mapped:
            columns[name] = best
        in_other_case = max(in_other_case, counts[best] - len(ids_of(grid.columns[best]) & ids_of(other)))
        of = len(ids_of(grid.columns[best]))
        evidence.append(
            f"{counts[best]:,} of {of:,} ids in {best!r} are among those of the {joined} ({other.header!r})"
        )
    is_foreign = bool(none) and not evidence and not open_ids
    told = "; ".join(none)
    return Join(
        columns, "; ".join((*evidence, *([] if is_foreign else none))), told if is_foreign else None, in_other_case
    )


def shared(own: FoundColumn, other: FoundColumn) -> int:
    """How many of the ids in one column stand in another one too; e-mail addresses in any case."""
    both = ids_of(own), ids_of(other)
    if all(sum("@" in one for one in ids) > 0.5 * len(ids) for ids in both):
        both = {one.casefold() for one in both[0]}, {one.casefold() for one in both[1]}
    return len(both[0] & both[1])


def decide_case(in_other_case: int, name: str, findings: FoundOut) -> None:
    """Make addresses one that differ in upper and lower case only, where the orders write them otherwise."""
    if in_other_case and "ids.fold_case" not in findings.settings():
        evidence = f"{in_other_case:,} addresses in {name} are those of orders but for upper and lower case"
        findings.decide("ids", "fold_case", evidence, {"ids.fold_case": True})


def ids_of(column: FoundColumn) -> set[str]:
    """The ids in a column."""
    return {one.strip() for text in column.distinct for one in text.split(";")}


def _listed(headers: list[str]) -> str:
    return " or ".join(map(repr, headers))
