"""MLflow's sqlite database: made once and whole, whoever else starts at the same moment."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
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
#: Seconds to wait for another program that holds the database.
PATIENCE: Final = 60


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
    _follow(path)
    return uri(path)


def there(root: Path) -> Path | None:
    """The database in a folder; None where nothing was trained. A folder that cannot be looked into is not empty.

    Raises
    ------
    UsageError
        If this user may not look into the folder.
    """
    path = root / NAME
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be opened ({error.strerror}): let this user read the folder, or score with exported "
            "models (--models)"
        ) from None
    return path


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
    if not moved(path):
        return
    with locked(path.parent), contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as connection, connection:
        for old in moved(path):
            for statement in READDRESS:
                connection.execute(statement, {"old": f"{old}/", "new": f"{(path.parent / ARTIFACTS).as_uri()}/"})


def opened_to_read(path: Path) -> sqlite3.Connection:
    """The database that is there, for questions alone.

    It is opened as the file allows: able to write where it may be written, because what a killed process left
    unfinished is undone on opening; else for reading. Where even the files beside it that sqlite wants cannot be made,
    it is read as a file that nobody changes, unless something unfinished lies there.

    Raises
    ------
    UsageError
        If it cannot be opened; says why.
    """
    with told(path):
        try:
            return _asking(path, "mode=rw")
        except sqlite3.OperationalError:
            if os.access(path, os.R_OK) and not os.access(path.parent, os.W_OK) and not _unfinished(path):
                return _asking(path, "mode=ro&immutable=1")
            raise


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """What sqlite says of a database that it cannot use, as a sentence.

    Raises
    ------
    UsageError
        If it says something.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise UsageError(f"{path}: {_why(path, error)}") from None


def _asking(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=PATIENCE, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _why(path: Path, error: sqlite3.Error) -> str:
    """What is wrong with the database, and what to do; never to train again over a store that others may need."""
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"is locked by another program for more than {PATIENCE} s: wait until it ends, or stop it"
    if not os.access(path, os.R_OK):
        return "this user may not read it: let them read it, or score with exported models (--models)"
    if code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
        if _unfinished(path):
            return (
                "a process was killed while it wrote, and this user may not undo the half write: run 'cvo models list' "
                "once as the owner of the folder"
            )
        return f"cannot be opened ({error}): let this user read the folder {path.parent}"
    if code.startswith("SQLITE_IOERR"):
        return f"cannot be read ({error}): check the disk, or restore it from a backup"
    return (
        f"is not a database of MLflow, or a damaged one ({error}): restore it from a backup, or move it away to begin "
        "a new registry"
    )


def _unfinished(path: Path) -> bool:
    """Whether a write lies beside the database that only who may write there can undo or finish."""
    beside = [path.with_name(f"{path.name}{end}") for end in ("-journal", "-wal")]
    return any(left.exists() and left.stat().st_size > 0 for left in beside)


def moved(path: Path) -> set[str]:
    """Where the database thinks that its artifacts are, if they are beside it instead."""
    with contextlib.closing(opened_to_read(path)) as connection, told(path):
        known = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
    own = path.parent / ARTIFACTS
    folders = {
        str(location).removesuffix(f"/{quote(name)}")
        for name, location in known
        if str(location).endswith(f"/{ARTIFACTS}/{quote(name)}") and (own / name).is_dir()
    }
    return folders - {own.as_uri()}
