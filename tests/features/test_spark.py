"""The same expressions on Apache Spark give DuckDB's numbers. Run with ``pytest -m spark``, where Spark can start."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.features import rfm_summary, snapshots
from cvo_ml.features.engine.spark import SESSION, SparkEngine
from cvo_ml.features.order_relations import KEYS
from cvo_ml.features.snapshot import snapshots_expression
from cvo_ml.simulate import simulate_saas, simulate_shop

pytestmark = pytest.mark.spark
DATES = [date(2022, 6, 1), date(2023, 1, 1), date(2023, 6, 1)]


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    """A local Spark; the test is skipped where Java or pyspark is absent."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: pip install 'cvo-ml[spark]'")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java: install a JRE (17 or 21) or set JAVA_HOME")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = sql.SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", 2)
    started = builder.config("spark.ui.enabled", False).config(map=SESSION).getOrCreate()
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
    spark = SparkEngine(tables, tmp_path, session)
    theirs = spark.run(snapshots_expression(spark, sorted(dates)), KEYS)
    assert len(ours) > 40
    assert ours[list(theirs)].notna().any().sum() > (100 if kind == "shop" else 60)
    pd.testing.assert_frame_equal(
        theirs, ours[list(theirs)], check_dtype=False, check_index_type=False, rtol=1e-12, atol=1e-12
    )


def test_the_rfm_summary_is_the_same_on_spark(session: Any, tmp_path: Path) -> None:
    tables = simulate_shop("shop", n_customers=300, tables=["orders", "refunds"]).tables
    ours = rfm_summary(tables, as_of=DATES[-1])
    theirs = rfm_summary(SparkEngine(tables, tmp_path, session), as_of=DATES[-1])
    pd.testing.assert_frame_equal(theirs, ours, check_dtype=False, check_index_type=False, rtol=1e-12, atol=1e-12)
