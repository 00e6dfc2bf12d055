"""One customer's row of Scores, as a run of everybody would hold it; nothing is published."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.explanation import ModelScores, SegmentFacts
from cvo_ml.core.result import Json, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.scores import validate_scores
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult
from cvo_ml.predict import LoadedModels
from cvo_ml.predict.explain import row_of, scores_of
from cvo_ml.predict.one_customer import of_customer
from cvo_ml.workflows.explain import segment_of
from cvo_ml.workflows.score import policies_of
from cvo_ml.workflows.score_tables import check_models, score_customers
from cvo_ml.workflows.serving_models import serving_models
from cvo_ml.workflows.shops import read_tables

LOGGER: Final = logging.getLogger(__name__)


class ScoreCustomerRequest(FrozenConfig):
    """Whom to score, and as of when; the others are as for ``ScoreRequest``."""

    shop: ShopConfig
    customer_id: str
    as_of: date
    exported: Path | None = None
    trust_code: bool = False


@dataclass(frozen=True)
class ScoreCustomerResult(Result):
    """The row, by column and as people read it.

    Parameters
    ----------
    row:
        Every column of Scores.
    """

    row: Mapping[str, Json]
    scores: tuple[ModelScores, ...]
    segment: SegmentFacts
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The row."""
        return dict(self.row)


def score_customer(
    request: ScoreCustomerRequest,
    workspace: Workspace,
    models: LoadedModels | None = None,
    read: ReadResult | None = None,
) -> ScoreCustomerResult:
    """Score one customer. Group, plan and rank depend on the others, so all are scored, in memory.

    Raises
    ------
    UsageError
        If no order of the customer is known by then.
    DataError
        If the rows cannot be trusted.
    NoChampion
        If there is no model at all.
    ModelRefused
        If a model was made for something else.
    BundleError
        If no model can be trusted.
    """
    shop, as_of, shown = request.shop, request.as_of, workspace.as_published()
    with logged(LOGGER, "score_customer", shop=shop.name, as_of=str(as_of)):
        read = read or read_tables(shop, shown, as_of)
        of_customer(read.tables, request.customer_id, as_of)  # refuses an unknown id before the work
        models = models or serving_models(shown, shop.name, exported=request.exported, trust_code=request.trust_code)
        check_models(models, shop=shop.name, currency=read.tables.currency, as_of=as_of)
        segments, priorities = policies_of(shown)
        with shown.progress.step("Scoring, segmenting, prioritizing"):
            scored = score_customers(read.tables, as_of, models, segments, priorities, shop=shop.name, workspace=shown)
        row = validate_scores(scored.scores.loc[[request.customer_id]]).iloc[0]
    return ScoreCustomerResult(row_of(row), scores_of(row), segment_of(row), models.notes)
