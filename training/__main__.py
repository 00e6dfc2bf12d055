"""``python -m training --job clv --job churn ...``: train, track, register. Speaks JSON lines on standard output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, get_args

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.jobs import load_job
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.readiness import ReadinessPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.registry.promotion import When
from cvo_ml.registry.tracking import Tracker
from cvo_ml.transactions import read_shop
from training.churn import train_churn
from training.clv import train_clv
from training.icp import train_icp
from training.protocol import follow_parent, say, speaking
from training.result import Trained
from training.session import Session

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
    session = Session(Tracker(Path(options.mlruns)), shop, as_of, read, options.promote)
    for name, job in jobs.items():
        say("step", text=f"training {name}")
        try:
            said = session.take(name, job, partial(_fit, name, job, minima, read.tables, as_of))
        except ModelRefused as refused:
            say("refused", name=name, reason=refused.reason_code, text=str(refused))
        else:
            say("trained", **said)


def _fit(name: str, job: FrozenConfig, minima: ReadinessPolicy, tables: Tables, as_of: date) -> Trained:
    return TRAINERS[name](tables, as_of, job, getattr(minima, name))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--job", action="append", choices=list(TRAINERS), required=True)
    parser.add_argument("--shop", required=True, help="a shop's YAML file")
    parser.add_argument("--as-of", required=True, help="the cut date, YYYY-MM-DD: nothing later is read")
    parser.add_argument("--mlruns", default="mlruns")
    parser.add_argument("--promote", choices=get_args(When), default="never", help="what a challenger does next")
    parser.add_argument("--follow-parent", action="store_true", help="stop when standard input ends")
    parser.add_argument("--set", action="append", default=[], help="such as churn.horizon=60D")
    return parser


if __name__ == "__main__":
    sys.exit(main())
