"""What a database's table holds, as one SHA-256: the same rows give the same, in whatever order they come.

A database gives its rows in an order that nobody promises: PostgreSQL begins a long scan where another one is, and a
row that was changed stands at the end. So each row is hashed for itself (64 bits), and the hashes are added up.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import pyarrow as pa

from cvo_ml.core.sessions import memory_session


class RowHashes:
    """The sum of the hashes of rows that come in pieces.

    Examples
    --------
    >>> one, other = RowHashes(["a", "b"]), RowHashes(["a", "b"])
    >>> one.add(pa.table({"a": ["x", "y"], "b": [1, None]}))
    >>> for piece in ({"a": ["y"], "b": pa.array([None], pa.int64())}, {"a": ["x"], "b": [1]}):
    ...     other.add(pa.table(piece))
    >>> one.sha256() == other.sha256(), len(one.sha256())
    (True, 64)
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns, self._rows, self._sum = list(columns), 0, 0
        self._session = memory_session()

    def add(self, rows: pa.Table) -> None:
        """Add rows with these columns."""
        if not rows.num_rows:
            return
        names = [f"c{place}" for place in range(len(self._columns))]
        self._session.register("piece", rows.select(self._columns).rename_columns(names))
        ((found,),) = self._session.execute(f"SELECT sum(hash({', '.join(names)})) FROM piece").fetchall()  # noqa: S608
        self._session.unregister("piece")
        self._sum += int(found)
        self._rows += rows.num_rows

    def sha256(self) -> str:
        """The hash of the rows that were added."""
        return hashlib.sha256(json.dumps([self._columns, self._rows, self._sum]).encode()).hexdigest()
