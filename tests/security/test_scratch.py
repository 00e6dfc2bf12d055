"""FAULT-S9, outside the results: what a killed process spilled into the temporary folder does not stay.

Before, the folders of ``tempfile`` with customers' rows in them stayed for good after SIGKILL.
"""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cvo_ml.core.scratch import PREFIX, Scratch, scratch_folder, sweep
from cvo_ml.features.engine import engine
from cvo_ml.ingest import read_shop
from tests.builders import seeded_shop
from tests.ingest.conftest import orders_text, shop

ROOT = Path(__file__).resolve().parents[2]
HOLDS = "from cvo_ml.core.scratch import Scratch; s = Scratch(); (s.folder / 'rows').write_text('C1'); "
#: A read of a large source that is killed when its rows lie on disk.
KILLED = """
import os, signal, sys
from cvo_ml.ingest import batches, read_shop, reader
from tests.ingest.conftest import shop
batches.LARGE = 1
reader.assemble = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
read_shop(shop(sys.argv[1]))
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this process and its children."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def child(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )


@pytest.fixture
def living(temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a scratch folder until it is killed."""
    process = child(HOLDS + "print(s.folder, flush=True); input()")
    assert process.stdout is not None
    assert process.stdout.readline().strip() == str(next(temporary.iterdir()))
    yield process
    process.kill()
    process.communicate()


def test_the_folder_of_a_killed_process_is_removed_by_the_next(temporary: Path, living: subprocess.Popen[str]) -> None:
    living.kill()
    living.wait()
    (left,) = temporary.iterdir()
    assert (left / "rows").read_text() == "C1"
    with scratch_folder() as own:
        assert list(temporary.iterdir()) == [own]
    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_living_process_stays(temporary: Path, living: subprocess.Popen[str]) -> None:
    with scratch_folder():
        pass
    (left,) = temporary.iterdir()
    assert (left / "rows").read_text() == "C1"


def test_two_folders_of_one_process_do_not_sweep_each_other(temporary: Path) -> None:
    with scratch_folder() as first, scratch_folder() as second:
        assert {first, second} == set(temporary.iterdir())


def test_another_users_folder_stays(
    temporary: Path, living: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    living.kill()
    living.wait()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    sweep(temporary)
    assert len(list(temporary.iterdir())) == 1


def test_a_link_and_a_file_of_such_a_name_are_left_and_what_a_link_points_at_too(
    temporary: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "kept").write_text("kept")
    (temporary / f"{PREFIX}link").symlink_to(mine)
    (temporary / f"{PREFIX}file").write_text("kept")
    sweep(temporary)
    assert len(list(temporary.iterdir())) == 2
    assert (mine / "kept").read_text() == "kept"


def test_only_its_user_can_look_into_a_scratch_folder(temporary: Path) -> None:
    with scratch_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_owner_who_forgets_its_folder_leaves_none(temporary: Path) -> None:
    scratch = Scratch()
    del scratch
    assert list(temporary.iterdir()) == []


def test_a_read_of_a_large_source_that_was_killed_leaves_no_rows_after_the_next_command(
    temporary: Path, tmp_path: Path
) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("\n".join(orders_text(9)) + "\n")
    killed = child(KILLED, str(orders))
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert list(temporary.rglob("*.parquet")), "it was killed before it wrote a row"
    read_shop(shop(str(orders)))
    with engine(seeded_shop()):
        assert not list(temporary.rglob("*.parquet"))
    assert list(temporary.iterdir()) == []


def test_every_temporary_folder_is_one_of_these() -> None:
    """What else asks ``tempfile`` says here why nobody's rows stay in it."""
    allowed = {
        "cvo_ml/core/scratch.py": "makes them",
        "cvo_ml/core/files.py": "beside a result, swept under the lock of the results",
        "cvo_ml/monitoring/ledger.py": "beside a result, swept under the lock of the results",
        "cvo_ml/registry/tracking/database.py": "an empty database beside its place, swept under the lock of the store",
        "training/child_process.py": "a file without a name: the system removes it with its process",
    }
    asks = re.compile(r"\btempfile\.\w*(?:[Tt]emp|mk)\w*\(|\bmkd?s?temp\(")
    found = {
        str(path.relative_to(ROOT))
        for folder in ("cvo_ml", "training")
        for path in (ROOT / folder).rglob("*.py")
        if asks.search(path.read_text())
    }
    assert found <= set(allowed)
