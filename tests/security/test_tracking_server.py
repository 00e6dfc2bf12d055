"""A registry behind MLflow's own server: read without a write, fetched within limits, and nothing fetched stays."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cvo_ml.core.errors import BundleError
from cvo_ml.core.scratch import PREFIX
from cvo_ml.registry.tracking import RegisteredModels, Tracker, downloads
from cvo_ml.registry.tracking.champions import ChampionHistory
from tests.registry.conftest import SHOP
from tests.registry.test_promotion import against, made, trained

pytestmark = pytest.mark.slow


def is_up(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=1):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's server on a free port, which keeps the artifacts and hands them out."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(folder / "kept"),
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + 120
    while not is_up(f"http://127.0.0.1:{port}"):
        if server.poll() is not None or time.monotonic() > end:
            server.kill()
            pytest.fail((folder / "log").read_text()[-2000:])
        time.sleep(0.5)
    yield f"http://127.0.0.1:{port}"
    os.killpg(server.pid, 15)
    server.wait()


def scratch() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*")}


def test_a_shop_is_trained_promoted_and_read_behind_a_server(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S2, S12, S13: the same lines and the same champions as over a file."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    before = scratch()
    tracker = Tracker(tmp_path / "mlruns", SHOP)
    trained(tracker, made(1.0), {})
    trained(tracker, made(2.0), against(1), "gate")
    ChampionHistory(tracker).rollback("churn", "why")
    models = RegisteredModels.existing(tmp_path / "elsewhere", SHOP)
    assert models is not None
    history = ChampionHistory(models)
    assert [(past.kind, past.before, past.version) for past in history.history("churn")] == [
        ("first", None, 1), ("promotion", 1, 2), ("rollback", 2, 1),
    ]  # fmt: skip
    assert models.champion("churn") == made(1.0)
    assert models.evidence("churn", 2).champion is not None
    assert [row.version for row in models.registered()] == [2, 1]
    assert not (tmp_path / "elsewhere").exists()
    monkeypatch.setattr(downloads, "MOST_BYTES", 100)
    with pytest.raises(BundleError, match="are more than a model has: refuse this version"):
        models.champion("churn")
    del models, history, tracker
    gc.collect()
    assert scratch() <= before
