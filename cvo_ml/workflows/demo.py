"""The whole way once: read, train, score, plan, and see what really came after the cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.models import CHURN, CLV, MODEL_NAMES
from cvo_ml.core.result import Result
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.monitoring.truth import Truth
from cvo_ml.workflows.check import RowsRead, rows_read
from cvo_ml.workflows.cut_dates import check_window, default_cut
from cvo_ml.workflows.outcomes import OutcomesRequest, OutcomesResult, outcomes
from cvo_ml.workflows.report import report
from cvo_ml.workflows.score import ScoreRequest, ScoreResult, score
from cvo_ml.workflows.serving_models import serving_models
from cvo_ml.workflows.shops import read_tables, save_shop
from cvo_ml.workflows.train import Trainer, TrainRequest, TrainResult, train


class DemoRequest(FrozenConfig):
    """On whom.

    Parameters
    ----------
    as_of:
        The cut; None = the last whose window is over.
    horizon:
        The window that is predicted and then judged.
    overrides:
        Of jobs, such as ``churn.trees.rounds=100``.
    """

    shop: ShopConfig
    as_of: date | None = None
    horizon: Horizon = Horizon("90D")
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class DemoCut(Result):
    """The day before which models learn, and the window after it that judges them."""

    as_of: date
    horizon: Horizon


@dataclass(frozen=True)
class DemoResult(Result):
    """What each use case on the way came to."""

    rows: RowsRead
    cut: DemoCut
    trained: TrainResult
    scored: ScoreResult
    outcomes: OutcomesResult


Part = RowsRead | DemoCut | TrainResult | ScoreResult | OutcomesResult


def demo(
    request: DemoRequest,
    workspace: Workspace,
    trainer: Trainer,
    *,
    truth: Truth | None = None,
    seen: Callable[[Part], None] = lambda part: None,
) -> DemoResult:
    """Train at the cut, score, plan, and judge by the window after it.

    Parameters
    ----------
    truth:
        Of a simulated shop.
    seen:
        Gets each part of the result as soon as it is there.

    Raises
    ------
    UsageError
        If the window after the cut is not over in the data.
    DataError
        If the rows cannot be trusted, or are too few days.
    """
    shop, span = request.shop, request.horizon
    read = read_tables(shop, workspace)
    seen(rows := rows_read(read))
    cut = DemoCut(request.as_of or default_cut(read.tables, span), span)
    seen(cut)
    check_window(read.tables, cut.as_of, span)
    with workspace.publishing() as draft:
        save_shop(shop, draft.shop_file)
    seen(trained := train(_training(request, cut.as_of), workspace, trainer))
    with workspace.progress.step("Loading the champions"):
        models = serving_models(workspace, shop.name, refused=trained.refused)
    asked = ScoreRequest(shop=shop, as_of=cut.as_of, with_report=False)
    seen(scored := score(asked, workspace, models, read))
    with workspace.progress.step("Looking at what really happened after the cut"):
        judged = outcomes(OutcomesRequest(shop=shop, horizon=span), workspace, read, truth)
    seen(judged)
    report(workspace)
    return DemoResult(rows, cut, trained, scored, judged)


def _training(request: DemoRequest, cut: date) -> TrainRequest:
    """Every model on the one horizon, champion whatever its gates say."""
    span = request.horizon
    horizons = (f"{CLV.name}.horizon={span}", f"{CLV.name}.validation_horizon={span}", f"{CHURN.name}.horizon={span}")
    return TrainRequest(
        names=MODEL_NAMES, shop=request.shop, as_of=cut, overrides=(*horizons, *request.overrides), promote="always"
    )
