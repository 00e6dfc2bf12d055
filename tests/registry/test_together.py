"""Many processes on one MLflow: on sqlite from an empty folder, on PostgreSQL, and killed at any moment."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle, save_bundle
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import JUDGED, ChampionHistory
from cvo_ml.registry.tracking.promotion import evidence_of
from tests.ingest import postgres
from tests.registry.conftest import SHOP

PROCESSES = 8


def log_many(root: Path, number: int, steps: int) -> str:
    """What one process does: its own tracker, its own run, one metric after the other."""
    with Tracker(root).run("many", f"run {number}") as run:
        for step in range(steps):
            run.log_metrics({"loss": number + step / 1000}, step=step)
    return run.run_id


@pytest.mark.parametrize("steps", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_eight_processes_on_an_empty_folder_lose_no_metric(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / "mlruns"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["cvo_ml.registry.tracking", "mlflow"])
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        runs = list(pool.map(log_many, [root] * PROCESSES, range(PROCESSES), [steps] * PROCESSES))
    database = sqlite3.connect(root / "mlflow.db")
    found = dict(database.execute("select run_uuid, count(distinct step) from metrics group by 1"))
    assert found == dict.fromkeys(runs, steps)
    assert database.execute("select count(*) from metrics").fetchone() == (PROCESSES * steps,)
    assert database.execute("select distinct status from runs").fetchall() == [("FINISHED",)]
    assert len(database.execute("select * from experiments where name = 'many'").fetchall()) == 1


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A real server, or a skip that says what is missing."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: install the extra postgres")
    if postgres.programs() is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with postgres.server() as running:
        yield running


def test_a_team_shares_champions_on_postgresql(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    tracker = Tracker(tmp_path / "mlruns", SHOP)
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()
    line = ChampionHistory(tracker)
    for slope in (1.0, 2.0):
        line.appoint("churn", version(tracker, slope), "promotion", "why")
    other = ChampionHistory(Tracker(tmp_path / "mlruns", SHOP))
    assert other.serving("churn")[0].bundle.parameters["slope"] == 2.0
    assert other.rollback("churn", "worse").version == 1
    assert list((tmp_path / "mlruns" / "artifacts" / "a-churn").rglob("parameters.json"))
    log_many(tmp_path / "mlruns", 1, 5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.replace(postgres.PASSWORD, "wrong-password"))
    with pytest.raises(UsageError, match="MLflow cannot use it") as refused:
        Tracker(tmp_path / "mlruns", SHOP)
    assert "wrong-password" not in str(refused.value)


def version(tracker: Tracker, slope: float) -> int:
    """A registered version whose slope tells it from others."""
    bundle = Bundle("churn", "churn.recency_logistic", {"intercept": 0.1, "slope": slope, "reference": 3.0})
    with tracker.run("churn", "a training") as run:
        folder = save_bundle(bundle, tracker.root.parent / "new")
        run.log_folder(folder, JUDGED)
        run.log_dict({"window": {"rows": 1}}, "gate")
        return tracker.register(run.log_bundle(folder), "churn", {"shop": SHOP})


# --- killed at any moment ---------------------------------------------------------------------------------------------

#: Trains (a run with its artifacts, a registration), promotes and rolls back, for ever.
LIFE = """
import sys
from pathlib import Path
from cvo_ml.registry.tracking.champions import ChampionHistory
from cvo_ml.registry.tracking import Tracker
from tests.registry.test_together import version
tracker = Tracker(Path(sys.argv[1]), "a")
line = ChampionHistory(tracker)
print("ready", flush=True)
slope = 10.0
while True:
    slope += 1
    number = version(tracker, slope)
    line.challenge("churn", number)
    line.appoint("churn", number, "promotion", "why")
    line.rollback("churn", "why")
    line.appoint("churn", number, "forced", "why")
"""


def killed_once(root: Path, after: float) -> None:
    """Let the life run for a while, then SIGKILL."""
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    child = subprocess.Popen(
        [sys.executable, "-c", LIFE, str(root)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(after)
    assert child.poll() is None, "it ended by itself"
    child.send_signal(signal.SIGKILL)
    child.wait()


def whole(root: Path) -> int:
    """The champion after a restart: everything that is registered is complete, nothing runs, the audit agrees."""
    tracker = Tracker(root, SHOP)
    line = ChampionHistory(tracker)
    champion = tracker.version_of("churn")
    assert champion is not None
    assert line.serving("churn")[1] == ""
    for row in tracker.registered():
        tracker.bundle("churn", row.version)
        assert evidence_of(tracker, "churn", row.version).window.rows == 1
        load_bundle(tracker.artifact("churn", row.version, JUDGED))
    experiments = [found.experiment_id for found in tracker.client.search_experiments()]
    statuses = {run.info.status for run in tracker.client.search_runs(experiments)}
    assert statuses <= {"FINISHED", "FAILED"}
    history = line.history("churn")
    assert history[-1].version == champion
    moves = [(past.before, past.version) for past in history]
    assert all(earlier[1] == later[0] for earlier, later in itertools.pairwise(moves))
    return champion


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_after_sigkill_the_alias_is_old_or_new_and_nothing_is_half(kills: int, tracker: Tracker) -> None:
    line = ChampionHistory(tracker)
    line.appoint("churn", version(tracker, 1.0), "first", "why")
    line.appoint("churn", version(tracker, 2.0), "promotion", "why")
    moments = random.Random(7)
    for _ in range(kills):
        killed_once(tracker.root, moments.uniform(0.05, 2.5))
        whole(tracker.root)
    assert line.rollback("churn", "after all that").version != line.history("churn")[-2].version
