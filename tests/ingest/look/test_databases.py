"""``init`` of a database: each table that may be of use is found, no address is written, and the look is bounded."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError, CvoError, DataError, UsageError
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.ingest.look import Look, databases, look_at, shop_text
from cvo_ml.ingest.look.sources import grids_of
from tests.ingest import postgres

#: Orders with every wide type; a third is pending. Sums: 500 x .25 + 2 x (0 + … + 249).
SHOP = """
CREATE TYPE state AS ENUM ('paid', 'pending');
CREATE DOMAIN amount AS numeric(12, 2);
CREATE TABLE "Order Book" (
    id bigserial PRIMARY KEY, order_number uuid DEFAULT gen_random_uuid(), customer_id integer,
    created_at timestamptz(3), net_amount amount, status state, raw jsonb, tags text[], test boolean, note text);
INSERT INTO "Order Book" (customer_id, created_at, net_amount, status, raw, tags, test, note)
    SELECT n % 97, timestamptz '2023-01-01 10:00+02' + n * interval '1 hour', n % 250 + 0.25,
        CASE WHEN n > 500 THEN 'pending' ELSE 'paid' END::state, '{"a": 1}', '{x,y}', false, repeat('longer', 20000)
    FROM generate_series(1, 750) n;
CREATE TABLE customers (customer_id integer PRIMARY KEY, since date, country text);
INSERT INTO customers SELECT n, date '2022-01-01' + n, 'DE' FROM generate_series(0, 96) n;
CREATE SCHEMA sales;
CREATE TABLE sales.money_back (refund_id int, order_number uuid, refunded_at timestamp, amount money);
INSERT INTO sales.money_back
    SELECT id, order_number, created_at + interval '1 day', 0.25 FROM "Order Book" WHERE id % 50 = 0;
CREATE VIEW sales.refunds AS SELECT * FROM sales.money_back;
CREATE TABLE subscriptions (subscription_id text, customer_id int, status text, mrr numeric, started_at timestamptz);
CREATE TABLE secret_orders AS SELECT * FROM "Order Book" LIMIT 5;
CREATE VIEW broken AS SELECT customer_id, created_at, 1 / (id - id) AS net FROM "Order Book";
CREATE TABLE visits (customer_id int, created_at timestamptz, total numeric) PARTITION BY RANGE (created_at);
CREATE TABLE visits_2023 PARTITION OF visits FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
DO $$ BEGIN FOR n IN 1..40 LOOP EXECUTE 'CREATE TABLE log' || n || ' (a int, b text)'; END LOOP; END $$;
CREATE ROLE reader LOGIN PASSWORD 'canary-secret';
GRANT USAGE ON SCHEMA sales TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public, sales TO reader;
REVOKE ALL ON secret_orders, sales.money_back FROM reader;
"""


@pytest.fixture(scope="module")
def reader(address: str) -> str:
    """The address of a database of this module's own, as a user with few rights."""
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE DATABASE looked_at")
    own = address.rpartition("/")[0] + "/looked_at"
    with psycopg.connect(own, autocommit=True) as connection:
        connection.execute(SHOP.encode())
    return own.replace("tester", "reader")


@pytest.fixture
def found(reader: str, monkeypatch: pytest.MonkeyPatch) -> Look:
    monkeypatch.setenv("SHOP_DB", reader)
    return look_at(["env://SHOP_DB"])


def read(look: Look, folder: Path) -> tuple[str, ReadResult]:
    """The file that is written, and what is read by it."""
    text = shop_text(look.content({}), look.findings)
    (folder / "shop.yaml").write_text(text.replace("XXX", "EUR"), encoding="utf-8")
    return text, read_shop(load_config(folder / "shop.yaml", ShopConfig))


class TestPostgres:
    def test_all_tables_of_the_shop_are_found_and_read(self, found: Look, tmp_path: Path) -> None:
        text, result = read(found, tmp_path)
        assert postgres.PASSWORD not in text
        assert text.count("path: ${SHOP_DB}") == 3
        assert len(result.tables.orders) == 500
        assert result.tables.orders["net"].sum() == 500 * 0.25 + 2 * sum(range(250))
        assert result.tables.frame("refunds")["amount"].tolist() == [0.25] * 10
        assert len(result.tables.frame("customers")) == 97
        assert result.tables.orders["ordered_at"].min().isoformat() == "2023-01-01T09:00:00"

    def test_what_is_left_out_is_said(self, found: Look) -> None:
        said = {one.what: one.evidence for one in found.findings.decisions if one.value == "left unread"}
        assert said["table secret_orders"] == said["table sales.money_back"] == "this user may not read it"
        assert "division by zero" in said["table broken"]
        assert said["table subscriptions"] == said["table visits"] == "it holds no rows"
        assert not any("visits_2023" in one for one in (*said, *said.values()))
        (together,) = [one for one in found.findings.decisions if one.value == "40 tables"]
        assert together.evidence.startswith("log1, log10, log11")

    def test_an_address_with_variables_is_looked_at_and_written_as_it_is(
        self, reader: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_PASSWORD", postgres.PASSWORD)
        path = reader.replace(postgres.PASSWORD, "${SHOP_PASSWORD}")
        text, result = read(look_at([path]), tmp_path)
        assert f"path: {path}" in text
        assert "name: looked_at" in text
        assert len(result.tables.orders) == 500

    def test_one_with_its_password_is_refused(self, reader: str) -> None:
        for path in (reader, reader.replace("127.0.0.1", "${HOST}")):
            with pytest.raises(UsageError, match="keep it in an environment variable") as refusal:
                look_at([path])
            assert postgres.PASSWORD not in str(refusal.value)

    def test_a_server_that_is_away_is_said_without_its_password(
        self, reader: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_DB", reader.replace("127.0.0.1:", "127.0.0.1:1"))
        with pytest.raises(CvoError, match="env://SHOP_DB: the database cannot be reached") as refusal:
            look_at(["env://SHOP_DB"])
        assert postgres.PASSWORD not in str(refusal.value)

    def test_a_long_table_is_looked_at_in_three_places(self, reader: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rows have some 1,000 signs each (texts are cut), so 750 rows fill pages enough."""
        monkeypatch.setattr(databases, "MOST", 100)
        monkeypatch.setenv("SHOP_DB", reader)
        grid = next(grid for grid in grids_of(["env://SHOP_DB"]) if grid.name == "Order Book")
        ids = sorted(int(text) for text in grid.columns["id"].distinct)
        assert not grid.is_whole
        assert len(ids) == grid.rows <= 100
        assert ids[:3] == [1, 2, 3]
        assert ids[-1] > 700
        assert sum(300 < one < 600 for one in ids) > 5
        assert max(map(len, grid.columns["note"].distinct)) == 1000
        assert "raw" not in grid.columns


class TestFiles:
    @pytest.fixture(params=["shop.duckdb", "shop.sqlite", "duck.db", "lite.db"])
    def path(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / request.param
        connect = duckdb.connect if "duck" in request.param else sqlite3.connect
        connection = connect(str(path))
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id TEXT, date TEXT, net REAL)")
        rows = [(n, f"C{n % 7}", f"2024-01-{n % 28 + 1:02}", n / 4) for n in range(1, 301)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
        connection.execute("CREATE TABLE zz_settings (a TEXT, b TEXT)")
        connection.execute(
            "CREATE VIEW customers AS SELECT customer_id, min(date) AS created_at FROM orders GROUP BY 1"
        )
        connection.commit()
        connection.close()
        return path

    def test_they_are_looked_at_and_read_alike(self, path: Path, tmp_path: Path) -> None:
        text, result = read(look_at([str(path)]), tmp_path)
        assert "table zz_settings: left unread (its headers are none of a known table: a, b)" in text
        assert result.tables.orders["net"].sum() == sum(range(1, 301)) / 4
        assert len(result.tables.frame("customers")) == 7

    def test_of_a_long_table_beginning_middle_and_end(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(databases, "MOST", 40)
        grid = next(grid for grid in grids_of([str(path)]) if grid.name == "orders")
        ids = sorted(int(text) for text in grid.columns["id"].distinct)
        assert not grid.is_whole
        assert len(ids) == grid.rows
        assert (ids[:20], ids[-1]) == ([*range(1, 21)], 300)
        assert sum(140 < one < 170 for one in ids) == 10

    def test_a_long_table_that_tells_what_changed_could_be_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "long.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                "CREATE TABLE orders AS SELECT range AS order_id, range % 9 AS customer_id, now() AS write_date, "
                "TIMESTAMP '2024-01-01' + to_days(range::INT % 300) AS created_at, 5 AS total FROM range(500)"
            )
        assert "watermark: write_date" not in str(look_at([str(path)]).findings.decisions)
        monkeypatch.setattr(databases, "MOST", 40)
        assert "watermark: write_date" in str(look_at([str(path)]).findings.decisions)

    def test_more_tables_are_each_looked_at_less(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "many.duckdb"
        with duckdb.connect(str(path)) as connection:
            for number in range(30):
                connection.execute(
                    f"CREATE TABLE t{number} AS SELECT range AS order_id, range % 9 AS customer_id, "
                    "TIMESTAMP '2024-01-01' + to_days(range::INT % 300) AS created_at, 5 AS total FROM range(500)"
                )
            connection.execute("CREATE TABLE orders AS SELECT *, 1 AS more FROM t1")
        monkeypatch.setattr(databases, "_ALL", 310)
        monkeypatch.setattr(databases, "_FEWEST", 10)
        grids = {grid.name: grid for grid in grids_of([str(path)])}
        assert {grid.rows for name, grid in grids.items() if name != "orders"} <= set(range(5, 11))
        assert grids["orders"].rows == 500

    def test_a_database_without_tables_is_said(self, tmp_path: Path) -> None:
        duckdb.connect(str(tmp_path / "shop.duckdb")).close()
        with pytest.raises(DataError, match=r"shop\.duckdb: holds no table"):
            look_at([str(tmp_path / "shop.duckdb")])


def test_a_variable_that_is_not_set_is_said() -> None:
    with pytest.raises(ConfigError, match="the environment variable CVO_NOT_SET is not set"):
        look_at(["env://CVO_NOT_SET"])
