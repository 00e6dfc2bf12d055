"""The database is made once and whole: interruptions leave none, and nobody finds half of one."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import LOCK
from cvo_ml.registry.tracking import database


def things(folder: Path) -> list[str]:
    """What lies in a folder, but for the empty file that whoever holds the folder has locked."""
    return sorted(path.name for path in folder.iterdir() if path.name != LOCK)


def make(uri: str) -> None:
    connection = sqlite3.connect(uri.removeprefix("sqlite:///"))
    connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.execute("CREATE TABLE experiments (name TEXT, artifact_location TEXT)")
    connection.commit()
    connection.close()


def test_an_interruption_leaves_no_database_and_the_next_start_makes_one(tmp_path: Path) -> None:
    def interrupted(uri: str) -> None:
        make(uri)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.ready(tmp_path, interrupted)
    assert things(tmp_path) == []
    assert database.ready(tmp_path, make) == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert things(tmp_path) == ["mlflow.db"]


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / f"{database.STAGING}x").mkdir()
    (tmp_path / f"{database.STAGING}x" / "mlflow.db").write_text("half")
    database.ready(tmp_path, make)
    assert things(tmp_path) == ["mlflow.db"]


def test_of_many_that_start_together_one_makes_it(tmp_path: Path) -> None:
    made: list[str] = []

    def counted(uri: str) -> None:
        made.append(uri)
        make(uri)

    with ThreadPoolExecutor(8) as pool:
        uris = set(pool.map(lambda _: database.ready(tmp_path, counted), range(8)))
    assert len(uris) == len(made) == 1


@pytest.mark.parametrize("content", [b"", b"text", b"SQLite format 3\0" + bytes(100)])
def test_a_file_that_is_no_database_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    with pytest.raises(UsageError, match=r"mlflow\.db: is not a database of MLflow"):
        database.ready(tmp_path, make)
    assert (tmp_path / "mlflow.db").read_bytes() == content
