"""Did it pay: treated against held out, and what other policies would have earned.

Both are selected by the plan and parted by the hash of their id, so the difference between them is what
the plan did: the value of the treated less that of the held out, less what the contacts cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.priorities.effects import EFFECT_COLUMNS
from cvo_ml.stats.comparison import Sample, adjusted, difference, sample_ratio
from cvo_ml.stats.intervals import Interval
from cvo_ml.stats.off_policy import NoSupportError, policy_value

#: fewer in either group and nothing is said
FEWEST: Final = 30
#: a sample ratio this improbable means that the groups were not parted as planned
SUSPICIOUS: Final = 0.001


def evaluate(table: pd.DataFrame, outcome: pd.DataFrame, policy: PriorityPolicy, version: str) -> dict[str, Any]:
    """What a stored plan did.

    Parameters
    ----------
    table:
        The plan's table.
    outcome:
        By ``customer_id``: ``value``, after costs, in the window after the plan, and columns known before
        it, which take noise away.
    version:
        The plan's name, for the effects table.

    Returns
    -------
    dict
        JSON-ready: the comparison for all ``actions`` together and each apart, ``policies`` from the log,
        and ``effects``, rows of an effects table with the source ``experiment``.
    """
    rows = table[table["planned"]].join(
        outcome.rename(columns={"value": "value_outcome"}), on="customer_id", how="inner"
    )
    known = [name for name in outcome.columns if name != "value"]
    share = policy.holdout.share
    found: dict[str, Any] = {"share": share, "all": compare(rows, known, share), "actions": {}, "effects": []}
    for action in policy.actions:
        mine = rows[rows["action"] == action.name]
        if not len(mine):
            continue
        result = compare(mine, known, share)
        result["verdict"] = verdict(result, action.stop_after)
        found["actions"][action.name] = result
        if "effect" in result and not result["suspicious"]:
            effect = (result["effect"]["estimate"], result["effect"]["lower"])
            found["effects"].append(
                dict(zip(EFFECT_COLUMNS, (None, action.name, *effect, "experiment", version), strict=True))
            )
    found["policies"] = other_policies(rows)
    return found


def compare(rows: pd.DataFrame, known: list[str], share: float) -> dict[str, Any]:
    """Treated less held out per customer: value, profit after the contact's cost, and effect.

    ``effect`` is the extra value as a share of the value that the action acts on, with its 80 % interval,
    whose lower end is the 10 % quantile by which a plan ranks.
    """
    treated = ~rows["holdout"].to_numpy(dtype=bool)
    count = (int(treated.sum()), int((~treated).sum()))
    ratio = sample_ratio(count, 1 - share)
    found: dict[str, Any] = {
        "treated": count[0], "held_out": count[1], "sample_ratio_p": ratio, "suspicious": bool(ratio < SUSPICIOUS),
    }  # fmt: skip
    if min(count) < FEWEST:
        return {**found, "reason": f"fewer than {FEWEST} treated or held out"}
    value = rows["value_outcome"].to_numpy(dtype=np.float64)
    less_noise = adjusted(value, rows[known].to_numpy(dtype=np.float64), treated) if known else value
    plain, _ = difference(Sample.of(value[treated]), Sample.of(value[~treated]))
    lift, p = difference(Sample.of(less_noise[treated]), Sample.of(less_noise[~treated]))
    cost = float(rows.loc[treated, "cost"].mean())
    acted_on = float(rows["value"].mean())
    narrow, _ = difference(Sample.of(less_noise[treated]), Sample.of(less_noise[~treated]), level=0.8)
    found |= {
        "extra_value": lift.as_dict(),
        "extra_value_unadjusted": plain.as_dict(),
        "variance_kept": float(less_noise.var() / value.var()) if value.var() > 0 else 1.0,
        "p_value": p,
        "profit_per_contact": _shifted(lift, -cost, 1.0).as_dict(),
        "profit": _shifted(lift, -cost, count[0]).as_dict(),
    }
    if acted_on > 0:
        found["effect"] = _shifted(narrow, 0.0, 1 / acted_on).as_dict()
    return found


def verdict(result: Mapping[str, Any], stop_after: int) -> str:
    """``stop``, ``keep`` or ``go on``: what an action's stop rule says."""
    if result["suspicious"] or "profit_per_contact" not in result:
        return "go on"
    profit = result["profit_per_contact"]
    if result["treated"] >= stop_after and profit["upper"] < 0:
        return "stop"
    return "keep" if profit["lower"] > 0 else "go on"


def other_policies(rows: pd.DataFrame) -> dict[str, Any]:
    """Profit per planned customer of other policies, from the log: nobody, the plan, the first half of it.

    They do only what the plan did or nothing, which is all that the log can speak of.
    """
    treated = ~rows["holdout"].to_numpy(dtype=bool)
    reward = rows["value_outcome"].to_numpy(dtype=np.float64) - rows["cost"].to_numpy(dtype=np.float64) * treated
    logged = rows["propensity"].to_numpy(dtype=np.float64)
    first = rows["priority_rank"].rank().to_numpy() <= len(rows) / 2
    found = {}
    for name, contact in (("nobody", np.zeros(len(rows))), ("the plan", np.ones(len(rows))), ("its first half", first)):
        target = np.where(treated, contact, 1 - contact.astype(np.float64))
        try:
            found[name] = _estimates(reward, target, logged)
        except NoSupportError as refused:
            found[name] = {"reason": str(refused)}
    return found


def _estimates(
    reward: np.ndarray[Any, Any], target: np.ndarray[Any, Any], logged: np.ndarray[Any, Any]
) -> dict[str, Any]:
    value = policy_value(reward, target, logged, fewest=FEWEST)
    return {
        "ips": value.interval("ips").as_dict(),
        "snips": value.interval("snips").as_dict(),
        "effective_sample_size": value.effective_sample_size,
    }


def _shifted(interval: Interval, by: float, times: float) -> Interval:
    return Interval(
        (interval.estimate + by) * times, (interval.lower + by) * times, (interval.upper + by) * times, interval.level
    )


def effects_table(found: Mapping[str, Any]) -> pd.DataFrame:
    """The measured effects as a table that the next plan can read."""
    return pd.DataFrame(found["effects"], columns=list(EFFECT_COLUMNS))
