"""Command lines of the application, each run with streams and variables of its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from cvo_ml.cli import app

DRIVER: Final = Path(__file__).with_name("printing.py")
ROOT: Final = Path(__file__).resolve().parents[2]


def registered(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Each command of the application, hidden ones too."""
    command = command or get_command(app)
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path)
        return
    for name, child in inner.items():
        yield from registered(child, (*path, name))


def step(line: str, **place: Any) -> dict[str, Any]:
    """A command line without ``cvo``, and where it runs (``printing.py``)."""
    return {"arguments": shlex.split(line), **place}


def run(folder: Path, steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each step's exit code and what came of its streams, as text of one sign a byte."""
    plan, results = folder.parent / "plan.json", folder.parent / "results.json"
    plan.write_text(json.dumps(steps), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": "", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, DRIVER, plan, results]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))
    return found
