"""``cvo train`` and ``backtest``: what needs the jobs that fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import (
    MLRUNS,
    AsOf,
    JobOverrides,
    Json,
    MaxBadShare,
    Mlruns,
    Shop,
    chosen_shop,
    workspace,
)


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
    from cvo_ml.cli.checkout import trainer
    from cvo_ml.cli.terminal import answer, aside
    from cvo_ml.cli.views import training as view
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.units import parse_as_of
    from cvo_ml.workflows.train import TrainRequest, static_request, train, train_static

    place = workspace(mlruns=mlruns, quiet=as_json)
    if static is not None:
        asked = static_request(tuple(names), static, label, positive, tuple(overrides or ()), tune)
        with aside(as_json):
            model = train_static(asked, place, trainer())
        if refused := model.refusal():
            raise refused
        answer(model, as_json, view.static_model)
        return
    chosen = chosen_shop(place, shop, max_bad_share)
    if as_of is None:
        raise UsageError("train needs --as-of YYYY-MM-DD: the code never asks the clock what day it is")
    request = TrainRequest(
        names=tuple(names), shop=chosen, as_of=parse_as_of(as_of), overrides=tuple(overrides or ()),
        promote="gate" if promote else "never", tune=tune,
    )  # fmt: skip
    with aside(as_json):
        trained = train(request, place, trainer())
    answer(trained, as_json, view.models)
    if failure := trained.failure(request.promote):
        raise failure
