"""Nothing is sent anywhere unasked: MLflow's own telemetry is off in every command and every child."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cvo_ml.core.python_child import python_environment

COMMAND = """
import sys
sys.argv = ["cvo", "--help"]
from cvo_ml.cli import main
try:
    main()
except SystemExit:
    pass
import os
print("disabled", os.environ["MLFLOW_DISABLE_TELEMETRY"])
"""


@pytest.mark.parametrize(("asked", "off"), [(None, "true"), ("false", "false")])
def test_a_command_turns_it_off_unless_somebody_asks_for_it(asked: str | None, off: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_DISABLE_TELEMETRY"}
    if asked is not None:
        environment["MLFLOW_DISABLE_TELEMETRY"] = asked
    ended = subprocess.run([sys.executable, "-c", COMMAND], env=environment, capture_output=True, text=True, timeout=99)
    assert ended.stdout.splitlines()[-1] == f"disabled {off}", ended.stderr


def test_a_child_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    assert python_environment()["MLFLOW_DISABLE_TELEMETRY"] == "true"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    assert python_environment()["MLFLOW_DISABLE_TELEMETRY"] == "false"
