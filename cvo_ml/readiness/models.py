"""Which model can be trained on the data, which not, why, and what would help."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cvo_ml.config.jobs import ChurnJob, IcpJob
from cvo_ml.config.readiness import ChurnMinima, ClvMinima, IcpMinima
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.readiness.contents import Contents, purchase_days
from cvo_ml.stats.planning import auc_half_width, customers_for_auc, customers_for_total, total_half_width

NO_VALUE: Final = "no order has a value above 0"
MAP_NET: Final = "map net to the column with the amounts"


@dataclass(frozen=True)
class Verdict:
    """Whether a model can be trained.

    Parameters
    ----------
    status:
        ``ready``; ``thin``: it can be trained, but what it says will be wide; ``refused``: training refuses.
    reasons:
        Why, as sentences.
    helps:
        What would help, as sentences.
    expected_width:
        Planned half-width of its 95 % interval: of the total value, relative (CLV), or of the AUC (churn).
    numbers:
        What the verdict rests on.
    """

    model: str
    status: Literal["ready", "thin", "refused"]
    reasons: tuple[str, ...]
    helps: tuple[str, ...] = ()
    expected_width: float | None = None
    numbers: dict[str, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The verdict as JSON-ready values."""
        return asdict(self)


def _no_orders(model: str) -> Verdict:
    return Verdict(model, "refused", ("there are no orders before the cut",), ("a table of orders",))


def judge_clv(orders: pd.DataFrame, found: Contents, as_of: date, horizon: Horizon, minima: ClvMinima) -> Verdict:
    """CLV: enough customers who bought again before the window that judges the model."""
    if orders.empty:
        return _no_orders("clv")
    if not (orders["net"] > 0).any():
        return Verdict("clv", "refused", (f"{NO_VALUE}, so there is no value to predict",), (MAP_NET,))
    before = orders[orders["ordered_at"] < midnight(as_of - horizon.delta)]
    days = purchase_days(before)
    repeaters = int((days["customer_id"].value_counts() > 1).sum())
    valued = _repeaters_with_value(before)
    numbers = {
        "repeat_customers_before_the_window": float(repeaters),
        "repeat_customers_with_value": float(valued),
        "customers_before_it": float(days["customer_id"].nunique()),
    }
    if repeaters < minima.repeat_customers:
        reason = (
            f"{repeaters:,} customers bought again before the last {horizon}, and {minima.repeat_customers} are needed"
        )
        return Verdict("clv", "refused", (reason,), _more_repeaters(found, repeaters, horizon, minima), numbers=numbers)
    if valued < minima.repeat_customers:
        reason = (
            f"{repeaters:,} customers bought again before the last {horizon}, but only {valued:,} of them for a value "
            f"above 0, and {minima.repeat_customers} are needed"
        )
        return Verdict("clv", "refused", (reason,), (MAP_NET,), numbers=numbers)
    if found.value_cv is None:
        reason = f"no value came in the last {horizon}, so its spread is not known"
        return Verdict("clv", "thin", (reason,), ("use a longer history, or a longer horizon",), numbers=numbers)
    width = total_half_width(found.value_cv, found.customers, learnt_from=numbers["customers_before_it"])
    reason = f"{repeaters:,} customers bought again; the total value of {horizon} is expected within ±{width:.0%}"
    if width <= minima.total_half_width:
        return Verdict("clv", "ready", (reason,), expected_width=width, numbers=numbers)
    needed = math.ceil(customers_for_total(found.value_cv, minima.total_half_width))
    wanted = f"±{minima.total_half_width:.0%}"
    more = f"about {needed:,} customers (now {found.customers:,}) would bring the total within {wanted}"
    return Verdict("clv", "thin", (reason,), (more,), width, numbers)


def _repeaters_with_value(orders: pd.DataFrame) -> int:
    """Customers with an order of positive value on a later day than their first."""
    day = orders["ordered_at"].dt.normalize()
    later = day > day.groupby(orders["customer_id"]).transform("min")
    return int(orders.loc[later & (orders["net"] > 0), "customer_id"].nunique())


def _more_repeaters(found: Contents, repeaters: int, horizon: Horizon, minima: ClvMinima) -> tuple[str, ...]:
    if not repeaters:
        return (f"a history of more than two horizons ({horizon} each) with customers who buy again",)
    factor = minima.repeat_customers / repeaters
    return (f"about {factor:.1f} times as many customers, or a longer history (now {found.span_days:,.0f} days)",)


def judge_churn(
    orders: pd.DataFrame, found: Contents, as_of: date, horizon: Horizon, minima: ChurnMinima, job: ChurnJob
) -> Verdict:
    """Churn: closed windows to learn from and to test on, with enough customers of either outcome."""
    if orders.empty:
        return _no_orders("churn")
    needed = minima.closed_windows * horizon.days + job.shortest_history.days
    if found.span_days < needed:
        windows = f"{minima.closed_windows} closed windows of {horizon} and {job.shortest_history} before them"
        reason = f"the history is {found.span_days:,.0f} days, and {windows} are needed ({needed:,.0f} days)"
        shorter = math.floor((found.span_days - job.shortest_history.days) / minima.closed_windows)
        helps = ("a longer history",) + ((f"a horizon of at most {shorter}D",) if shorter >= 1 else ())
        return Verdict("churn", "refused", (reason,), helps)
    left, stayed = window_outcomes(orders, as_of, horizon)
    numbers = {"left_in_the_last_window": float(left), "stayed": float(stayed)}
    if min(left, stayed) < minima.of_each_outcome:
        reason = (
            f"in the last closed window of {horizon}, {left:,} customers left and {stayed:,} stayed, "
            f"and {minima.of_each_outcome} of each are needed"
        )
        helps = ("more customers", "a longer horizon" if stayed < left else "a shorter horizon")
        return Verdict("churn", "refused", (reason,), helps, numbers=numbers)
    width = auc_half_width(minima.expected_auc, left, stayed)
    reason = (
        f"{left:,} customers left and {stayed:,} stayed in the last {horizon}; "
        f"an AUC of {minima.expected_auc} is expected within ±{width:.3f}"
    )
    if width <= minima.auc_half_width:
        return Verdict("churn", "ready", (reason,), expected_width=width, numbers=numbers)
    size = math.ceil(customers_for_auc(minima.expected_auc, left / (left + stayed), minima.auc_half_width))
    more = (
        f"about {size:,} active customers (now {left + stayed:,}) would bring the AUC within ±{minima.auc_half_width}"
    )
    return Verdict("churn", "thin", (reason,), (more,), width, numbers)


def window_outcomes(orders: pd.DataFrame, as_of: date, horizon: Horizon) -> tuple[int, int]:
    """Customers active before the last window who did not order in it, and who did.

    Active: the last order is no longer ago than max(2 x horizon, 3 x own median gap), as for eligibility to churn.
    """
    start = midnight(as_of - horizon.delta)
    before = purchase_days(orders[orders["ordered_at"] < start])
    if before.empty:
        return 0, 0
    last = before.groupby("customer_id")["day"].max()
    gap = before.assign(gap=before.groupby("customer_id")["day"].diff().dt.days).groupby("customer_id")["gap"].median()
    patience = np.maximum(2 * horizon.days, 3 * gap.fillna(0.0))
    active = last.index[(start - last).dt.days <= patience]
    later = orders.loc[orders["ordered_at"] >= start, "customer_id"].unique()
    stayed = int(active.isin(later).sum())
    return len(active) - stayed, stayed


def judge_icp(orders: pd.DataFrame, as_of: date, minima: IcpMinima, job: IcpJob) -> Verdict:
    """Lookalikes: enough of the most valuable customers to learn from, before those who judge the model.

    Refunds are not looked at, so an order that was refunded since counts in full here.
    """
    if orders.empty:
        return _no_orders("icp")
    values = _values_at_age(orders, as_of, job)
    if not (values["value"] > 0).any():
        since = "" if job.counts_first_order else " after the first order"
        brought = f"brought a value above 0{since} within {job.age}"
        reason = f"no customer of {len(values):,} {brought}, so nobody is most valuable"
        helps = (MAP_NET if len(values) else "a longer history",)
        return Verdict("icp", "refused", (reason,), helps)
    top = values["value"] > max(0.0, float(values["value"].quantile(1 - job.top_share)))
    learnt_from = values["first"] + job.age.delta <= values["first"].quantile(1 - job.test_share)
    positives = int((top & learnt_from).sum())
    numbers = {
        "customers_with_known_value": float(len(values)),
        "most_valuable": float(top.sum()),
        "positives": float(positives),
    }
    text = (
        f"{len(values):,} customers came after the first {job.burn_in} and at least {job.age} ago; {int(top.sum()):,} "
        f"are most valuable, {positives:,} of them came early enough to learn from"
    )
    if positives < minima.positives:
        helps = ("a longer history of first orders, a shorter age, or a larger top share",)
        return Verdict("icp", "refused", (f"{text}, and {minima.positives} are needed",), helps, numbers=numbers)
    return Verdict("icp", "ready", (text,), numbers=numbers)


def _values_at_age(orders: pd.DataFrame, as_of: date, job: IcpJob) -> pd.DataFrame:
    """``first`` order and ``value`` within the age after it, of customers whose window is closed at ``as_of``.

    The first order's own value counts only if the job says so.
    """
    first = orders.groupby("customer_id")["ordered_at"].min()
    begins = orders["ordered_at"].min().normalize() + job.burn_in.delta
    first = first[(first >= begins) & (first + job.age.delta <= midnight(as_of))]
    known = orders.join(first.rename("first"), on="customer_id", how="inner")
    within = known[known["ordered_at"] - known["first"] < job.age.delta]
    if not job.counts_first_order:
        ordered = within.sort_values(["ordered_at", "order_id"], kind="stable")
        within = ordered[ordered.duplicated("customer_id")]
    value = within.groupby("customer_id")["net"].sum()
    return pd.DataFrame({"first": first, "value": value.reindex(first.index).fillna(0.0)})


def judge_subscriptions(subscriptions: pd.DataFrame, as_of: date, horizon: Horizon, minima: ChurnMinima) -> Verdict:
    """Contractual churn: subscriptions running at the start of the last window, by whether they ended in it."""
    start, end = midnight(as_of - horizon.delta), midnight(as_of)
    ended = subscriptions["ended_at"] if "ended_at" in subscriptions else pd.Series(pd.NaT, index=subscriptions.index)
    running = (subscriptions["started_at"] < start) & ~(ended < start)
    left = int((running & (ended < end)).sum())
    stayed = int(running.sum()) - left
    numbers = {"ended_in_the_last_window": float(left), "kept": float(stayed)}
    text = f"of {left + stayed:,} subscriptions running {horizon} before {as_of}, {left:,} ended"
    if min(left, stayed) < minima.of_each_outcome:
        reason = f"{text}, and {minima.of_each_outcome} that ended and that did not are needed"
        return Verdict(
            "contractual churn", "refused", (reason,), ("more subscriptions, or a longer horizon",), numbers=numbers
        )
    width = auc_half_width(minima.expected_auc, left, stayed)
    status: Literal["ready", "thin"] = "ready" if width <= minima.auc_half_width else "thin"
    return Verdict(
        "contractual churn", status, (f"{text}; an AUC is expected within ±{width:.3f}",), (), width, numbers
    )
