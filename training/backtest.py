"""``python -m training.backtest``: walk the calendar; at each cut train, score and store, then see what came.

One JSON file per cut is written when the cut is done, so an interrupted walk goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.jobs import ChurnJob
from cvo_ml.config.loader import as_mapping, default_config, load_config
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.readiness import ReadinessPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.files import canonical_json, read_json, write_json
from cvo_ml.core.models import ICP, MODEL_NAMES
from cvo_ml.core.result import to_json
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.workspace import Silent, Workspace
from cvo_ml.features import window_outcome
from cvo_ml.features.labels import is_closed
from cvo_ml.features.truncated_tables import truncated
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.monitoring import evaluate_run
from cvo_ml.monitoring.earnings import contacts, earnings
from cvo_ml.workflows.cut_dates import default_cut
from cvo_ml.workflows.publish import described_briefly, store
from cvo_ml.workflows.score_tables import score_customers
from cvo_ml.workflows.train import TrainingSettings, training_settings
from training.evidence.dates import first_day
from training.jobs import train_at
from training.protocol import follow_parent, say, speaking

#: own configuration of the folder that this process was started in
CONFIGS: Final = Path("configs")

CUTS: Final = "cuts"
PLAN: Final = "plan.json"
SUMMARY: Final = "backtest.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk; the exit code of a named failure, else 0."""
    options = _options().parse_args(arguments)
    if options.follow_parent:
        follow_parent()
    return speaking(lambda: walk(options))


def walk(options: argparse.Namespace) -> None:
    """Do every cut that is not done, then sum up.

    Raises
    ------
    DataError
        If no cut has both the history to train on and a window that is over.
    UsageError
        If the folder holds a backtest of something else.
    """
    span, every, out = Horizon(options.horizon), Horizon(options.every), Path(options.out)
    shop = load_config(Path(options.shop), ShopConfig)
    same = [f"clv.horizon={span}", f"clv.validation_horizon={span}", f"churn.horizon={span}", *options.set]
    settings = training_settings(MODEL_NAMES, same, shop.name, CONFIGS)
    jobs = settings.jobs
    policies = _policies()
    say("step", text="reading the whole history")
    read = read_shop(shop)
    start, end = (parse_as_of(text) if text else None for text in (options.start, options.end))
    cuts = cut_dates(read.tables, span, every, jobs["churn"], start, end)
    plan = {
        "shop": shop.name, "currency": read.tables.currency, "data_hash": read.fingerprint, "horizon_days": span.days,
        "jobs": {name: as_mapping(job) for name, job in jobs.items()},
        "policies": {name: as_mapping(policy) for name, policy in policies.items()},
    }  # fmt: skip
    _check_plan(out, plan)
    for number, cut in enumerate(cuts, start=1):
        done = out / CUTS / f"{cut}.json"
        if done.is_file():
            say("cut", cut=str(cut), number=number, of=len(cuts), resumed=True)
            continue
        say("step", text=f"cut {number} of {len(cuts)}: {cut}")
        record = one_cut(read, shop, cut, span, settings, policies, out)
        write_json(done, record)
        say("cut", cut=str(cut), number=number, of=len(cuts), seconds=record["seconds"], models=record["models"])
    summary = summed_up(out, cuts, plan)
    write_json(out / SUMMARY, summary)
    say("done", cuts=len(cuts))


def cut_dates(
    tables: Tables, span: Horizon, every: Horizon, churn: FrozenConfig, start: date | None, end: date | None
) -> list[date]:
    """Dates back from the last whose window is over, ``every`` apart, as far as churn can be trained; oldest first.

    Raises
    ------
    DataError
        If there is none.
    """
    assert isinstance(churn, ChurnJob)
    last = default_cut(tables, span) if end is None else end
    earliest = first_day(tables) + churn.shortest_history.delta + 2 * span.delta
    if start is not None:
        earliest = max(earliest, start)
    found, cut = [], last
    while cut >= earliest:
        if is_closed(tables, cut, span):
            found.append(cut)
        cut -= every.delta
    if not found:
        raise DataError(
            f"no date has {churn.shortest_history} of history and two windows of {span} before it and one after it",
            "give a longer history, a shorter --horizon, or other --from and --until",
        )
    return found[::-1]


def one_cut(
    read: ReadResult,
    shop: ShopConfig,
    cut: date,
    span: Horizon,
    settings: TrainingSettings,
    policies: Mapping[str, Any],
    out: Path,
) -> dict[str, Any]:
    """Train on what was known at the cut, score, store, and look at the window after it.

    The trainers and the scores get tables that end at the cut: they could not see later rows if they tried.
    """
    began = time.monotonic()
    early = truncated(read.tables, cut)
    models = train_at(early, cut, settings, _Said())
    known = replace(read, tables=early)
    workspace = Workspace(out, out, CONFIGS)
    scored = score_customers(
        early, cut, models, policies["segments"], policies["priorities"], shop=shop.name, workspace=workspace
    )
    run = store(scored, known, models, cut, workspace, shop.name, policies["priorities"])
    outcome = window_outcome(read.tables, cut, span, scored.scores.index)
    action = policies["priorities"].contact
    listed = contacts(
        scored.scores, scored.features, outcome["orders"] == 0, span, save_rate=action.effect.estimate, cost=action.cost
    )
    listed.reset_index(drop=True).to_parquet(_contacts(out, cut))  # whom it is about does not matter any more
    icp = models.get(ICP.name)
    icp_age = span.days if icp is None else icp.settings["age_days"]
    judged = evaluate_run(
        scored.scores, scored.features, read.tables, cut, horizon=span, icp_age=Horizon.of_days(icp_age)
    )
    return {
        "cut": str(cut),
        "run": run.name,
        "models": {name: described_briefly(models, name) for name in MODEL_NAMES},
        "judged": judged.to_json(),
        "seconds": round(time.monotonic() - began, 1),
    }


class _Said(Silent):
    """Tells the process that asked."""

    def tell(self, text: str) -> None:
        """What is being done, as a line."""
        say("step", text=text)


def summed_up(out: Path, cuts: Sequence[date], plan: Mapping[str, Any]) -> dict[str, Any]:
    """Every cut's verdict, and what the lists would have earned together."""
    records = [read_json(out / CUTS / f"{cut}.json") for cut in cuts]
    windows = {str(cut): pd.read_parquet(_contacts(out, cut)) for cut in cuts}
    listed = {cut: frame for cut, frame in windows.items() if len(frame)}
    return {"plan": plan, "cuts": records, "earnings": to_json(earnings(listed))}


def _contacts(out: Path, cut: date) -> Path:
    (out / CUTS).mkdir(parents=True, exist_ok=True)
    return out / CUTS / f"{cut}-contacts.parquet"


def _policies() -> dict[str, Any]:
    kinds: dict[str, type[FrozenConfig]] = {
        "segments": SegmentPolicy,
        "priorities": PriorityPolicy,
        "readiness": ReadinessPolicy,
    }
    return {name: load_config(default_config(f"policies/{name}.yaml", CONFIGS), kind) for name, kind in kinds.items()}


def _check_plan(out: Path, plan: Mapping[str, Any]) -> None:
    path = out / PLAN
    digest = hashlib.sha256(canonical_json(plan).encode()).hexdigest()
    if path.is_file() and read_json(path).get("digest") != digest:
        raise UsageError(f"{out}: holds a backtest of other data or settings: name another folder (--out) or delete it")
    write_json(path, {"digest": digest, **plan})


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.backtest", description=__doc__)
    parser.add_argument("--shop", required=True, help="a shop's YAML file")
    parser.add_argument("--out", required=True)
    parser.add_argument("--horizon", default="60D")
    parser.add_argument("--every", default="30D")
    parser.add_argument("--start", help="no cut before this date")
    parser.add_argument("--end", help="the last cut; default: the last whose window is over")
    parser.add_argument("--set", action="append", default=[], help="such as churn.trees.rounds=100")
    parser.add_argument("--follow-parent", action="store_true", help="stop when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
