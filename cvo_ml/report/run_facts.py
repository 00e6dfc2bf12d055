"""What a page says of a stored run beside its scores: read from the manifest here and nowhere else in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cvo_ml.core.ledger import CustomerLedger, RowLedger
from cvo_ml.core.models import MODELS, ModelSpec
from cvo_ml.core.result import Json, Result, from_json
from cvo_ml.core.store import StoredRun
from cvo_ml.priorities.summary import PlanSummary, stored_plan
from cvo_ml.report.text import evidence
from cvo_ml.stats.intervals import Interval


@dataclass(frozen=True)
class ModelFacts(Result):
    """A model that scored, or the reason why there was none.

    Parameters
    ----------
    evidence:
        What its grade rests on, in words.
    slope:
        Of its calibration; 1 is perfect.
    worse:
        Slices of the customers where it is worse than the baseline.
    """

    title: str
    kind: str = ""
    version: str = ""
    grade: str = ""
    evidence: str = ""
    slope: Interval | None = None
    worse: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""

    @classmethod
    def of(cls, model: ModelSpec, described: Mapping[str, Json]) -> ModelFacts:
        """From what a manifest says of the model."""
        stored = from_json(_StoredModel, described)
        return cls(
            title=model.title,
            kind=stored.kind,
            version=stored.version,
            grade=stored.verdict.grade,
            evidence=evidence(model.name, stored.metrics) if stored.metrics else "",
            slope=stored.verdict.slope,
            worse=stored.verdict.worse_slices,
            notes=stored.notes,
            reason=stored.reason,
        )


@dataclass(frozen=True)
class _StoredVerdict:
    grade: str = ""
    slope: Interval | None = None
    worse_slices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _StoredModel:
    kind: str = ""
    version: str = ""
    verdict: _StoredVerdict = _StoredVerdict()
    metrics: Mapping[str, float] | None = None
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class RunFacts(Result):
    """A run for people.

    Parameters
    ----------
    holdout_share:
        Of the customers, kept untreated.
    readiness:
        What the data can carry, in sentences.
    """

    name: str
    shop: str
    as_of: str
    currency: str
    value_basis: str
    plan: PlanSummary
    holdout_share: float
    models: tuple[ModelFacts, ...]
    row_ledger: RowLedger
    customer_ledgers: Mapping[str, CustomerLedger]
    notes: tuple[str, ...]
    readiness: tuple[str, ...]

    @classmethod
    def of(cls, run: StoredRun) -> RunFacts:
        """From the run's manifest.

        Raises
        ------
        DamagedFile
            If its plan cannot be read.
        """
        manifest = run.manifest
        ledgers = manifest["customer_ledgers"]
        return cls(
            name=run.name,
            shop=str(manifest["shop"]),
            as_of=str(manifest["as_of"]),
            currency=str(manifest["currency"]),
            value_basis=str(manifest["value_basis"]),
            plan=stored_plan(run),
            holdout_share=float(manifest["priorities"]["holdout"]["share"]),
            models=tuple(ModelFacts.of(model, manifest["models"][model.name]) for model in MODELS),
            row_ledger=from_json(RowLedger, manifest["row_ledger"]),
            customer_ledgers={
                model.name: from_json(CustomerLedger, ledgers[model.name]) for model in MODELS if model.name in ledgers
            },
            notes=tuple(manifest["notes"]),
            readiness=tuple(manifest.get("readiness", ())),
        )
