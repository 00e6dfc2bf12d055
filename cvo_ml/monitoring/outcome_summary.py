"""How good served scores turned out to be: by model version, date, segment and cohort of first order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.monitoring.ledger import Closed
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.intervals import Interval, bootstrap, wilson
from cvo_ml.stats.ranking import auc, capture, lift

Floats = NDArray[np.float64]
REPLICATES: Final = 300
#: a slope or an AUC of fewer customers says nothing
FEWEST: Final = 50
#: what the ledger is broken down by; the version first
GROUPINGS: Final = ("version", "as_of", "rfm_group", "value_tier", "cohort")


def realised(ledger: Sequence[Closed], by: str = "version") -> list[dict[str, Any]]:
    """One JSON-ready line per part and group.

    Parameters
    ----------
    by:
        One of ``GROUPINGS``.

    Returns
    -------
    list of dict
        ``part, <by>, customers``; for churn ``predicted`` and ``came`` (with Wilson's 95 % interval),
        ``log_loss, auc, slope, lift_top_decile``; for clv ``predicted, came`` totals, ``bias`` with a
        bootstrap interval, ``top_decile_share, interval_coverage``.
    """
    lines = []
    for part, describe in DESCRIBE.items():
        frames = [closed.rows for closed in ledger if closed.facts["part"] == part]
        if frames:
            rows = pd.concat(frames, ignore_index=True)
            for name, group in rows.groupby(rows[by].astype("str"), sort=True):
                lines.append({"part": part, by: str(name), "customers": len(group), **describe(group)})
    return lines


def churn_line(rows: pd.DataFrame) -> dict[str, Any]:
    """Realised churn of one group, beside what was predicted."""
    y, p = rows["actual"].to_numpy() > 0.5, rows["predicted"].to_numpy(dtype=np.float64)
    line: dict[str, Any] = {
        "predicted": float(p.mean()),
        "came": wilson(int(y.sum()), len(y)).as_dict(),
        "log_loss": float(log_loss(y, p).mean()),
    }
    if len(y) >= FEWEST and 0 < y.sum() < len(y):
        line |= {
            "auc": auc(y, p),
            "slope": logistic_recalibration(y, p).slope_interval().as_dict(),
            "lift_top_decile": lift(y, p),
        }
    return line


def value_line(rows: pd.DataFrame) -> dict[str, Any]:
    """Realised value of one group, beside what was predicted."""
    actual, predicted = (rows[name].to_numpy(dtype=np.float64) for name in ("actual", "predicted"))
    line: dict[str, Any] = {"predicted": float(predicted.sum()), "came": float(actual.sum())}
    if actual.sum() > 0:
        bias = bootstrap(lambda i: _bias(actual[i], predicted[i]), len(actual), replicates=REPLICATES)
        line |= {"bias": bias.as_dict(), "top_decile_share": capture(actual, predicted)}
    known = rows["lower"].notna() & rows["upper"].notna()
    if known.any():
        inside = rows["actual"].between(rows["lower"], rows["upper"])[known]
        line["interval_coverage"] = wilson(int(inside.sum()), len(inside)).as_dict()
    return line


DESCRIBE: Final[Mapping[str, Callable[[pd.DataFrame], dict[str, Any]]]] = {"clv": value_line, "churn": churn_line}


def loss_beside_promise(closed: Closed) -> dict[str, Any] | None:
    """The realised loss less what the model lost out of time in training; None without a promise.

    Churn: log loss per customer. CLV: total bias, whose promise is the bias in training.

    Returns
    -------
    dict
        ``measure, promised, realised, excess`` (a 95 % interval; above 0 = worse than promised).
    """
    expected, rows = closed.facts["expected"], closed.rows
    if not len(rows):
        return None
    actual, predicted = (rows[name].to_numpy(dtype=np.float64) for name in ("actual", "predicted"))
    if closed.facts["part"] == "churn":
        measure, promised = "log loss", expected.get("model_log_loss")
        losses = log_loss(actual > 0.5, predicted)

        def loss(i: NDArray[np.intp]) -> float:
            return float(losses[i].mean())
    else:
        measure, promised = "distance of the total", expected.get("model_total_bias")
        promised = None if promised is None else abs(promised)

        def loss(i: NDArray[np.intp]) -> float:
            return abs(_bias(actual[i], predicted[i]))

    if promised is None or (closed.facts["part"] == "clv" and actual.sum() <= 0):
        return None
    found = bootstrap(loss, len(rows), replicates=REPLICATES)
    excess = Interval(found.estimate - promised, found.lower - promised, found.upper - promised)
    return {"measure": measure, "promised": promised, "realised": found.estimate, "excess": excess.as_dict()}


def _bias(actual: Floats, predicted: Floats) -> float:
    total = actual.sum()
    return float(predicted.sum() / total - 1) if total > 0 else float("nan")
