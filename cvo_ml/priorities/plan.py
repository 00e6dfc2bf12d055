"""Expected profit of an action, the order it gives, and the customers kept untreated."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from cvo_ml.config.policies import Holdout, PriorityPolicy
from cvo_ml.core.scores import columns_of, null_columns


def value_at_stake(scores: pd.DataFrame) -> pd.Series:
    """What is lost if the customer leaves, times the probability that somebody who is still there leaves.

    ``min(churn_probability, p_alive) x value while active``, and the value while active in the churn
    window is ``predicted_clv / p_alive x min(1, churn horizon / CLV horizon)``.
    ``churn_probability x predicted_clv`` would count churn twice (DESIGN.md §4); without the minimum
    the smallest P(alive) would promise the most (docs/decisions/0009). Nobody has more at stake than
    ``predicted_clv``. The formula CLV, which knows no P(alive), is the value while active already.
    """
    p_alive = scores["p_alive"].fillna(1.0)
    leaving = scores["churn_probability"].clip(upper=p_alive)
    while_active = scores["predicted_clv"] / p_alive.where(p_alive > 0)
    # horizons differ only where the user set them so; an unknown one is taken to be equal
    share_of_window = (scores["churn_horizon_days"] / scores["clv_horizon_days"]).clip(upper=1).fillna(1.0)
    return leaving * while_active * share_of_window


def declared_effects(scores: pd.DataFrame, policy: PriorityPolicy) -> pd.DataFrame:
    """The effects table of the policy's declared save rate, one row per customer.

    Columns: ``customer_id, action, effect, source``; effect is the share of leaving customers kept.
    """
    return pd.DataFrame(
        {
            "customer_id": scores.index,
            "action": policy.action.name,
            "effect": policy.action.save_rate,
            "source": policy.action.source,
        }
    )


def plan(scores: pd.DataFrame, effects: pd.DataFrame, policy: PriorityPolicy) -> pd.DataFrame:
    """Fill the priority columns of Scores.

    Parameters
    ----------
    scores:
        Indexed by ``customer_id``, with ``predicted_clv, p_alive, churn_probability``.
    effects:
        ``customer_id, action, effect``: what the action does for each customer.

    Returns
    -------
    pandas.DataFrame
        The priority columns and ``priority_reason``, indexed like ``scores``. Rank 1 has the highest
        expected profit; ties go by customer id. The held out keep rank and profit but get no action.
    """
    effect = effects.set_index("customer_id")["effect"].reindex(scores.index)
    profit = value_at_stake(scores) * effect - policy.action.cost
    held = holdout(scores.index, policy.holdout)
    priorities = null_columns(scores.index, "priority", "no_value_at_stake")
    priorities["expected_profit_of_action"] = profit
    priorities["priority_rank"] = _ranks(profit)
    priorities["holdout"] = held.astype("boolean")
    pays = profit > 0
    act = pays & ~held
    priorities["next_action"] = pd.Series(policy.action.name, index=scores.index, dtype="str").where(act)
    priorities["channel"] = pd.Series(policy.action.channel, index=scores.index, dtype="str").where(act)
    reason = priorities["priority_reason"].mask(profit.notna(), "does_not_pay").mask(pays, "holdout")
    priorities["priority_reason"] = reason.mask(act, None).astype("str")
    return priorities[[*columns_of("priority"), "priority_reason"]]


def holdout(customers: pd.Index, rule: Holdout) -> pd.Series:
    """Who is kept untreated: decided by the customer's id alone, so it stays the same in every run."""
    threshold = int(rule.share * 2**32)
    drawn = [
        int.from_bytes(hashlib.sha256(f"{rule.salt}\0{customer}".encode()).digest()[:4], "big") < threshold
        for customer in customers
    ]
    return pd.Series(drawn, index=customers, dtype=bool)


def _ranks(profit: pd.Series) -> pd.Series:
    ranked = profit.dropna().to_frame("profit")
    ranked["customer"] = ranked.index.astype("str")
    ordered = ranked.sort_values(["profit", "customer"], ascending=[False, True], kind="stable").index
    ranks = pd.Series(np.arange(1, len(ordered) + 1, dtype=float), index=ordered)
    return ranks.reindex(profit.index)
