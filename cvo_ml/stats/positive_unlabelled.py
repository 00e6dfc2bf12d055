"""Judging a score where winners are known only among those who were asked: label frequency, AUC, precision.

``labelled`` marks known winners; all others are unlabelled, and some of them are winners. What is said here needs known
winners to be a random sample of all winners (selected completely at random, SCAR; Elkan & Noto 2008): then the lift of
a score is the same for known winners as for all, and AUC and precision follow from the label frequency
c = P(labelled | winner).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.stats.intervals import Interval
from cvo_ml.stats.ranking import auc, top_weights

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: Below this a label frequency would blow up every score that is divided by it.
LEAST_FREQUENCY: Final = 0.01
REPLICATES: Final = 500


def label_frequency(score_of_labelled: Floats, *, level: float = 0.95, seed: int = 0) -> Interval:
    """Elkan & Noto's e1: the mean of P(labelled | x) over known winners that the model has not seen, in [0.01, 1].

    It is right where winners can be told from losers; where some winners look like losers it is too small.

    Parameters
    ----------
    score_of_labelled:
        (n,) probabilities of being labelled, n > 0.

    Examples
    --------
    >>> label_frequency(np.full(50, 0.4)).estimate
    0.4
    """
    draws = np.random.default_rng(seed).integers(0, len(score_of_labelled), (REPLICATES, len(score_of_labelled)))
    lower, upper = np.quantile(score_of_labelled[draws].mean(axis=1), [0.5 - level / 2, 0.5 + level / 2])
    low, middle, high = np.clip([lower, score_of_labelled.mean(), upper], LEAST_FREQUENCY, 1.0)
    return Interval(float(middle), float(low), float(high), level)


def hidden_share(labelled_share: float, frequency: float) -> float:
    """Share of winners among the unlabelled: (a/c - a) / (1 - a) for a labelled share a, at most 1.

    Examples
    --------
    >>> round(hidden_share(0.1, 0.5), 4)
    0.1111
    """
    return float(min(1.0, labelled_share * (1 / frequency - 1) / (1 - labelled_share)))


def corrected_auc(found: float, hidden: float) -> float:
    """AUC of winners against losers from that of known winners against the unlabelled: (AUC - h/2) / (1 - h).

    ``hidden`` is the share of winners among the unlabelled (Sakai et al. 2018). It may pass 1 by chance; NaN where all
    are winners.

    Examples
    --------
    >>> corrected_auc(0.76, 0.2)
    0.825
    """
    return float((found - hidden / 2) / (1 - hidden)) if hidden < 1 else float("nan")


def auc_interval(
    labelled: Flags, score: Floats, frequency: Interval, *, replicates: int = REPLICATES, seed: int = 0
) -> Interval:
    """Corrected AUC with a bootstrap interval that also carries what is not known of the label frequency.

    Each replicate draws rows (n,), and a frequency from a normal of the interval's width.
    """
    generator = np.random.default_rng(seed)
    n, spread = len(score), (frequency.upper - frequency.lower) / 3.92
    found = np.empty(replicates)
    for place in range(replicates):
        rows = generator.integers(0, n, n)
        drawn = float(np.clip(generator.normal(frequency.estimate, spread), LEAST_FREQUENCY, 1.0))
        found[place] = _corrected(labelled[rows], score[rows], drawn)
    lower, upper = np.nanquantile(found, [0.025, 0.975])
    return Interval(_corrected(labelled, score, frequency.estimate), float(lower), float(upper))


def precision_at(labelled: NDArray[np.generic], score: Floats, capacity: float, frequency: float = 1.0) -> float:
    """Expected share of winners among the top ``capacity`` (a share of all rows), at most 1.

    Examples
    --------
    >>> precision_at(np.array([1, 0, 0, 0]), np.array([4., 3., 2., 1.]), 0.5)
    0.5
    """
    chosen = top_weights(score, capacity)
    return float(min(1.0, (chosen * np.asarray(labelled).astype(np.float64)).sum() / chosen.sum() / frequency))


def _corrected(labelled: Flags, score: Floats, frequency: float) -> float:
    return corrected_auc(auc(labelled, score), hidden_share(float(labelled.mean()), frequency))
