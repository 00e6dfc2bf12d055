"""How churn probabilities did in windows that no model saw: measures, money, slices, ages, and who was right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.churn import Offer
from cvo_ml.config.jobs import ChurnJob
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import clv_formula
from cvo_ml.registry.bundles.purchase_columns import BTYD
from cvo_ml.stats.calibration import expected_calibration_error, log_loss, logistic_recalibration
from cvo_ml.stats.grading import SMALLEST_SLICE
from cvo_ml.stats.intervals import Interval, bootstrap, mean_interval
from cvo_ml.stats.ranking import auc, average_precision, lift, top_weights
from cvo_ml.stats.retention_profit import Campaign, empc, profit_at
from training.churn.dataset import Window
from training.churn.stacking import Fold, has_btyd

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
REPLICATES: Final = 200
#: More rows than this are sampled for the intervals of ranks, which are narrow by then.
MOST_ROWS: Final = 20_000
#: Two probabilities further apart than this disagree.
DISAGREEMENT: Final = 0.2
#: A customer younger than this has no pace of its own.
YOUNGEST: Final = 30.0


def measures(y: Labels, probability: Floats) -> dict[str, float]:
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


def intervals(y: Labels, probability: Floats) -> dict[str, Interval]:
    """95 % intervals of what a few customers can move."""
    some = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
    ys, ps = y[some], probability[some]
    line = logistic_recalibration(y, probability)
    return {
        "auc": bootstrap(lambda i: auc(ys[i], ps[i]), len(ys), replicates=REPLICATES),
        "pr_auc": bootstrap(lambda i: average_precision(ys[i], ps[i]), len(ys), replicates=REPLICATES),
        "log_loss": mean_interval(log_loss(ys, ps), replicates=REPLICATES),
        "calibration_slope": line.slope_interval(),
        "calibration_intercept": line.intercept_interval(),
    }


def deciles(y: Labels, probability: Floats) -> list[dict[str, float]]:
    """For the top tenth, two tenths, …: the rate, its lift over the rate of all, and the share of the churned in it."""
    rows, total = [], max(float(y.sum()), 1.0)
    for tenth in range(1, 11):
        weight = top_weights(probability, tenth / 10)
        hits = float((weight * y).sum())
        rate = hits / float(weight.sum())
        lifted = rate / float(y.mean()) if y.any() else float("nan")
        rows.append({"top": tenth / 10, "rate": rate, "lift": lifted, "capture": hits / total})
    return rows


def value_while_active(window: Window, horizon: Horizon) -> Floats:
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


def money(y: Labels, value: Floats, predicted: Mapping[str, Floats], offer: Offer) -> dict[str, Any]:
    """EMPC, and the profit of contacting each prediction's top tenth by expected profit, with each one's own value.

    Returns
    -------
    dict
        In currency a customer: the offer, and by prediction ``empc, profit_top_decile`` (interval) and, but for the
        model, ``lead`` (interval of the model's profit less its).
    """
    mean = float(value.mean())
    if not mean > 0:
        return {}
    campaign = Campaign(offer.incentive * mean, offer.contact * mean, offer.accepts)
    realised = campaign.profit(y, value)
    contacted = {name: realised * top_weights(campaign.expected_profit(p, value), 0.1) for name, p in predicted.items()}
    found: dict[str, Any] = {
        "offer": {"incentive": campaign.incentive_cost, "contact": campaign.contact_cost, "saves": campaign.save_rate},
        "profit_of_contacting_all": float(realised.mean()),
        "profit_knowing_who_leaves": profit_at(realised, realised, 0.1),
    }
    for name, p in predicted.items():
        found[name] = {
            "empc": empc(y, p, mean, campaign),
            "profit_top_decile": mean_interval(contacted[name]).as_dict(),
        }
        if name != "model":
            found[name]["lead"] = mean_interval(contacted["model"] - contacted[name]).as_dict()
    return found


def by_slice(y: Labels, predicted: Mapping[str, Floats], parts: Mapping[str, Labels]) -> list[dict[str, Any]]:
    """For each slice: customers, rate, mean probability, and how much less log loss than recency (interval)."""
    better = log_loss(y, predicted["recency"]) - log_loss(y, predicted["model"])
    return [
        {
            "slice": name,
            "customers": int(rows.sum()),
            "rate": float(y[rows].mean()),
            "mean_probability": float(predicted["model"][rows].mean()),
            "auc": auc(y[rows], predicted["model"][rows]),
            "advantage": mean_interval(better[rows]).as_dict(),
        }
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
    last: Window, past: Sequence[Window], trees: Floats, stack: Floats
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Where the trees and a model of purchases disagree, who was right, and what both together say.

    Parameters
    ----------
    past:
        Windows that were closed when the last one began.
    trees, stack:
        (n,) the last window by the trees without the model of purchases, and with it.

    Returns
    -------
    (dict, dict)
        What to report; and by name the predictions ``trees``, ``stacked``, ``p_alive`` (a logistic of P(alive)) and
        ``btyd`` (P(no order)). Empty where no model of purchases held.
    """
    if not has_btyd(last):
        return {}, {}
    silent = last.X["btyd_p_no_order"].to_numpy(dtype=np.float64)
    gone = 1 - last.X["btyd_p_alive"].to_numpy(dtype=np.float64)
    predicted = {"trees": trees, "stacked": stack, "p_alive": gone, "btyd": silent}
    if known := [window for window in past if has_btyd(window)]:
        y = np.concatenate([window.churned for window in known])
        dead = np.concatenate([1 - window.X["btyd_p_alive"].to_numpy(dtype=np.float64) for window in known])
        predicted["p_alive"] = logistic_recalibration(y, dead, ridge=1.0).apply(gone)
    far = np.abs(trees - silent) > DISAGREEMENT
    report: dict[str, Any] = {"share_that_disagrees": float(far.mean())}
    if far.any():
        y = last.churned[far]
        report["where_they_disagree"] = {
            "customers": int(far.sum()),
            "rate": float(y.mean()),
            "mean_trees": float(trees[far].mean()),
            "mean_btyd": float(silent[far].mean()),
            "log_loss_trees": float(log_loss(y, trees[far]).mean()),
            "log_loss_btyd": float(log_loss(y, silent[far]).mean()),
            "advantage_of_trees": mean_interval(log_loss(y, silent[far]) - log_loss(y, trees[far])).as_dict(),
        }
    report["log_loss"] = {name: float(log_loss(last.churned, p).mean()) for name, p in predicted.items()}
    return report, predicted


def markdown(judged: Mapping[str, Any], job: ChurnJob) -> str:
    """The tables for people."""
    parts = [f"# Churn: {job.definition_name} in {job.horizon}, in the window from {judged['cut']}"]
    parts += ["## Predictions", _table([{"prediction": name, **row} for name, row in judged["measures"].items()])]
    parts += ["## Four cut-offs", _table(judged["cuts"])]
    parts += ["## Top of the list", _table(judged["deciles"])]
    parts += ["## Slices", _table([{**row, "advantage": _words(row["advantage"])} for row in judged["slices"]])]
    parts += ["## A model that grows older", _table(judged["staleness"])]
    if judged["money"]:
        rows = [
            {"prediction": name, "empc": row["empc"], "profit, top decile": _words(row["profit_top_decile"])}
            for name, row in judged["money"].items()
            if isinstance(row, Mapping) and "empc" in row
        ]
        parts += ["## Money a customer (the offer's effect is an assumption)", _table(rows)]
    return "\n\n".join(parts) + "\n"


def _words(interval: Mapping[str, float]) -> str:
    return f"{interval['estimate']:.4g} [{interval['lower']:.4g}, {interval['upper']:.4g}]"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    frame = pd.DataFrame(list(rows))
    lines = [" | ".join(str(name).replace("_", " ") for name in frame.columns), "|".join(["---"] * frame.shape[1])]
    lines += [" | ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row) for row in frame.to_numpy(object)]
    return "\n".join(f"| {line} |" for line in lines)
