"""Scoring only reads the model store: mounted read-only, of another user, without a home, beside a package of root."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.core.errors import BundleError, UsageError
from cvo_ml.registry.tracking import RegisteredModels, Tracker, database
from cvo_ml.registry.tracking.champions import ChampionHistory
from cvo_ml.registry.tracking.stored import MlflowReader
from tests.frozen import scenario
from tests.registry.conftest import SHOP, empty, tracker
from tests.registry.test_promotion import against, made, trained

__all__ = ["empty", "tracker"]
ROOT = Path(__file__).resolve().parents[2]
CVO = Path(sys.executable).with_name("cvo")
NOBODY = 65534
SCORE = ["score", "--shop", "shop.yaml", "--as-of", scenario.FIRST, "--mlruns", "mlruns"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder to which other users find the way, as they do not through pytest's own."""
    with tempfile.TemporaryDirectory(prefix="cvo-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        with_write(Path(folder))


@pytest.fixture
def shop_folder(place: Path) -> Path:
    """A shop with a store that an older edition wrote elsewhere, so that its addresses are of another folder."""
    folder = place / "shop"
    shutil.copytree(scenario.FORMAT_1 / "tables", folder / "tables")
    shutil.copy(scenario.FORMAT_1 / "shop.yaml", folder)
    with zipfile.ZipFile(scenario.FORMAT_1 / "mlruns.zip") as archive:
        archive.extractall(folder / "mlruns")
    return folder


def tree(folder: Path) -> dict[str, str]:
    """Everything under a folder, with its bytes and its time."""
    return {
        str(path.relative_to(folder)): f"{path.stat().st_mtime_ns} "
        + (hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder")
        for path in [folder, *sorted(folder.rglob("*"))]
    }


def run(command: list[str], cwd: Path, home: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command with little in its environment, as in a container."""
    kept = ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {} if home is None else {"HOME": home}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def by_another_user(command: list[str]) -> list[str]:
    """The command as a user without any right of this one; without any but this user's where this is not root."""
    if os.geteuid() != 0:
        return command
    other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed: apt-get install util-linux")
    tried = run([*other[:4], sys.executable, "-c", "import numpy"], Path("/"))
    if tried.returncode:
        pytest.skip(f"another user cannot start this Python: {tried.stderr.strip().splitlines()[-1]}")
    return other


def without_write(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)


def with_write(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)


def check_scored(done: subprocess.CompletedProcess[str], out: Path) -> None:
    assert done.returncode == 0, done.stderr
    served = (out / "scores" / "current").read_text().strip()
    scores = pd.read_parquet(out / "scores" / served / "part-0.parquet")
    assert scores["predicted_clv"].notna().sum() > 100
    assert scores["churn_probability"].notna().sum() > 100


def test_another_user_without_a_home_who_owns_only_the_results_scores(shop_folder: Path) -> None:
    """FAULT-S12: MLflow wrote into its database at each load, and the answer was "train again"."""
    out = shop_folder.parent / "results"
    out.mkdir()
    if os.geteuid() == 0:
        os.chown(out, NOBODY, NOBODY)
    without_write(shop_folder)
    before = tree(shop_folder)
    done = run(by_another_user([str(CVO), *SCORE, "--out", str(out)]), shop_folder)
    check_scored(done, out)
    assert tree(shop_folder) == before


def test_a_store_and_a_package_that_are_mounted_read_only_score(shop_folder: Path, tmp_path: Path) -> None:
    """FAULT-S12: bind mounts that refuse every write, root's too, and a home that is not there."""
    if os.geteuid() != 0 or run(["unshare", "-m", "true"], Path("/")).returncode:
        pytest.skip("mounting needs root")
    mount = "".join(
        f"mount --bind '{place}' '{place}' && mount -o remount,ro,bind '{place}' && " for place in (shop_folder, ROOT)
    )
    words = " ".join(f"'{word}'" for word in [str(CVO), *SCORE, "--out", str(tmp_path / "results")])
    script = f"{mount} cd '{shop_folder}' && ! touch mlruns/x 2>/dev/null && exec {words}"
    done = run(["unshare", "-m", "bash", "-c", script], tmp_path, home="/nonexistent")
    check_scored(done, tmp_path / "results")


def test_reading_changes_no_byte_of_a_store_that_may_be_written(shop_folder: Path) -> None:
    """FAULT-S12: not even the addresses of a store that was moved."""
    before = tree(shop_folder)
    models = existing(shop_folder / "mlruns", "small")
    assert models.champion("clv").name == "clv"
    assert ChampionHistory(models).serving("churn")[1] == ""
    assert [past.kind for past in ChampionHistory(models).history("churn")] == ["first", "forced", "rollback"]
    assert models.evidence("churn", 1).window.rows > 0
    assert models.judged("churn", 1).name == "churn"
    assert models.refusal("icp") is None
    assert len(models.registered()) == 4
    assert tree(shop_folder) == before


def existing(root: Path, shop: str = SHOP) -> RegisteredModels:
    found = RegisteredModels.existing(root, shop)
    assert found is not None
    return found


# --- the same answers as MLflow ---------------------------------------------------------------------------------------


def test_a_database_answers_without_mlflow_as_mlflow_does(tracker: Tracker) -> None:
    """FAULT-S12: the tables are MLflow's; whatever it changes in them is seen here."""
    trained(tracker, made(1.0), {})
    trained(tracker, made(2.0), against(1))
    trained(Tracker(tracker.root, "b"), made(3.0, shop="b"), {})
    for slope in (4.0, 5.0):
        trained(tracker, made(slope), against(1, psi=0.1), "gate" if slope == 4.0 else "never")
    tracker.client.delete_model_version("a-churn", "2")
    with tracker.run("churn", "numbers") as run_:
        run_.log_metrics({"loss": 1.0}, step=1)
        run_.log_metrics({"loss": 2.0}, step=2)
    ours, theirs = existing(tracker.root).reader, MlflowReader(tracker.client)
    assert ours.models() == theirs.models()
    assert [ours.model(name) for name in ("a-churn", "none")] == [theirs.model(name) for name in ("a-churn", "none")]
    for name in ("a-churn", "b-churn", "none"):
        assert sorted(ours.versions(name), key=lambda v: v.version) == sorted(
            theirs.versions(name), key=lambda v: v.version
        )
        for version in ours.versions(name):
            assert ours.files_of(name, version.version) == theirs.files_of(name, version.version)
            assert ours.artifacts_of(version.run_id) == theirs.artifacts_of(version.run_id)
    for asked in (("appointments", "model", "a-churn"), ("a-churn", "shop", "a"), ("none", "shop", "a")):
        assert by_run(ours.runs(*asked)) == by_run(theirs.runs(*asked))
    assert ours.runs("a-churn", "shop", "a")[0].metrics == {"loss": 2.0}
    for reader in (ours, theirs):
        with pytest.raises(BundleError, match="run 'nowhere' is not on record"):
            reader.artifacts_of("nowhere")
        with pytest.raises(BundleError, match="version 9 of 'a-churn' are not on record"):
            reader.files_of("a-churn", 9)


def by_run(runs: list) -> dict:
    return {run.run_id: run for run in runs}


# --- a store that is really broken ------------------------------------------------------------------------------------


def damaged(path: Path) -> None:
    path.write_bytes(b"no database" + bytes(5_000))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9_000])


@pytest.mark.parametrize("damage", [damaged, emptied, truncated])
def test_a_damaged_database_is_named_and_not_to_be_trained_over(
    damage: Callable[[Path], None], tracker: Tracker
) -> None:
    """FAULT-S12: the sentence names the file and what is wrong with it."""
    damage(tracker.root / "mlflow.db")
    with pytest.raises(UsageError, match=r"mlflow\.db: is not a database of MLflow, or a damaged one \(") as refused:
        existing(tracker.root).champion("churn")
    assert "restore it from a backup" in str(refused.value)
    assert "train" not in str(refused.value)


@pytest.fixture
def impatient() -> Iterator[None]:
    """A minute is too long for a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "PATIENCE", 0.2)
        yield


@pytest.mark.usefixtures("impatient")
def test_a_database_that_another_program_holds_is_waited_for_and_then_named(tracker: Tracker) -> None:
    """ROBUSTNESS §2, sqlite locked for a minute: one sentence; and somebody's open write does not stop a reader."""
    trained(tracker, made(1.0), {})
    other = sqlite3.connect(tracker.root / "mlflow.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert existing(tracker.root).version_of("churn") == 1
    other.execute("ROLLBACK")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UsageError, match=r"mlflow\.db: is locked by another program for more than 0\.2 s: wait"):
        existing(tracker.root).version_of("churn")
    other.execute("ROLLBACK")
    other.close()
    assert existing(tracker.root).version_of("churn") == 1


ASK = """
import sys
from pathlib import Path
from cvo_ml.core.errors import CvoError
from cvo_ml.registry.tracking.registered_models import RegisteredModels
try:
    print("champion", RegisteredModels.existing(Path(sys.argv[1]), "a").version_of("churn"))
except CvoError as error:
    print(error)
"""


def asked_by_another_user(root: Path) -> str:
    done = run(by_another_user([sys.executable, "-c", ASK, str(root)]), ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def open_ways(tracker: Tracker, place: Path) -> Path:
    """A store with a champion, to which another user finds the way."""
    trained(tracker, made(1.0), {})
    return Path(shutil.copytree(tracker.root, place / "mlruns"))


def test_a_database_in_wal_mode_is_read_where_nothing_can_be_made_beside_it(open_ways: Path) -> None:
    """FAULT-S12: somebody chose another journal for their MLflow; sqlite wants to make files to read such a one."""
    connection = sqlite3.connect(open_ways / "mlflow.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    without_write(open_ways)
    assert asked_by_another_user(open_ways) == "champion 1"


def test_a_database_and_a_folder_that_may_not_be_read_are_named(open_ways: Path) -> None:
    """FAULT-S12: neither "holds no models" nor "train again"."""
    path = open_ways / "mlflow.db"
    path.chmod(0o600 if os.geteuid() == 0 else 0o000)
    assert "this user may not read it: let them read it" in asked_by_another_user(open_ways)
    path.chmod(0o644)
    open_ways.chmod(0o700 if os.geteuid() == 0 else 0o000)
    said = asked_by_another_user(open_ways)
    assert "mlflow.db: cannot be opened (Permission denied): let this user read the folder" in said
    open_ways.chmod(0o755)


def test_an_unfinished_write_of_a_killed_process_is_said_to_who_may_not_undo_it(open_ways: Path) -> None:
    """FAULT-S12: a journal lies beside the database, and only its owner can roll it back."""
    killed = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("CREATE TABLE filler AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT 90000) "
                   "SELECT x, hex(randomblob(50)) FROM c")
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", killed, str(open_ways / "mlflow.db")], check=False)
    assert (open_ways / "mlflow.db-journal").stat().st_size > 0
    without_write(open_ways)
    said = asked_by_another_user(open_ways)
    with_write(open_ways)
    assert "a process was killed while it wrote, and this user may not undo the half write" in said
    assert existing(open_ways).version_of("churn") == 1  # its owner undoes it by reading
    assert not (open_ways / "mlflow.db-journal").exists()
