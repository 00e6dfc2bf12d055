"""The pages' commands run in children of one warm process: each import is paid for once, and not once a line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Command
from tests.robustness.driving import Warm


@pytest.fixture(scope="session")
def cvo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Run ``cvo`` with arguments in a folder; the outcome has its code, output and complaints."""
    warm = Warm(tmp_path_factory.mktemp("warm"))

    def run(*arguments: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        assert not variables, "the warm process has its own"
        warm.work = cwd
        words = [str(word) for word in arguments]
        ran = warm.learn(*words)
        return subprocess.CompletedProcess(words, ran.code, ran.out, ran.said)

    yield run
    warm.close()
