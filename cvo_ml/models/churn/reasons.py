"""Reasons: what moves a churn probability, column by column and by the levers that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Floats, Places

#: Lever to the names of the columns that it moves; the first that matches counts.
LEVERS: Final[tuple[tuple[str, str], ...]] = (
    ("season", r"^season_"),
    ("service", r"ticket|nps|survey|refund|return"),
    ("price", r"discount|price|mrr|seats"),
    ("product", r"categor|brand|quantity|basket|product"),
    ("engagement", r"event|usage"),
    ("recency", r"days_since_last_order|gaps_since|btyd_p_|^recency$|trend|_7d$|_30d$"),
    ("value", r"net|margin|value|gross"),
    ("frequency", r"orders|purchase_days|frequency|gap"),
    ("tenure", r"days_since_first_order|days_subscribed|subscription|^T$|tenure"),
)
OTHER: Final = "profile"


@cache
def lever_of(column: str) -> str:
    """The lever that a column belongs to.

    Examples
    --------
    >>> lever_of("tickets_90d"), lever_of("days_since_last_order"), lever_of("net_90d"), lever_of("country")
    ('service', 'recency', 'value', 'profile')
    """
    return next((lever for lever, pattern in LEVERS if re.search(pattern, column)), OTHER)


@dataclass(frozen=True)
class Explanation:
    """Additive parts of each row's log-odds, and the map from log-odds to the churn probability.

    Parameters
    ----------
    columns:
        (k,) names.
    parts:
        (n, k) parts of the log-odds.
    log_odds:
        (n,) of the model, before calibration.
    probability_of:
        Log-odds of any shape to calibrated probabilities.
    """

    columns: tuple[str, ...]
    parts: Floats
    log_odds: Floats
    probability_of: Callable[[Floats], Floats]

    def effects(self) -> Floats:
        """Each column's effect on the churn probability, (n, k): the probability less that without its part."""
        return self._without(self.parts)

    def by_lever(self) -> tuple[tuple[str, ...], Floats, Places]:
        """Levers (m,), their effects on the probability (n, m), and the place of each one's strongest column (n, m)."""
        of = [lever_of(name) for name in self.columns]
        levers = tuple(dict.fromkeys(of))
        members = [np.flatnonzero([lever == name for lever in of]) for name in levers]
        sums = np.column_stack([self.parts[:, places].sum(axis=1) for places in members])
        strongest = [places[np.abs(self.parts[:, places]).argmax(axis=1)] for places in members]
        return levers, self._without(sums), np.column_stack(strongest)

    def _without(self, parts: Floats) -> Floats:
        whole = self.probability_of(self.log_odds)
        less = self.probability_of((self.log_odds[:, None] - parts).ravel()).reshape(parts.shape)
        return np.asarray(whole[:, None] - less)


def agreement(one: Explanation, other: Explanation) -> float:
    """Share of rows whose strongest lever is the same in two explanations of the same rows."""
    names = [_strongest(explanation) for explanation in (one, other)]
    return float(np.mean([a == b for a, b in zip(*names, strict=True)])) if names[0] else float("nan")


def _strongest(explanation: Explanation) -> Sequence[str]:
    levers, effects, _ = explanation.by_lever()
    return [levers[place] for place in np.abs(effects).argmax(axis=1)]
