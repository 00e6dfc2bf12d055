"""Tables of a DuckDB file and of a real PostgreSQL server: read only, names never run as SQL, passwords never shown."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from cvo_ml.core.errors import ConfigError, CvoError, DataError
from cvo_ml.ingest import ReadResult, read_shop, source_rows, table_copies
from cvo_ml.ingest.sources import duckdb_file, read_source
from cvo_ml.ingest.sources import postgres as postgres_source

from . import postgres
from .conftest import PLAIN, orders_text, shop

ROWS = [tuple(line.split(",")) for line in orders_text(20)[1:]]
NASTY = "'; DROP TABLE orders; --"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            'CREATE TABLE orders ("order" VARCHAR, customer VARCHAR, "date" TIMESTAMPTZ, '
            'amount DECIMAL(10, 2), "a ""b;" INT)'
        )
        connection.executemany("INSERT INTO orders VALUES (?, ?, CAST(? AS TIMESTAMP), ?, 7)", ROWS)
        connection.execute("CREATE SCHEMA web; CREATE TABLE web.sales AS SELECT * FROM orders LIMIT 5")
        connection.execute("CREATE VIEW recent AS SELECT * FROM orders WHERE amount > 10")
        connection.execute(f'CREATE TABLE "{NASTY}" AS SELECT * FROM orders LIMIT 3')
        (tmp_path / "secret.csv").write_text("order,customer,date,amount\nA1,C1,2024-01-01,5\n")
        connection.execute(f"CREATE VIEW outside AS SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')")
    return path


class TestDuckDB:
    @pytest.mark.parametrize(
        ("table", "rows"),
        [("orders", 20), ("main.orders", 20), ("recent", 11), ("web.sales", 5), ("sales", 5), (NASTY, 3)],
    )
    def test_a_table_or_view_is_read(self, table: str, rows: int, database: Path) -> None:
        result = read_shop(shop(database, source={"table": table}))
        assert result.ledger.rows_in == result.ledger.used == rows
        assert result.tables.orders["net"].sum() == pytest.approx(sum(float(row[3]) for row in _expected(table)))

    def test_the_same_rows_have_the_same_fingerprint(self, database: Path) -> None:
        first, again = (read_shop(shop(database, source={"table": "orders"})) for _ in range(2))
        assert first.fingerprint == again.fingerprint
        assert first.fingerprint != read_shop(shop(database, source={"table": "recent"})).fingerprint

    @pytest.mark.parametrize(
        "table", ["order", "orders; DROP TABLE orders", "read_csv('/etc/passwd')", "/etc/passwd", "orders--"]
    )
    def test_what_is_not_in_the_catalogue_is_refused(self, table: str, database: Path) -> None:
        with pytest.raises(DataError, match="no table"):
            read_shop(shop(database, source={"table": table}))

    def test_the_nearest_table_is_named(self, database: Path) -> None:
        with pytest.raises(DataError, match=r"shop.duckdb: no table 'ordrs' \(did you mean 'orders'\?\)"):
            read_shop(shop(database, source={"table": "ordrs"}))

    def test_a_view_over_a_file_cannot_read_it(self, database: Path) -> None:
        with pytest.raises(DataError, match="outside: cannot be read"):
            read_shop(shop(database, source={"table": "outside"}))

    def test_a_column_with_quotes_in_its_name_is_read(self, database: Path) -> None:
        result = read_shop(shop(database, source={"table": "orders"}, profile={"odd": 'a "b;'}))
        assert set(result.tables.get("customers")["odd"]) == {"7"}

    def test_without_a_table_it_is_a_config_error(self, database: Path) -> None:
        with pytest.raises(ConfigError, match="declare its table"):
            read_shop(shop(database))

    @pytest.mark.parametrize("declared", [{"sheet": "x"}, {"header_row": 2}, {"total_rows": ["Total"]}])
    def test_what_only_files_have_is_refused(self, declared: dict[str, Any], database: Path) -> None:
        with pytest.raises(ConfigError, match=r"shop\.duckdb: \w+ is of .*spreadsheets: leave it out"):
            read_shop(shop(database, source={"table": "orders", **declared}))

    def test_a_missing_column_names_the_nearest(self, database: Path) -> None:
        with pytest.raises(DataError, match=r"column 'amuont': no such column \(did you mean 'amount'\?\)"):
            read_shop(shop(database, source={"table": "orders"}, columns=PLAIN | {"net": "amuont"}))

    def test_a_damaged_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.duckdb").write_bytes(b"no database" * 1000)
        with pytest.raises(DataError, match=r"x.duckdb: is no readable DuckDB file"):
            read_shop(shop(tmp_path / "x.duckdb", source={"table": "orders"}))

    def test_a_long_table_is_copied_and_read_in_batches(self, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first table and a further one; nothing differs from a reading at once, faults and duplicates neither."""
        with duckdb.connect(str(database)) as connection:
            connection.execute("INSERT INTO orders SELECT * FROM orders LIMIT 2")
            connection.execute("INSERT INTO orders VALUES ('B1', NULL, '2024-01-01', 3, 7)")
            connection.execute(
                'CREATE TABLE back AS SELECT "order", "date" + INTERVAL 1 DAY AS at, 0.5 AS b FROM orders'
            )
        back = {"order_id": "order", "refunded_at": "at", "amount": "b"}
        declared = shop(database, source={"table": "orders"}, max_bad_share=0.1, tables={
            "refunds": {"source": {"path": str(database), "table": "back"}, "columns": back},
        })  # fmt: skip
        whole = read_shop(declared)
        monkeypatch.setattr(table_copies, "BATCH", 6)
        monkeypatch.setattr(table_copies, "PART", 9)
        monkeypatch.setattr(source_rows, "BATCH", 6)
        monkeypatch.setattr(duckdb_file, "ROWS", 4)
        parts = read_shop(declared)
        _same(parts, whole)
        assert sum(parts.ledger.quarantined.values()) == 2
        assert parts.ledger.excluded

    def test_a_file_that_another_program_writes_is_refused(self, database: Path) -> None:
        script = (
            f"import duckdb, sys; c = duckdb.connect({str(database)!r}); print('open', flush=True); sys.stdin.read()"
        )
        import sys

        writer = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline()
            with pytest.raises(DataError, match="is open for writing elsewhere"):
                read_shop(shop(database, source={"table": "orders"}))
        finally:
            writer.communicate(b"")


def _same(one: ReadResult, other: ReadResult) -> None:
    for name in other.tables:
        frames = [result.tables.frame(name) for result in (one, other)]
        first, second = (frame.sort_values([*frame.columns[:3]], ignore_index=True) for frame in frames)
        pd.testing.assert_frame_equal(first, second)
    assert (one.ledger, one.fingerprint) == (other.ledger, other.fingerprint)
    pd.testing.assert_frame_equal(one.quarantine, other.quarantine)


def _expected(table: str) -> list[tuple[str, ...]]:
    limits = {"web.sales": 5, "sales": 5, NASTY: 3}
    return [row for row in ROWS if float(row[3]) > 10] if table == "recent" else ROWS[: limits.get(table)]


def _fill(address: str) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            'CREATE TABLE orders ("order" uuid DEFAULT gen_random_uuid(), customer bigint, "date" timestamptz, '
            'amount numeric, "odd; -- ""x" text)'
        )
        for number, row in enumerate(ROWS):
            connection.execute(
                'INSERT INTO orders (customer, "date", amount) VALUES (%s, %s, %s)',
                [number % 7, f"{row[2]} 01:00:00+01:00", row[3]],
            )
        connection.execute("CREATE SCHEMA web; CREATE VIEW web.recent AS SELECT * FROM orders WHERE amount > 10")
        connection.execute("CREATE ROLE nothing LOGIN PASSWORD 'canary-secret'")


@pytest.fixture(scope="module")
def _orders(address: str) -> None:
    _fill(address)


@pytest.mark.usefixtures("_orders")
class TestPostgres:
    @pytest.fixture(autouse=True)
    def _environment(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CVO_TEST_DATABASE", address)

    def read(self, table: str = "orders", **more: Any) -> Any:
        return read_shop(shop("env://CVO_TEST_DATABASE", source={"table": table}, **more))

    def test_a_table_is_read_with_its_types(self) -> None:
        orders = self.read().tables.orders
        assert len(orders) == 20
        assert orders["net"].sum() == pytest.approx(sum(float(row[3]) for row in ROWS))
        assert sorted(orders["ordered_at"].dt.strftime("%Y-%m-%d %H:%M")) == sorted(f"{row[2]} 00:00" for row in ROWS)
        assert set(orders["customer_id"]) == set("0123456")
        assert orders["order_id"].str.len().eq(36).all()

    def test_a_view_of_another_schema_is_read(self) -> None:
        assert self.read("web.recent").ledger.rows_in == 11

    def test_faults_are_quarantined_like_anywhere(self, address: str) -> None:
        import psycopg

        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE OR REPLACE VIEW faulty AS SELECT * FROM orders UNION ALL "
                               "SELECT gen_random_uuid(), 1, '2024-01-01', 'NaN', NULL")  # fmt: skip
        result = self.read("faulty", max_bad_share=0.1)
        assert dict(result.ledger.quarantined) == {"amount: not finite": 1}

    def test_batches_of_a_table_join_to_what_it_holds(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Digits, nulls and texts differ between batches; the typed columns are those of one batch."""
        import psycopg

        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                "CREATE OR REPLACE VIEW batches AS SELECT 'A' || n AS \"order\", n AS customer, "
                "CASE WHEN n < 40 THEN NULL ELSE 'web' END AS channel, "
                "timestamptz '2024-01-01 10:00+00' + n * interval '1 day' AS \"date\", "
                "CASE WHEN n % 10 = 0 THEN 123456789.125 ELSE n / 10.0 END AS amount FROM generate_series(1, 100) n"
            )
        columns = PLAIN | {"channel": "channel"}
        whole = self.read("batches", columns=columns)
        monkeypatch.setattr(postgres_source, "ROWS", 7)
        parts = self.read("batches", columns=columns)
        pd.testing.assert_frame_equal(parts.tables.orders, whole.tables.orders)
        assert parts.tables.orders["net"].max() == 123456789.125
        assert parts.ledger == whole.ledger
        assert parts.tables.orders["channel"].isna().sum() == 39

    def test_not_a_number_in_one_batch_only_is_that_row(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import psycopg

        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                'CREATE OR REPLACE VIEW one_nan AS SELECT n AS "order", 1 AS customer, date \'2024-01-01\' AS "date", '
                "CASE WHEN n = 150 THEN 'NaN' ELSE n / 4.0 END AS amount FROM generate_series(1, 200) n"
            )
        monkeypatch.setattr(postgres_source, "ROWS", 50)
        result = self.read("one_nan")
        assert dict(result.ledger.quarantined) == {"amount: not finite": 1}
        assert result.quarantine["row"].tolist() == [150]
        assert result.tables.orders["net"].sum() == pytest.approx(sum(n / 4 for n in range(1, 201) if n != 150))

    def test_a_table_is_never_whole_in_python_objects(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import tracemalloc

        import psycopg

        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                "CREATE OR REPLACE VIEW many AS SELECT 'A' || n AS \"order\", n % 999 AS customer, "
                "timestamp '2024-01-01' + n * interval '1 minute' AS \"date\", n / 8.0 AS amount "
                "FROM generate_series(1, 12000) n"
            )
        peaks = []
        for rows_at_once in (500, 12_000):
            monkeypatch.setattr(postgres_source, "ROWS", rows_at_once)
            source = shop("env://CVO_TEST_DATABASE", source={"table": "many"}).source
            tracemalloc.start()
            try:
                read = read_source(source, list(PLAIN.values()))
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
            assert read.rows == 12_000
        assert peaks[0] < peaks[1] / 4

    def test_a_long_table_is_copied_and_read_in_batches(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import psycopg

        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                "CREATE OR REPLACE VIEW wide AS SELECT 'A' || n AS \"order\", (n % 9)::numeric(30) AS customer, "
                "CASE WHEN n = 7 THEN 'infinity' ELSE timestamptz '2024-01-01 10:00+02' + n * interval '1 day' END "
                "AS \"date\", CASE WHEN n = 9 THEN 'NaN' ELSE n / 8.0 END AS amount, E'a \"b\"\n' || n AS text, "
                "CASE WHEN n % 2 = 0 THEN '' END AS blank FROM generate_series(1, 60) n"
            )
        declared = {"max_bad_share": 0.1, "profile": {"text": "text", "blank": "blank"}}
        whole = self.read("wide", **declared)
        assert dict(whole.ledger.quarantined) == {"amount: not finite": 1, "date: sentinel date": 1}
        assert set(whole.tables.frame("customers")["customer_id"]) == set("012345678")
        assert whole.tables.frame("customers")["text"].str.contains('a "b"\n', regex=False).all()
        monkeypatch.setattr(postgres_source, "ROWS", 7)
        monkeypatch.setattr(table_copies, "BATCH", 11)
        monkeypatch.setattr(table_copies, "PART", 20)
        _same(self.read("wide", **declared), whole)

    def test_the_order_of_rows_changes_no_fingerprint(self, address: str) -> None:
        import psycopg

        with psycopg.connect(address, autocommit=True) as connection:
            for name, way in (("up", "ASC"), ("down", "DESC")):
                connection.execute(
                    f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM orders ORDER BY amount {way}".encode()
                )
        assert self.read("up").fingerprint == self.read("down").fingerprint

    @pytest.mark.parametrize("table", ["ordrs", NASTY, "orders; SELECT 1", "pg_read_file('/etc/passwd')"])
    def test_what_is_not_in_the_catalogue_is_refused(self, table: str) -> None:
        with pytest.raises(DataError, match="no table"):
            self.read(table)
        assert self.read().ledger.rows_in == 20

    def test_a_column_with_quotes_in_its_name_is_read(self) -> None:
        assert self.read(profile={"odd": 'odd; -- "x'}).ledger.used == 20

    def test_no_error_shows_the_password(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for changed in (
            address.replace(postgres.PASSWORD, f"{postgres.PASSWORD}x"),
            address.replace("127.0.0.1:", "127.0.0.1:1"),
            address.replace("tester", "nothing"),
            f"{address}?unknown=1",
        ):
            monkeypatch.setenv("CVO_TEST_DATABASE", changed)
            with pytest.raises(CvoError) as refusal:
                self.read()
            assert postgres.PASSWORD not in str(refusal.value)
            assert refusal.value.__cause__ is None

    @pytest.mark.parametrize("text", ["postgres:/me:canary-secret@host", "canary-secret", "host='canary-secret"])
    def test_what_is_no_address_is_not_repeated(self, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CVO_TEST_DATABASE", text)
        with pytest.raises(ConfigError, match="holds no address of PostgreSQL") as refusal:
            self.read()
        assert postgres.PASSWORD not in str(refusal.value)


def test_a_variable_that_is_not_set_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="the environment variable CVO_NOT_SET is not set"):
        read_shop(shop("env://CVO_NOT_SET", source={"table": "orders"}))


@pytest.mark.parametrize(
    "path", ["postgresql://me:canary@host/db", "POSTGRES://me:canary@host/db", "host=x password=canary"]
)
def test_an_address_in_the_file_is_refused_and_kept_nowhere(path: str) -> None:
    declared = shop(path, source={"table": "orders"})
    assert "canary" not in repr(declared) + declared.model_dump_json()
    with pytest.raises(ConfigError, match=r"keep that in an environment variable, and write path: \$\{NAME\}"):
        read_shop(declared)
