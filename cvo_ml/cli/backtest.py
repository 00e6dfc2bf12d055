"""``cvo backtest``: what the service would have said and earned at each date of the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cvo_ml.cli import training
from cvo_ml.cli.terminal import console, print_json
from cvo_ml.cli.views.backtest import REPORT, SUMMARY, show
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.files import read_json, write_json, write_text
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.monitoring.backtest import stored_backtest
from cvo_ml.monitoring.truth import Truth
from cvo_ml.report.backtest import render
from cvo_ml.workflows.outcomes import close_outcomes, distances, ledger_lines
from cvo_ml.workflows.shops import save_shop


def backtest(
    shop: ShopConfig,
    workspace: Workspace,
    horizon: str,
    options: Mapping[str, str | None],
    overrides: Sequence[str],
    as_json: bool,
    truth: Truth | None = None,
) -> None:
    """Walk, close the ledger, and write ``backtest.json`` and ``backtest.html``."""
    span = Horizon(horizon)
    for name in ("start", "end"):
        if value := options.get(name):
            parse_as_of(value)
    Horizon(options["every"] or "30D")
    training.checkout()
    out = workspace.results
    shop_file = save_shop(shop, workspace.shop_file)
    _walk(shop_file, out, {**options, "horizon": str(span)}, overrides, quiet=as_json)
    close_outcomes(workspace, read_shop(shop), shop.name)
    walked = replace(stored_backtest(read_json(out / SUMMARY)), ledger=tuple(ledger_lines(workspace, "as_of")))
    if truth is not None:
        by_cut = {str(cut): distance for cut, distance in distances(workspace, truth, span).items()}
        walked = replace(walked, truth=by_cut)
    write_json(out / SUMMARY, walked.to_json())
    write_text(out / REPORT, render(walked))
    if as_json:
        print_json(walked.to_json())
    else:
        show(console, walked, out)


def _walk(shop_file: Path, out: Path, options: Mapping[str, str | None], overrides: Sequence[str], quiet: bool) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, disable=quiet, transient=True) as progress:
        task = progress.add_task("Starting", total=None)

        def listen(event: dict[str, Any]) -> None:
            if event["event"] == "cut":
                progress.update(task, total=event["of"], completed=event["number"])
            elif "text" in event:
                progress.update(task, description=event["text"])

        training.backtest(shop_file, out, options, overrides, listen)
