"""The catalogue: every feature is one small function that registers itself with what a reader must know of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cvo_ml.core.errors import UsageError

#: Days of the windows, None for the whole life of the customer up to the date.
WINDOWS: Final[tuple[int | None, ...]] = (7, 30, 90, 180, 365, None)

#: What is known of a source table and when, by table (shown in the catalogue).
AVAILABILITY: Final = {
    "orders": "always: the one table that is required",
    "refunds": "always: without the table nothing counts as refunded",
    "order_lines": "with order lines; known with their order, or at their own known_at",
    "customers": "with a customer table; no event time, so a model must declare it as known",
    "tickets": "with tickets; what closing tells counts from closed_at",
    "surveys": "with surveys",
    "events": "with events",
    "subscriptions": "with subscriptions; their end counts from ended_at, their status is never read",
    "milestones": "with milestones",
    "calendar": "always: the date itself",
}


@dataclass(frozen=True)
class Feature:
    """One column of the snapshot.

    Parameters
    ----------
    name, meaning, unit:
        What it is called, one sentence, its unit.
    window:
        Days back from the date; None for all that was known.
    table:
        The table that it comes from.
    columns:
        Optional columns of that table without which the feature is null.
    relation:
        The rows that it aggregates (``cvo_ml.features.relations``), or ``row`` if it follows from other columns.
    empty:
        The value of a customer without rows in a table that exists.
    build:
        ``(rows, inside) -> aggregate``, or ``row -> column``.
    """

    name: str
    meaning: str
    unit: str
    window: int | None
    table: str
    columns: tuple[str, ...]
    relation: str
    empty: float | None
    build: Callable[..., Any]

    @property
    def window_text(self) -> str:
        """The window in words."""
        return "life" if self.window is None else f"{self.window} days"

    @property
    def availability(self) -> str:
        """When the feature is there."""
        needs = "".join(f"; needs {self.table}.{column}" for column in self.columns)
        return AVAILABILITY[self.table] + needs


CATALOGUE: Final[dict[str, Feature]] = {}
Build = Callable[..., Any]


def feature(
    relation: str,
    *,
    unit: str,
    table: str | None = None,
    windows: Sequence[int | None] | None = None,
    columns: tuple[str, ...] = (),
    empty: float | None = None,
    name: str | None = None,
    meaning: str | None = None,
) -> Callable[[Build], Build]:
    """Register a function as one feature, or as one per window.

    The function's name is the feature's, with ``_30d`` or ``_lifetime`` behind it where ``windows`` are given; its
    docstring is the meaning, in which ``{window}`` stands for the window in words. A function that serves several
    relations says ``name`` and ``meaning`` for each.

    Raises
    ------
    UsageError
        If a name is taken.
    """

    def register(build: Build) -> Build:
        for window in windows or (None,):
            suffix = "" if windows is None else "_lifetime" if window is None else f"_{window}d"
            words = "so far" if window is None else f"in the last {window} days"
            text = (meaning or (inspect.getdoc(build) or "").split("\n")[0]).format(window=words)
            full = (name or build.__name__) + suffix
            if full in CATALOGUE:
                raise UsageError(f"feature {full!r} exists already: choose another name")
            CATALOGUE[full] = Feature(full, text, unit, window, table or relation, columns, relation, empty, build)
        return build

    return register
