"""The small shop in its states, with a warm process to run commands on it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.robustness.shop import Shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Its states are made when they are first asked for; a test begins with one of them."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "states"
    # pytest's own folders are closed to other users, and a command runs as one here
    with tempfile.TemporaryDirectory(prefix="robustness-") as folder:
        Path(folder).chmod(0o755)
        made = Shop(Path(folder).resolve(), shared)
        yield made
        made.close()
