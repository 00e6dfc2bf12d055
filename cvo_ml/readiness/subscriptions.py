"""Whether subscriptions carry a churn model: customers who left in the last window, and who stayed."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.units import Horizon
from cvo_ml.core.visibility import visible_table
from cvo_ml.features.churn_outcomes import days_to_end
from cvo_ml.features.engine import Engine
from cvo_ml.features.order_relations import KEYS
from cvo_ml.features.relations import subscription_rows
from cvo_ml.features.snapshot import snapshots
from cvo_ml.readiness.models import Assessment
from cvo_ml.stats.planning import auc_half_width

#: The verdict on churn of subscriptions, beside that on churn by silence.
CONTRACTUAL_CHURN: Final = "contractual churn"
#: What eligibility to churn is read from.
SILENCE: Final = ("days_since_last_order", "number_of_orders", "median_gap_days")


def assess_subscriptions(shop: Engine, as_of: date, horizon: Horizon, minima: ChurnMinima) -> Assessment:
    """Contractual churn: customers with an active subscription before the last window, by whether their last ended."""
    if visible_table(shop.tables, "orders", as_of).empty:
        reason = (
            "there are no orders before the cut, and customers who have subscriptions alone are not learnt from yet"
        )
        helps = ("their payments as orders",)
        return Assessment(CONTRACTUAL_CHURN, "refused", (reason,), helps, code="no_customers")
    left, stayed = last_contractual_window(shop, as_of, horizon)
    numbers = {"left_in_the_last_window": float(left), "stayed": float(stayed)}
    of = f"of {left + stayed:,} customers with an active subscription {horizon} before {as_of}"
    text = f"{of}, {left:,} ended their last"
    if min(left, stayed) < minima.of_each_outcome:
        reason = f"{text}, and {minima.of_each_outcome} who left and who stayed are needed"
        helps = ("more customers, or a longer horizon",)
        return Assessment(
            CONTRACTUAL_CHURN, "refused", (reason,), helps, numbers=numbers, code="too_few_churn_outcomes"
        )
    width = auc_half_width(minima.expected_auc, left, stayed)
    status: Literal["ready", "thin"] = "ready" if width <= minima.auc_half_width else "thin"
    return Assessment(
        CONTRACTUAL_CHURN, status, (f"{text}; an AUC is expected within ±{width:.3f}",), (), width, numbers
    )


def last_contractual_window(shop: Engine, as_of: date, horizon: Horizon) -> tuple[int, int]:
    """Customers with an active subscription before the last window who left in it, and who stayed: training's labels.

    A change of plan ends a subscription and nobody leaves.
    """
    start = as_of - horizon.delta
    held = subscription_rows(shop, [start])
    active = shop.run(held.group_by(*KEYS).agg(active=held.active.sum().cast("float64")), KEYS)["active"]
    known = snapshots(shop, [start], SILENCE).index  # training learns from those who ordered
    rows = active.index[active > 0].intersection(known)
    left = int(days_to_end(shop, [start], horizon, rows).notna().sum())
    return left, len(rows) - left
