"""Whom to contact, with what, within which limits."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import pandas as pd

from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.priorities import ContactConstraints, Plan, contact_constraints, declared_effects
from cvo_ml.priorities import plan as plan_scores


def plan(
    scores: pd.DataFrame,
    policy: PriorityPolicy | str | Path | None = None,
    *,
    tables: Tables | None = None,
    effects: pd.DataFrame | None = None,
    budget: float | None = None,
) -> Plan:
    """The best action per customer within the policy's limits (docs/priorities.md).

    Parameters
    ----------
    scores:
        What ``score`` returned of tables: with segments.
    policy:
        Actions, costs and limits: a policy, the path of its YAML file, or None for the one that comes with the package.
    tables:
        The shop's tables: who must not be contacted, who was lately, and what orders cost. Without them a warning says
        that nobody knows.
    effects:
        Measured effects that come before the policy's assumptions; None = the assumptions alone.
    budget:
        In place of the policy's, in the scores' currency.

    Returns
    -------
    Plan
        ``table`` by rank, ``columns`` by customer, ``summary`` with limits and their prices.

    Raises
    ------
    UsageError
        If an argument has the wrong type, or ``scores`` lacks what a plan needs.
    ConfigError
        If the policy's file is wrong.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> tables, models = cvo.read_shop("shop.yaml", as_of="2023-03-01"), cvo.load_models("mlruns")
    >>> planned = cvo.plan(cvo.score(tables, models, "2023-03-01"), tables=tables, budget=20)
    >>> planned.summary.contacts > 0, planned.table["priority_rank"].head(3).tolist()
    (True, [1.0, 2.0, 3.0])
    """
    rules = _policy(policy)
    if budget is not None:
        if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 <= budget < math.inf:
            raise UsageError(f"plan: budget {budget!r} is no amount of money: give one of 0 or more")
        rules = PriorityPolicy.model_validate({**rules.model_dump(), "budget": float(budget)})
    _check(scores)
    told = declared_effects(rules) if effects is None else pd.concat([declared_effects(rules), effects])
    return plan_scores(scores, told, rules, _constraints(scores, tables))


def _policy(policy: PriorityPolicy | str | Path | None) -> PriorityPolicy:
    if isinstance(policy, PriorityPolicy):
        return policy
    if policy is not None and not isinstance(policy, str | Path):
        raise UsageError(f"plan: policy is a PriorityPolicy or the path of a YAML file, not {type(policy).__name__}")
    return load_config(default_config("policies/priorities.yaml") if policy is None else Path(policy), PriorityPolicy)


def _check(scores: pd.DataFrame) -> None:
    """Refuse what a plan cannot be made of."""
    if not isinstance(scores, pd.DataFrame):
        raise UsageError(f"plan: scores are what score(tables, models, as_of) returns, not {type(scores).__name__}")
    missing = [name for name in ("as_of", "predicted_clv", "churn_probability", "rfm_group") if name not in scores]
    if missing:
        raise UsageError(f"plan: the scores lack {', '.join(missing)}: score tables (a snapshot alone has no segments)")


def _constraints(scores: pd.DataFrame, tables: Tables | None) -> ContactConstraints:
    as_of = parse_as_of(str(pd.Timestamp(scores["as_of"].iloc[0]).date())) if len(scores) else None
    if as_of is None:
        raise UsageError("plan: the scores have no rows")
    if tables is None:
        warnings.warn(
            "plan: without tables= nobody knows who opted out, who was contacted lately and what orders cost",
            stacklevel=3,
        )
        return ContactConstraints(as_of)
    if not isinstance(tables, Tables):
        raise UsageError(f"plan: tables are what read_shop or read_orders returns, not {type(tables).__name__}")
    return contact_constraints(tables, as_of)
