"""The small shop in its states, with a warm process to run commands on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.robustness.shop import Shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Its states are made when they are first asked for; a test begins with one of them."""
    made = Shop(tmp_path_factory.mktemp("robustness").resolve())
    yield made
    made.close()
