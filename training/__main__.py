"""``python -m training --job clv --job churn ...``: train, track, register. Speaks JSON lines on standard output."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, get_args

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.jobs import ChurnJob, load_job
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.readiness import ChurnMinima, ReadinessPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ModelRefused, UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.ingest import read_shop
from cvo_ml.registry.bundles.bundle import save_bundle
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.promotion import When
from cvo_ml.registry.tracking.run import Run
from training.churn.fit import train_churn
from training.churn.static_table import WARNING, train_static
from training.churn.tuning import Budget, tune
from training.evidence.result import Trained
from training.jobs import TRAINERS
from training.protocol import follow_parent, say, speaking
from training.registration import Session

#: own configuration of the folder that this process was started in
CONFIGS: Final = Path("configs")

#: Where searches are kept, beside MLflow's database, so that a killed one goes on.
STUDIES: Final = "optuna.db"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named jobs; a model that is refused does not stop the others.

    Returns
    -------
    int
        0 when every job ended as trained or refused, else the exit code of the error.
    """
    options = _options().parse_args(arguments)
    if options.follow_parent:
        follow_parent()
    return speaking(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    if options.static:
        _run_static(options)
        return
    if not (options.shop and options.as_of):
        raise UsageError("training needs --shop and --as-of")
    as_of = parse_as_of(options.as_of)
    shop = load_config(Path(options.shop), ShopConfig)
    jobs = {name: load_job(name, options.set, CONFIGS) for name in options.job}
    budget = Budget.parse(options.tune) if options.tune is not None else None
    minima = load_config(default_config("policies/readiness.yaml", CONFIGS), ReadinessPolicy)
    say("step", text="reading the rows before the cut")
    read = read_shop(shop, as_of=as_of)
    session = Session(Tracker(Path(options.mlruns)), shop, as_of, read, options.promote)
    for name, job in jobs.items():
        say("step", text=f"training {name}")
        fit = partial(_fit, name, job, minima, read.tables, as_of)
        if name == "churn" and budget is not None:
            storage = Path(options.mlruns).resolve() / STUDIES
            fit = partial(_fit_tuned, job, minima.churn, read.tables, as_of, budget, storage, shop.name)
        try:
            said = session.take(name, job, fit)
        except ModelRefused as refused:
            say("refused", name=name, reason=refused.reason_code, text=str(refused))
        else:
            say("trained", **said)


def _fit(name: str, job: FrozenConfig, minima: ReadinessPolicy, tables: Tables, as_of: date, run: Run) -> Trained:
    return TRAINERS[name](tables, as_of, job, getattr(minima, name))


def _fit_tuned(
    job: FrozenConfig,
    minima: ChurnMinima,
    tables: Tables,
    as_of: date,
    budget: Budget,
    storage: Path,
    shop: str,
    run: Run,
) -> Trained:
    """Churn with the trees of a search that ran below this very run."""
    assert isinstance(job, ChurnJob)
    tuned = tune(tables, as_of, job, budget, storage, shop, minima, run)
    found = train_churn(tables, as_of, tuned.job, minima)
    documents, notes = {**found.documents, "tuning": tuned.document}, (*found.notes, tuned.note)
    return replace(found, documents=documents, notes=notes, job=tuned.job)


def _run_static(options: argparse.Namespace) -> None:
    """A table without dates: a tracked run that is not registered."""
    job = load_job("churn", options.set, CONFIGS)
    assert isinstance(job, ChurnJob)
    fewest = load_config(default_config("policies/readiness.yaml", CONFIGS), ReadinessPolicy).churn.of_each_outcome
    path = Path(options.static)
    try:
        with Tracker(Path(options.mlruns)).run("churn_static", path.name, {"static": "true"}) as run:
            bundle, document, leaks, figures = train_static(path, options.label or "", options.positive, job, fewest)
            run.log_dict({**document, "leaks": leaks.as_dict()}, "judging")
            for title, draw in figures.items():
                run.log_figure(draw(), title)
            with tempfile.TemporaryDirectory() as folder:
                run.log_folder(save_bundle(bundle, Path(folder) / "model"), "model")
    except ModelRefused as refused:
        say("refused", name="churn", reason=refused.reason_code, text=str(refused))
        return
    measured = {key: value for key, value in document["measures"]["model"].items() if value == value}
    say("trained", name="churn", kind=bundle.kind, version=bundle.version, metrics=measured, notes=[WARNING])


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--job", action="append", choices=list(TRAINERS), required=True)
    parser.add_argument("--shop", help="a shop's YAML file")
    parser.add_argument("--as-of", help="the cut date, YYYY-MM-DD: nothing later is read")
    parser.add_argument("--tune", help="search churn trees first: a number of trials, or minutes such as 10min")
    parser.add_argument("--static", help="instead of a shop: churn on this table without dates")
    parser.add_argument("--label", help="with --static: the column that says who churned")
    parser.add_argument("--positive", help="with --static: the label's value for yes")
    parser.add_argument("--mlruns", default="mlruns")
    parser.add_argument("--promote", choices=get_args(When), default="never", help="what a challenger does next")
    parser.add_argument("--follow-parent", action="store_true", help="stop when standard input ends")
    parser.add_argument("--set", action="append", default=[], help="such as churn.horizon=60D")
    return parser


if __name__ == "__main__":
    sys.exit(main())
