"""Checks that look at all rows of a further table together, when each was validated for itself and none stands twice.

The outcomes stand in the table of ``cross_checks``.
"""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags
from cvo_ml.ingest.row_database import FILE, ROW, quoted
from cvo_ml.ingest.table_rows import TableRows


def check_whole(found: TableRows) -> None:
    """Validate the rows that are still used against each other.

    Raises
    ------
    DataError
        If a fault is one of the file.
    """
    if (check := _CHECKS.get(found.spec.table)) is not None:
        check(found)


def _check_choices(choices: TableRows) -> None:
    """In each task one of several alternatives is chosen; else nobody can say what was preferred."""
    tasks = (
        f"SELECT respondent_id, task_id, count(*) AS alternatives, count(*) FILTER (chosen) AS picked "
        f"FROM {choices.used} GROUP BY respondent_id, task_id"
    )
    rows = (
        f"SELECT {FILE}, {ROW}, alternatives, picked FROM {choices.used} JOIN ({tasks}) USING (respondent_id, task_id)"
    )
    for broken, column, reason in (
        ("alternatives = 1", "task_id", "alone in its task"),
        ("picked = 0", "chosen", "not one of its task was chosen"),
        ("picked > 1", "chosen", "several of its task were chosen"),
    ):
        whole = "" if broken == "alternatives = 1" else " AND alternatives > 1"
        choices.drop_found(
            f"SELECT {FILE}, {ROW} FROM ({rows}) WHERE {broken}{whole}", choices.spec.header(column), reason
        )


def _check_prices(prices: TableRows) -> None:
    """One price of a product, unit, segment and currency is valid at a time; the later of two that meet is at fault."""
    of_one = [name for name in ("product_id", "unit", "segment", "currency") if name in prices.columns]
    ends = "valid_to" if "valid_to" in prices.columns else "CAST(NULL AS TIMESTAMP)"
    window = f"PARTITION BY {', '.join(map(quoted, of_one))} ORDER BY valid_from, {FILE}, {ROW}"
    earlier = f"({window} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
    rows = (
        f"SELECT {FILE}, {ROW}, valid_from, max({ends}) OVER {earlier} AS valid_before, "
        f"max(valid_from) OVER {earlier} AS begun FROM {prices.used}"
    )
    prices.drop_found(
        f"SELECT {FILE}, {ROW} FROM ({rows}) WHERE valid_from < valid_before OR valid_from = begun",
        prices.spec.header("valid_from"),
        "begins before an earlier price ends",
    )


def _check_accounts(accounts: TableRows) -> None:
    """Every account's parents are known and end somewhere."""
    if "parent_id" not in accounts.columns:
        return
    header = accounts.spec.header("parent_id")
    rows = accounts.database.arrow(f"SELECT {FILE}, {ROW}, account_id, parent_id FROM {accounts.used}").to_pandas()
    circles = rows[in_a_circle(rows["account_id"], rows["parent_id"])]
    accounts.drop_found(_without_parent(accounts), header, "names an unknown account")
    accounts.drop(circles[FILE].to_numpy(), circles[ROW].to_numpy(), header, "its parents lead back to itself")
    left = -1
    while accounts.count != left:  # those below them, then those below these
        left = accounts.count
        accounts.drop_found(_without_parent(accounts), header, "its account is in quarantine")


def _without_parent(accounts: TableRows) -> str:
    return (
        f"SELECT {FILE}, {ROW} FROM {accounts.used} WHERE parent_id IS NOT NULL "
        f"AND parent_id NOT IN (SELECT account_id FROM {accounts.used})"
    )


def in_a_circle(ids: pd.Series, parents: pd.Series) -> Flags:
    """(n,) which are their own parent, or a parent of their parent, and so on.

    Parameters
    ----------
    ids, parents:
        (n,) each id once, and the id above it; null at the top.

    Examples
    --------
    >>> in_a_circle(pd.Series(["a", "b", "c", "d"]), pd.Series(["b", "a", "a", None])).tolist()
    [True, True, False, False]
    """
    above = pd.Index(ids).get_indexer(pd.Index(parents))
    found = np.zeros(len(ids), dtype=np.bool_)
    seen = np.full(len(ids), -1, dtype=np.int64)  # by which walk
    for start in range(len(ids)):
        place = start
        while place >= 0 and seen[place] < 0:
            seen[place] = start
            place = above[place]
        while place >= 0 and seen[place] == start and not found[place]:  # this walk came back to itself
            found[place] = True
            place = above[place]
    return found


_CHECKS: Final[Mapping[str, Callable[[TableRows], None]]] = {
    "choices": _check_choices,
    "prices": _check_prices,
    "accounts": _check_accounts,
}
