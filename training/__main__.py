"""``python -m training --job clv --job churn ...``: train, track, register. Speaks JSON lines on standard output."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.jobs import load_job
from cvo_ml.config.loader import as_mapping, default_config, load_config
from cvo_ml.config.readiness import ReadinessPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.registry.bundle import Bundle, save_bundle
from cvo_ml.registry.tracking import CHAMPION, Tracker
from cvo_ml.transactions import ReadResult, read_shop
from training.churn import train_churn
from training.clv import train_clv
from training.icp import train_icp
from training.protocol import follow_parent, say, speaking
from training.result import Trained

TRAINERS: Final[dict[str, Callable[..., Trained]]] = {"clv": train_clv, "churn": train_churn, "icp": train_icp}


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
    as_of = parse_as_of(options.as_of)
    shop = load_config(Path(options.shop), ShopConfig)
    jobs = {name: load_job(name, options.set) for name in options.job}
    minima = load_config(default_config("policies/readiness.yaml"), ReadinessPolicy)
    say("step", text="reading the rows before the cut")
    read = read_shop(shop, as_of=as_of)
    tracker = Tracker(Path(options.mlruns))
    for name, job in jobs.items():
        _train(name, job, minima, read, shop, as_of, tracker)


def _train(
    name: str,
    job: FrozenConfig,
    minima: ReadinessPolicy,
    read: ReadResult,
    shop: ShopConfig,
    as_of: date,
    tracker: Tracker,
) -> None:
    say("step", text=f"training {name}")
    try:
        with tracker.run(name, f"{shop.name} {as_of}", {"shop": shop.name}) as run:
            trained = _fit(name, job, minima, read.tables, as_of)
            bundle = _with_facts(trained, job, read, shop, as_of)
            run.log_params({"job": as_mapping(job), "shop": shop.name, "as_of": str(as_of), **trained.parameters})
            run.log_metrics(trained.metrics)
            run.set_tags(
                {"grade": bundle.grade, "kind": bundle.kind, "data": read.fingerprint, "version": bundle.version}
            )
            run.log_dict(bundle.facts["verdict"], "verdict")
            for title, document in trained.documents.items():
                run.log_dict(document, title)
            for title, text in trained.texts.items():
                run.log_text(text, title)
            for title, draw in trained.figures.items():
                run.log_figure(draw(), title)
            with tempfile.TemporaryDirectory() as folder:
                uri = run.log_bundle(save_bundle(bundle, Path(folder) / "model"))
    except ModelRefused as refused:
        say("refused", name=name, reason=refused.reason_code, text=str(refused))
        return
    number = tracker.register(uri, name, {"grade": bundle.grade, "shop": shop.name, "hash": bundle.version}, CHAMPION)
    say(
        "trained",
        name=name,
        kind=bundle.kind,
        grade=bundle.grade,
        version=bundle.version,
        registered=number,
        metrics={key: value for key, value in trained.metrics.items() if value == value},
        parameters=trained.parameters,
        notes=list(trained.notes),
    )


def _fit(name: str, job: FrozenConfig, minima: ReadinessPolicy, tables: Tables, as_of: date) -> Trained:
    return TRAINERS[name](tables, as_of, job, getattr(minima, name))


def _with_facts(trained: Trained, job: FrozenConfig, read: ReadResult, shop: ShopConfig, as_of: date) -> Bundle:
    bundle = trained.bundle
    facts = {
        **bundle.facts,
        "trained_as_of": str(as_of),
        "shop": shop.name,
        "currency": read.tables.currency,
        "data_hash": read.fingerprint,
        "git_commit": _git_commit(),
        "job": as_mapping(job),
        "metrics": {
            key: value for key, value in trained.metrics.items() if value == value and abs(value) != float("inf")
        },
        "notes": list(trained.notes),
    }
    return Bundle(bundle.name, bundle.kind, bundle.parameters, bundle.settings, bundle.files, facts)


def _git_commit() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--job", action="append", choices=list(TRAINERS), required=True)
    parser.add_argument("--shop", required=True, help="a shop's YAML file")
    parser.add_argument("--as-of", required=True, help="the cut date, YYYY-MM-DD: nothing later is read")
    parser.add_argument("--mlruns", default="mlruns")
    parser.add_argument("--follow-parent", action="store_true", help="stop when standard input ends")
    parser.add_argument("--set", action="append", default=[], help="such as churn.horizon=60D")
    return parser


if __name__ == "__main__":
    sys.exit(main())
