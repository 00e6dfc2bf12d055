"""An MLflow folder and a saved bundle for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.tracking import Tracker

#: The shop of most tests.
SHOP = "a"


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with MLflow's tables; copied for each test, because making them takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        root = tmp_path_factory.mktemp("mlflow") / "mlruns"
        Tracker(root)
        yield root


@pytest.fixture
def tracker(empty: Path, tmp_path: Path) -> Tracker:
    shutil.copytree(empty, tmp_path / "mlruns")
    return Tracker(tmp_path / "mlruns", SHOP)


@pytest.fixture
def folder(tmp_path: Path, churn_bundle: Bundle) -> Path:
    """A saved bundle with trees."""
    return save_bundle(churn_bundle, tmp_path / "churn")
