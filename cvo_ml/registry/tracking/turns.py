"""One at a time: whoever moves a champion holds the registry until the move and its line in the audit are written.

Over a sqlite file that is a lock of the system on a file beside it, over PostgreSQL and MySQL a lock of the server;
both end with the process that held them. A tracking server has no lock to give: then whoever shares the ``mlruns``
folder takes turns, and between machines the last look before the move decides.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cvo_ml.core.files import locked
from cvo_ml.registry.tracking.registered_models import SQLITE, sqlite_file

#: What a server is asked for a turn and how it is given back; the lock belongs to the connection.
TURNS: Final = {
    "postgresql": ("SELECT pg_advisory_lock(:number)", "SELECT pg_advisory_unlock(:number)"),
    "mysql": ("SELECT GET_LOCK(:name, -1)", "SELECT RELEASE_LOCK(:name)"),
}


def is_exclusive(uri: str) -> bool:
    """Whether a turn at this registry keeps every machine out, and not this folder's users alone."""
    return uri.startswith(SQLITE) or _server(uri) in TURNS


@contextlib.contextmanager
def alone(root: Path, uri: str, name: str) -> Iterator[None]:
    """Hold a registered name of a registry until the block ends; not to be nested.

    Parameters
    ----------
    root, uri:
        The ``mlruns`` folder, and where the registry is.
    name:
        The registered name; a file is held whole.

    Raises
    ------
    OSError
        If the folder of the lock cannot be written into.
    """
    if (server := _server(uri)) in TURNS:
        with _held_by_server(uri, *TURNS[server], f"cvo {name}"):
            yield
    else:
        folder = sqlite_file(uri).parent if uri.startswith(SQLITE) else root
        with locked(folder):
            yield


def _server(uri: str) -> str:
    return uri.partition(":")[0].partition("+")[0]


@contextlib.contextmanager
def _held_by_server(uri: str, take: str, give: str, name: str) -> Iterator[None]:
    import sqlalchemy

    digest = hashlib.sha256(name.encode()).digest()
    turn = {"number": int.from_bytes(digest[:8], "big", signed=True), "name": digest.hex()[:60]}
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(take), {key: turn[key] for key in turn if f":{key}" in take})
            try:
                yield
            finally:
                connection.execute(sqlalchemy.text(give), {key: turn[key] for key in turn if f":{key}" in give})
    finally:
        engine.dispose()
