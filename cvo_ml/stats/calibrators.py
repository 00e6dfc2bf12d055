"""Maps from a model's probabilities to those that mean what they say, each fitted on outcomes that the model never saw.

All are JSON: a map rebuilt from ``to_json`` gives the same numbers. All rise with the probability, so the order of
customers stays (isotonic makes ties).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, Protocol

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.result import Json, Result, from_json
from cvo_ml.stats.calibration import LogisticMap, clip_probability, log_loss, logistic_recalibration
from cvo_ml.stats.isotonic import Steps, fit_isotonic
from cvo_ml.stats.logistic import fit_logistic as fit_line

#: Rows of weight that pull each fitted map towards leaving probabilities as they are.
RIDGE: Final = 1.0


class Calibrator(Protocol):
    """A fitted map of probabilities."""

    @property
    def method(self) -> str:
        """Its name in ``METHODS``."""

    def apply(self, probability: Floats) -> Floats:
        """The mapped probabilities, (n,)."""

    def to_json(self) -> dict[str, Json]:
        """JSON-ready, with ``method``."""


@dataclass(frozen=True)
class Affine(Result):
    """``logit(q) = intercept + slope x logit(p)``: none (0, 1), a shift of the level (slope 1), or logistic."""

    method: str
    intercept: float = 0.0
    slope: float = 1.0

    def apply(self, probability: Floats) -> Floats:
        """The mapped probabilities, (n,)."""
        if self.method == "none":
            return probability
        return LogisticMap(self.intercept, self.slope).apply(probability)


@dataclass(frozen=True)
class Beta(Result):
    """``logit(q) = c + a log p - b log(1 - p)`` with a, b >= 0 (Kull, Silva Filho & Flach 2017)."""

    a: float
    b: float
    c: float
    method: str = "beta"

    def apply(self, probability: Floats) -> Floats:
        """The mapped probabilities, (n,)."""
        p = clip_probability(probability)
        return np.asarray(expit(self.c + self.a * np.log(p) - self.b * np.log1p(-p)))


NONE: Final = Affine("none")


def fit_shift(outcome: Outcomes, probability: Floats) -> Affine:
    """The intercept alone: the model's order and spread stay, its level moves to the observed rate."""
    z = logit(clip_probability(probability))
    fit = fit_line(np.ones((len(z), 1)), outcome, ridge=RIDGE, offset=z)
    return Affine("shift", float(fit.coefficients[0]))


def fit_logistic(outcome: Outcomes, probability: Floats) -> Affine:
    """Platt scaling on the log-odds; a slope below 0 is held at 0."""
    line = logistic_recalibration(outcome, probability, ridge=RIDGE)
    return Affine("logistic", line.intercept, max(line.slope, 0.0))


def fit_beta(outcome: Outcomes, probability: Floats) -> Beta:
    """Beta calibration by penalised maximum likelihood."""
    p, y = clip_probability(probability), np.asarray(outcome).astype(np.float64)
    design = np.column_stack([np.log(p), -np.log1p(-p), np.ones_like(p)])
    centre = np.array([1.0, 1.0, 0.0])

    def loss(beta: Floats) -> tuple[float, Floats]:
        z = design @ beta
        value = np.logaddexp(0.0, z).sum() - y @ z + RIDGE / 2 * ((beta - centre) ** 2).sum()
        return float(value), design.T @ (expit(z) - y) + RIDGE * (beta - centre)

    minimum = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)])
    a, b, c = map(float, minimum.x)
    return Beta(a, b, c)


#: Name to fit, from the fewest parameters on; ties go to the first.
METHODS: Final[Mapping[str, Callable[[Outcomes, Floats], Calibrator]]] = {
    "none": lambda outcome, probability: NONE,
    "shift": fit_shift,
    "logistic": fit_logistic,
    "beta": fit_beta,
    "isotonic": fit_isotonic,
}
_KINDS: Final[Mapping[str, type[Beta | Steps]]] = {"beta": Beta, "isotonic": Steps}


def calibrator_of(document: Mapping[str, Json]) -> Calibrator:
    """The map that ``to_json`` described.

    Raises
    ------
    ValueError
        If the method is unknown, a number is missing, or a table does not rise.

    Examples
    --------
    >>> calibrator_of({"method": "shift", "intercept": 0.0, "slope": 1.0}).apply(np.array([0.25]))
    array([0.25])
    """
    method = document.get("method")
    if method not in METHODS:
        raise ValueError(f"calibration {method!r} is unknown")
    kind: type[Affine | Beta | Steps] = _KINDS.get(str(method), Affine)
    missing = [each.name for each in fields(kind) if each.name not in document]
    if missing:
        raise ValueError(f"the calibration lacks {', '.join(missing)}")
    calibrator = from_json(kind, document)
    if isinstance(calibrator, Steps) and not calibrator.rises():
        raise ValueError("the calibration's table is not one of rising scores")
    return calibrator


@dataclass(frozen=True)
class Choice(Result):
    """Which map was chosen, and the log loss of each on windows after those it was fitted on.

    Parameters
    ----------
    losses:
        Method to mean log loss; empty where no window lay after another, so that nothing could be compared.
    """

    method: str
    losses: Mapping[str, float]


def choose(
    windows: Sequence[tuple[int, Outcomes, Floats]],
    span: int,
    methods: Sequence[str] = tuple(METHODS),
    otherwise: str = "none",
) -> Choice:
    """The method with the least log loss out of time, if its gain is more than chance from window to window.

    Each window is predicted with maps fitted on the windows that were closed before it began. Customers of one window
    share its season, so that the windows are the evidence and not the customers: the mean gain over ``otherwise`` must
    exceed its standard deviation between windows.

    Parameters
    ----------
    windows:
        (day on which the window begins, outcomes, the model's probabilities), the oldest first; the model never saw
        the outcomes.
    span:
        Length of a window in days.
    otherwise:
        One of ``methods``: what is taken where fewer than two windows follow another, or none surely gains.
    """
    losses: dict[str, list[float]] = {name: [] for name in methods}
    rows: list[int] = []
    for day, outcome, probability in windows:
        before = [(y, p) for start, y, p in windows if start + span <= day]
        if not before or len(outcome) == 0:
            continue
        past = np.concatenate([y for y, _ in before]), np.concatenate([p for _, p in before])
        for name in methods:
            losses[name].append(float(log_loss(outcome, METHODS[name](*past).apply(probability)).mean()))
        rows.append(len(outcome))
    if not rows:
        return Choice(otherwise, {})
    means = {name: float(np.average(values, weights=rows)) for name, values in losses.items()}
    best = min(methods, key=lambda name: means[name])
    gains = np.array(losses[otherwise]) - np.array(losses[best])
    sure = len(gains) > 1 and gains.mean() > gains.std(ddof=1)
    return Choice(best if sure else otherwise, means)
