"""Judging a score where winners are known only among those who were asked: label frequency, AUC, precision.

``labelled`` marks known winners; all others are unlabelled, and some of them are winners. What is said here needs known
winners to be a random sample of all winners (selected completely at random, SCAR; Elkan & Noto 2008): then the lift of
a score is the same for known winners as for all, and AUC and precision follow from the label frequency
c = P(labelled | winner).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Flags, Floats, Outcomes, Places
from cvo_ml.stats.intervals import Interval, bootstrap, wilson
from cvo_ml.stats.ranking import auc, top_weights

#: Below this a label frequency would blow up every score that is divided by it.
LEAST_FREQUENCY: Final = 0.01
REPLICATES: Final = 500
#: Share of all rows, by score, among which the labelled are counted.
SUREST: Final = 0.05


def label_frequency(labelled: Flags, score: Floats, *, level: float = 0.95) -> Interval:
    """Share of the labelled among the top 5 % by score, at least 0.01: Elkan & Noto's e3 with a Wilson interval.

    They take the highest P(labelled | x); its mean over the surest twentieth is the same where those are winners, and
    has no luck of a maximum. Where even the surest are not all winners it is too small. (Their e1, the mean over the
    labelled, needs all winners to be told from losers.)

    Parameters
    ----------
    labelled, score:
        (n,); scores of a model that has not seen the row's label. They need only order.

    Examples
    --------
    >>> print(label_frequency(np.arange(4000) % 5 == 0, np.zeros(4000)))
    0.2 [0.188, 0.213]
    """
    surest = score >= np.quantile(score, 1 - SUREST)
    share = wilson(int(labelled[surest].sum()), int(surest.sum()), level)
    low, middle, high = np.clip([share.lower, share.estimate, share.upper], LEAST_FREQUENCY, 1.0)
    return Interval(float(middle), float(low), float(high), level)


def hidden_share(labelled_share: float, frequency: float) -> float:
    """Share of winners among the unlabelled: (a/c - a) / (1 - a) for a labelled share a, at most 1.

    Examples
    --------
    >>> round(hidden_share(0.1, 0.5), 4)
    0.1111
    """
    return float(min(1.0, labelled_share * (1 / frequency - 1) / (1 - labelled_share)))


def corrected_auc(observed: float, hidden: float) -> float:
    """AUC of winners against losers from that of known winners against the unlabelled: (AUC - h/2) / (1 - h).

    ``hidden`` is the share of winners among the unlabelled (Sakai et al. 2018). It may pass 1 by chance; NaN where all
    are winners.

    Examples
    --------
    >>> corrected_auc(0.76, 0.2)
    0.825
    """
    return float((observed - hidden / 2) / (1 - hidden)) if hidden < 1 else float("nan")


def auc_interval(
    labelled: Flags, score: Floats, frequency: Interval, *, replicates: int = REPLICATES, seed: int = 0
) -> Interval:
    """Corrected AUC with a bootstrap interval that also carries what is not known of the label frequency.

    Each replicate draws rows (n,), and a frequency from a normal of the interval's width.
    """
    generator = np.random.default_rng(seed)
    spread = (frequency.upper - frequency.lower) / 3.92

    def corrected(rows: Places) -> float:
        drawn = float(np.clip(generator.normal(frequency.estimate, spread), LEAST_FREQUENCY, 1.0))
        return _corrected(labelled[rows], score[rows], drawn)

    found = bootstrap(corrected, len(score), replicates=replicates, seed=generator)
    return replace(found, estimate=_corrected(labelled, score, frequency.estimate))


def precision_at(labelled: Outcomes, score: Floats, capacity: float, frequency: float = 1.0) -> float:
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
