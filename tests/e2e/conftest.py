"""Commands run as a user runs them: in a child process, in a folder of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]
#: Small jobs, where a test is about the way through the commands and not about how good the models are.
QUICK = tuple(
    part
    for value in (
        "clv.hybrid.enabled=false", "clv.oracle_customers=0", "churn.trees.rounds=30", "churn.most_snapshots=4",
        "churn.hazard.enabled=false", "churn.stack=never", "churn.season_level=never", "icp.trees.rounds=30",
    )
    for part in ("--set", value)
)  # fmt: skip


@pytest.fixture(scope="session")
def cvo() -> Command:
    """Run ``cvo`` with arguments in a folder; the outcome has its code, output and complaints."""

    def run(*arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        program = "from cvo_ml.cli import main; main()"
        environment = {**os.environ, "COLUMNS": "160", "MLFLOW_TRACKING_URI": "", **variables}
        command = [sys.executable, "-c", program, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def demo(cvo: Command, made_once: Callable[[str, Callable[[Path], None]], Path]) -> tuple[Path, str]:
    """The folder and the output of one run of ``cvo demo`` on the sample; other test processes read it too."""

    def make(folder: Path) -> None:
        ran = cvo("demo", cwd=folder)
        assert ran.returncode == 0, ran.stderr
        (folder / "said.txt").write_text(ran.stdout)

    folder = made_once("demo", make)
    return folder, (folder / "said.txt").read_text()
