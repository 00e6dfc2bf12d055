"""MLflow's sqlite database: made once and whole, whoever else starts at the same moment."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import locked

NAME: Final = "mlflow.db"
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


def _check(path: Path) -> None:
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise UsageError(
            f"{path}: is not a database of MLflow, or a damaged one ({error}): move it away and train again, "
            "or restore it from a backup"
        ) from None
