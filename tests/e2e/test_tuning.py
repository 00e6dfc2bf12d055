"""A search for better churn trees from the command line: killed, resumed, tracked, and taken only where it wins."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.builders import SHOP_CUT, seeded_shop
from tests.e2e.conftest import Command
from tests.e2e.test_stopping import start, wait_for

#: Trees that have learnt next to nothing: a search that works finds better ones.
POOR = ("churn.trees.rounds=1", "churn.trees.parameters={num_leaves: 2, num_threads: 1, learning_rate: 0.001}")
QUICK = ("churn.horizon=45D", "churn.most_snapshots=6", "churn.calibration.windows=3", "churn.hazard.enabled=false")
SHOP = """name: seeded
currency: EUR
source: {path: orders.csv}
columns: {order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, net: net}
"""


def arguments(budget: str) -> list[str]:
    sets = [part for each in (*POOR, *QUICK) for part in ("--set", each)]
    return ["train", "churn", "--shop", "shop.yaml", "--as-of", str(SHOP_CUT), "--tune", budget, *sets]


def rows(database: Path, query: str) -> list[Any]:
    if not database.is_file():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        try:
            return opened.execute(query).fetchall()
        except sqlite3.OperationalError:  # its tables are being made
            return []


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    orders = seeded_shop(700).orders[["order_id", "customer_id", "ordered_at", "net"]]
    orders.assign(ordered_at=orders["ordered_at"].dt.strftime("%Y-%m-%d %H:%M:%S")).to_csv(
        tmp_path / "orders.csv", index=False
    )
    (tmp_path / "shop.yaml").write_text(SHOP)
    return tmp_path


def test_a_wrong_budget_is_told_before_anything_is_trained(cvo: Command, shop: Path) -> None:
    ran = cvo(*arguments("5h"), cwd=shop)
    assert ran.returncode == 2
    assert "--tune '5h' is no budget: give a number of trials such as 30, or minutes such as 10min" in ran.stderr
    assert not (shop / "mlruns" / "mlflow.db").exists()


@pytest.mark.slow
def test_a_killed_search_goes_on_and_what_it_found_replaces_poor_trees(cvo: Command, shop: Path) -> None:
    studies, tracked = shop / "mlruns" / "optuna.db", shop / "mlruns" / "mlflow.db"
    process = start(shop, *arguments("5"))
    assert wait_for(lambda: ("COMPLETE",) in rows(studies, "select state from trials"), 240)
    process.kill()
    process.communicate(timeout=60)
    before = len(rows(studies, "select 1 from trials where state in ('COMPLETE', 'PRUNED')"))

    ran = cvo(*arguments("5"), "--json", cwd=shop)
    assert ran.returncode == 0, ran.stderr
    (said,) = json.loads(ran.stdout)["models"]
    assert any(
        note.startswith("tuning: the best of 5 trials replaces the default: log loss lower by")
        for note in said["notes"]
    )
    states = [state for (state,) in rows(studies, "select state from trials")]
    assert sum(state in ("COMPLETE", "PRUNED") for state in states) == 5
    assert "RUNNING" not in states

    ((parent,),) = rows(tracked, "select run_uuid from runs where status = 'FINISHED' and name like '%(seeded churn)'")
    nested = rows(
        tracked,
        "select r.name from runs r join tags t on t.run_uuid = r.run_uuid "
        f"where t.key = 'mlflow.parentRunId' and t.value = '{parent}'",
    )
    assert len(nested) == 5 - before
    assert all(name.startswith("trial ") for (name,) in nested)
    (document,) = (json.loads(path.read_text()) for path in shop.glob("mlruns/**/tuning.json"))
    assert document["replaces_the_default"]
    assert document["advantage_in_the_last_window"]["lower"] > 0
    manifests = [json.loads(path.read_text()) for path in shop.glob("mlruns/**/manifest.json")]
    (job,) = (
        found["facts"]["job"] for found in manifests if found["version"] == said["version"] and "job" in found["facts"]
    )
    assert job["trees"]["rounds"] == document["best"]["rounds"]
    assert job["trees"]["parameters"]["num_leaves"] == document["best"]["num_leaves"]
