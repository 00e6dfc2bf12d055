"""The CLV job cut into what its parts read."""

from __future__ import annotations

from dataclasses import dataclass

from cvo_ml.config.jobs import ClvJob


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
