"""Quotes, semicolons, SQL and paths in column names, table names, values and file names do no harm."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.errors import DataError
from cvo_ml.ingest import read_frame, read_shop
from cvo_ml.ingest.large import read_large
from cvo_ml.ingest.sources.databases import quoted
from cvo_ml.ingest.sources.duckdb_file import LOCKED

from .conftest import shop

PIECES = ["'", '"', ";", "--", "DROP TABLE orders", "read_csv('/etc/passwd')", "../../etc/passwd", "\\", "/*", "`", "$1",
          "{x}", "%s", "?", " ", "a", "Ω", "\n", "]", "')", '")', "NULL", "select"]  # fmt: skip
names = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
headers = st.lists(names.map(str.strip).filter(bool), min_size=5, max_size=5, unique=True)
values = names.map(lambda text: f"x{text}x")


def columns(header: list[str]) -> dict[str, str]:
    return dict(zip(("order_id", "customer_id", "ordered_at", "net"), header[:4], strict=True))


@settings(max_examples=40, deadline=None)
@given(header=headers, ids=st.lists(values, min_size=3, max_size=3, unique=True))
def test_names_and_ids_come_out_as_they_went_in(header: list[str], ids: list[str]) -> None:
    frame = pd.DataFrame([[f"o{n}", one, "2024-01-01", "5", one] for n, one in enumerate(ids)], columns=header)
    result = read_frame(frame, shop(columns=columns(header), profile={"segment": header[4]}), max_bad_share=1.0)
    assert sorted(result.tables.orders["customer_id"]) == sorted(ids)
    assert sorted(result.tables.get("customers")["segment"]) == sorted(ids)


@settings(max_examples=25, deadline=None)
@given(header=headers, table=names.filter(lambda name: name.strip() and "\x00" not in name), one=values)
def test_a_database_is_read_and_left_as_it_was(header: list[str], table: str, one: str) -> None:
    if len({name.lower() for name in header}) < 5:
        return  # DuckDB does not tell cases apart
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shop.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                f"CREATE TABLE {quoted(table)} ({', '.join(quoted(name) + ' VARCHAR' for name in header)})"
            )
            connection.execute(
                f"INSERT INTO {quoted(table)} VALUES (?, ?, ?, ?, ?)", ["o1", one, "2024-01-01", "5", one]
            )
            connection.execute("CREATE TABLE witness AS SELECT 1 AS x")
        before = path.read_bytes()
        declared = shop(path, columns=columns(header), source={"table": table}, profile={"segment": header[4]})
        result = read_shop(declared)
        assert result.tables.orders["customer_id"].tolist() == [one]
        assert path.read_bytes() == before


@settings(max_examples=20, deadline=None)
@given(field=st.sampled_from(PIECES), one=values)
def test_profile_fields_with_any_name_are_written_in_batches(field: str, one: str) -> None:
    if not field.strip():
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it's; orders.csv"
        frame = pd.DataFrame(
            {"order": ["o1"], "customer": [one], "date": ["2024-01-01"], "amount": ["5"], "more": [one]}
        )
        frame.to_csv(path, index=False)
        declared = shop(path, profile={f"p{field}": "more"})
        out = Path(folder) / "o'ut; --"
        whole = read_large(declared, out, max_bad_share=1.0).tables
        written = pd.read_parquet(out / "customers.parquet")
        pd.testing.assert_frame_equal(written, whole.get("customers"), check_dtype=False)


@pytest.mark.parametrize("query", ["SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "ATTACH 'x.db'",
                                   "COPY (SELECT 1) TO 'x.csv'", "SET enable_external_access=true", "INSTALL httpfs",
                                   "SELECT * FROM frame"])  # fmt: skip
def test_a_locked_connection_reaches_nothing_else(query: str) -> None:
    frame = pd.DataFrame({"x": [1]})
    connection = duckdb.connect()
    for setting in LOCKED:
        connection.execute(setting)
    with pytest.raises(duckdb.Error):
        connection.execute(query).fetchall()
    assert len(frame) == 1


def test_a_refusal_shows_names_but_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order,customer,date,amount\nA,B,2024-01-01,1\n")
    with pytest.raises(DataError, match="no such column"):
        read_shop(shop(path, columns=shop().columns | {"net": "amount'; DROP TABLE x; --"}))
