"""Apache Spark behind Ibis: the same expressions over Parquet files that a Spark session reads.

Needs the extra ``spark`` and Java; the tables are in memory here and are written to a folder that the session can read.
The session is the caller's: its time zone is UTC and its ``spark.sql.timestampType`` is ``TIMESTAMP_NTZ``, as all times
here are without a zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import ibis
import pandas as pd

from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.features.engine.base import Engine

#: What a session must be told before it starts.
SESSION: Final = {"spark.sql.session.timeZone": "UTC", "spark.sql.timestampType": "TIMESTAMP_NTZ"}
#: Tables that expressions name whether a shop has them or not.
ALWAYS: Final = ("orders", "refunds")


class SparkEngine(Engine):
    """A shop's tables as Parquet files that a Spark session reads.

    Parameters
    ----------
    source:
        The shop.
    folder:
        Where its tables are written; the session must see the folder.
    session:
        A ``pyspark.sql.SparkSession`` with the settings ``SESSION``; it stays open.
    """

    def __init__(self, source: Tables, folder: Path, session: Any) -> None:
        super().__init__(source, ibis.pyspark.connect(session))
        self._folder = folder
        for name in {*source.frames, *ALWAYS}:
            rows = source.frames[name] if name in source else CONTRACTS[name].empty()
            times = dict.fromkeys(rows.select_dtypes("datetime"), TIME_DTYPE)
            rows.astype(times).to_parquet(folder / f"{name}.parquet", index=False)

    def run(self, expression: Any, index: str | Sequence[str] = "customer_id") -> pd.DataFrame:
        """As ``Engine.run``."""
        rows: pd.DataFrame = expression.to_pandas()
        keys = [index] if isinstance(index, str) else list(index)
        return rows.sort_values(keys).set_index(keys[0] if isinstance(index, str) else keys)

    def close(self) -> None:
        """Forget the tables; the session and the files stay."""
        self._loaded.clear()

    def _worked_out(self, name: str, expression: Any) -> Any:
        self.write(expression, self._folder / f"{name}.parquet")
        return self._registered(name)

    def _given(self, name: str, rows: pd.DataFrame) -> Any:
        rows.astype(dict.fromkeys(rows.select_dtypes("datetime"), TIME_DTYPE)).to_parquet(
            self._folder / f"{name}.parquet", index=False
        )
        return self._registered(name)

    def _registered(self, name: str) -> Any:
        return self._backend.read_parquet(str(self._folder / f"{name}.parquet"), table_name=name)
