"""Who is kept untreated, and which actions the held out would have got."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import Holdout
from cvo_ml.core.arrays import Flags, Floats, Ints
from cvo_ml.priorities.allocation import Allocation
from cvo_ml.priorities.allocation.integer_program import Classes
from cvo_ml.priorities.allocation.prices import Limits, responses


def holdout(customers: pd.Index, rule: Holdout) -> pd.Series:
    """Who is kept untreated: decided by the customer's id alone, so it stays the same in every run."""
    threshold = int(rule.share * 2**32)
    drawn = [
        int.from_bytes(hashlib.sha256(f"{rule.salt}\0{customer}".encode()).digest()[:4], "big") < threshold
        for customer in customers
    ]
    return pd.Series(drawn, index=customers, dtype=bool)


def intended(profit: Floats, limits: Limits, held: Flags, plan: Allocation) -> Ints:
    """What the held out would have got: their own best choice at the plan's prices, shape (held out,).

    Treated and held out are then selected by one rule and can be compared. Who is indifferent at the
    prices does as the last treated customer before them (in the order of rows) with the same profits, if any.

    Parameters
    ----------
    profit:
        (customers, actions), of all customers; ``plan`` is of those not held out.
    """
    paying = np.where(profit > 0, profit, -np.inf)
    choice, margin = responses(paying[held], limits.of(np.flatnonzero(held)), plan.prices)
    scale = float(np.max(profit, initial=0.0, where=np.isfinite(profit)))
    tied = np.flatnonzero((margin <= 1e-9 * scale) & (paying[held] > 0).any(axis=1))
    if not len(tied):
        return choice
    alike = Classes.of(paying, limits).member_of
    known = pd.Series(np.nan, index=np.arange(len(profit)))
    known[~held] = plan.choice.astype(np.float64)
    before = known.groupby(alike).ffill().to_numpy()[np.flatnonzero(held)[tied]]
    choice[tied] = np.where(np.isnan(before), choice[tied], before).astype(np.int64)
    return choice
