"""Figures for tracked runs: titled, with units, readable at a glance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.tracking import Tracking
from cvo_ml.stats.calibration import reliability

mpl.use("Agg")


@contextmanager
def plain_style() -> Iterator[None]:
    """Draw and save as matplotlib does by itself, whatever a ``matplotlibrc`` in the working folder says.

    Such a file is read by matplotlib when it is imported, and may ask for LaTeX, which is another program.
    """
    with mpl.style.context("default"):
        yield


def _figure(title: str, x: str, y: str, size: tuple[float, float] = (6.4, 4.2)) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=size, layout="constrained")
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def deciles(actual: Floats, predicted: Floats, what: str) -> Any:
    """Mean predicted beside mean actual in each tenth of the customers by prediction."""
    mean_predicted, mean_actual, _ = reliability(predicted=predicted, outcome=actual)
    figure, axes = _figure(
        f"{what} in the validation window, by predicted decile", "Decile (10 = highest)", f"Mean {what}"
    )
    place = np.arange(1, len(mean_predicted) + 1)
    axes.bar(place - 0.2, mean_predicted, 0.4, label="predicted")
    axes.bar(place + 0.2, mean_actual, 0.4, label="actual")
    axes.set_xticks(place)
    axes.legend()
    return figure


def gains(value: Floats, scores: Mapping[str, Floats]) -> Any:
    """Share of the outcome found by contacting customers in each order."""
    figure, axes = _figure("What each ranking finds", "Share of customers contacted", "Share of the outcome found")
    share = np.linspace(0, 1, len(value) + 1)
    for name, score in scores.items():
        order = np.argsort(-score, kind="stable")
        axes.plot(share, np.concatenate([[0], np.cumsum(value[order])]) / max(value.sum(), 1e-12), label=name)
    axes.plot([0, 1], [0, 1], "k:", linewidth=1, label="random")
    axes.legend()
    return figure


def reliability_diagram(outcome: Outcomes, predicted: Mapping[str, Floats]) -> Any:
    """Observed rate against predicted probability in ten groups of equal size."""
    figure, axes = _figure("Calibration out of time", "Predicted probability of churn", "Observed churn rate", (5, 5))
    for name, probability in predicted.items():
        x, y, _ = reliability(outcome, probability)
        axes.plot(x, y, "o-", label=name)
    axes.plot([0, 1], [0, 1], "k:", linewidth=1, label="perfect")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.legend()
    return figure


def importance(gain: Mapping[str, float]) -> Any:
    """The columns by their total gain."""
    ordered = sorted(gain.items(), key=lambda item: item[1])[-15:]
    total = sum(gain.values()) or 1.0
    figure, axes = _figure("What the trees use", "Share of total gain", "")
    axes.barh([name for name, _ in ordered], [value / total for _, value in ordered])
    return figure


def staleness(rows: Sequence[Mapping[str, float]]) -> Any:
    """Log loss in the last window of models that were trained earlier and earlier."""
    figure, axes = _figure("What a model loses as it grows older", "Days older than the freshest", "Log loss")
    axes.plot([row["days_older"] for row in rows], [row["log_loss"] for row in rows], "o-")
    return figure


def survival(event: str, period_days: float, predicted: Sequence[float], observed: Sequence[float]) -> Any:
    """Mean share of customers without the event by the end of each period, predicted beside observed."""
    what = "subscription goes on" if event == "end" else "no order yet"
    figure, axes = _figure(f"Survival: {what}", "Days after the cut", "Share of customers")
    days = [period_days * k for k in range(len(predicted) + 1)]
    for name, shares in {"mean": predicted, "observed": observed}.items():
        axes.plot(days, [1.0, *shares], "o-", label=name)
    axes.set_ylim(0, 1)
    axes.legend()
    return figure


def frequency_recency(model: PurchaseModel, features: pd.DataFrame, horizon: Horizon) -> Any:
    """Expected purchases by how often and how lately a customer of the shop's greatest age bought."""
    grid, shape, extent = _histories(features)
    expected = np.asarray(model.expected_purchases(grid, horizon)).reshape(shape)
    return _heat_map(
        expected, f"Expected purchase days in {horizon} (customer of {extent[3]:.0f} days)", extent, "days"
    )


def probability_alive(model: PurchaseModel, features: pd.DataFrame) -> Any:
    """P(alive) by how often and how lately a customer of the shop's greatest age bought."""
    grid, shape, extent = _histories(features)
    alive = np.asarray(model.probability_alive(grid)).reshape(shape)
    return _heat_map(alive, f"Probability of being a customer still (of {extent[3]:.0f} days)", extent, "probability")


def tracking(found: Tracking) -> Any:
    """Repeat purchases by the week and in total, expected beside actual; the model saw what lies left of the line."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    expected, actual = found.cumulative
    parts = {"Repeat purchases by the week": (found.expected, found.actual), "In total": (expected, actual)}
    for axes, (title, (model, came)) in zip(panels, parts.items(), strict=True):
        axes.plot(found.week, came, label="actual")
        axes.plot(found.week, model, "--", label="expected")
        axes.axvline(found.cut_week, color="k", linestyle=":", linewidth=1)
        axes.set(title=title, xlabel="Week since the first purchase in the shop", ylabel="Repeat purchases")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend()
    return figure


def by_frequency(rows: Sequence[Mapping[str, float]], horizon: Horizon) -> Any:
    """Mean purchases in the validation window by repeat purchases before it, expected beside actual."""
    figure, axes = _figure(
        f"Purchase days in the {horizon} after the cut",
        "Repeat purchase days before the cut (the last bar: that many or more)",
        "Mean purchase days",
    )
    place = np.array([row["group"] for row in rows])
    for name, style in (("actual", "o-"), ("expected", "s--")):
        axes.plot(place, [row[name] for row in rows], style, label=name)
    axes.set_xticks(place)
    axes.legend()
    return figure


def _histories(features: pd.DataFrame) -> tuple[pd.DataFrame, tuple[int, int], tuple[float, float, float, float]]:
    """A grid of recency and frequency at the shop's greatest age, its shape, and the edges of its picture."""
    age = float(features["T"].max())
    frequency = np.arange(0, max(2, int(features["frequency"].quantile(0.99))) + 1, dtype=float)
    recency = np.linspace(0, age, 60)
    grid = pd.DataFrame(
        [(x, t if x else 0.0, age) for t in recency for x in frequency], columns=["frequency", "recency", "T"]
    )
    return grid, (len(recency), len(frequency)), (-0.5, len(frequency) - 0.5, 0.0, age)


def _heat_map(values: Floats, title: str, extent: tuple[float, float, float, float], label: str) -> Any:
    figure, axes = _figure(title, "Repeat purchase days so far", "Last purchase, days after the first")
    image = axes.imshow(values, origin="lower", aspect="auto", extent=extent, interpolation="nearest")
    figure.colorbar(image, label=label)
    return figure
