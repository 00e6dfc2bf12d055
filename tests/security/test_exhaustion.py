"""FAULT-S11: memory, disk, threads and time at their end are one sentence and an exit code, whichever library says so.

Before, Arrow's and DuckDB's errors of memory were tracebacks, a limit of address space ended in an abort or a fault of
C++ at random places, and Ctrl-C inside a query of DuckDB was a traceback.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from cvo_ml.core.address_space import NEEDED
from cvo_ml.core.errors import CvoError, refusal
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.ingest import read_shop
from cvo_ml.ingest.sources import inspection, parquet
from tests.ingest.conftest import shop
from tests.security.swapped_files import FORMATS

ROOT = Path(__file__).resolve().parents[2]
#: A command whose work is the one statement that is put in.
COMMAND = """
import sys
sys.argv = ["cvo", "report"]
import duckdb, pyarrow, numpy
from cvo_ml.cli import main
from cvo_ml.workflows import report
def work(*_, **__):
    {before}
    print("begun", file=sys.stderr, flush=True)
    {statement}
report.report = work
main()
"""
#: By the ways in which this package asks a database; the connections are its own.
LONG = "SELECT sum(a.range * b.range % 7) FROM range(10000000) a, range(10000000) b"
QUERIES = {
    "features": f"opened._backend.con.sql({LONG!r}).to_arrow_table()",
    "features in pieces": f"[batch for batch in opened._backend.con.sql({LONG!r}).to_arrow_reader(1000)]",
    "a large source": f"connection.execute({LONG!r}).fetchall()",
    "a large source in pieces": f"[batch for batch in connection.sql({LONG!r}).to_arrow_reader(1000)]",
    "a large source's file": f"connection.execute('COPY ({LONG}) TO ' + repr(str(folder / 'x')) + ' (FORMAT parquet)')",
}
OPENED = (
    "from cvo_ml.features.engine.duckdb import DuckDBEngine; from cvo_ml.ingest.row_database import RowDatabase; "
    "from cvo_ml.core.scratch import Scratch; from tests.builders import seeded_shop; "
    "opened = DuckDBEngine(seeded_shop()); "
    "scratch = Scratch(); folder = scratch.folder; rows = RowDatabase(scratch); connection = rows._db; "
)


def command(statement: str, before: str = "pass") -> subprocess.Popen[str]:
    program = COMMAND.format(statement=statement, before=before)
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def arrow() -> None:
    pa.allocate_buffer(1 << 60)


def numpy() -> None:
    np.zeros(1 << 58, dtype=np.int64)


def database() -> None:
    with scratch_folder() as folder:
        connection = duckdb.connect()
        connection.execute("SET memory_limit='20MB'")
        connection.execute("SET max_temp_directory_size='0MB'")
        connection.execute("SET temp_directory=?", [str(folder)])
        connection.execute("SELECT list(range ORDER BY hash(range)) FROM range(10000000)").fetchall()


@pytest.mark.parametrize("work", [arrow, numpy, database])
def test_memory_at_its_end_is_one_sentence_whichever_library_says_so(work: Callable[[], None]) -> None:
    with pytest.raises((MemoryError, duckdb.Error)) as ended:
        work()
    found = refusal(ended.value)
    assert found is not None
    assert found.exit_code == 2
    assert str(found).startswith("the memory that this process may have is used up: give it more, run it with fewer")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("std::bad_alloc"), "the memory that"),
        (lightgbm.basic.LightGBMError("bad allocation"), "the memory that"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "the memory that"),
        (ImportError("libx.so: failed to map segment from shared object"), "the memory that"),
        (RuntimeError("can't start new thread"), "no more threads can be started"),
        (OSError(errno.EMFILE, "Too many open files", "orders.csv"), "orders.csv: too many files are open at once"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), "x: no space is left on the disk"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "x"), "x: no space is left on the disk"),
        (OSError(errno.EIO, "Input/output error", "orders.csv"), "orders.csv: cannot be used (Input/output error)"),
        (OSError(errno.EROFS, "Read-only file system", "out"), "out: cannot be used (Read-only file system)"),
        (OSError("Error reading bytes from file. Detail: [errno 5] Input/output error"), "cannot be used"),
        (OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"), "no space is left"),
        (duckdb.IOException('IO Error: Could not write file "/t/x.tmp": No space left on device'), "no space is left"),
        (duckdb.IOException('IO Error: Could not read from file "x": Input/output error'), "a place on the disk"),
    ],
)  # fmt: skip
def test_what_the_system_refuses_is_one_sentence(error: Exception, words: str) -> None:
    wrapped = RuntimeError("while scoring")
    wrapped.__cause__ = error
    for each in (error, wrapped):
        found = refusal(each)
        assert found is not None
        assert words in str(found)
        assert len(str(found).splitlines()) == 1
        assert found.exit_code == 2


def test_a_bug_that_speaks_of_memory_stays_a_bug() -> None:
    assert refusal(KeyError("out of memory")) is None
    assert refusal(ValueError("horizon")) is None


def test_what_this_package_says_itself_is_said_as_it_is() -> None:
    own = CvoError("out of memory")
    assert refusal(own) is own


@pytest.mark.parametrize("gigabytes", [0.5, 1, 1.5, 2, 2.5, 3])
def test_a_limit_of_address_space_is_refused_before_anything_begins(gigabytes: float, tmp_path: Path) -> None:
    limit = int(gigabytes * 1e9)
    ran = subprocess.run(
        [sys.executable, "-m", "cvo_ml", "score", "--as-of", "2011-09-10"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert ran.returncode == 2
    assert ran.stderr == (
        f"cvo: this process may reserve {gigabytes:.1f} GB of address space (ulimit -v) and needs "
        f"{(NEEDED + 128e6 * max(0, (os.cpu_count() or 1) - 2)) / 1e9:.1f}, most of which it never fills: lift that "
        "limit, or limit the memory in use instead (of a container, or MemoryMax of systemd)\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_admitted_under_a_limit_that_is_lower_than_its_own() -> None:
    """Before, the child of a first load asked for more than it may have, and each trained model was refused."""
    program = (
        "from pathlib import Path; from cvo_ml.registry.bundles.first_load import admit; "
        "print(admit(Path('tests/golden/bundles/clv')).name)"
    )
    limit = NEEDED + 500_000_000
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert ran.stdout == "clv\n", ran.stderr


@pytest.mark.parametrize("statement", ["pyarrow.allocate_buffer(1 << 60)", "numpy.zeros(1 << 58)"])
def test_a_command_without_memory_ends_with_2_and_no_traceback(statement: str) -> None:
    process = command(statement)
    _, said = process.communicate()
    assert process.returncode == 2
    assert "cvo: the memory that this process may have is used up" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", QUERIES)
def test_a_stop_inside_a_query_ends_the_command_soon_and_in_one_sentence(how: str, number: signal.Signals) -> None:
    """Half of them ran on before: DuckDB waited for the query's threads, and the exception with it."""
    process = command(QUERIES[how], OPENED)
    assert process.stderr is not None
    try:
        assert process.stderr.readline() == "begun\n"
        with pytest.raises(subprocess.TimeoutExpired):  # the query runs
            process.wait(1)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert said.strip() == "cvo: stopped; what was finished is kept, nothing half-written stays"


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_source_that_cannot_be_read_to_its_end_is_named_wherever_the_disk_fails(
    kind: str, held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read of the file in turn ends with EIO: never fewer rows, always one sentence with its name."""
    name, write = FORMATS[kind]
    path = tmp_path / name
    write(path, "1.50")
    if not held:
        monkeypatch.setattr(inspection, "HELD", 0)
        monkeypatch.setattr(parquet, "HELD", 0)
    whole = len(read_shop(shop(path)).tables.orders)
    reads, calls, broken = os.pread, 0, 0

    def pread(handle: int, size: int, place: int) -> bytes:
        nonlocal calls
        calls += 1
        if calls == broken:
            raise OSError(errno.EIO, "Input/output error")
        return reads(handle, size, place)

    monkeypatch.setattr(os, "pread", pread)
    for broken in range(1, 40):
        calls = 0
        try:
            assert len(read_shop(shop(path)).tables.orders) == whole
        except OSError as failed:
            said = str(refusal(failed))
            assert said.startswith(f"{path}: cannot be used (Input/output error)")
            continue
        assert calls < broken
        break
    assert broken > 2
