"""Incremental reads by a watermark: whatever happens to a table between two readings, they say what one whole says."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.config.shops import ShopConfig, SourceConfig
from cvo_ml.core.errors import ConfigError, CvoError, DamagedFile, DataError
from cvo_ml.ingest import ReadResult, kept_folder, kept_tables, read_shop, table_copies
from cvo_ml.ingest.source_rows import rows_of

START = datetime(2024, 1, 1)
COLUMNS = {"order_id": "order_id", "customer_id": "customer", "ordered_at": "day", "net": "net"}
NUMBERS = st.integers(0, 11)
#: A night: orders that come (days after the last watermark), numbers of orders that change, of those that go.
NIGHT = st.tuples(st.lists(st.integers(-1, 2), max_size=4), st.sets(NUMBERS, max_size=3), st.sets(NUMBERS, max_size=1))


@dataclass
class Shop:
    """A DuckDB file of orders that somebody writes into."""

    folder: Path
    key: str = "PRIMARY KEY"
    last: datetime = START
    rows: int = 0
    declared: dict[str, Any] = field(default_factory=dict)
    queries: list[tuple[str, list[object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run(
            f"CREATE TABLE orders (order_id VARCHAR {self.key}, customer VARCHAR, day DATE, net DECIMAL(10, 2), "
            "more INT, updated_at TIMESTAMP)"
        )

    @property
    def path(self) -> Path:
        return self.folder / "shop.duckdb"

    @property
    def kept_in(self) -> Path:
        return self.folder / "kept"

    def run(self, query: str, *values: object) -> None:
        """Before the file is read next."""
        self.queries.append((query, list(values)))

    def add(self, *after: int) -> None:
        """An order for each number: so many days after the last watermark."""
        for days in after:
            self.last = max(self.last, moment := self.last + timedelta(days=days))
            row = [f"A{self.rows}", f"C{self.rows % 3}", START.date() + timedelta(days=self.rows), self.rows + 0.25]
            self.run("INSERT INTO orders VALUES (?, ?, ?, ?, 1, ?)", *row, moment)
            self.rows += 1

    def change(self, *numbers: int) -> None:
        """Orders get another value, at a later moment."""
        for number in numbers:
            self.last += timedelta(hours=1)
            values = (self.last, f"A{number}")
            self.run("UPDATE orders SET net = net + 1, customer = 'C9', updated_at = ? WHERE order_id = ?", *values)

    def config(self, **source: Any) -> ShopConfig:
        if self.queries:
            with duckdb.connect(str(self.path)) as connection:
                for query in self.queries:
                    connection.execute(*query)
            self.queries.clear()
        content = {"path": str(self.path), "table": "orders", **source}
        return ShopConfig.model_validate(
            {"name": "test", "currency": "EUR", "source": content, "columns": COLUMNS, **self.declared}
        )

    def kept(self, **source: Any) -> ReadResult:
        """Read what is new."""
        return read_shop(self.config(watermark="updated_at", kept_in=str(self.kept_in), **source))

    def whole(self) -> ReadResult:
        """Read everything, as a shop without a watermark."""
        return read_shop(self.config())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.add(0, 3, 0, 3, 3)
    return made


def same(one: ReadResult, other: ReadResult) -> None:
    for table in ("orders", "refunds", "customers"):
        if table in other.tables:
            pd.testing.assert_frame_equal(_sorted(one.tables.frame(table)), _sorted(other.tables.frame(table)))
    assert one.ledger == other.ledger
    assert one.fingerprint == other.fingerprint


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values([*frame.columns[:2]], ignore_index=True)


def note(result: ReadResult) -> str:
    return result.notes[0]


class TestTheSameAsOneWhole:
    @settings(max_examples=10, deadline=None)
    @given(nights=st.lists(NIGHT, min_size=1, max_size=3), keyed=st.booleans())
    def test_any_nights_read_one_by_one_are_what_one_reading_says(
        self, nights: list[tuple[list[int], set[int], set[int]]], keyed: bool
    ) -> None:
        """A day late is within the overlap; with and without a primary key (then the key is declared)."""
        with (
            TemporaryDirectory() as folder,
            patch.object(kept_tables, "PART", 4),
            patch.object(table_copies, "PART", 4),
        ):
            shop = Shop(Path(folder), "PRIMARY KEY" if keyed else "")
            shop.add(0, 1)
            key = {} if keyed else {"key": ["order_id"]}
            for added, changed, gone in nights:
                shop.add(*added)
                shop.change(*changed)
                if shop.rows - len(gone) > 1 and added:  # at least one order is left
                    for number in gone - {shop.rows - 1}:
                        shop.run("DELETE FROM orders WHERE order_id = ?", f"A{number}")
                same(shop.kept(**key), shop.whole())

    def test_rows_of_the_last_moment_are_read_again(self, shop: Shop) -> None:
        shop.kept(overlap=0)
        shop.add(0)  # as late as the last one, and after it was read
        result = shop.kept(overlap=0)
        assert "2 rows from 2024-01-10T00:00:00 on were read, 4 were kept before" in note(result)
        same(result, shop.whole())

    def test_late_rows_within_the_overlap_are_found(self, shop: Shop) -> None:
        shop.kept()
        shop.run("INSERT INTO orders VALUES ('late', 'C1', '2024-02-01', 5, 1, ?)", shop.last - timedelta(days=20))
        shop.add(1)
        assert "7 rows from 2023-12-11" in note(shop.kept(overlap=30))
        same(shop.kept(overlap=30), shop.whole())

    @pytest.mark.parametrize(
        "what",
        [
            "DELETE FROM orders WHERE order_id = 'A1'",
            "INSERT INTO orders VALUES ('x', 'C1', '2024-02-01', 5, 1, '2020-01-01')",
        ],
    )
    def test_what_the_number_of_rows_gives_away_is_read_whole(self, shop: Shop, what: str) -> None:
        """A row that went, and one that came with a watermark long past."""
        shop.kept()
        shop.run(what)
        result = shop.kept()
        assert "rows were read again (the table has" in note(result)
        same(result, shop.whole())

    def test_an_emptied_table_is_read_whole(self, shop: Shop) -> None:
        shop.kept()
        shop.run("DELETE FROM orders WHERE updated_at > '2024-01-01'")
        result = shop.kept()
        assert "none is as late as 2024-01-09T00:00:00 any more" in note(result)
        same(result, shop.whole())

    def test_an_earlier_cut_sees_what_was_there(self, shop: Shop) -> None:
        shop.kept()
        shop.add(2)
        shop.kept()
        config = shop.config(watermark="updated_at", kept_in=str(shop.kept_in))
        day = START.date() + timedelta(days=3)
        same(read_shop(config, as_of=day), read_shop(shop.config(), as_of=day))

    def test_lines_without_a_number_are_replaced_by_order(self, shop: Shop) -> None:
        """One line of an order changes: the other lines of the order are asked for too, and stay."""
        shop.declared = {"rows": "lines", "columns": {**COLUMNS, "product_id": "p", "quantity": "q"}}
        shop.run("DROP TABLE orders")
        shop.run(
            "CREATE TABLE orders AS SELECT 'A' || range // 3 AS order_id, 'C' || range // 6 AS customer, "
            "DATE '2024-01-01' AS day, range + 0.5 AS net, 'p' || range AS p, 1 AS q, "
            "TIMESTAMP '2024-01-01' + to_days(range::INT) AS updated_at FROM range(30)"
        )
        shop.kept(key=["order_id"])
        shop.run("UPDATE orders SET net = 100, updated_at = '2024-03-01' WHERE p = 'p4'")
        shop.run("DELETE FROM orders WHERE p = 'p5'")
        shop.run("INSERT INTO orders VALUES ('A9', 'C4', '2024-01-01', 7, 'p30', 1, '2024-03-01')")
        result = shop.kept(key=["order_id"])
        assert "6 rows from 2024-01-29" in note(result)  # A1 has two lines now, A9 four
        same(result, shop.whole())

    def test_rows_that_are_only_added_need_no_key(self, tmp_path: Path) -> None:
        shop = Shop(tmp_path, key="")
        shop.add(0, 1, 1)
        shop.kept(key=[])
        shop.add(0, 1)
        same(shop.kept(key=[]), shop.whole())

    @pytest.mark.parametrize("kind", ["DATE", "TIMESTAMPTZ", "BIGINT", "TIMESTAMP_NS"])
    def test_days_zoned_times_and_whole_numbers_are_watermarks(self, shop: Shop, kind: str) -> None:
        value = "row_number() OVER ()" if kind == "BIGINT" else f"updated_at::{kind}"
        shop.run(f"CREATE VIEW marked AS SELECT * EXCLUDE (updated_at), {value} AS updated_at FROM orders ORDER BY day")
        shop.kept(table="marked", key=["order_id"])
        shop.add(3)
        result = shop.kept(table="marked", key=["order_id"])
        assert "were kept before" in note(result)
        same(result, read_shop(shop.config(table="marked")))

    def test_a_clock_far_ahead_does_not_stop_the_reading(self, shop: Shop) -> None:
        shop.run("UPDATE orders SET updated_at = '2999-01-01' WHERE order_id = 'A0'")
        shop.kept()
        shop.add(1)
        same(shop.kept(), shop.whole())


class TestTheFolder:
    def test_only_what_changed_is_written_anew(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (kept_tables, table_copies):
            monkeypatch.setattr(module, "PART", 2)
        shop.add(*[5] * 20)
        shop.kept()
        before = {path.name for path in shop.kept_in.glob("part-*")}
        shop.add(5)
        shop.kept()
        assert len(before & set(_named(shop))) >= len(before) - 1

    def test_replaced_files_go_after_a_while(self, shop: Shop) -> None:
        shop.kept()
        (first,) = _named(shop)
        shop.add(1)
        shop.kept()
        assert (shop.kept_in / first).exists()  # somebody may read it now
        (shop.kept_in / "part-0123.parquet").write_bytes(b"of a reading that was killed")
        for name in (first, "part-0123.parquet"):
            os.utime(shop.kept_in / name, (1e9, 1e9))
        shop.kept()
        assert {path.name for path in shop.kept_in.glob("part-*")} >= set(_named(shop))
        assert not (shop.kept_in / first).exists()
        assert not (shop.kept_in / "part-0123.parquet").exists()

    @pytest.mark.parametrize("step", ["written", "_content", "write_json"])
    def test_a_reading_that_dies_leaves_the_old_state(
        self, shop: Shop, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.kept()
        before = (shop.kept_in / "kept.json").read_bytes()
        shop.add(1)

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        module = kept_tables if step == "written" else kept_folder
        with monkeypatch.context() as patched:
            patched.setattr(module, step, die)
            with pytest.raises(KeyboardInterrupt):
                shop.kept()
        assert (shop.kept_in / "kept.json").read_bytes() == before
        same(shop.kept(), shop.whole())

    def test_two_readings_at_once_wait_for_each_other(self, shop: Shop) -> None:
        found: list[ReadResult] = []
        config = shop.config(watermark="updated_at", kept_in=str(shop.kept_in))
        readers = [threading.Thread(target=lambda: found.append(read_shop(config))) for _ in range(3)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert len(found) == 3
        for result in found:
            same(result, shop.whole())
        assert sum("all 5 rows were read" in note(result) for result in found) == 1

    def test_what_was_opened_stays_readable_while_it_is_replaced(self, shop: Shop) -> None:
        source = shop.config(watermark="updated_at", kept_in=str(shop.kept_in)).source
        with patch("cvo_ml.ingest.source_rows.BATCH", 0):
            opened = rows_of(source, ["order_id"])
            shop.add(1)
            rows_of(source, ["order_id"])
        assert sum(len(batch) for batch in opened) == 5

    def test_another_column_is_read_with_all_rows_once(self, shop: Shop) -> None:
        shop.kept()
        shop.declared = {"profile": {"more": "more"}}
        assert "read again (other columns" in note(shop.kept())
        shop.declared = {}
        assert "were kept before" in note(shop.kept())

    def test_a_column_of_another_type_is_read_with_all_rows(self, shop: Shop) -> None:
        shop.kept()
        shop.run("ALTER TABLE orders ALTER net TYPE DECIMAL(12, 3)")
        result = shop.kept()
        assert "read again (other columns, types" in note(result)
        same(result, shop.whole())

    def test_a_damaged_file_is_read_anew(self, shop: Shop) -> None:
        shop.kept()
        (path,) = (shop.kept_in / name for name in _named(shop))
        path.write_bytes(path.read_bytes()[:-1])
        result = shop.kept()
        assert "read again (what was kept is incomplete or damaged)" in note(result)
        same(result, shop.whole())

    @pytest.mark.parametrize("content", ["{", "[]", '{"parts": 5}'])
    def test_a_damaged_state_is_said(self, shop: Shop, content: str) -> None:
        shop.kept()
        (shop.kept_in / "kept.json").write_text(content)
        with pytest.raises(DamagedFile, match=r"kept\.json: is damaged"):
            shop.kept()

    def test_it_is_its_users_alone_and_holds_no_more_columns_than_are_read(self, shop: Shop) -> None:
        shop.kept()
        assert oct(shop.kept_in.stat().st_mode)[-3:] == "700"
        (name,) = _named(shop)
        with duckdb.connect() as connection:
            columns = connection.sql(f"SELECT * FROM read_parquet('{shop.kept_in / name}')").columns
        assert "more" not in columns


def _named(shop: Shop) -> list[str]:
    return [part["file"]["name"] for part in json.loads((shop.kept_in / "kept.json").read_text())["parts"]]


class TestRefusals:
    def refused(self, read: Callable[[], object], kind: type[CvoError], match: str) -> None:
        with pytest.raises(kind, match=match):
            read()

    def test_a_row_without_a_watermark_is_refused(self, shop: Shop) -> None:
        shop.run("UPDATE orders SET updated_at = NULL WHERE order_id IN ('A1', 'A2')")
        match = r"shop\.duckdb:orders: column 'updated_at': is the watermark and empty in 2 rows"
        self.refused(shop.kept, DataError, match)

    def test_an_empty_key_is_refused(self, shop: Shop) -> None:
        shop.run("UPDATE orders SET customer = NULL WHERE order_id = 'A1'")
        self.refused(lambda: shop.kept(key=["customer"]), DataError, "is a part of the key and empty in 1 rows")

    def test_a_table_without_a_key_is_asked_about(self, tmp_path: Path) -> None:
        shop = Shop(tmp_path, key="")
        shop.add(0)
        self.refused(shop.kept, ConfigError, r"has no primary key.*name the columns whose rows are replaced together")

    def test_a_watermark_of_texts_is_refused(self, shop: Shop) -> None:
        config = shop.config(watermark="customer", kept_in=str(shop.kept_in))
        self.refused(lambda: read_shop(config), DataError, "is the watermark and holds string, which is no time")

    def test_a_column_that_is_not_there_names_the_nearest(self, shop: Shop) -> None:
        config = shop.config(watermark="updated", kept_in=str(shop.kept_in))
        self.refused(lambda: read_shop(config), DataError, r"'updated': no such column \(did you mean 'updated_at'\?\)")

    def test_a_folder_with_other_files_is_refused(self, shop: Shop) -> None:
        shop.kept_in.mkdir()
        (shop.kept_in / "letter.txt").write_text("mine")
        self.refused(shop.kept, ConfigError, "holds other files: name a new folder")
        assert (shop.kept_in / "letter.txt").exists()

    def test_the_folder_of_another_table_is_refused(self, shop: Shop) -> None:
        shop.kept()
        shop.run("CREATE TABLE more_orders AS SELECT * FROM orders")
        self.refused(lambda: shop.kept(table="more_orders", key=[]), ConfigError, "holds rows of another table")

    @pytest.mark.parametrize(
        ("declared", "match"),
        [
            ({"path": "orders.csv", "watermark": "u", "kept_in": "k"}, "is of tables of PostgreSQL and DuckDB"),
            ({"path": "${DB}", "watermark": "u"}, "say where rows are kept between readings"),
            ({"path": "${DB}", "kept_in": "k"}, "kept_in: is of a table with a watermark"),
            ({"path": "${DB}", "key": []}, "key: is of a table with a watermark"),
        ],
    )
    def test_what_makes_no_sense_is_refused_before_anything_is_read(self, declared: dict[str, Any], match: str) -> None:
        self.refused(lambda: SourceConfig.model_validate(declared), ValueError, match)  # type: ignore[arg-type]

    def test_sqlite_is_refused(self, tmp_path: Path) -> None:
        import sqlite3

        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.execute("CREATE TABLE orders (order_id TEXT PRIMARY KEY, customer, day, net, updated_at)")
        source = {"path": str(tmp_path / "shop.db"), "table": "orders", "watermark": "updated_at",
                  "kept_in": str(tmp_path / "kept")}  # fmt: skip
        config = ShopConfig.model_validate({"name": "x", "currency": "EUR", "source": source, "columns": COLUMNS})
        self.refused(lambda: read_shop(config), ConfigError, "watermark is of tables of PostgreSQL and DuckDB")


class TestPostgres:
    @pytest.fixture
    def database(self, address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        import psycopg

        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept")
            connection.execute(
                "CREATE TABLE kept.orders (id bigserial PRIMARY KEY, order_id text, customer text, day date, "
                "net numeric, state text, updated_at timestamptz DEFAULT now())"
            )
            connection.execute(
                "INSERT INTO kept.orders (order_id, customer, day, net, updated_at) SELECT 'A' || n, 'C' || n % 9, "
                "date '2024-01-01' + n % 28, n / 8.0, timestamptz '2024-01-01' + n * interval '1 hour' "
                "FROM generate_series(1, 1000) n"
            )
            monkeypatch.setenv("CVO_TEST_DATABASE", address)
            yield connection

    def read(self, **source: Any) -> ReadResult:
        content = {"path": "${CVO_TEST_DATABASE}", "table": "kept.orders", **source}
        return read_shop(
            ShopConfig.model_validate({"name": "test", "currency": "EUR", "source": content, "columns": COLUMNS})
        )

    def test_nights_are_read_one_by_one(self, database: Any, tmp_path: Path) -> None:
        kept = {"watermark": "updated_at", "kept_in": str(tmp_path / "kept")}
        assert "all 1,000 rows were read and are kept" in note(self.read(**kept))
        database.execute("UPDATE kept.orders SET net = net + 1, updated_at = '2024-02-20' WHERE id % 100 = 7")
        database.execute("INSERT INTO kept.orders (order_id, customer, day, net) VALUES ('new', 'C1', '2024-01-05', 3)")
        result = self.read(**kept)
        assert "36 rows from 2024-02-10T16:00:00+00:00 on were read" in note(result)  # 25 of the last day, 10 and 1
        same(result, self.read())
        assert postgres_free(tmp_path / "kept")

    def test_lines_of_an_order_that_changed_are_asked_for_together(self, database: Any, tmp_path: Path) -> None:
        kept = {"watermark": "updated_at", "kept_in": str(tmp_path / "kept"), "key": ["customer"]}
        self.read(**kept)
        database.execute("UPDATE kept.orders SET updated_at = '2024-03-01' WHERE id = 1000")
        result = self.read(**kept)
        assert "111 rows from" not in note(result)
        same(result, self.read())

    def test_a_transaction_that_ends_after_a_later_one_is_not_lost(
        self, address: str, database: Any, tmp_path: Path
    ) -> None:
        """``now()`` is when a transaction began: one that is open during a reading shows older rows afterwards."""
        import psycopg

        kept = {"watermark": "updated_at", "kept_in": str(tmp_path / "kept")}
        with psycopg.connect(address) as slow:
            slow.execute(
                "INSERT INTO kept.orders (order_id, customer, day, net) VALUES ('slow', 'C1', '2024-01-05', 3)"
            )
            database.execute(
                "INSERT INTO kept.orders (order_id, customer, day, net) VALUES ('q', 'C2', '2024-01-05', 3)"
            )
            self.read(**kept)
            slow.commit()
        result = self.read(**kept)
        assert "slow" in set(result.tables.orders["order_id"])
        same(result, self.read())


def postgres_free(folder: Path) -> bool:
    """Whether no file of the folder holds the server's password or address."""
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    return b"canary-secret" not in content and b"127.0.0.1" not in content
