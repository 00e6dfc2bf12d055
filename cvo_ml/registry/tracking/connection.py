"""MLflow itself, imported when it is needed, and where it keeps its tables.

MLflow is spoken to through client objects that hold their address. Nothing sets its global address, an active run or
the environment: trackers of two servers live in one process, and threads do not meet. MLflow loads no model here:
bundles are read by ``cvo_ml.registry.bundles``, which unpickles nothing.
"""

from __future__ import annotations

import logging
import os
import re
from typing import Any, Final

from cvo_ml.core.errors import UsageError
from cvo_ml.core.secrets import Secret, is_secret, redacted

ADDRESS: Final = "MLFLOW_TRACKING_URI"


def import_mlflow() -> Any:
    """The module ``mlflow``.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        import mlflow
    except ImportError:
        raise UsageError("mlflow is not installed: pip install 'cvo-ml[mlflow]'") from None
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def client_of(uri: str) -> Any:
    """An ``MlflowClient`` whose runs and registered models are at ``uri``, whatever MLflow's global address says.

    Raises
    ------
    UsageError
        If MLflow knows no such address.
    """
    mlflow = import_mlflow()
    try:
        return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    except (mlflow.exceptions.MlflowException, ValueError) as error:
        raise unusable_address(uri, error) from None


def answering(uri: str) -> Any:
    """A client that has asked its first question, so that a place that cannot answer is named at once.

    Raises
    ------
    UsageError
        If there is no answer.
    """
    client = client_of(uri)
    try:
        client.search_experiments(max_results=1)
    except (import_mlflow().exceptions.MlflowException, ValueError, OSError) as error:
        raise unusable_address(uri, error) from None
    return client


def elsewhere() -> str | None:
    """The tracking server or database that the environment names; to be shown through ``redacted`` alone."""
    named = os.environ.get(ADDRESS) or None
    if named is not None and is_secret(named):
        named = Secret(named).reveal()
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
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError) as error:  # ValueError: a port that is none
        raise unusable_address(uri, getattr(error, "orig", None) or error) from None


def unusable_address(uri: str, error: BaseException) -> UsageError:
    """What is wrong with where MLflow was told to look."""
    remedy = "" if uri.startswith("sqlite") else f": check {ADDRESS}"
    return UsageError(f"{redacted(uri)}: MLflow cannot use it: {said(error, uri)}{remedy}")


def is_database(uri: str) -> bool:
    """Whether MLflow's tables are reached directly: then artifacts lie in the folder that the caller names."""
    return uri.split(":", 1)[0].split("+", 1)[0] in ("sqlite", "postgresql", "mysql", "mssql")


def said(error: BaseException, uri: str) -> str:
    """The first line of what MLflow, SQLAlchemy or a driver says, without what it repeats of the address."""
    line = str(error).strip().split("\n")[0]
    return Secret(uri).hide(line) if is_secret(uri) else line
