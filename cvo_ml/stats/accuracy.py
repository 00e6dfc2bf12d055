"""How far predictions of amounts were off, alone and in pairs: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import rankdata

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.result import Result
from cvo_ml.stats.intervals import Interval, bootstraps
from cvo_ml.stats.ranking import capture, gini

_MOST_DRAWN: Final = 30_000_000  # rows drawn by all replicates of a bootstrap together
_FEWEST_REPLICATES: Final = 50


@dataclass(frozen=True)
class Accuracy(Result):
    """Predictions (n,) against what came (n,), in the unit of the amounts; None where undefined.

    Attributes
    ----------
    total_bias:
        Sum predicted / sum that came − 1.
    rmse, mae:
        Root mean square and mean absolute error per row.
    gini:
        Of what came in the order of the prediction.
    spearman:
        Rank correlation.
    top_decile_share:
        Share of what came that the top tenth by prediction holds.
    """

    total_bias: float | None
    rmse: float
    mae: float
    gini: float | None
    spearman: float | None
    top_decile_share: float | None


def accuracy(actual: Floats, predicted: Floats) -> Accuracy:
    """Accuracy of ``predicted`` (n,), n > 0.

    Examples
    --------
    >>> measured = accuracy(np.array([0.0, 2.0, 4.0]), np.array([1.0, 2.0, 6.0]))
    >>> measured.total_bias, measured.mae, measured.spearman
    (0.5, 1.0, 1.0)
    >>> accuracy(np.array([0.0, 1.0]), np.zeros(2)).gini is None  # a constant has no order
    True
    """
    error, total = predicted - actual, float(actual.sum())
    ordered = len(actual) > 1 and np.ptp(predicted) > 0
    varies = ordered and np.ptp(actual) > 0
    return Accuracy(
        _known(float(predicted.sum()) / total - 1) if total > 0 else None,
        float(np.sqrt(np.mean(error**2))),
        float(np.mean(np.abs(error))),
        _known(gini(actual, predicted)) if ordered else None,
        _known(float(np.corrcoef(rankdata(actual), rankdata(predicted))[0, 1])) if varies else None,
        _known(capture(actual, predicted)) if ordered else None,
    )


def paired(actual: Floats, first: Floats, second: Floats, *, level: float = 0.95, seed: int = 0) -> dict[str, Interval]:
    """How much better ``first`` is than ``second`` on the same rows: above 0 is better.

    Returns
    -------
    dict
        ``rmse``: second's less first's; ``total_bias``: absolute bias of the second less that of the first; ``gini``:
        first's less second's; each with a percentile bootstrap interval over rows. ``gini`` is left out where one of
        them has no order, ``total_bias`` and ``gini`` where nothing came.

    Examples
    --------
    >>> actual = np.random.default_rng(0).gamma(1.0, 10.0, 500)
    >>> better = paired(actual, actual * 1.1, np.full(500, 30.0))
    >>> better["rmse"].lower > 0, better["total_bias"].lower > 0, "gini" in better
    (True, True, False)
    """
    measures: dict[str, tuple[float, Callable[[Floats, Floats], float]]] = {"rmse": (-1.0, _rmse)}
    if actual.sum() > 0:
        measures["total_bias"] = (-1.0, _absolute_bias)
        if np.ptp(first) > 0 and np.ptp(second) > 0:
            measures["gini"] = (1.0, gini)

    def better(rows: Places) -> list[float]:
        y, one, other = actual[rows], first[rows], second[rows]
        return [sign * (measure(y, one) - measure(y, other)) for sign, measure in measures.values()]

    replicates = int(np.clip(_MOST_DRAWN // len(actual), _FEWEST_REPLICATES, 300))
    found = bootstraps(better, len(actual), replicates=replicates, level=level, seed=seed)
    known = [bool(np.isfinite([interval.estimate, interval.lower]).all()) for interval in found]
    return {name: interval for name, interval, kept in zip(measures, found, known, strict=True) if kept}


def by_group(group: Places, columns: Mapping[str, Floats]) -> list[dict[str, float]]:
    """The mean of each column in each group that has rows: ``group`` (its number), ``rows`` and the columns' means.

    Examples
    --------
    >>> by_group(np.array([0, 0, 2]), {"actual": np.array([1.0, 3.0, 5.0])})
    [{'group': 0, 'rows': 2, 'actual': 2.0}, {'group': 2, 'rows': 1, 'actual': 5.0}]
    """
    size = np.bincount(group)
    sums = {name: np.bincount(group, weights=values) for name, values in columns.items()}
    return [
        {"group": int(g), "rows": int(size[g]), **{name: float(total[g] / size[g]) for name, total in sums.items()}}
        for g in np.flatnonzero(size)
    ]


def deciles(predicted: Floats) -> Places:
    """The tenth of the rows in which each prediction lies, 1 to 10 (highest) (n,); ties by position.

    Examples
    --------
    >>> deciles(np.array([5.0, 1.0])).tolist()
    [6, 1]
    """
    place = np.empty(len(predicted), dtype=np.intp)
    place[np.argsort(predicted, kind="stable")] = np.arange(len(predicted))
    return np.asarray(place * 10 // max(len(predicted), 1) + 1, dtype=np.intp)


def _rmse(actual: Floats, predicted: Floats) -> float:
    return float(np.sqrt(np.mean((actual - predicted) ** 2)))


def _absolute_bias(actual: Floats, predicted: Floats) -> float:
    total = float(actual.sum())
    return abs(float(predicted.sum()) / total - 1) if total > 0 else float("nan")


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
