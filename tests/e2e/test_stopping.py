"""Stopped in the middle: one sentence, no child left behind, and the next run works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = "from cvo_ml.cli import main; main()"
TRAIN = ("train", "clv", "--as-of", "2011-09-10")


def start(cwd: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": ""}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=cwd, env=environment, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def children(folder: Path) -> list[int]:
    """Processes that train into this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"training" in words and any(str(folder).encode() in word for word in words):
            found.append(int(process.name))
    return found


def wait_for(condition: Callable[[], object], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_stopped_training_ends_its_child_and_leaves_no_half_database(number: signal.Signals, tmp_path: Path) -> None:
    process = start(tmp_path, *TRAIN)
    # while MLflow's tables are made, which took a database with it before they were made aside
    assert wait_for(lambda: list(tmp_path.glob("mlruns/.mlflow-staging-*")))
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert "cvo: stopped" in said
        assert "Traceback" not in said
    assert wait_for(lambda: not children(tmp_path))
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()
