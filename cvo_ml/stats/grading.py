"""One letter for a model, from its advantage over its baseline on data after training.

A: the advantage's 95 % lower bound is above 0, the calibration slope's 95 % interval meets 0.9-1.1,
and no slice is significantly worse. B: lower bound above 0. C: advantage above 0 only. D: not better,
and then the baseline itself is the champion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.result import Result
from cvo_ml.stats.intervals import Interval, mean_interval

Grade = Literal["A", "B", "C", "D"]
SLOPE_RANGE: Final = (0.9, 1.1)
SMALLEST_SLICE: Final = 30


@dataclass(frozen=True)
class Verdict(Result):
    """A grade with its evidence.

    Parameters
    ----------
    advantage:
        How much better than the baseline, in units of the loss; above 0 is better.
    slope:
        Calibration slope; None where a model has none (it is then not asked for).
    worse_slices:
        Slices where the model is significantly worse than the baseline.
    """

    grade: Grade
    advantage: Interval
    slope: Interval | None = None
    worse_slices: tuple[str, ...] = ()
    slices: Mapping[str, Interval] = field(default_factory=dict)


def grade(advantage: Interval, slope: Interval | None, slices: Mapping[str, Interval]) -> Verdict:
    """The grade that the evidence earns.

    Examples
    --------
    >>> grade(Interval(.2, .1, .3), Interval(1., .8, 1.2), {}).grade
    'A'
    >>> grade(Interval(.2, .1, .3), Interval(1.5, 1.3, 1.7), {}).grade
    'B'
    >>> grade(Interval(.2, -.1, .3), None, {}).grade, grade(Interval(-.1, -.2, .1), None, {}).grade
    ('C', 'D')
    """
    worse = tuple(name for name, interval in slices.items() if interval.upper < 0)
    letter: Grade
    if not advantage.estimate > 0:
        letter = "D"
    elif not advantage.lower > 0:
        letter = "C"
    elif worse or (slope is not None and not slope.meets(*SLOPE_RANGE)):
        letter = "B"
    else:
        letter = "A"
    return Verdict(letter, advantage, slope, worse, dict(slices))


def grade_losses(
    model_loss: Floats,
    baseline_loss: Floats,
    slope: Interval | None,
    slices: Mapping[str, Flags],
    seed: int = 0,
) -> Verdict:
    """Grade by the mean loss of the same rows under model and baseline, (n,) each, by paired bootstrap."""
    better = baseline_loss - model_loss
    by_slice = {
        name: mean_interval(better[rows], seed=seed) for name, rows in slices.items() if rows.sum() >= SMALLEST_SLICE
    }
    return grade(mean_interval(better, seed=seed), slope, by_slice)
