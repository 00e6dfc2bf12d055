"""Lookalikes of known winners among people of whom most were never asked: positive-unlabelled learning by bagging."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from cvo_ml.config.readiness import ICP_POSITIVES
from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.result import Json, Result
from cvo_ml.models.boosting import BoostedClassifier, TreeParameters
from cvo_ml.models.estimator import Estimator
from cvo_ml.models.icp.reference import percentile, reference_quantiles
from cvo_ml.models.protocol import Parts
from cvo_ml.stats.calibration import LogisticMap, logistic_recalibration
from cvo_ml.stats.intervals import Interval
from cvo_ml.stats.positive_unlabelled import label_frequency

#: Scores are kept this far from 0 and 1 where log-odds are taken.
EDGE = 1e-6
#: A bag leaves out as much of the background as a bootstrap sample would: it is calibrated on what is left out.
MOST_DRAWN: Final = 1 - 1 / math.e


@dataclass(frozen=True)
class Line(Result):
    """The calibration: a line on the log-odds."""

    intercept: float
    slope: float


@dataclass(frozen=True)
class BagParameters(Result):
    """What a bundle holds of all bags, beside their trees' text."""

    features: Sequence[str]
    categories: Sequence[str]
    rounds: int
    parameters: Mapping[str, Json]
    per_positive: float
    levels_by_bag: Sequence[Mapping[str, Sequence[str]]]
    thinning: float
    calibration: Line
    frequency: float
    elkan_noto: Interval
    quantiles: Sequence[float]


class PositiveUnlabelled(Estimator):
    """Bagged LightGBM of known winners against the background (Mordelet & Vert 2014), rescaled (Elkan & Noto 2008).

    Each bag draws the known winners with replacement and ``per_positive`` times as many of the background without (at
    most 1 - 1/e of it). Its odds are brought back to those of the whole, and the mean over bags is calibrated on the
    rows that each bag left out: it is P(known winner | x). Divided by the label frequency c and clipped to [0, 1] it is
    P(winner | x).

    Where losses are on record too, it is fitted on the people whose outcome is known, with c = 1: the others tell
    nothing of it. If the fields say who was asked, each such person stands for 1 / P(outcome known | x) people in the
    calibration, so that its level is that of everybody (Horvitz & Thompson 1952).

    Parameters
    ----------
    features, categories:
        Number and text columns, as for ``BoostedClassifier``.
    rounds, parameters:
        As for ``BoostedClassifier``.
    bags, per_positive:
        Number of models, and background rows per known winner in each.
    fewest_positives:
        Fewer known winners than this are refused.
    """

    kind: ClassVar[str] = "icp.pu_lightgbm"

    def __init__(
        self,
        features: Sequence[str],
        categories: Sequence[str] = (),
        rounds: int = 60,
        parameters: Mapping[str, Any] | None = None,
        *,
        bags: int = 10,
        per_positive: float = 3.0,
        fewest_positives: int = ICP_POSITIVES,
    ) -> None:
        self.features = features
        self.categories = categories
        self.rounds = rounds
        self.parameters = parameters
        self.bags = bags
        self.per_positive = per_positive
        self.fewest_positives = fewest_positives

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return (*self.features, *self.categories)

    def fit(
        self,
        X: pd.DataFrame,
        y: Outcomes,
        frequency: float | None = None,
        seed: int = 7,
        *,
        weight: Floats | None = None,
        reference: pd.DataFrame | None = None,
    ) -> Self:
        """Fit on rows sorted by the caller.

        Parameters
        ----------
        y:
            (n,): 1 = known winner, 0 = not known to be one.
        frequency:
            c, the share of winners that are known, where it is known otherwise (who was ever asked is on record); None
            estimates it from the winners left out of each bag.
        weight:
            (n,): how many people each row stands for in the calibration; default: itself.
        reference:
            The people that percentiles are of; default: the rows.

        Raises
        ------
        ModelRefused
            With fewer than ``fewest_positives`` known winners, or no background.
        """
        known = np.asarray(y) != 0
        winners, background = np.flatnonzero(known), np.flatnonzero(~known)
        self._check(len(winners), len(X))
        size = max(1, round(min(self.per_positive * len(winners), MOST_DRAWN * len(background))))
        thinning = size / len(background)
        generator = np.random.default_rng(seed)
        self.models_: list[BoostedClassifier] = []
        self.thinning_ = thinning
        unseen, times_unseen = np.zeros(len(X)), np.zeros(len(X))
        for _ in range(self.bags):
            drawn = generator.choice(winners, len(winners))
            rows = np.sort(np.concatenate([drawn, generator.choice(background, size, replace=False)]))
            trees = BoostedClassifier(self.features, self.categories, self.rounds, self.parameters)
            self.models_.append(trees.fit(X.iloc[rows], known[rows]))
            out = np.ones(len(X), dtype=bool)
            out[rows] = False
            unseen[out] += _thinned(trees.predict_positive(X[out]), thinning)
            times_unseen += out
        left_out = times_unseen > 0
        held_out, weights = unseen[left_out] / times_unseen[left_out], None if weight is None else weight[left_out]
        self.calibration_ = logistic_recalibration(known[left_out], held_out, ridge=1.0, weight=weights)
        self.elkan_noto_: Interval = label_frequency(known[left_out], held_out)
        self.frequency_ = self.elkan_noto_.estimate if frequency is None else frequency
        self.quantiles_ = reference_quantiles(self.predict_proba(X if reference is None else reference)[:, 1])
        return self

    def predict_labelled(self, X: Table) -> Floats:
        """P(known winner), (n,): before the division by the label frequency."""
        rows = Columns.of(X)
        scored = [_thinned(trees.predict_positive(rows), self.thinning_) for trees in self.models_]
        return np.asarray(self.calibration_.apply(np.mean(scored, axis=0)))

    def predict_proba(self, X: Table) -> Floats:
        """Probabilities of not being and of being a winner, (n, 2)."""
        winner = self._winner(self.predict_labelled(X))
        return np.column_stack([1 - winner, winner])

    def effects(self, X: Table) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the score, (n, columns).

        The effect is the score less what it would be without the column's part of the log-odds (mean over bags).
        """
        rows = Columns.of(X)
        bags = [trees.contributions(rows)[:, :-1] for trees in self.models_]
        parts, known = np.mean(bags, axis=0) * self.calibration_.slope, self.predict_labelled(rows)
        without = expit(logit(known.clip(EDGE, 1 - EDGE))[:, None] - parts)
        return self.columns, np.asarray(self._winner(known)[:, None] - self._winner(without))

    def importance(self) -> dict[str, float]:
        """Total gain of each column over all bags."""
        gains = [trees.importance() for trees in self.models_]
        return {name: sum(gain[name] for gain in gains) for name in self.columns}

    def percentile(self, score: Floats) -> Floats:
        """Where scores stand among the reference people, 0-100."""
        return percentile(score, self.quantiles_)

    def to_parts(self) -> Parts:
        """The parameters, and the trees of each bag as text."""
        trees = [bag.files()["trees.txt"] for bag in self.models_]
        parameters = BagParameters(
            features=tuple(self.features),
            categories=tuple(self.categories),
            rounds=self.rounds,
            parameters=dict(self.parameters or {}),
            per_positive=self.per_positive,
            levels_by_bag=[bag.levels_ for bag in self.models_],
            thinning=self.thinning_,
            calibration=Line(self.calibration_.intercept, self.calibration_.slope),
            frequency=self.frequency_,
            elkan_noto=self.elkan_noto_,
            quantiles=self.quantiles_,
        )
        return Parts.of(parameters, {f"trees_{place:02}.txt": text for place, text in enumerate(trees)})

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        p = parts.read(BagParameters)
        bags = len(p.levels_by_bag)
        model = cls(p.features, p.categories, p.rounds, p.parameters, bags=bags, per_positive=p.per_positive)
        model.models_ = [
            BoostedClassifier.of(
                TreeParameters(p.features, p.categories, levels, p.rounds, p.parameters),
                parts.files[f"trees_{place:02}.txt"],
            )
            for place, levels in enumerate(p.levels_by_bag)
        ]
        model.thinning_, model.frequency_ = p.thinning, p.frequency
        model.calibration_ = LogisticMap(p.calibration.intercept, p.calibration.slope)
        model.elkan_noto_, model.quantiles_ = p.elkan_noto, list(p.quantiles)
        return model

    def _winner(self, known: Floats) -> Floats:
        return np.asarray(np.clip(known / self.frequency_, 0.0, 1.0))

    def _check(self, positives: int, rows: int) -> None:
        if positives < self.fewest_positives or positives == rows:
            raise ModelRefused(
                f"icp: {positives:,} known winners among {rows:,} people to learn from, and at least "
                f"{self.fewest_positives} beside a background are needed: use a longer history or a larger top share",
                reason_code="too_few_icp_positives",
            )


def _thinned(probability: Floats, thinning: float) -> Floats:
    """Probabilities among all rows from those where only a share of the background was kept: odds times the share."""
    return np.asarray(probability * thinning / (probability * thinning + 1 - probability))
