"""The error tree: exit codes of DESIGN.md §4, and messages that say what, where and what to do."""

from __future__ import annotations

import errno
import inspect
import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

from cvo_ml.core import errors
from cvo_ml.core.errors import CvoError, DataError, ModelRefused, nearest_name, storage_failure, unusable
from cvo_ml.core.store import StoreError

EXIT_CODES = {
    "CvoError": 1,
    "UsageError": 2,
    "ConfigError": 2,
    "DataError": 3,
    "ContractError": 3,
    "DamagedFile": 3,
    "ModelRefused": 4,
    "BundleError": 4,
    "NoChampion": 4,
    "GateClosed": 4,
    "PartlyDone": 5,
}


def full_database() -> sqlite3.OperationalError:
    """What sqlite says of a full disk, from a database that may have two pages."""
    connection = sqlite3.connect(":memory:")
    connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(sqlite3.OperationalError) as full:
        connection.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000));")
    return full.value


def test_a_full_disk_is_one_sentence_whichever_library_reports_it() -> None:
    wrapped = RuntimeError("(sqlite3.OperationalError) [SQL: UPDATE runs SET status=? WHERE runs.run_uuid = ?]")
    wrapped.__cause__ = full_database()
    arrow = pa.ArrowException("x")
    arrow.__context__ = OSError("Error writing bytes to file. Detail: [errno 28] No space left on device")
    for error in (wrapped, arrow, OSError(errno.ENOSPC, "No space left on device")):
        found = storage_failure(error)
        assert found is not None
        assert str(found) == "no space is left on the disk: free some, or name a place on another one"
    named = unusable(OSError(errno.ENOSPC, "No space left on device", "out/report.html"))
    assert str(named).startswith("out/report.html: no space is left")


def _ask_for_what_is_not_there() -> None:
    try:
        Path("nowhere").read_text()
    except FileNotFoundError:
        {}["plan"]


def test_a_bug_stays_one() -> None:
    assert storage_failure(sqlite3.OperationalError("no such table: runs")) is None
    with pytest.raises(KeyError) as bug:
        _ask_for_what_is_not_there()
    assert storage_failure(bug.value) is None


def test_the_tree_and_its_exit_codes_are_those_of_the_design() -> None:
    tree = {
        name: kind.exit_code
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, CvoError) and kind.__module__ == errors.__name__
    }
    assert tree == EXIT_CODES
    assert StoreError.exit_code == 3


def test_a_data_error_names_file_column_count_and_first_rows() -> None:
    error = DataError("is empty", "fill it", file="f.csv", column="net", count=1234, first_rows=[1, 2, 3])
    assert str(error) == "f.csv: column 'net': is empty (1,234 rows; first: 1, 2, 3): fill it."
    assert (error.file, error.column, error.count, error.first_rows) == ("f.csv", "net", 1234, (1, 2, 3))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "is empty: fill it."),
        ({"count": 1}, "is empty (1 row): fill it."),
        ({"count": 0}, "is empty (0 rows): fill it."),
        ({"first_rows": [7]}, "is empty (first: 7): fill it."),
        ({"column": "net"}, "column 'net': is empty: fill it."),
    ],
)
def test_a_data_error_leaves_out_what_is_not_known(given: dict, sentence: str) -> None:
    assert str(DataError("is empty", "fill it", **given)) == sentence


def test_a_refusal_carries_the_code_for_the_null_columns() -> None:
    assert ModelRefused("no").reason_code == "model_refused"
    assert ModelRefused("no", reason_code="too_few").reason_code == "too_few"


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("Customer_ID", ["customer_id"], " (did you mean 'customer_id'?)"),
        ("horizen", ["Horizon", "trees"], " (did you mean 'Horizon'?)"),
        ("x", ["horizon"], ""),
        ("x", [], ""),
    ],
)
def test_the_nearest_name_ignores_case_and_stays_silent_when_nothing_is_near(name: str, known: list, hint: str) -> None:
    assert nearest_name(name, known) == hint
