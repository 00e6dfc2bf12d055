"""``cvo train`` and ``backtest``: what needs the jobs that fit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cvo_ml.cli.options import (
    MLRUNS,
    AsOf,
    JobOverrides,
    Json,
    MaxBadShare,
    Mlruns,
    Shop,
    Simulated,
    SimulatedSeed,
    SimulatedSize,
    TrustCode,
    answer,
    chosen_shop,
    workspace,
)

if TYPE_CHECKING:
    from cvo_ml.core.workspace import Workspace


def train(
    names: Annotated[list[str], typer.Argument(help="clv, churn, icp; several or one.")],
    shop: Shop = None,
    as_of: AsOf = None,
    max_bad_share: MaxBadShare = None,
    mlruns: Mlruns = MLRUNS,
    overrides: JobOverrides = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make a challenger champion at once if its gates are open.")
    ] = False,
    trust_code: TrustCode = False,
    tune: Annotated[
        Optional[str], typer.Option("--tune", help="Search better churn trees first: trials, or minutes as in 10min.")
    ] = None,
    static: Annotated[
        Optional[Path],
        typer.Option(
            "--static", help="churn on a CSV or Parquet table without dates; see --label.", show_default=False
        ),
    ] = None,
    label: Annotated[Optional[str], typer.Option("--label", help="With --static: the column of who churned.")] = None,
    positive: Annotated[Optional[str], typer.Option("--positive", help="With --static: its value for yes.")] = None,
    as_json: Json = False,
) -> None:
    """Fit models on what was known before the cut; track, grade and register them.

    A shop's first model becomes champion, a later one challenger: see cvo models promote.
    """
    from cvo_ml.cli.terminal import aside
    from cvo_ml.cli.views import training as view
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.units import parse_as_of
    from cvo_ml.workflows.checkout import trainer
    from cvo_ml.workflows.train import TrainRequest, train

    place = workspace(mlruns=mlruns, quiet=as_json)
    if static is not None:
        _on_table(names, static, label, positive, overrides or [], tune, place, as_json)
        return
    chosen = chosen_shop(place, shop, max_bad_share)
    if as_of is None:
        raise UsageError("train needs --as-of YYYY-MM-DD: the code never asks the clock what day it is")
    request = TrainRequest(
        names=tuple(names), shop=chosen, as_of=parse_as_of(as_of), overrides=tuple(overrides or ()),
        promote="gate" if promote else "never", tune=tune,
        trust_code=trust_code,
    )  # fmt: skip
    with aside(as_json):
        trained = train(request, place, trainer())
    answer(trained, as_json, view.models)
    if failure := trained.failure(request.promote):
        raise failure


def _on_table(
    names: list[str],
    table: Path,
    label: str | None,
    positive: str | None,
    overrides: list[str],
    tune: str | None,
    place: Workspace,
    as_json: bool,
) -> None:
    from cvo_ml.cli.terminal import aside
    from cvo_ml.cli.views.training import static_model as show
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.models import CHURN
    from cvo_ml.workflows.checkout import trainer
    from cvo_ml.workflows.train import StaticRequest, train_static

    if names != [CHURN.name] or label is None:
        raise UsageError("--static is for churn alone, and needs --label: cvo train churn --static FILE --label COLUMN")
    if tune is not None:
        raise UsageError(
            "--tune judges trials on later windows, which a table without dates does not have: leave it out"
        )
    request = StaticRequest(table=table, label=label, positive=positive, overrides=tuple(overrides))
    with aside(as_json):
        model = train_static(request, place, trainer())
    if refused := model.refusal():
        raise refused
    answer(model, as_json, show)


def backtest(
    shop: Shop = None,
    horizon: Annotated[str, typer.Option("--horizon", help="Window that is predicted and then judged.")] = "60D",
    every: Annotated[str, typer.Option("--every", help="Time between two cuts.")] = "30D",
    start: Annotated[Optional[str], typer.Option("--from", help="No cut before it.", show_default=False)] = None,
    end: Annotated[
        Optional[str], typer.Option("--until", help="The last cut; default: the last whose window is over.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder; a walk that was interrupted goes on there.")] = Path(
        "backtest"
    ),
    overrides: JobOverrides = None,
    simulated: Simulated = None,
    size: SimulatedSize = None,
    seed: SimulatedSeed = None,
    as_json: Json = False,
) -> None:
    """Walk the calendar: at each cut train, score, and compare with what came; what would the lists have earned?"""
    from cvo_ml.cli.views import backtest as view
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.models import MODEL_NAMES
    from cvo_ml.core.units import Horizon, parse_as_of
    from cvo_ml.workflows.backtest import BacktestRequest
    from cvo_ml.workflows.backtest import backtest as walk
    from cvo_ml.workflows.checkout import trainer
    from cvo_ml.workflows.simulate import simulated_shop
    from cvo_ml.workflows.train import check_overrides

    place, truth = workspace(out, quiet=as_json), None
    span, step = Horizon(horizon), Horizon(every)
    first, last = (parse_as_of(text) if text else None for text in (start, end))
    check_overrides(MODEL_NAMES, overrides or [], place.configs)
    jobs = trainer(spawned=True)
    if simulated is not None:
        if shop is not None:
            raise UsageError("--simulated makes a shop of its own: leave --shop out")
        chosen, truth = simulated_shop(simulated, place, size, seed)
    else:
        chosen = chosen_shop(place, shop)
    request = BacktestRequest(
        shop=chosen, horizon=span, every=step, start=first, end=last, overrides=tuple(overrides or ())
    )
    answer(walk(request, place, jobs.train_at, truth), as_json, partial(view.show, workspace=place))
