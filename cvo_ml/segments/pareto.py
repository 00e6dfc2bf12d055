"""Do a few customers bring most of the money (methods A11)?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import pandas as pd

from cvo_ml.segments.edges import Floats, TierBasis, tier_values
from cvo_ml.stats.concentration import smallest_share
from cvo_ml.stats.intervals import bootstrap
from cvo_ml.stats.ranking import capture, gini

REPLICATES: Final = 200
#: Of more customers the interval is narrower than the digits shown, and drawing it takes long.
MOST_DRAWN: Final = 100_000


def pareto(rfm: pd.DataFrame, basis: TierBasis, base: Literal["repeat", "all"] = "repeat") -> dict[str, Any]:
    """The smallest share of customers with 80 % of the money, the share of the top 20 %, and the Gini.

    Parameters
    ----------
    rfm:
        ``number_of_orders, net_value``, and ``margin`` where that is the basis.
    base:
        Repeat customers, as in "20 % of their repeat customers bring 80 % of their margin", or all.

    Returns
    -------
    dict
        ``base, measure, customers, total``, and ``customers_for_80, top_20_holds, gini`` as bootstrap intervals (null
        bounds above 100,000 customers); a ``reason`` instead where nobody counts or the total is not positive.

    Examples
    --------
    >>> table = pd.DataFrame({"number_of_orders": [2, 2, 3, 2, 9, 1], "net_value": [80.0, 10, 5, 3, 2, 900]})
    >>> pareto(table, "revenue")["customers_for_80"]["estimate"]
    0.2
    """
    counted = rfm[rfm["number_of_orders"] >= 2] if base == "repeat" else rfm
    value = tier_values(counted, basis)
    found: dict[str, Any] = {"base": base, "measure": basis, "customers": len(value), "total": float(value.sum())}
    if len(value) == 0:
        return {**found, "reason": f"no {'repeat ' * (base == 'repeat')}customers"}
    if not value.sum() > 0:
        return {**found, "reason": "the total is not positive"}
    statistics: Mapping[str, Callable[[Floats], float]] = {
        "customers_for_80": smallest_share,
        "top_20_holds": lambda drawn: capture(drawn, drawn, 0.2),
        "gini": gini,
    }
    return found | {name: _interval(value, statistic) for name, statistic in statistics.items()}


def _interval(value: Floats, statistic: Callable[[Floats], float]) -> dict[str, float | None]:
    if len(value) > MOST_DRAWN:
        return {"estimate": statistic(value), "lower": None, "upper": None, "level": 0.95}
    return {**bootstrap(lambda rows: statistic(value[rows]), len(value), replicates=REPLICATES).as_dict()}
