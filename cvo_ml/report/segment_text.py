"""Phrases about segments that the report and the terminal share."""

from __future__ import annotations

import math

from cvo_ml.segments.group_profiles import Concentration
from cvo_ml.segments.model_based import ModelComparison, NotExplained
from cvo_ml.stats.intervals import Interval

_OPENING = {
    "alike": "The rules do as well as the model",
    "rules": "The rules do better than the model",
    "model": "The model does better than the rules",
}


def verdict(comparison: ModelComparison) -> str:
    """What the comparison of model-based segments with the rules says, in a sentence.

    Examples
    --------
    >>> from datetime import date
    >>> from cvo_ml.segments.model_based import Explained
    >>> explained = Explained(0.2, 0.21, Interval(0.01, -0.02, 0.04), "alike")
    >>> print(verdict(ModelComparison(date(2024, 1, 1), 90.0, 500, explained, stable=True)))
    The rules do as well as the model: of what came in 90 days the rules explain 20.0 %, the model 21.0 % (lead +1.0
    points [-2.0, +4.0]).
    """
    compared = comparison.compared
    if isinstance(compared, NotExplained):
        return f"Not compared with the rules: {compared.reason}."
    lead, lower, upper = (100 * value for value in (compared.lead.estimate, compared.lead.lower, compared.lead.upper))
    shaky = " Some of its segments change when the customers are drawn again (similarity below .75)."
    return (
        f"{_OPENING[compared.verdict]}: of what came in {comparison.horizon_days:.0f} days the rules explain "
        f"{100 * compared.rules_explain:.1f} %, the model {100 * compared.model_explains:.1f} % "
        f"(lead {lead:+.1f} points [{lower:+.1f}, {upper:+.1f}]).{'' if comparison.stable else shaky}"
    )


def concentration(row: Concentration) -> str:
    """How concentrated the money is, in a sentence (methods A11).

    Examples
    --------
    >>> print(concentration(Concentration("repeat", "revenue", 0, 0.0, None, "no repeat customers")))
    No Pareto share: no repeat customers.
    """
    if row.shares is None:
        return f"No Pareto share: {row.reason}."
    who = "repeat customers" if row.base == "repeat" else "customers"
    return (
        f"{percent(row.shares.customers_for_80)} of {row.customers:,} {who} hold 80 % of their {row.measure}; "
        f"the top 20 % hold {percent(row.shares.top_20_holds)}."
    )


def percent(interval: Interval) -> str:
    """A share with its interval where there is one.

    Examples
    --------
    >>> percent(Interval(0.2, 0.15, 0.26)), percent(Interval(0.2, float("nan"), float("nan")))
    ('20.0 % [15.0, 26.0]', '20.0 %')
    """
    estimate = f"{100 * interval.estimate:.1f} %"
    if math.isnan(interval.lower):
        return estimate
    return f"{estimate} [{100 * interval.lower:.1f}, {100 * interval.upper:.1f}]"
