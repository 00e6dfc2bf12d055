"""The folder in which the pages of docs/howto are tried: a simulated shop as files, with models trained on it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import pandas as pd
import yaml
from filelock import FileLock

from cvo_ml.core.workspace import Workspace
from cvo_ml.workflows.simulate import SimulateRequest, simulate
from tests.e2e.conftest import Command

#: The cut that the models of the folder were trained at, and the one that the pages score at.
AS_OF: Final = "2023-03-01"
SIZE: Final = 1200
#: The tables of the folder with the columns that the shop maps by their own names.
TABLES: Final[dict[str, tuple[str, ...]]] = {
    "orders": ("order_id", "customer_id", "ordered_at", "net", "cost"),
    "refunds": ("refund_id", "refunded_at", "amount", "order_id", "customer_id"),
    "customers": ("customer_id", "created_at", "country", "acquisition_channel", "marketing_consent"),
    "tickets": ("ticket_id", "customer_id", "opened_at", "closed_at", "topic"),
    "events": ("customer_id", "at", "name"),
    "treatments": ("customer_id", "action", "sent_at", "channel", "cost"),
}
#: Fields of the customers that mean something to this shop alone.
PROFILE: Final = ("loyalty_level", "engagement_score")
#: Jobs of a small shop, as its owner would keep them in the folder: few trees on few dates.
JOBS: Final[dict[str, str]] = {
    "clv": "horizon: 90D\nvalidation_horizon: 60D\noracle_customers: 0\nhybrid: {enabled: false}\n",
    "churn": (
        "horizon: 60D\nmost_snapshots: 4\ntrees: {rounds: 30, parameters: {num_leaves: 7, min_data_in_leaf: 40}}\n"
        "season_level: never\ncalibration: {method: logistic, windows: 2}\nhazard: {enabled: false}\n"
    ),
    "icp": "age: 60D\ntrees: {rounds: 15, parameters: {num_leaves: 7}}\n",
}


def trained_folder(cvo: Command, shared: Path) -> Path:
    """The folder with trained models and one published run, made once by whoever comes first; nobody works in it.

    Parameters
    ----------
    shared:
        A folder that all test processes see.
    """
    folder, ready = shared / "howto", shared / "howto.ready"
    with FileLock(shared / "howto.lock"):
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            write_shop(folder)
            for line in (
                f"train clv churn icp --shop shop.yaml --as-of {AS_OF}",
                f"score --shop shop.yaml --as-of {AS_OF}",
            ):
                ran = cvo(*line.split(), cwd=folder)
                assert ran.returncode == 0, ran.stderr
            ready.touch()
    return folder


def write_shop(folder: Path) -> None:
    """The shop's tables as CSV files, ``shop.yaml`` and ``configs/jobs``."""
    (folder / "configs" / "jobs").mkdir(parents=True)
    world = folder / "world"
    simulate(SimulateRequest(kind="shop", folder=world, size=SIZE, seed=7), Workspace(folder, folder))
    tables = {name: pd.read_parquet(world / "tables" / f"{name}.parquet") for name in TABLES}
    shutil.rmtree(world)
    people = tables["customers"]
    people["loyalty_level"] = pd.cut(people["engagement_score"], [-1, 40, 70, 100], labels=["none", "silver", "gold"])
    for name, table in tables.items():
        columns = [*TABLES[name], *(PROFILE if name == "customers" else ())]
        table[columns].to_csv(folder / f"{name}.csv", index=False, date_format="%Y-%m-%d %H:%M:%S")
    (folder / "shop.yaml").write_text(yaml.safe_dump(_shop(), sort_keys=False))
    for name, job in JOBS.items():
        (folder / "configs" / "jobs" / f"{name}.yaml").write_text(job)


def _shop() -> dict[str, object]:
    """The shop as its owner declares it."""
    declared: dict[str, dict[str, object]] = {
        name: {"source": {"path": f"{name}.csv"}, "columns": {column: column for column in columns}}
        for name, columns in TABLES.items()
    }
    declared["customers"]["profile"] = {name: name for name in PROFILE}
    orders = declared.pop("orders")
    return {"name": "corner-shop", "currency": "EUR", **orders, "tables": declared}
