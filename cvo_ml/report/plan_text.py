"""What a plan says of itself, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from cvo_ml.core.models import CHURN, CLV
from cvo_ml.priorities.text import sentences

__all__ = ["assumption", "sentences", "why_nobody"]

#: the models without which no action has a value
PLANNED_WITH: Final = (CLV, CHURN)


def assumption(plan: Mapping[str, Any]) -> str:
    """What the plan rests on: whose word the effects are, and which end of them counts."""
    known = sorted({source.split(":")[0] for action in plan["actions"] for source in action["sources"]})
    end = "low end" if plan["rank_on"] == "lower" else "middle"
    return f"the {end} of each action's effect counts; effects are {' and '.join(known) or 'declared'} (priorities.csv)"


def why_nobody(scores: pd.DataFrame, plan: Mapping[str, Any]) -> str:
    """Why a plan contacts nobody."""
    if any(scores[model.score].isna().all() for model in PLANNED_WITH):
        missing = [model for model in PLANNED_WITH if len(scores) and scores[model.score].isna().all()]
        reasons = [f"no {model.name} ({scores[model.reason].dropna().mode().iloc[0]})" for model in missing]
        return "there is " + " and ".join(reasons or ["no customer"])
    if scores["expected_profit_of_action"].isna().all():
        return f"no action is open to anybody ({', '.join(plan['reasons'])})"
    if not (scores["expected_profit_of_action"] > 0).any():
        return "no contact is expected to earn its cost under the assumption below"
    return "the limits of the policy leave no room"
