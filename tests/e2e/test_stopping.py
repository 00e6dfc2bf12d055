"""Stopped in the middle: one sentence, no run left open, and the next run works."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.conftest import Command

PROGRAM = "from cvo_ml.cli import main; main()"
TRAIN = ("train", "clv", "--as-of", "2011-09-10")


def start(cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": ""}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=cwd, env=environment, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_for(condition: Callable[[], object], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def runs(folder: Path) -> list[str]:
    """The status of each run that is tracked there."""
    database = folder / "mlruns" / "mlflow.db"
    if not database.is_file():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        try:
            return [status for (status,) in opened.execute("select status from runs")]
        except sqlite3.OperationalError:  # its tables are being made
            return []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_training_that_is_stopped_at_its_start_leaves_no_half_database(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = start(tmp_path, *TRAIN)
    # while MLflow's tables are made, which took a database with it before they were made aside
    assert wait_for(lambda: list(tmp_path.glob("mlruns/.mlflow-staging-*")), 120)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert "cvo: stopped" in said
        assert "Traceback" not in said
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_training_that_is_stopped_while_it_fits_closes_its_run_as_failed(
    number: signal.Signals, tmp_path: Path
) -> None:
    process = start(tmp_path, *TRAIN)
    assert wait_for(lambda: "RUNNING" in runs(tmp_path), 120)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert "cvo: stopped" in said
    assert "Traceback" not in said
    assert runs(tmp_path) == ["FAILED"]


@pytest.mark.slow
def test_a_training_killed_at_any_moment_leaves_the_old_champion_or_the_new_one(cvo: Command, tmp_path: Path) -> None:
    """Nothing can be put in order by the process that is killed; a later command does that."""
    lines = [f"c{n % 400},2023-{1 + n * 7 % 12:02d}-{1 + n * 11 % 27:02d},{10 + n % 90}" for n in range(4000)]
    (tmp_path / "orders.csv").write_text("\n".join(["client,date,total", *lines]) + "\n")
    columns = "{customer_id: client, ordered_at: date, net: total}"
    source = "source: {path: orders.csv}"
    (tmp_path / "shop.yaml").write_text(f"name: s\ncurrency: EUR\norder_id: generated\n{source}\ncolumns: {columns}\n")
    train = ("train", "clv", "--shop", "shop.yaml", "--set", "clv.hybrid.enabled=false")
    short = ("--set", "clv.horizon=60D", "--set", "clv.validation_horizon=60D")
    started = time.monotonic()
    first = cvo(*train, *short, "--as-of", "2023-11-01", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    took = time.monotonic() - started
    moments = random.Random(3)
    for number in range(20):
        process = start(tmp_path, *train, *short, "--as-of", f"2023-11-{2 + number:02d}", "--promote")
        time.sleep(moments.uniform(0.1, took))
        process.kill()
        process.communicate(timeout=60)
        listed = cvo("models", "list", "--json", cwd=tmp_path)
        assert listed.returncode == 0, listed.stderr
        champions = [row for row in json.loads(listed.stdout)["models"] if row["alias"] == "champion"]
        assert len(champions) == 1
        assert set(runs(tmp_path)) <= {"FINISHED", "FAILED"}
    scored = cvo("score", "--shop", "shop.yaml", "--as-of", "2023-12-01", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
