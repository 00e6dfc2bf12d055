"""A walk through the past as it is stored: what was trained, scored and seen at each cut, and what lists earned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cvo_ml.config.priorities import Action, PriorityPolicy
from cvo_ml.core.result import OPTIONAL, Json, Result, from_json, json_key
from cvo_ml.monitoring.earnings import ListEarnings
from cvo_ml.monitoring.outcome_summary import OutcomeLine
from cvo_ml.monitoring.outcomes import RunEvaluation
from cvo_ml.monitoring.truth import TruthDistance


@dataclass(frozen=True)
class CutModel(Result):
    """A model as a cut trained it, or the reason why there was none."""

    kind: str | None = field(default=None, metadata=OPTIONAL)
    version: str | None = field(default=None, metadata=OPTIONAL)
    grade: str | None = field(default=None, metadata=OPTIONAL)
    reason: str | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class CutRecord(Result):
    """One cut: its models, the run that was stored, and how its scores turned out."""

    cut: date
    run: str
    models: Mapping[str, CutModel]
    evaluation: RunEvaluation = field(metadata=json_key("judged"))
    seconds: float


@dataclass(frozen=True)
class BacktestPlan(Result):
    """What was walked: the shop, the window, and the configuration of jobs and policies."""

    shop: str
    currency: str
    data_hash: str
    horizon_days: float
    jobs: Json
    policies: Mapping[str, Json]

    @property
    def contact(self) -> Action:
        """The action whose declared effect the lists' earnings assume."""
        return PriorityPolicy.model_validate(self.policies["priorities"]).contact


@dataclass(frozen=True)
class Backtest(Result):
    """All cuts, what the lists would have earned together, and what became of the scores.

    Parameters
    ----------
    ledger:
        The outcome ledger by date.
    truth:
        By cut, the distance from the truth of a simulated shop.
    """

    plan: BacktestPlan
    cuts: tuple[CutRecord, ...]
    earnings: tuple[ListEarnings, ...]
    ledger: tuple[OutcomeLine, ...] = ()
    truth: Mapping[str, TruthDistance] | None = field(default=None, metadata=OPTIONAL)


def stored_backtest(document: Json) -> Backtest:
    """The backtest in a document; its ledger is read from the ledger's own files.

    Raises
    ------
    ValueError
        If the document is none.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"{document!r} is no backtest")
    return from_json(Backtest, {name: value for name, value in document.items() if name != "ledger"})
