"""MLflow's sqlite database: made once and whole, whoever else starts at the same moment."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import locked

NAME: Final = "mlflow.db"
ARTIFACTS: Final = "artifacts"
#: Everywhere that MLflow keeps addresses of artifacts.
READDRESS: Final = (
    "UPDATE experiments SET artifact_location = replace(artifact_location, :old, :new)",
    "UPDATE runs SET artifact_uri = replace(artifact_uri, :old, :new)",
    "UPDATE logged_models SET artifact_location = replace(artifact_location, :old, :new)",
    "UPDATE model_versions SET source = replace(source, :old, :new)",
    "UPDATE model_versions SET storage_location = replace(storage_location, :old, :new)",
)
STAGING: Final = ".mlflow-staging-"


def ready(root: Path, make: Callable[[str], object]) -> str:
    """The URI of ``root/mlflow.db``, which is made if it is not there.

    MLflow creates its tables in dozens of steps. They run on a file beside the database, which takes its
    name when it is complete: an interruption leaves no database or a whole one, and of two processes
    that start together the second waits.

    Parameters
    ----------
    make:
        Called with the URI of an empty file: creates all tables in it.

    Raises
    ------
    UsageError
        If a file of that name is not a database of MLflow.
    """
    path = root / NAME
    if not path.exists():
        root.mkdir(parents=True, exist_ok=True)
        with locked(root):
            if not path.exists():
                _make(path, make)
    _check(path)
    _follow(path)
    return uri(path)


def uri(path: Path) -> str:
    """The database's address for MLflow."""
    return f"sqlite:///{path}"


def _make(path: Path, make: Callable[[str], object]) -> None:
    for left in path.parent.glob(f"{STAGING}*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=path.parent))
    try:
        make(uri(staging / NAME))
        os.replace(staging / NAME, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _follow(path: Path) -> None:
    """Repair the addresses of a folder that was moved or copied: MLflow keeps absolute ones."""
    if not _moved(path):
        return
    with locked(path.parent), contextlib.closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        for old in _moved(path):
            for statement in READDRESS:
                connection.execute(statement, {"old": f"{old}/", "new": f"{(path.parent / ARTIFACTS).as_uri()}/"})


def _open(path: Path) -> sqlite3.Connection:
    """The database that is there; able to write, because what a killed process left unfinished is undone on opening."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=60)


def _moved(path: Path) -> set[str]:
    """Where the database thinks that its artifacts are, if they are beside it instead."""
    with contextlib.closing(_open(path)) as connection:
        known = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
    own = path.parent / ARTIFACTS
    folders = {
        str(location).removesuffix(f"/{quote(name)}")
        for name, location in known
        if str(location).endswith(f"/{ARTIFACTS}/{quote(name)}") and (own / name).is_dir()
    }
    return folders - {own.as_uri()}


def _check(path: Path) -> None:
    try:
        with contextlib.closing(_open(path)) as connection:
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        raise UsageError(
            f"{path}: is not a database of MLflow, or a damaged one ({error}): move it away and train again, "
            "or restore it from a backup"
        ) from None
