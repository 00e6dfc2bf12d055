"""How a CLV model did in the window after its cut: numbers for the tracked run, tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.markdown import markdown_records
from cvo_ml.core.result import Json, Result
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import purchase_days
from cvo_ml.models.clv import clv_formula
from cvo_ml.models.clv.baselines import LastPeriod
from cvo_ml.models.clv.covariates import has_covariates
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.models.clv.tracking import Tracking, track
from cvo_ml.stats.accuracy import Accuracy, accuracy, by_group, deciles, paired
from cvo_ml.stats.intervals import Interval, bootstrap
from cvo_ml.stats.ranking import capture

#: Frequencies from here on are one group, as in Fader, Hardie & Lee (2005).
MOST_FREQUENT: Final = 7
#: Customers whose curves are averaged where covariates make them differ.
MOST_CURVES: Final = 200
#: Of the value that came, in the top tenth of an order by lot.
CHANCE: Final = 0.1


@dataclass(frozen=True)
class Evaluation(Result):
    """The evidence of one window.

    Parameters
    ----------
    value, purchases:
        Accuracy of the value and of the number of purchase days, by the name of what predicted it.
    lead:
        For each other prediction of value, how much better the model is, paired (see ``stats.accuracy.paired``).
    hybrid_lead:
        How much better the hybrid is than the model of purchases alone, paired; empty without one.
    by_decile:
        Customers by predicted value: rows, mean predicted, mean actual, share inside the 90 % interval.
    by_frequency:
        Customers by repeat purchases so far: rows, mean expected and mean actual purchase days. Empty at the formula.
    tracking:
        Repeat purchases by the week, before and after the cut; None at the formula.
    coverage:
        Share of customers inside the 90 % interval of value; None at the formula.
    remarks:
        What a grade, which looks at squared errors, does not say: an order no better than chance, or than the baseline.
    """

    cut: date
    horizon: Horizon
    value: Mapping[str, Accuracy]
    purchases: Mapping[str, Accuracy]
    lead: Mapping[str, Mapping[str, Interval]]
    hybrid_lead: Mapping[str, Interval]
    choice: str
    by_decile: Sequence[Mapping[str, float]]
    by_frequency: Sequence[Mapping[str, float]]
    tracking: Tracking | None
    coverage: float | None
    remarks: tuple[str, ...]

    def metrics(self) -> dict[str, float]:
        """What the tracked run shows beyond the accuracy of value."""
        found: dict[str, float | None] = {}
        for name, measured in self.purchases.items():
            prefix = f"{name.replace(' ', '_')}_purchases"
            found |= {f"{prefix}_{each.name}": getattr(measured, each.name) for each in fields(measured)}
        for name, measured in self.value.items():
            found |= {f"{name.replace(' ', '_')}_{k}": getattr(measured, k) for k in ("mae", "spearman")}
        if self.tracking is not None:
            expected, actual = self.tracking.after_the_cut()
            found["tracking_bias_after_cut"] = expected / actual - 1 if actual > 0 else None
        found["coverage_90"] = self.coverage
        return {name: number for name, number in found.items() if number is not None}

    def to_json(self) -> dict[str, Json]:
        """The document that the tracked run keeps."""
        tracked = self.tracking
        return {
            "cut": str(self.cut),
            "horizon_days": self.horizon.days,
            "value": {name: measured.to_json() for name, measured in self.value.items()},
            "purchases": {name: measured.to_json() for name, measured in self.purchases.items()},
            "lead": {
                name: {measure: interval.to_json() for measure, interval in found.items()}
                for name, found in self.lead.items()
            },
            "hybrid_lead": {measure: interval.to_json() for measure, interval in self.hybrid_lead.items()},
            "choice": self.choice,
            "by_decile": [dict(row) for row in self.by_decile],
            "by_frequency": [dict(row) for row in self.by_frequency],
            "coverage_90": self.coverage,
            "remarks": list(self.remarks),
            "tracking": None
            if tracked is None
            else {
                "cut_week": tracked.cut_week,
                "week": tracked.week.tolist(),
                "expected": tracked.expected.tolist(),
                "actual": tracked.actual.tolist(),
            },
        }

    def _pairs(self) -> list[tuple[str, Mapping[str, Interval]]]:
        pairs = [(f"model against {name}", found) for name, found in self.lead.items()]
        return pairs + ([("hybrid against btyd", self.hybrid_lead)] if self.hybrid_lead else [])

    def markdown(self) -> str:
        """The tables for people."""
        parts = [
            f"# CLV in the {self.horizon.days:g} days from {self.cut}",
            "## Value",
            markdown_records(_accuracy_rows(self.value)),
            "How much better the first is (95 % interval, paired; above 0 is better):",
            markdown_records(
                [
                    {"pair": name} | {measure: str(interval) for measure, interval in found.items()}
                    for name, found in self._pairs()
                ]
            ),
            f"Choice: {self.choice}.",
            *(f"Remark: {remark}." for remark in self.remarks),
            "## Value by predicted decile",
            markdown_records(self.by_decile),
        ]
        if self.coverage is not None:
            parts.append(f"{self.coverage:.1%} of the customers lie inside their 90 % interval.")
        parts += ["## Purchase days", markdown_records(_accuracy_rows(self.purchases))]
        if self.by_frequency:
            parts += ["## Purchase days by repeat purchases so far", markdown_records(self.by_frequency)]
        if self.tracking is not None:
            expected, actual = self.tracking.after_the_cut()
            parts.append(f"Whole weeks after the cut: {expected:,.0f} repeat purchases expected, {actual:,.0f} came.")
        return "\n\n".join(parts) + "\n"


class Fit(Protocol):
    """What evaluating reads of a fit."""

    @property
    def scorer(self) -> BuyTillYouDie | None:
        """The scorer; None at the formula."""


class Window(Protocol):
    """What evaluating reads of a validation: read-only."""

    @property
    def cut(self) -> date:
        """The first day that the model did not see."""

    @property
    def features(self) -> pd.DataFrame:
        """The snapshot at the cut."""

    @property
    def outcome(self) -> pd.DataFrame:
        """``orders, purchase_days, value`` of the window."""

    @property
    def table(self) -> pd.DataFrame:
        """The model's columns."""

    @property
    def predicted(self) -> Mapping[str, Floats]:
        """Value by the name of what predicted it; ``model`` is the one that is judged."""

    @property
    def baseline(self) -> str:
        """Name in ``predicted`` of what the model must beat."""

    @property
    def choice(self) -> str:
        """Which of the candidates the model is, and why."""

    @property
    def fitted(self) -> Fit:
        """The fit at the cut."""


def evaluate(tables: Tables, as_of: date, window: Window, horizon: Horizon) -> Evaluation:
    """All evidence that a window of validation gives."""
    actual = window.outcome["value"].to_numpy(dtype=np.float64)
    model = window.predicted["model"]
    scorer = window.fitted.scorer
    tried = {name: window.predicted[name] for name in ("hybrid", "btyd") if name in window.predicted}
    others = {name: values for name, values in window.predicted.items() if name != "model" and name not in tried}
    columns = {"predicted": model, "actual": actual}
    inside = None
    if scorer is not None:
        low, high = (window.table[f"predicted_clv_{end}"].to_numpy() for end in ("p05", "p95"))
        inside = ((actual >= low) & (actual <= high)).astype(np.float64)
        columns["inside_90"] = inside
    by_decile = by_group(deciles(model), columns)
    total = float(actual.sum())
    for row in by_decile:
        row["share_of_actual"] = row["actual"] * row["rows"] / total if total > 0 else 0.0
    days = purchase_predictions(window, horizon)
    came = window.outcome["purchase_days"].to_numpy(dtype=np.float64)
    lead = {name: paired(actual, model, values) for name, values in others.items()}
    by_frequency = []
    if scorer is not None:
        group = np.minimum(window.features["frequency"].to_numpy(), MOST_FREQUENT).astype(np.intp)
        by_frequency = by_group(group, {"expected": days["model"], "actual": came})
    return Evaluation(
        window.cut,
        horizon,
        {name: accuracy(actual, values) for name, values in window.predicted.items()},
        {name: accuracy(came, values) for name, values in days.items()},
        lead,
        paired(actual, tried["hybrid"], tried["btyd"]) if tried else {},
        window.choice,
        by_decile,
        by_frequency,
        None if scorer is None else tracking_of(tables, as_of, window, scorer),
        None if inside is None else float(inside.mean()),
        remarks_on_order(actual, model, window.baseline, lead[window.baseline]),
    )


def remarks_on_order(
    actual: Floats, model: Floats, baseline: str, lead: Mapping[str, Interval], *, replicates: int = 300
) -> tuple[str, ...]:
    """Sentences where the model's order is not surely better than chance, or surely worse than the baseline's.

    Parameters
    ----------
    lead:
        Of the model over the ``baseline``, paired.
    """
    if actual.sum() <= 0 or np.ptp(model) == 0:
        return ()
    found = []
    share = bootstrap(lambda rows: capture(actual[rows], model[rows]), len(actual), replicates=replicates)
    if share.lower <= CHANCE:
        found.append(
            f"the order is not surely better than chance: the top tenth by prediction held {share.estimate:.1%} of the "
            f"value that came [{share.lower:.1%}, {share.upper:.1%}], so do not choose customers by it"
        )
    if "gini" in lead and lead["gini"].upper < 0:
        found.append(f"the {baseline} orders customers better: lead in Gini {lead['gini']}")
    return tuple(found)


def purchase_predictions(window: Window, horizon: Horizon) -> dict[str, Floats]:
    """Expected purchase days of each customer (n,) by the model (where there is one) and by the baselines."""
    features, scorer = window.features, window.fitted.scorer
    so_far = features["frequency"].to_numpy() + 1
    found = {}
    if scorer is not None:
        orders = window.table["predicted_number_of_orders"].to_numpy()
        found["model"] = orders / scorer.orders_per_purchase_day
    found["formula"] = clv_formula(so_far, so_far, features["days_since_first_order"], horizon)
    last = LastPeriod.like(horizon)
    found["last period repeated"] = last.repeated(features[f"purchase_days_{last.days}d"], horizon)
    found["zero"] = np.zeros(len(features))
    return found


def tracking_of(tables: Tables, as_of: date, window: Window, scorer: BuyTillYouDie) -> Tracking | None:
    """Repeat purchase days by the week, of the customers known at the cut, until ``as_of``; None within one week."""
    model = scorer.model.transactions_
    days = purchase_days(tables, window.cut, as_of, window.features.index)
    if days.end <= MOST_FREQUENT:
        return None
    some = None
    if has_covariates(model):  # the mean curve of a sample: a cohort's customers differ little on average
        prepared = scorer.prepared(window.features)
        some = prepared.iloc[:: max(1, len(prepared) // MOST_CURVES)]
    curve = partial(model.expected_curve_new, X=some)
    return track(days.births, days.repeats, curve, cut_day=days.cut, days=days.end)


def _accuracy_rows(found: Mapping[str, Accuracy]) -> list[dict[str, Any]]:
    return [{"prediction": name, **measured.to_json()} for name, measured in found.items()]
