"""The Python face is tried in the folder of a small shop with trained models, whose run ``cvo score`` published."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import Command, cvo
from tests.howto.shop import trained_folder

__all__ = ["cvo"]


@pytest.fixture(scope="session")
def corner_shop(cvo: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder, for tests that only read."""
    folder = tmp_path_factory.mktemp("corner") / "shop"
    shutil.copytree(trained_folder(cvo, tmp_path_factory.getbasetemp().parent), folder, symlinks=True)
    return folder


@pytest.fixture
def here(corner_shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test runs in that folder."""
    monkeypatch.chdir(corner_shop)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return corner_shop
