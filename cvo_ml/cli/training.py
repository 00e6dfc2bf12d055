"""Training runs in a child process from the checkout: the wheel does not hold the jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cvo_ml
from cvo_ml.core.errors import CvoError, UsageError

#: seconds that the child has to end in order
PATIENCE: Final = 8.0
Listener = Callable[[dict[str, Any]], None]


class TrainingError(CvoError):
    """The training process ended with an error that it named."""


def checkout() -> Path:
    """The folder that holds ``training/``.

    Raises
    ------
    UsageError
        If this is an installed wheel without one.
    """
    for folder in (Path(cvo_ml.__file__).resolve().parent.parent, Path.cwd()):
        if (folder / "training" / "__main__.py").is_file():
            return folder
    raise UsageError(
        "training runs from a checkout of the project, and there is none here: "
        "clone it and run 'uv run cvo train ...' there"
    )


def backtest(
    shop_file: Path, out: Path, options: Mapping[str, str | None], overrides: Sequence[str], listener: Listener
) -> None:
    """Walk the calendar in a child process, which writes everything under ``out``.

    Raises
    ------
    CvoError
        With the child's sentence and exit code, where it fails.
    """
    arguments = ["--shop", str(shop_file), "--out", str(out)]
    arguments += [part for name, value in options.items() if value for part in (f"--{name}", value)]
    run_module("training.backtest", [*arguments, *_sets(overrides)], listener)


def run_module(module: str, arguments: Sequence[str], listener: Listener) -> list[dict[str, Any]]:
    """Run a job of the checkout and return every event that it told; the listener hears each at once.

    Raises
    ------
    CvoError
        With the child's sentence and exit code, where it fails.
    """
    command = [sys.executable, "-m", module, "--follow-parent", *arguments]
    path = os.pathsep.join(filter(None, [str(checkout()), os.environ.get("PYTHONPATH", "")]))
    said: list[dict[str, Any]] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as complaints:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # held open: its end tells the child that this process is gone
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C reaches this process, which stops the child in order
        )
        try:
            assert child.stdout is not None
            for line in child.stdout:
                event = json.loads(line)
                said.append(event)
                listener(event)
            code = child.wait()
        finally:
            _stop(child)
        if code:
            raise _failure(said, code, complaints)
    return said


def _sets(overrides: Sequence[str]) -> list[str]:
    return [part for override in overrides for part in ("--set", override)]


def _stop(child: subprocess.Popen[str]) -> None:
    """End a child that still runs: first as it would end itself, so that its run is marked as failed."""
    if child.poll() is not None:
        return
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _failure(said: list[dict[str, Any]], code: int, complaints: Any) -> CvoError:
    named = [event for event in said if event["event"] == "error"]
    if named:
        error = TrainingError(named[-1]["text"])
        error.exit_code = int(named[-1]["exit_code"])
        return error
    complaints.seek(0)
    tail = complaints.read().strip().splitlines()[-12:]
    return TrainingError(f"training stopped with code {code}, which is a bug; its last words:\n" + "\n".join(tail))
