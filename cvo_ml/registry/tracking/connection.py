"""MLflow itself, imported when it is needed and with pickles switched off, and where it keeps its tables."""

from __future__ import annotations

import logging
import os
import re
from typing import Any, Final

from cvo_ml.core.errors import UsageError

ADDRESS: Final = "MLFLOW_TRACKING_URI"


def import_mlflow() -> Any:
    """The module ``mlflow``.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    # a pickle in a model folder must never be executed, whoever put it there
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    # a run holds the bundle and its numbers, not the checkout's lock file
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
    os.environ.setdefault("MLFLOW_LOG_UV_FILES", "false")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        import mlflow
        import mlflow.pyfunc
    except ImportError:
        raise UsageError("mlflow is not installed: pip install 'cvo-ml[mlflow]'") from None
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def point_to(mlflow: Any, uri: str) -> None:
    """Make ``uri`` MLflow's, and leave the environment as the user set it.

    MLflow writes the address there too, where the next folder of this process would take it for the user's own.
    """
    named = os.environ.get(ADDRESS)
    mlflow.set_tracking_uri(uri)
    if named is None:
        os.environ.pop(ADDRESS, None)
    else:
        os.environ[ADDRESS] = named


def elsewhere() -> str | None:
    """The tracking server or database that the environment names."""
    named = os.environ.get(ADDRESS) or None
    # the driver that the extra `postgres` installs
    return re.sub(r"^postgres(?:ql)?://", "postgresql+psycopg://", named) if named else None


def reach(uri: str) -> None:
    """Connect once to a database that is not a file: MLflow itself would try for minutes.

    Raises
    ------
    UsageError
        If it does not answer, or refuses.
    """
    if not is_database(uri) or uri.startswith("sqlite"):
        return
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri)
        engine.connect().close()
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise UsageError(f"{without_password(uri)}: MLflow cannot use it: {reason}: check {ADDRESS}") from None


def is_database(uri: str) -> bool:
    """Whether MLflow's tables are reached directly: then artifacts lie in the folder that the caller names."""
    return uri.split(":", 1)[0].split("+", 1)[0] in ("sqlite", "postgresql", "mysql", "mssql")


def without_password(uri: str) -> str:
    """The address as it may be shown."""
    return re.sub(r"//[^/@]*@", "//", uri)
