"""What each command does: stages of the pipeline, and words for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from cvo_ml import workflows
from cvo_ml.cli import shops, simulation, training
from cvo_ml.cli.champions import champions, from_folder
from cvo_ml.cli.options import CONFIGS
from cvo_ml.cli.prospects import score_prospects as prospects_of
from cvo_ml.cli.terminal import console, print_json, step
from cvo_ml.cli.views import check as check_view
from cvo_ml.cli.views import outcomes as outcomes_view
from cvo_ml.cli.views import scores as scores_view
from cvo_ml.cli.views import training as training_view
from cvo_ml.config.jobs import load_job
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import GateClosed, ModelRefused, UsageError
from cvo_ml.core.files import write_text
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.store import StoredRun, current_run, read_scores, read_table
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.monitoring.outcome_summary import GROUPINGS
from cvo_ml.monitoring.truth import Truth
from cvo_ml.predict import ModelSet
from cvo_ml.readiness import readiness
from cvo_ml.registry.tracking.promotion import When
from cvo_ml.report import priorities_section, render, segment_section
from cvo_ml.segments.history import run_segments
from cvo_ml.segments.results_folder import stored_findings


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
    training.checkout()
    with step(f"Reading {shop.source.path}"):
        read = read_shop(shop)
    check_view.ledger(console, read)
    cut = parse_as_of(as_of) if as_of else workflows.default_cut(read.tables, span)
    console.print(f"Cut: [bold]{cut}[/]. Models learn from before it; the {span} after it judge them.", highlight=False)
    workflows.check_window(read.tables, cut, span)
    shop_file = shops.save(shop, out / shops.FILE)
    check_overrides(MODEL_NAMES, overrides)
    settings = [f"clv.horizon={span}", f"clv.validation_horizon={span}", f"churn.horizon={span}", *overrides]
    said = _train(MODEL_NAMES, shop_file, cut, mlruns, settings, "always", quiet=False)
    training_view.models(console, said)
    refused = {event["name"]: event["reason"] for event in said if event["event"] == "refused"}
    with step("Loading the champions"):
        models = champions(mlruns, shop.name, refused)
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
    unknown = [name for name in names if name not in MODEL_NAMES]
    if unknown:
        raise UsageError(f"no model {unknown[0]!r}: use {', '.join(MODEL_NAMES)}")
    if as_of is None:
        raise UsageError("train needs --as-of YYYY-MM-DD: the code never asks the clock what day it is")
    if tune is not None and "churn" not in names:
        raise UsageError("--tune searches churn trees, and churn is not among the models: add churn, or leave it out")
    check_overrides(names, overrides)
    training.checkout()
    shop_file = shops.save(shop, mlruns / f"shop-{shop.name}.yaml")
    when: When = "gate" if promote else "never"
    cut = parse_as_of(as_of)
    said = _train(list(dict.fromkeys(names)), shop_file, cut, mlruns, overrides, when, quiet=as_json, tune=tune)
    if as_json:
        print_json({"models": said})
    else:
        training_view.models(console, said)
    if all(event["event"] == "refused" for event in said):
        raise ModelRefused("no model was trained: each was refused for the reason given, and the champions stay")
    behind = [event["name"] for event in said if event.get("role") == "challenger"]
    if promote and behind:
        raise GateClosed(
            f"{', '.join(behind)}: the champion stays, because a gate is closed: cvo models show {behind[0]}"
        )


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
    if list(names) != ["churn"] or label is None:
        raise UsageError("--static is for churn alone, and needs --label: cvo train churn --static FILE --label COLUMN")
    if tune is not None:
        raise UsageError(
            "--tune judges trials on later windows, which a table without dates does not have: leave it out"
        )
    check_overrides(names, overrides)
    training.checkout()
    with step(f"Training churn on {table.name}", as_json):
        said = training.run_static(table, label, positive, mlruns, overrides, lambda event: None)
    if said["event"] == "refused":
        raise ModelRefused(said["text"], reason_code=said["reason"])
    if as_json:
        print_json({"models": [said]})
    else:
        check_view.notes(console, said["notes"])
        console.print_json(data=said["metrics"])


def score(
    shop: ShopConfig, as_of: str, out: Path, mlruns: Path, as_json: bool, models_folder: Path | None = None
) -> None:
    """Score with the champions, or with exported models."""
    cut = parse_as_of(as_of)
    with step(f"Reading {shop.source.path}", as_json):
        read = read_shop(shop, as_of=cut)
    with step("Loading the champions", as_json):
        models = champions(mlruns, shop.name, {}) if models_folder is None else from_folder(models_folder)
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


def _train(
    names: Sequence[str],
    shop_file: Path,
    as_of: date,
    mlruns: Path,
    overrides: Sequence[str],
    when: When,
    quiet: bool,
    tune: str | None = None,
) -> list[dict[str, Any]]:
    with step(f"Training {', '.join(names)}", quiet), console.status("Starting the training process") as status:

        def listen(event: Mapping[str, Any]) -> None:
            status.update(event.get("text", "Training"))

        return training.run(names, shop_file, as_of, mlruns, overrides, when, listen, tune)


def _score(read: ReadResult, shop: ShopConfig, cut: date, out: Path, models: ModelSet, quiet: bool) -> StoredRun:
    segments = load_config(default_config("policies/segments.yaml", CONFIGS), SegmentPolicy)
    priorities = load_config(default_config("policies/priorities.yaml", CONFIGS), PriorityPolicy)
    with step("Scoring, segmenting, prioritizing", quiet):
        scored = workflows.score_customers(read.tables, cut, models, segments, priorities, shop=shop.name, out=out)
        return workflows.store(scored, read, models, cut, out, shop.name, priorities)


def check_overrides(names: Sequence[str], overrides: Sequence[str]) -> None:
    """Refuse a --set that would change nothing or cannot be, before anything is written.

    Raises
    ------
    UsageError
        If it is not job.key=value, or of a job that is not trained here.
    ConfigError
        If the job has no such key, or the key not such a value.
    """
    for text in overrides:
        job, dot, _ = text.partition("=")[0].partition(".")
        if not dot or "=" not in text:
            raise UsageError(f"--set {text!r} is not job.key=value, such as churn.horizon=60D")
        if job not in names:
            raise UsageError(f"--set {text!r} is for {job!r}, which is not trained here: use {', '.join(names)}")
    for name in names:
        load_job(name, overrides, CONFIGS)


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
