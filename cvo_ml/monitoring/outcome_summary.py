"""How good served scores turned out to be: by model version, date, segment and cohort of first order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.models import CHURN, CLV
from cvo_ml.core.result import OPTIONAL, Json, Result, json_key
from cvo_ml.monitoring.ledger import Closed
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.intervals import Interval, bootstrap, wilson
from cvo_ml.stats.ranking import auc, capture, lift

REPLICATES: Final = 300
#: a slope or an AUC of fewer customers says nothing
FEWEST: Final = 50
#: what the ledger is broken down by; the version first
GROUPINGS: Final = ("version", "as_of", "rfm_group", "value_tier", "cohort")


@dataclass(frozen=True)
class ProbabilityOutcome(Result):
    """Churn that came (``actual``, with Wilson's 95 % interval) against the mean probability.

    AUC, calibration slope and lift need ``FEWEST`` customers, of whom some left and some stayed.
    """

    predicted: float
    actual: Interval = field(metadata=json_key("came"))
    log_loss: float
    auc: float | None = field(default=None, metadata=OPTIONAL)
    slope: Interval | None = field(default=None, metadata=OPTIONAL)
    lift_top_decile: float | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class ValueOutcome(Result):
    """Value that came against what was predicted, in total.

    Parameters
    ----------
    bias:
        predicted / actual - 1 with a bootstrap interval; None, as the top decile's share, where no value came.
    interval_coverage:
        The share of customers inside their 90 % interval; None where there are no intervals.
    """

    predicted: float
    actual: float = field(metadata=json_key("came"))
    bias: Interval | None = field(default=None, metadata=OPTIONAL)
    top_decile_share: float | None = field(default=None, metadata=OPTIONAL)
    interval_coverage: Interval | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class OutcomeLine(Result):
    """The outcomes of one model in one group; in JSON the group stands under the name that it is grouped by."""

    part: str
    by: str
    group: str
    customers: int
    outcome: ProbabilityOutcome | ValueOutcome

    def to_json(self) -> dict[str, Json]:
        """One level."""
        line: dict[str, Json] = {"part": self.part, self.by: self.group, "customers": self.customers}
        return line | self.outcome.to_json()


@dataclass(frozen=True)
class ExcessLoss(Result):
    """The loss that came less the one that training promised: above 0 = worse than promised (95 % interval)."""

    measure: str
    promised: float
    actual: float
    excess: Interval


def outcome_lines(ledger: Sequence[Closed], by: str = "version") -> list[OutcomeLine]:
    """One line per model and group.

    Parameters
    ----------
    by:
        One of ``GROUPINGS``.
    """
    lines = []
    for part, describe in DESCRIBE.items():
        frames = [closed.rows for closed in ledger if closed.facts.part == part]
        if frames:
            rows = pd.concat(frames, ignore_index=True)
            for name, group in rows.groupby(rows[by].astype("str"), sort=True):
                lines.append(OutcomeLine(part, by, str(name), len(group), describe(group)))
    return lines


def churn_outcome(rows: pd.DataFrame) -> ProbabilityOutcome:
    """Churn of one group."""
    y, p = rows["actual"].to_numpy() > 0.5, rows["predicted"].to_numpy(dtype=np.float64)
    outcome = ProbabilityOutcome(float(p.mean()), wilson(int(y.sum()), len(y)), float(log_loss(y, p).mean()))
    if len(y) >= FEWEST and 0 < y.sum() < len(y):
        slope = logistic_recalibration(y, p).slope_interval()
        return replace(outcome, auc=auc(y, p), slope=slope, lift_top_decile=lift(y, p))
    return outcome


def value_outcome(rows: pd.DataFrame) -> ValueOutcome:
    """Value of one group."""
    actual, predicted = (rows[name].to_numpy(dtype=np.float64) for name in ("actual", "predicted"))
    outcome = ValueOutcome(float(predicted.sum()), float(actual.sum()))
    if actual.sum() > 0:
        bias = bootstrap(lambda i: _bias(actual[i], predicted[i]), len(actual), replicates=REPLICATES)
        outcome = replace(outcome, bias=bias, top_decile_share=capture(actual, predicted))
    known = rows["lower"].notna() & rows["upper"].notna()
    if known.any():
        inside = rows["actual"].between(rows["lower"], rows["upper"])[known]
        outcome = replace(outcome, interval_coverage=wilson(int(inside.sum()), len(inside)))
    return outcome


#: what is said of the outcomes of each model of the ledger
DESCRIBE: Final[Mapping[str, Callable[[pd.DataFrame], ProbabilityOutcome | ValueOutcome]]] = {
    CLV.name: value_outcome,
    CHURN.name: churn_outcome,
}


def excess_loss(closed: Closed) -> ExcessLoss | None:
    """The loss that came less what the model lost out of time in training; None without a promise.

    Churn: log loss per customer. CLV: total bias, whose promise is the bias in training.
    """
    rows = closed.rows
    if not len(rows):
        return None
    measure, promised, loss = _churn_loss(closed) if closed.facts.part == CHURN.name else _value_loss(closed)
    if promised is None:
        return None
    actual = bootstrap(loss, len(rows), replicates=REPLICATES)
    excess = Interval(actual.estimate - promised, actual.lower - promised, actual.upper - promised)
    return ExcessLoss(measure, promised, actual.estimate, excess)


#: what is measured, what training promised (None = nothing), and the loss of some rows
Loss = tuple[str, float | None, Callable[[Places], float]]


def _churn_loss(closed: Closed) -> Loss:
    actual, predicted = (closed.rows[name].to_numpy(dtype=np.float64) for name in ("actual", "predicted"))
    losses = log_loss(actual > 0.5, predicted)
    return "log loss", closed.facts.expected.get("model_log_loss"), lambda i: float(losses[i].mean())


def _value_loss(closed: Closed) -> Loss:
    actual, predicted = (closed.rows[name].to_numpy(dtype=np.float64) for name in ("actual", "predicted"))
    bias = closed.facts.expected.get("model_total_bias")
    promised = None if bias is None or actual.sum() <= 0 else abs(bias)
    return "distance of the total", promised, lambda i: abs(_bias(actual[i], predicted[i]))


def _bias(actual: Floats, predicted: Floats) -> float:
    total = actual.sum()
    return float(predicted.sum() / total - 1) if total > 0 else float("nan")
