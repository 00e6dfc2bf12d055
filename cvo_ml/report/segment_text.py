"""Phrases about segments that the report and the terminal share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OPENING = {
    "alike": "The rules do as well as the model",
    "rules": "The rules do better than the model",
    "model": "The model does better than the rules",
}


def verdict(compared: Mapping[str, Any], stable: bool) -> str:
    """What the comparison of model-based segments with the rules says, in a sentence.

    Examples
    --------
    >>> lead = {"estimate": 0.01, "lower": -0.02, "upper": 0.04}
    >>> found = {"verdict": "alike", "rules_explain": 0.2, "model_explains": 0.21, "lead": lead, "horizon_days": 90.0}
    >>> print(verdict(found, stable=True))
    The rules do as well as the model: of what came in 90 days the rules explain 20.0 %, the model 21.0 % (lead +1.0
    points [-2.0, +4.0]).
    """
    if "reason" in compared:
        return f"Not compared with the rules: {compared['reason']}."
    lead = {name: 100 * compared["lead"][name] for name in ("estimate", "lower", "upper")}
    shaky = "" if stable else " Some of its segments change when the customers are drawn again (similarity below .75)."
    return (
        f"{_OPENING[compared['verdict']]}: of what came in {compared['horizon_days']:.0f} days the rules explain "
        f"{100 * compared['rules_explain']:.1f} %, the model {100 * compared['model_explains']:.1f} % "
        f"(lead {lead['estimate']:+.1f} points [{lead['lower']:+.1f}, {lead['upper']:+.1f}]).{shaky}"
    )


def concentration(row: Mapping[str, Any]) -> str:
    """How concentrated the money is, in a sentence (methods A11).

    Examples
    --------
    >>> print(concentration({"base": "repeat", "reason": "no repeat customers"}))
    No Pareto share: no repeat customers.
    """
    if "reason" in row:
        return f"No Pareto share: {row['reason']}."
    who = "repeat customers" if row["base"] == "repeat" else "customers"
    return (
        f"{percent(row['customers_for_80'])} of {row['customers']:,} {who} hold 80 % of their {row['measure']}; "
        f"the top 20 % hold {percent(row['top_20_holds'])}."
    )


def percent(interval: Mapping[str, Any]) -> str:
    """A share with its interval where there is one.

    Examples
    --------
    >>> percent({"estimate": 0.2, "lower": 0.15, "upper": 0.26}), percent({"estimate": 0.2, "lower": None})
    ('20.0 % [15.0, 26.0]', '20.0 %')
    """
    estimate = f"{100 * interval['estimate']:.1f} %"
    if interval["lower"] is None:
        return estimate
    return f"{estimate} [{100 * interval['lower']:.1f}, {100 * interval['upper']:.1f}]"
