"""The same expressions on Apache Spark give DuckDB's numbers. Run with ``pytest -m spark``, where Spark can start."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.features import rfm_summary, snapshots
from cvo_ml.features.engine import Engine
from cvo_ml.features.order_relations import KEYS
from cvo_ml.features.rfm import rfm_expression
from cvo_ml.features.snapshot import snapshots_expression
from cvo_ml.simulate import simulate_saas, simulate_shop

pytestmark = pytest.mark.spark
DATES = [date(2022, 6, 1), date(2023, 1, 1), date(2023, 6, 1)]


class OnSpark(Engine):
    """Tables as Parquet files that a Spark session reads."""

    def __init__(self, tables: Tables, folder: Path, session: Any) -> None:
        self._tables, self._folder = tables, folder
        self._backend = ibis.pyspark.connect(session)
        self._loaded: dict[str, Any] = {}
        for name in {*tables.frames, "orders", "refunds"}:
            rows = tables.frames[name] if name in tables else CONTRACTS[name].empty()
            times = dict.fromkeys(rows.select_dtypes("datetime"), "datetime64[us]")
            rows.astype(times).to_parquet(folder / f"{name}.parquet", index=False)

    def _registered(self, name: str) -> Any:
        return self._backend.read_parquet(str(self._folder / f"{name}.parquet"), table_name=name)


def collected(expression: Any, keys: Sequence[str]) -> pd.DataFrame:
    """The expression's rows in order of the keys."""
    rows: pd.DataFrame = expression.to_pandas()
    return rows.sort_values(list(keys)).set_index(list(keys))


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """A local Spark; the test is skipped where Java or pyspark is absent."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: pip install 'cvo-ml[spark]'")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java: install a JRE (17 or 21) or set JAVA_HOME")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = sql.SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", 2)
    builder = builder.config("spark.ui.enabled", False).config("spark.sql.session.timeZone", "UTC")
    started = builder.config("spark.sql.timestampType", "TIMESTAMP_NTZ").getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    yield started
    started.stop()


@pytest.mark.parametrize("kind", ["shop", "saas"])
def test_all_features_of_all_tables_are_the_same_on_spark(kind: str, session: Any, tmp_path: Path) -> None:
    tables = (
        simulate_shop("shop", n_customers=150).tables if kind == "shop" else simulate_saas("saas", n_leads=300).tables
    )
    end = tables.orders["ordered_at"].max()
    dates = DATES if kind == "shop" else [(end - pd.Timedelta(days=days)).date() for days in (200, 90)]
    ours = snapshots(tables, dates)
    theirs = collected(snapshots_expression(OnSpark(tables, tmp_path, session), sorted(dates)), KEYS)
    assert len(ours) > 40
    assert ours[list(theirs)].notna().any().sum() > (100 if kind == "shop" else 60)
    pd.testing.assert_frame_equal(
        theirs, ours[list(theirs)], check_dtype=False, check_index_type=False, rtol=1e-12, atol=1e-12
    )


def test_the_rfm_summary_is_the_same_on_spark(session: Any, tmp_path: Path) -> None:
    tables = simulate_shop("shop", n_customers=300, tables=["orders", "refunds"]).tables
    ours = rfm_summary(tables, as_of=DATES[-1])
    theirs = collected(rfm_expression(OnSpark(tables, tmp_path, session), DATES[-1]), ["customer_id"])
    pd.testing.assert_frame_equal(theirs, ours, check_dtype=False, check_index_type=False, rtol=1e-12, atol=1e-12)
