"""How churn probabilities did in windows that no model saw: measures, money, slices, ages, and who was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cvo_ml.config.churn import Offer
from cvo_ml.core.arrays import Flags, Floats, Places
from cvo_ml.core.result import Json, Result, to_json
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import clv_formula
from cvo_ml.registry.bundles.purchase_columns import BTYD
from cvo_ml.stats.calibration import expected_calibration_error, log_loss, logistic_recalibration
from cvo_ml.stats.grading import SMALLEST_SLICE
from cvo_ml.stats.intervals import Interval, bootstraps, mean_interval
from cvo_ml.stats.ranking import auc, average_precision, lift, top_weights
from cvo_ml.stats.retention_profit import Campaign, empc, profit_at
from training.churn.dataset import ChurnWindow
from training.churn.stacking import Fold, has_btyd

REPLICATES: Final = 200
#: More rows than this are sampled for the intervals of ranks, which are narrow by then.
MOST_ROWS: Final = 20_000
#: Two probabilities further apart than this disagree.
DISAGREEMENT: Final = 0.2
#: A customer younger than this has no pace of its own.
YOUNGEST: Final = 30.0


def measures(y: Flags, probability: Floats) -> dict[str, float]:
    """AUC, area under precision-recall, log loss, Brier score, calibration error and line, lift."""
    line = logistic_recalibration(y, probability)
    return {
        "auc": auc(y, probability),
        "pr_auc": average_precision(y, probability),
        "log_loss": float(log_loss(y, probability).mean()),
        "brier": float(np.mean((probability - y) ** 2)),
        "calibration_error": expected_calibration_error(y, probability),
        "calibration_slope": line.slope,
        "calibration_intercept": line.intercept,
        "mean_probability": float(probability.mean()),
        "lift_top_decile": lift(y, probability),
    }


def intervals(y: Flags, probability: Floats) -> dict[str, Interval]:
    """95 % intervals of what a few customers can move."""
    some = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
    ys, ps = y[some], probability[some]
    line = logistic_recalibration(y, probability)
    losses = log_loss(ys, ps)

    def ranks_and_loss(i: Places) -> tuple[float, float, float]:
        return auc(ys[i], ps[i]), average_precision(ys[i], ps[i]), float(losses[i].mean())

    drawn = bootstraps(ranks_and_loss, len(ys), replicates=REPLICATES)
    return {
        **dict(zip(("auc", "pr_auc", "log_loss"), drawn, strict=True)),
        "calibration_slope": line.slope_interval(),
        "calibration_intercept": line.intercept_interval(),
    }


def deciles(y: Flags, probability: Floats) -> list[dict[str, float]]:
    """For the top tenth, two tenths, …: the rate, its lift over the rate of all, and the share of the churned in it."""
    rows, total = [], max(float(y.sum()), 1.0)
    for tenth in range(1, 11):
        weight = top_weights(probability, tenth / 10)
        hits = float((weight * y).sum())
        rate = hits / float(weight.sum())
        lifted = rate / float(y.mean()) if y.any() else float("nan")
        rows.append({"top": tenth / 10, "rate": rate, "lift": lifted, "capture": hits / total})
    return rows


def value_while_active(window: ChurnWindow, horizon: Horizon) -> Floats:
    """What each customer brings in the horizon if kept, (n,) >= 0: own mean order times own pace.

    The pace is the model's of purchases, given that the customer is still there; without one, orders so far over age.
    """
    X = window.X
    mean = X["average_order_value"].fillna(0.0).to_numpy(dtype=np.float64).clip(min=0)
    ones = np.ones(len(X))
    orders, age = X["number_of_orders"].to_numpy(), X["days_since_first_order"].to_numpy().clip(min=YOUNGEST)
    pace = np.asarray(clv_formula(orders, orders * ones, age, horizon))
    if not set(BTYD) <= set(X.columns):
        return mean * pace
    alive, expected = (X[name].to_numpy(dtype=np.float64) for name in (BTYD[0], BTYD[2]))
    with np.errstate(divide="ignore", invalid="ignore"):
        given_alive = expected / alive
    return mean * np.where(np.isfinite(given_alive), given_alive, pace)


@dataclass(frozen=True)
class ListProfit(Result):
    """What contacting a prediction's top tenth earns, in currency a customer of all.

    Parameters
    ----------
    empc:
        Expected maximum profit of a campaign.
    lead:
        The model's profit less this one's; None for the model.
    """

    empc: float
    profit_top_decile: Interval
    lead: Interval | None = None

    def to_json(self) -> dict[str, Json]:
        """The lead only where there is one."""
        found: dict[str, Json] = {"empc": self.empc, "profit_top_decile": self.profit_top_decile.to_json()}
        return found if self.lead is None else {**found, "lead": self.lead.to_json()}


@dataclass(frozen=True)
class Money(Result):
    """What an offer earns, in currency a customer.

    Parameters
    ----------
    offer:
        Cost of the incentive and of the contact, and the share that is saved.
    by_prediction:
        By the name of what predicted.
    """

    offer: Mapping[str, float]
    profit_of_contacting_all: float
    profit_knowing_who_leaves: float
    by_prediction: Mapping[str, ListProfit]

    def to_json(self) -> dict[str, Json]:
        """The predictions beside the rest."""
        return {
            "offer": to_json(self.offer),
            "profit_of_contacting_all": self.profit_of_contacting_all,
            "profit_knowing_who_leaves": self.profit_knowing_who_leaves,
            **{name: profit.to_json() for name, profit in self.by_prediction.items()},
        }


@dataclass(frozen=True)
class SliceAdvantage(Result):
    """The model on some customers; ``advantage`` = how much less log loss than recency."""

    slice: str
    customers: int
    rate: float
    mean_probability: float
    auc: float
    advantage: Interval


@dataclass(frozen=True)
class DisagreeingCustomers(Result):
    """Those of whom the trees and a model of purchases say different things."""

    customers: int
    rate: float
    mean_trees: float
    mean_btyd: float
    log_loss_trees: float
    log_loss_btyd: float
    advantage_of_trees: Interval


@dataclass(frozen=True)
class Disagreement(Result):
    """Where the trees and a model of purchases disagree, who was right, and what both together say.

    Parameters
    ----------
    log_loss:
        By the name of what predicted.
    """

    share_that_disagrees: float
    where_they_disagree: DisagreeingCustomers | None
    log_loss: Mapping[str, float]

    def to_json(self) -> dict[str, Json]:
        """Those who disagree only where there are some."""
        found = super().to_json()
        return {name: value for name, value in found.items() if value is not None}


def money(y: Flags, value: Floats, predicted: Mapping[str, Floats], offer: Offer) -> Money | None:
    """EMPC, and the profit of contacting each prediction's top tenth by expected profit, with each one's own value.

    None where no customer is worth anything.
    """
    mean = float(value.mean())
    if not mean > 0:
        return None
    campaign = Campaign(offer.incentive * mean, offer.contact * mean, offer.accepts)
    profit = campaign.profit(y, value)
    contacted = {name: profit * top_weights(campaign.expected_profit(p, value), 0.1) for name, p in predicted.items()}
    lists = {}
    for name, p in predicted.items():
        lead = None if name == "model" else mean_interval(contacted["model"] - contacted[name])
        lists[name] = ListProfit(empc(y, p, mean, campaign), mean_interval(contacted[name]), lead)
    return Money(
        {"incentive": campaign.incentive_cost, "contact": campaign.contact_cost, "saves": campaign.save_rate},
        float(profit.mean()),
        profit_at(profit, profit, 0.1),
        lists,
    )


def by_slice(y: Flags, predicted: Mapping[str, Floats], parts: Mapping[str, Flags]) -> list[SliceAdvantage]:
    """The model on each slice that is large enough, beside recency."""
    better = log_loss(y, predicted["recency"]) - log_loss(y, predicted["model"])
    return [
        SliceAdvantage(
            name,
            int(rows.sum()),
            float(y[rows].mean()),
            float(predicted["model"][rows].mean()),
            auc(y[rows], predicted["model"][rows]),
            mean_interval(better[rows]),
        )
        for name, rows in parts.items()
        if rows.sum() >= SMALLEST_SLICE
    ]


def staleness(tried: Sequence[Fold], probabilities: Sequence[Floats]) -> list[dict[str, float]]:
    """The last window predicted by the models of earlier and earlier dates, the freshest first.

    Parameters
    ----------
    probabilities:
        Of the last fold's customers by each fold's model.
    """
    last = tried[-1].window
    rows = []
    for fold, p in zip(reversed(tried), reversed(probabilities), strict=True):
        age = float((last.day - fold.window.day).days)
        rows.append(
            {"days_older": age, "log_loss": float(log_loss(last.churned, p).mean()), "auc": auc(last.churned, p)}
        )
    return rows


def against_btyd(
    last: ChurnWindow, past: Sequence[ChurnWindow], trees: Floats, stack: Floats
) -> tuple[Disagreement | None, dict[str, Floats]]:
    """Where the trees and a model of purchases disagree, who was right, and what both together say.

    Parameters
    ----------
    past:
        Windows that were closed when the last one began.
    trees, stack:
        (n,) the last window by the trees without the model of purchases, and with it.

    Returns
    -------
    (Disagreement, dict)
        And by name the predictions ``trees``, ``stacked``, ``p_alive`` (a logistic of P(alive)) and ``btyd``
        (P(no order)). None and empty where no model of purchases held.
    """
    if not has_btyd(last):
        return None, {}
    silent = last.X["btyd_p_no_order"].to_numpy(dtype=np.float64)
    gone = 1 - last.X["btyd_p_alive"].to_numpy(dtype=np.float64)
    predicted = {"trees": trees, "stacked": stack, "p_alive": gone, "btyd": silent}
    if known := [window for window in past if has_btyd(window)]:
        y = np.concatenate([window.churned for window in known])
        dead = np.concatenate([1 - window.X["btyd_p_alive"].to_numpy(dtype=np.float64) for window in known])
        predicted["p_alive"] = logistic_recalibration(y, dead, ridge=1.0).apply(gone)
    far = np.abs(trees - silent) > DISAGREEMENT
    losses = {name: float(log_loss(last.churned, p).mean()) for name, p in predicted.items()}
    who = _disagreeing(last.churned[far], trees[far], silent[far]) if far.any() else None
    return Disagreement(float(far.mean()), who, losses), predicted


def _disagreeing(y: Flags, trees: Floats, silent: Floats) -> DisagreeingCustomers:
    ours, theirs = log_loss(y, trees), log_loss(y, silent)
    return DisagreeingCustomers(
        len(y),
        float(y.mean()),
        float(trees.mean()),
        float(silent.mean()),
        float(ours.mean()),
        float(theirs.mean()),
        mean_interval(theirs - ours),
    )
