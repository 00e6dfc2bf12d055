"""Policies and scores for the tests of priorities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import Action, DeclaredEffect, Holdout, PriorityPolicy
from cvo_ml.priorities import ContactConstraints, Plan, declared_effects, plan
from tests.builders import SHOP_CUT, null_scores

NOBODY = Holdout(share=0.0)
CONSTRAINTS = ContactConstraints(SHOP_CUT)


def action(name: str, *, cost: float = 1.0, effect: float = 0.1, low: float | None = None, **more: Any) -> Action:
    """An action of kind save by email, whose declared effect has no spread unless given."""
    declared = DeclaredEffect(estimate=effect, low=effect if low is None else low, high=effect, source="assumed")
    return Action(**{"name": name, "channel": "email", "kind": "save", "cost": cost, "effect": declared, **more})


def scored(*rows: tuple[str, float, float, float], group: str | None = None) -> pd.DataFrame:
    """(customer, predicted_clv, p_alive, churn_probability)."""
    scores = null_scores([row[0] for row in rows])
    for place, name in enumerate(("predicted_clv", "p_alive", "churn_probability"), start=1):
        scores[name] = [float(row[place]) for row in rows]
    return scores.assign(rfm_group=pd.Series(group, index=scores.index, dtype="str"))


def crowd(size: int, seed: int = 0, groups: tuple[str, ...] = ("Loyal", "At risk")) -> pd.DataFrame:
    """Random customers who are all alive, in groups in turn."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"c{n:05}", v, 1.0, p)
        for n, (v, p) in enumerate(zip(rng.lognormal(4, 1, size), rng.random(size), strict=True))
    ]
    names = [groups[n % len(groups)] for n in range(size)]
    scores = scored(*rows)
    return scores.assign(rfm_group=pd.Series(names, index=scores.index, dtype="str"))


def planned(
    scores: pd.DataFrame, *actions: Action, constraints: ContactConstraints = CONSTRAINTS, **rules: Any
) -> Plan:
    """A plan by declared effects, without a holdout unless given."""
    policy = PriorityPolicy(actions=actions, **{"holdout": NOBODY, **rules})
    return plan(scores, declared_effects(policy), policy, constraints)
