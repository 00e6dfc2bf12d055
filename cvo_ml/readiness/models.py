"""Which model can be trained on the data, which not, why, and what would help."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np
import pandas as pd

from cvo_ml.config.jobs import ChurnJob, IcpJob
from cvo_ml.config.readiness import ChurnMinima, ClvMinima, IcpMinima
from cvo_ml.core.arrays import Flags
from cvo_ml.core.models import CHURN, CLV, ICP
from cvo_ml.core.result import Result
from cvo_ml.core.units import Horizon
from cvo_ml.core.value_basis import profit
from cvo_ml.readiness.contents import Contents
from cvo_ml.readiness.purchases import DAY, Purchases, last_window, value_by_age
from cvo_ml.stats.planning import auc_half_width, customers_for_auc, customers_for_total, total_half_width

NO_VALUE: Final = "no order has a value above 0"
FORMULA_SERVES: Final = "until then a formula serves, without probabilities"
MAP_NET: Final = "map net to the column with the amounts"
CONTRACTUAL_DEFINITION: Final = "for contracts, set churn.definition: subscription_ended"


@dataclass(frozen=True)
class Assessment(Result):
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
    code:
        Of a refusal: short and stable, the same as training's.
    """

    model: str
    status: Literal["ready", "thin", "refused"]
    reasons: tuple[str, ...]
    helps: tuple[str, ...] = ()
    expected_width: float | None = None
    numbers: dict[str, float] | None = None
    code: str | None = None


def no_orders(model: str, *helps: str) -> Assessment:
    reasons = ("there are no orders before the cut",)
    return Assessment(model, "refused", reasons, ("a table of orders", *helps), code="no_customers")


def assess_clv(bought: Purchases, found: Contents, as_of: date, horizon: Horizon, minima: ClvMinima) -> Assessment:
    """CLV: enough customers who bought again before the window that judges the model; with fewer, a formula serves."""
    if not found.orders:
        return no_orders(CLV.name)
    if not (bought.net[bought.seen(as_of)] > 0).any():
        reason = f"{NO_VALUE}, so there is no value to predict"
        return Assessment(CLV.name, "refused", (reason,), (MAP_NET,), code="no_value")
    start = as_of - horizon.delta
    before = bought.seen(start)
    days = np.bincount(bought.purchase_days(start)[0], minlength=bought.customers)
    repeaters, valued = int((days > 1).sum()), _repeaters_with_value(bought, before)
    numbers = {
        "repeat_customers_before_the_window": float(repeaters),
        "repeat_customers_with_value": float(valued),
        "customers_before_it": float((days > 0).sum()),
    }
    if repeaters < minima.repeat_customers:
        reason = (
            f"{repeaters:,} customers bought again before the last {horizon}, and a model of purchases needs "
            f"{minima.repeat_customers}: {FORMULA_SERVES}"
        )
        return Assessment(
            CLV.name, "thin", (reason,), _more_repeaters(found, repeaters, horizon, minima), None, numbers
        )
    if valued < minima.repeat_customers:
        reason = (
            f"{repeaters:,} customers bought again before the last {horizon}, but only {valued:,} of them for a value "
            f"above 0, and a model of values needs {minima.repeat_customers}: {FORMULA_SERVES}"
        )
        return Assessment(CLV.name, "thin", (reason,), (MAP_NET,), None, numbers)
    if found.value_cv is None:
        reason = f"no value came in the last {horizon}, so its spread is not known"
        return Assessment(CLV.name, "thin", (reason,), ("use a longer history, or a longer horizon",), numbers=numbers)
    width = total_half_width(found.value_cv, found.customers, learnt_from=numbers["customers_before_it"])
    reason = f"{repeaters:,} customers bought again; the total value of {horizon} is expected within ±{width:.0%}"
    if width <= minima.total_half_width:
        return Assessment(CLV.name, "ready", (reason,), expected_width=width, numbers=numbers)
    needed = math.ceil(customers_for_total(found.value_cv, minima.total_half_width))
    wanted = f"±{minima.total_half_width:.0%}"
    more = f"about {needed:,} customers (now {found.customers:,}) would bring the total within {wanted}"
    return Assessment(CLV.name, "thin", (reason,), (more,), width, numbers)


def _repeaters_with_value(bought: Purchases, chosen: Flags) -> int:
    """Customers with an order of positive value on a later day than their first."""
    first = bought.first_at(chosen) // DAY
    later = chosen & (bought.net > 0) & (bought.day > first[bought.customer])
    return int((np.bincount(bought.customer[later]) > 0).sum())


def _more_repeaters(found: Contents, repeaters: int, horizon: Horizon, minima: ClvMinima) -> tuple[str, ...]:
    if not repeaters:
        return (f"a history of more than two horizons ({horizon} each) with customers who buy again",)
    factor = minima.repeat_customers / repeaters
    return (f"about {factor:.1f} times as many customers, or a longer history (now {found.span_days:,.0f} days)",)


def assess_churn(
    bought: Purchases, found: Contents, as_of: date, horizon: Horizon, minima: ChurnMinima, job: ChurnJob
) -> Assessment:
    """Churn: closed windows to learn from and to test on, with enough customers of either outcome."""
    if not found.orders:
        return no_orders(CHURN.name, *([CONTRACTUAL_DEFINITION] if "subscriptions" in bought.tables else []))
    needed = minima.closed_windows * horizon.days + job.shortest_history.days
    if found.span_days < needed:
        windows = f"{minima.closed_windows} closed windows of {horizon} and {job.shortest_history} before them"
        reason = f"the history is {found.span_days:,.0f} days, and {windows} are needed ({needed:,.0f} days)"
        shorter = math.floor((found.span_days - job.shortest_history.days) / minima.closed_windows)
        helps = ("a longer history",) + ((f"a horizon of at most {shorter}D",) if shorter >= 1 else ())
        return Assessment(CHURN.name, "refused", (reason,), helps, code="too_short_history")
    left, stayed = last_window(bought, as_of, horizon)
    numbers = {"left_in_the_last_window": float(left), "stayed": float(stayed)}
    if min(left, stayed) < minima.of_each_outcome:
        reason = (
            f"in the last closed window of {horizon}, {left:,} customers left and {stayed:,} stayed, "
            f"and {minima.of_each_outcome} of each are needed"
        )
        helps = ("more customers", "a longer horizon" if stayed < left else "a shorter horizon")
        return Assessment(CHURN.name, "refused", (reason,), helps, numbers=numbers, code="too_few_churn_outcomes")
    width = auc_half_width(minima.expected_auc, left, stayed)
    reason = (
        f"{left:,} customers left and {stayed:,} stayed in the last {horizon}; "
        f"an AUC of {minima.expected_auc} is expected within ±{width:.3f}"
    )
    if width <= minima.auc_half_width:
        return Assessment(CHURN.name, "ready", (reason,), expected_width=width, numbers=numbers)
    size = math.ceil(customers_for_auc(minima.expected_auc, left / (left + stayed), minima.auc_half_width))
    more = (
        f"about {size:,} active customers (now {left + stayed:,}) would bring the AUC within ±{minima.auc_half_width}"
    )
    return Assessment(CHURN.name, "thin", (reason,), (more,), width, numbers)


def assess_icp(bought: Purchases, as_of: date, minima: IcpMinima, job: IcpJob) -> Assessment:
    """Lookalikes: enough of the most valuable customers to learn from, before those who judge the model."""
    if not bought.seen(as_of).any():
        return no_orders(ICP.name)
    values = _values_at_age(bought, as_of, job)
    if not (values["value"] > 0).any():
        since = "" if job.counts_first_order else " after the first order"
        brought = f"brought a value above 0{since} within {job.age}"
        reason = f"no customer of {len(values):,} {brought}, so nobody is most valuable"
        helps = (MAP_NET if len(values) else "a longer history",)
        return Assessment(ICP.name, "refused", (reason,), helps, code="too_few_icp_positives")
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
        return Assessment(
            ICP.name, "refused", (f"{text}, and {minima.positives} are needed",), helps, numbers=numbers,
            code="too_few_icp_positives",
        )  # fmt: skip
    return Assessment(ICP.name, "ready", (text,), numbers=numbers)


def _values_at_age(bought: Purchases, as_of: date, job: IcpJob) -> pd.DataFrame:
    """``first`` order and ``value`` within the age after it, of customers whose window is closed at ``as_of``.

    Value is what training takes: profit less refunds, the first order's own only if the job says so.
    """
    found = value_by_age(bought, as_of, job.age)
    value, _ = profit(found, later=not job.counts_first_order)
    first_day = np.datetime64(int(bought.day[bought.seen(as_of)].min()), "D")
    begins = pd.Timestamp(first_day) + job.burn_in.delta
    came_later: pd.Series = found["first_ordered_at"] >= begins
    return pd.DataFrame({"first": found["first_ordered_at"], "value": value}).loc[came_later]
