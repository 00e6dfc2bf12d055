"""What models expected beside what came, as figures: by the week, by the number of purchases, by recency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.figures import FigureSpec, Role, Series
from cvo_ml.core.units import days_per
from cvo_ml.features import HoldoutWindow, PurchaseDays
from cvo_ml.models.clv.covariates import has_covariates
from cvo_ml.models.clv.histories import numbers
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.tracking import DAYS_PER_WEEK, Tracking, track

#: Repeat purchases one by one up to here; the last class holds all above.
TOP: Final = 7
_CLASSES: Final = 10
_CURVES: Final = 500  # customers whose mean curve stands for all where covariates make them differ
TRACKING: Final = {
    "tracking": "Repeat purchases by the week",
    "tracking_cumulative": "Repeat purchases in total",
}


@dataclass(frozen=True)
class Answers:
    """What one model or baseline expects of the holdout (n,), None without one, and the fitted model."""

    name: str
    role: Role
    expected: Floats | None
    model: PurchaseModel | None = None


def figures_of(
    answers: Sequence[Answers], summary: pd.DataFrame, came: HoldoutWindow | None, unit: str
) -> dict[str, FigureSpec]:
    """The figures that can be drawn, by name."""
    figures = dict(_tracked(answers, summary, came))
    figures["frequency"] = _by_count(answers, summary)
    if came is not None:
        figures |= _in_holdout(answers, summary, came, unit)
    return figures


def expected_customers(model: PurchaseModel, summary: pd.DataFrame) -> Floats:
    """Expected customers with 0 … ``TOP`` − 1, and with ``TOP`` or more repeat purchases in their own T."""
    found = model.expected_histogram(summary, TOP)
    return np.append(found, len(summary) - found.sum())


def _tracked(
    answers: Sequence[Answers], summary: pd.DataFrame, came: HoldoutWindow | None
) -> Iterator[tuple[str, FigureSpec]]:
    """Repeat purchases by the week and in total, expected of the cohort and actual."""
    if came is None or (days := came.days) is None or days.end <= DAYS_PER_WEEK:
        return
    tracked = {one.name: _tracking(one.model, days, summary) for one in answers if one.model is not None}
    if not tracked:
        return
    any_one = next(iter(tracked.values()))
    expected = {name: (found.expected, found.cumulative[0]) for name, found in tracked.items()}
    for place, (name, title) in enumerate(TRACKING.items()):
        columns = {name: both[place] for name, both in expected.items()}
        actual = (any_one.actual, any_one.cumulative[1])[place]
        weeks = any_one.week.tolist()
        series = [Series("actual", weeks, actual.tolist(), "actual")]
        series += [Series(model, weeks, values.tolist()) for model, values in columns.items()]
        line = (any_one.cut_week, "cut")
        yield name, FigureSpec(title, "week since the first purchase in the shop", "repeat purchases", series, line)


def _tracking(model: PurchaseModel, days: PurchaseDays, summary: pd.DataFrame) -> Tracking:
    some = summary.iloc[:: max(1, len(summary) // _CURVES)] if has_covariates(model) else None
    in_unit = days_per(model.time_unit)

    def curve(spans: Floats) -> Floats:
        return model.expected_curve_new(spans / in_unit, some)

    return track(days.births, days.repeats, curve, cut_day=days.cut, days=days.end)


def _by_count(answers: Sequence[Answers], summary: pd.DataFrame) -> FigureSpec:
    """Customers by repeat purchases before the cut."""
    labels = [*map(str, range(TOP)), f"{TOP}+"]
    bought = np.minimum(numbers(summary, "frequency"), TOP).astype(np.intp)
    actual = np.bincount(bought, minlength=TOP + 1).astype(float).tolist()
    series = [Series("actual", labels, actual, "actual", "bar")]
    series += [
        Series(answer.name, labels, expected_customers(answer.model, summary).tolist(), "model", "bar")
        for answer in answers
        if answer.model is not None
    ]
    return FigureSpec("Customers by repeat purchases before the cut", "repeat purchases", "customers", series)


def _in_holdout(
    answers: Sequence[Answers], summary: pd.DataFrame, came: HoldoutWindow, unit: str
) -> Mapping[str, FigureSpec]:
    """Mean purchases in the holdout by what was known before it."""
    frequency = numbers(summary, "frequency")
    silent = (numbers(summary, "T") - numbers(summary, "recency")) * days_per(unit)
    edges = np.unique(np.quantile(silent, np.arange(1, _CLASSES) / _CLASSES))
    recency = np.searchsorted(edges, silent, side="left")
    ends = [f"{edge:.0f}" for edge in edges]
    spans = [f"{low}–{high}" for low, high in zip(["0", *ends], [*ends, f"{silent.max(initial=0.0):.0f}"], strict=True)]
    counts = [*map(str, range(TOP)), f"{TOP}+"]
    window = f"mean purchases in {came.horizon}"
    by_count = _means(answers, came, np.minimum(frequency, TOP).astype(np.intp), counts)
    by_silence = _means(answers, came, recency.astype(np.intp), spans)
    bought, silence = "repeat purchases before the cut", "days from the last purchase to the cut"
    return {
        "holdout_by_frequency": FigureSpec(f"Purchases after the cut by {bought}", bought, window, by_count),
        "holdout_by_recency": FigureSpec(f"Purchases after the cut by {silence}", silence, window, by_silence),
    }


def _means(answers: Sequence[Answers], came: HoldoutWindow, group: Places, labels: Sequence[str]) -> list[Series]:
    size = np.bincount(group, minlength=len(labels))

    def series(name: str, values: Floats, role: Role) -> Series:
        total = np.bincount(group, weights=values, minlength=len(labels))
        return Series(name, labels, [float(t / n) if n else None for t, n in zip(total, size, strict=True)], role)

    actual = came.outcomes["purchases"].to_numpy(dtype=np.float64)
    shown = [series("actual", actual, "actual")]
    return shown + [series(one.name, one.expected, one.role) for one in answers if one.expected is not None]
