"""What each command does: stages of the pipeline, and words for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from cvo_ml import workflows
from cvo_ml.cli import shops, simulation
from cvo_ml.cli.checkout import trainer
from cvo_ml.cli.options import CONFIGS, DOSSIERS
from cvo_ml.cli.prospects import score_prospects as prospects_of
from cvo_ml.cli.terminal import Steps, aside, console, print_json, step
from cvo_ml.cli.views import check as check_view
from cvo_ml.cli.views import outcomes as outcomes_view
from cvo_ml.cli.views import scores as scores_view
from cvo_ml.cli.views import training as training_view
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import write_text
from cvo_ml.core.models import CHURN, MODEL_NAMES
from cvo_ml.core.store import StoredRun, current_run, read_scores, read_table
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.workspace import Silent, Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.monitoring.outcome_summary import GROUPINGS
from cvo_ml.monitoring.truth import Truth
from cvo_ml.predict import LoadedModels
from cvo_ml.readiness import readiness
from cvo_ml.report import priorities_section, render, segment_section
from cvo_ml.segments.history import run_segments
from cvo_ml.segments.results_folder import stored_findings
from cvo_ml.workflows.serving_models import serving_models
from cvo_ml.workflows.train import StaticRequest, TrainRequest
from cvo_ml.workflows.train import train as train_models
from cvo_ml.workflows.train import train_static as train_on_table


def demo(
    shop: ShopConfig,
    as_of: str | None,
    horizon: str,
    out: Path,
    mlruns: Path,
    overrides: Sequence[str],
    truth: Truth | None = None,
) -> None:
    """check, train, score, outcomes and report, one after the other."""
    span = Horizon(horizon)
    jobs = trainer()
    with step(f"Reading {shop.source.path}"):
        read = read_shop(shop)
    check_view.ledger(console, read)
    cut = parse_as_of(as_of) if as_of else workflows.default_cut(read.tables, span)
    console.print(f"Cut: [bold]{cut}[/]. Models learn from before it; the {span} after it judge them.", highlight=False)
    workflows.check_window(read.tables, cut, span)
    shop_file = shops.save(shop, out / shops.FILE)
    settings = (f"clv.horizon={span}", f"clv.validation_horizon={span}", f"churn.horizon={span}", *overrides)
    request = TrainRequest(names=MODEL_NAMES, shop=shop, as_of=cut, overrides=settings, promote="always")
    trained = train_models(request, workspace(out, mlruns), jobs)
    training_view.models(console, trained)
    with step("Loading the champions"):
        models = serving_models(Workspace(out, mlruns), shop.name, refused=trained.refused)
    run = _score(read, shop, cut, out, models, quiet=False)
    scores_view.scored(console, read_scores(run), run)
    with step("Looking at what really happened after the cut"):
        judged = workflows.outcomes(run, read.tables, span, out, truth)
        workflows.close_outcomes(out, read, shop.name)
    outcomes_view.outcomes(console, judged, read.tables.currency)
    write_report(out, quiet=False)
    scores_view.next_steps(console, shop_file, cut, span, out, mlruns)


def demo_simulated(
    kind: str,
    size: int | None,
    seed: int | None,
    as_of: str | None,
    horizon: str,
    out: Path,
    mlruns: Path,
    overrides: Sequence[str],
) -> None:
    """The demo on a simulated shop, which also says how far the scores are from the truth."""
    with step(f"Simulating {kind}"):
        shop, truth = simulation.world(kind, out / "simulated", size, seed)
    demo(shop, as_of, horizon, out, mlruns, overrides, truth)


def check(shop: ShopConfig, as_of: str | None, horizon: str, as_json: bool) -> None:
    """Read, and say what the tables hold and which models they can carry."""
    cut = parse_as_of(as_of) if as_of else None
    read = read_shop(shop, as_of=cut)
    judged = readiness(read, as_of=cut or workflows.day_after_last_row(read.tables), horizon=Horizon(horizon))
    if as_json:
        found = {"row_ledger": read.ledger.to_json(), "notes": list(read.notes), "data_hash": read.fingerprint}
        print_json({**judged.as_dict(), **found})
        return
    check_view.ledger(console, read)
    check_view.readiness(console, read, judged)


def train(
    names: Sequence[str],
    shop: ShopConfig,
    as_of: str | None,
    mlruns: Path,
    overrides: Sequence[str],
    as_json: bool,
    promote: bool = False,
    tune: str | None = None,
) -> None:
    """Train the named models as of the cut.

    Raises
    ------
    UsageError
        If a name or an override is unknown, or the cut is not given.
    ModelRefused
        If every model was refused; said once each, and again as the last word.
    GateClosed
        If a model was to be promoted and its gates are closed; it is a challenger then.
    """
    if as_of is None:
        raise UsageError("train needs --as-of YYYY-MM-DD: the code never asks the clock what day it is")
    request = TrainRequest(
        names=tuple(names),
        shop=shop,
        as_of=parse_as_of(as_of),
        overrides=tuple(overrides),
        promote="gate" if promote else "never",
        tune=tune,
    )
    with aside(as_json):
        trained = train_models(request, workspace(mlruns, mlruns, quiet=as_json), trainer())
    if as_json:
        print_json(trained.to_json())
    else:
        training_view.models(console, trained)
    if failure := trained.failure(request.promote):
        raise failure


def train_static(
    names: Sequence[str],
    table: Path,
    label: str | None,
    positive: str | None,
    mlruns: Path,
    overrides: Sequence[str],
    as_json: bool,
    tune: str | None = None,
) -> None:
    """Train churn on a table without dates.

    Raises
    ------
    UsageError
        If other models are named, or no label, or a search, which needs dates.
    ModelRefused
        If the table carries no model.
    """
    if list(names) != [CHURN.name] or label is None:
        raise UsageError("--static is for churn alone, and needs --label: cvo train churn --static FILE --label COLUMN")
    if tune is not None:
        raise UsageError(
            "--tune judges trials on later windows, which a table without dates does not have: leave it out"
        )
    request = StaticRequest(table=table, label=label, positive=positive, overrides=tuple(overrides))
    with aside(as_json):
        trained = train_on_table(request, workspace(mlruns, mlruns, quiet=as_json), trainer())
    if refused := trained.refusal():
        raise refused
    if as_json:
        print_json(trained.to_json())
    else:
        training_view.static_model(console, trained)


def score(
    shop: ShopConfig, as_of: str, out: Path, mlruns: Path, as_json: bool, models_folder: Path | None = None
) -> None:
    """Score with the champions, or with exported models."""
    cut = parse_as_of(as_of)
    with step(f"Reading {shop.source.path}", as_json):
        read = read_shop(shop, as_of=cut)
    with step("Loading the champions", as_json):
        models = serving_models(Workspace(out, mlruns), shop.name, exported=models_folder)
    run = _score(read, shop, cut, out, models, quiet=as_json)
    shops.save(shop, out / shops.FILE)
    if as_json:
        print_json(dict(run.manifest))
    else:
        scores_view.scored(console, read_scores(run), run)
        check_view.notes(console, run.manifest["notes"])
    write_report(out, quiet=as_json)


def score_prospects(
    shop: ShopConfig, prospects: Path, as_of: str, out: Path, mlruns: Path, as_json: bool, folder: Path | None = None
) -> None:
    """Score people who are not customers yet with the champion of leads."""
    with step(f"Scoring {prospects}", as_json):
        done = prospects_of(shop, prospects, parse_as_of(as_of), out, mlruns, folder)
    if as_json:
        print_json(done)
        return
    ledger = done["prospect_ledger"]
    console.print(f"{ledger['scored']:,} of {ledger['known']:,} prospects scored: {done['file']}", highlight=False)
    for reason, count in ledger["ineligible"].items():
        console.print(f"  {count:,} without a score: {reason}", highlight=False)
    check_view.notes(console, done["notes"])


def outcomes(shop: ShopConfig, horizon: str | None, out: Path, by: str, as_json: bool) -> None:
    """Close every run whose window is over in the ledger, and judge the current one.

    Raises
    ------
    UsageError
        If no window is over, or the orders are another shop's.
    """
    if by not in GROUPINGS:
        raise UsageError(f"--by {by!r} is unknown: use {', '.join(GROUPINGS)}")
    run = current_run(out / "scores")
    workflows.check_shop(run, shop.name)
    read = read_shop(shop)
    workflows.close_outcomes(out, read, shop.name)
    lines = workflows.realised_outcomes(out, by)
    try:
        judged = workflows.outcomes(run, read.tables, Horizon(horizon) if horizon else None, out)
    except UsageError as open_window:
        if horizon or not lines:
            raise
        judged = {"as_of": run.manifest["as_of"], "reason": str(open_window)}
    if as_json:
        print_json({**judged, "ledger": lines})
        return
    if "reason" in judged:
        console.print(f"The current run is not judged: {judged['reason']}.", highlight=False)
    else:
        outcomes_view.outcomes(console, judged, read.tables.currency)
    outcomes_view.ledger_table(console, lines, by)


def report(out: Path) -> None:
    """Write the report of the current run."""
    write_report(out, quiet=False)


def workspace(out: Path, mlruns: Path, quiet: bool = False) -> Workspace:
    """Where a command's things lie, with the own configuration of the folder that it was started in."""
    return Workspace(out, mlruns, CONFIGS, DOSSIERS, Silent() if quiet else Steps())


def _score(read: ReadResult, shop: ShopConfig, cut: date, out: Path, models: LoadedModels, quiet: bool) -> StoredRun:
    segments = load_config(default_config("policies/segments.yaml", CONFIGS), SegmentPolicy)
    priorities = load_config(default_config("policies/priorities.yaml", CONFIGS), PriorityPolicy)
    with step("Scoring, segmenting, prioritizing", quiet):
        scored = workflows.score_customers(read.tables, cut, models, segments, priorities, shop=shop.name, out=out)
        return workflows.store(scored, read, models, cut, out, shop.name, priorities)


def write_report(out: Path, quiet: bool) -> None:
    """Write the current run's report."""
    run = current_run(out / "scores")
    with step(f"Writing {out / 'report.html'}", quiet):
        scores: pd.DataFrame = read_scores(run)
        actions = load_config(default_config("policies/next_actions.yaml", CONFIGS), NextActions)
        segments = segment_section(
            scores, run_segments(run), actions, stored_findings(out / "segments", run),
            as_of=str(run.manifest["as_of"]), currency=str(run.manifest["currency"]),
        )  # fmt: skip
        priorities = priorities_section(scores, run.manifest, read_table(run, "plan"))
        outcomes = workflows.stored_outcomes(out, run)
        write_text(out / "report.html", render(scores, run.manifest, outcomes, segments, priorities))
