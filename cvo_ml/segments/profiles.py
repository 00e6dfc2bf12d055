"""What each group is like: sizes, money and behaviour, each with an interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import t as student

from cvo_ml.stats.intervals import wilson

LEVEL: Final = 0.95
#: What is described where it is known: name to whether it is money, whose sum matters too.
DESCRIBED: Final[Mapping[str, bool]] = {
    "net_value": True,
    "margin": True,
    "predicted_clv": True,
    "number_of_orders": False,
    "days_since_last_order": False,
    "churn_probability": False,
    "p_alive": False,
}


def profiles(customers: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row per group.

    Parameters
    ----------
    customers:
        One row per customer with the group in ``by`` and any of ``DESCRIBED``; customers without a group are left out.

    Returns
    -------
    pandas.DataFrame
        By group, most customers first: ``customers``, ``share`` with ``share_lower, share_upper`` (Wilson, 95 %); for
        each described column its mean with ``_lower, _upper`` (Student, 95 %; null for fewer than two values), and for
        money its ``_total``.
    """
    known = customers[customers[by].notna()]
    grouped = known.groupby(known[by].astype("str"))
    table = pd.DataFrame({"customers": grouped.size()})
    shares = [wilson(int(count), len(known)) for count in table["customers"]]
    table["share"] = [share.estimate for share in shares]
    table["share_lower"] = [share.lower for share in shares]
    table["share_upper"] = [share.upper for share in shares]
    for name, is_money in DESCRIBED.items():
        if name in known and known[name].notna().any():
            interval = mean_interval(grouped[name])
            table[name] = interval["mean"]
            table[f"{name}_lower"], table[f"{name}_upper"] = interval["lower"], interval["upper"]
            if is_money:
                table[f"{name}_total"] = grouped[name].sum()
    return table.rename_axis(by).sort_values("customers", ascending=False, kind="stable")


def mean_interval(grouped: Any) -> pd.DataFrame:
    """``mean, lower, upper`` of each group: Student's 95 % interval of the mean, null for fewer than two values."""
    counted, mean, deviation = grouped.count(), grouped.mean(), grouped.std()
    freedom = (counted - 1).where(counted > 1)
    half = student.ppf(0.5 + LEVEL / 2, freedom) * deviation / np.sqrt(counted)
    return pd.DataFrame({"mean": mean, "lower": mean - half, "upper": mean + half})


def six_months(groups: pd.Series, days_since_last_order: pd.Series) -> dict[str, int] | None:
    """How "About to dump you" and "last order more than 6 months ago" disagree; None where nobody is in the group.

    The sources give both definitions (methods B7); recency 3 that begins at 180 days makes them one.
    """
    inside = groups == "About to dump you"
    if not inside.any():
        return None
    late = days_since_last_order.reindex(groups.index) > 180
    return {
        "in_group": int(inside.sum()),
        "in_group_within_180_days": int((inside & ~late).sum()),
        "elsewhere_after_180_days": int((late & ~inside).sum()),
    }
