"""The seam to the database: what is opened once, and what a version of DuckDB needs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import ParquetTables, window_outcome
from cvo_ml.features.customer import customer_features
from cvo_ml.features.engine import engine
from cvo_ml.features.engine.duckdb import JOINS_AS_WRITTEN, SWAPS_JOINS, DuckDBEngine, around_bugs
from tests.builders import SHOP_CUT, shop_of

ROWS = [("1", "a", "2023-01-01", 10.0), ("2", "a", "2023-03-01", 5.0), ("3", "b", "2023-02-01", 7.0)]


def test_a_later_duckdb_is_tried_with_its_whole_optimizer() -> None:
    """Fails when the pin moves past 2.0.0: then try without the setting, and drop it with this test if joins hold."""
    assert duckdb.__version__ in SWAPS_JOINS
    assert around_bugs("2.0.0") == (JOINS_AS_WRITTEN,)
    assert around_bugs("2.0.1") == ()


def test_an_engine_that_is_given_is_used_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    registered = DuckDBEngine._registered

    def counted(self: DuckDBEngine, name: str) -> object:
        loads.append(name)
        return registered(self, name)

    monkeypatch.setattr(DuckDBEngine, "_registered", counted)
    tables = shop_of(ROWS)
    with engine(tables) as opened:
        features = customer_features(opened, SHOP_CUT)
        after = window_outcome(opened, date(2023, 2, 15), Horizon("30D"), features.index)
    assert loads.count("orders") == 1
    pd.testing.assert_frame_equal(features, customer_features(tables, SHOP_CUT))
    assert after["orders"].to_dict() == {"a": 1.0, "b": 0.0}


def test_tables_in_files_are_no_frames(tmp_path: Path) -> None:
    with engine(shop_of(ROWS)) as opened:
        assert isinstance(opened.tables, Tables)
    with engine(ParquetTables(tmp_path)) as opened, pytest.raises(UsageError, match="are files: read them first"):
        _ = opened.tables
