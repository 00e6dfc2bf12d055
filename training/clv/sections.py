"""The CLV job cut into what its parts read; made once, where the job comes in."""

from __future__ import annotations

from dataclasses import dataclass

from cvo_ml.config.jobs import ClvJob, HybridJob
from cvo_ml.core.units import Horizon


@dataclass(frozen=True)
class PurchaseSpec:
    """How a model of purchases is fitted; the model inside churn is fitted in the same way.

    Parameters
    ----------
    model:
        The first rung of the ladder: ``bg_nbd``, ``mbg_nbd`` or ``pareto_nbd``.
    penalty:
        >= 0, on the log of the parameters.
    covariates:
        Columns of a snapshot.
    """

    model: str = "bg_nbd"
    penalty: float = 0.0
    covariates: tuple[str, ...] = ()

    @classmethod
    def of(cls, job: ClvJob) -> PurchaseSpec:
        """The section of a CLV job."""
        return cls(job.model, job.penalty, job.covariates)


@dataclass(frozen=True)
class ValueSpec:
    """Which value the champion predicts.

    Parameters
    ----------
    discount_rate:
        Per year.
    """

    horizon: Horizon
    discount_rate: float


@dataclass(frozen=True)
class HybridSpec:
    """How the trees on top of a model of purchases are trained."""

    purchases: PurchaseSpec
    options: HybridJob


@dataclass(frozen=True)
class ValidationSpec:
    """What the candidates are judged on.

    Parameters
    ----------
    horizon:
        Of the window that judges.
    champion_horizon:
        Of the champion: trees that could not be trained for it are no candidate.
    """

    horizon: Horizon
    champion_horizon: Horizon
    hybrid: HybridSpec


@dataclass(frozen=True)
class ClvSections:
    """All sections of a CLV job."""

    purchases: PurchaseSpec
    value: ValueSpec
    hybrid: HybridSpec
    validation: ValidationSpec


def sections_of(job: ClvJob) -> ClvSections:
    """The sections of a job.

    Examples
    --------
    >>> sections_of(ClvJob(horizon=Horizon("60D"))).validation.champion_horizon
    Horizon('60D')
    """
    purchases = PurchaseSpec.of(job)
    hybrid = HybridSpec(purchases, job.hybrid)
    validation = ValidationSpec(job.validation_horizon, job.horizon, hybrid)
    return ClvSections(purchases, ValueSpec(job.horizon, job.discount_rate), hybrid, validation)
