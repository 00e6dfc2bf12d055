"""The churn job cut into what its parts read; made once, where the job comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil

from cvo_ml.config.boosted import Trees
from cvo_ml.config.churn import Calibration as Method
from cvo_ml.config.churn import ChurnJob, ChurnOutcome, Definition, Hazard, Offer, Use
from cvo_ml.core.units import Horizon
from cvo_ml.features.own import OwnFeatures
from cvo_ml.features.own.features import PROFILE
from training.clv.sections import PurchaseSpec


@dataclass(frozen=True)
class DatasetSpec:
    """Which customers at which dates are learnt from, what is known of them, and what counts as churned.

    Parameters
    ----------
    every, most, shortest_history:
        Distance of two snapshots, how many at most, and how long after the shop's first order the first one may be.
    further_windows:
        Windows before the first one to learn from: where a season may be learnt, each window that calibrates has a
        model of as many windows as the last one.
    more_features, btyd_features, season:
        What the trees read beside the features of every shop.
    directed:
        Features whose direction is declared.
    purchases:
        How the model of purchases is fitted.
    own:
        Features of the user's own.
    """

    outcome: ChurnOutcome
    every: Horizon
    most: int
    shortest_history: Horizon
    further_windows: int
    more_features: tuple[str, ...]
    btyd_features: bool
    season: bool
    directed: tuple[str, ...]
    purchases: PurchaseSpec
    own: OwnFeatures = field(default_factory=OwnFeatures)

    @property
    def horizon(self) -> Horizon:
        """The window in which customers churn."""
        return self.outcome.horizon


@dataclass(frozen=True)
class TreeSpec:
    """Trees for the whole horizon, or for each of its periods (``is_hazard``)."""

    is_hazard: bool
    trees: Trees
    monotone: Mapping[str, int]
    periods: int


@dataclass(frozen=True)
class CalibrationSpec:
    """What joins the trees, and the map from their probabilities to calibrated ones.

    Parameters
    ----------
    days:
        Of the horizon: windows nearer to each other overlap.
    """

    method: Method
    windows: int
    stack: Use
    season_level: Use
    definition: Definition
    days: int


@dataclass(frozen=True)
class EvaluationSpec:
    """What stands beside the model in the window that judges it."""

    offer: Offer
    hazard: Hazard


@dataclass(frozen=True)
class ChurnSections:
    """All sections of a churn job."""

    dataset: DatasetSpec
    trees: TreeSpec
    calibration: CalibrationSpec
    evaluation: EvaluationSpec

    def with_trees(self, trees: Trees) -> ChurnSections:
        """The same with other trees."""
        return replace(self, trees=replace(self.trees, trees=trees))


def sections_of(job: ChurnJob, purchases: PurchaseSpec | None = None, own: OwnFeatures | None = None) -> ChurnSections:
    """The sections of a job.

    Parameters
    ----------
    purchases:
        The CLV job's section; None = its defaults.
    own:
        The features of the user's own that the job names.

    Examples
    --------
    >>> sections_of(ChurnJob(horizon=Horizon("60D"))).calibration.days
    60
    """
    further = 0
    if job.season_level != "never":
        further = ceil(job.horizon.days / job.snapshots_every.days) + job.calibration.windows - 1
    dataset = DatasetSpec(
        outcome=job.outcome,
        every=job.snapshots_every,
        most=job.most_snapshots,
        shortest_history=job.shortest_history,
        further_windows=further,
        more_features=tuple(name for name in job.more_features if not name.startswith(PROFILE)),
        btyd_features=job.btyd_features,
        season=job.season,
        directed=tuple(job.monotone),
        purchases=purchases or PurchaseSpec(),
        own=own or OwnFeatures(),
    )
    calibration = CalibrationSpec(
        method=job.calibration.method,
        windows=job.calibration.windows,
        stack=job.stack,
        season_level=job.season_level,
        definition=job.definition,
        days=job.horizon.whole_days,
    )
    trees = TreeSpec(job.model == "hazard", job.trees, job.monotone, job.hazard.periods)
    return ChurnSections(dataset, trees, calibration, EvaluationSpec(job.offer, job.hazard))
