"""ValidatedRows rows on disk to tables on disk, in a DuckDB with a memory limit that spills beside them."""

# ruff: noqa: S608 (names in queries are quoted and come from contracts; values are bound)

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.contracts import CUSTOMERS, ORDER_LINES, ORDERS
from cvo_ml.core.membership import is_among
from cvo_ml.core.stopping import interrupted_by
from cvo_ml.ingest.assemble import grouped_orders
from cvo_ml.ingest.cross_checks import OrderIds
from cvo_ml.ingest.duplicates import CONFLICT, LOOK_ALIKE, SEVERAL_CUSTOMERS
from cvo_ml.ingest.large import hashes
from cvo_ml.ingest.large.ledgers import Account
from cvo_ml.ingest.large.queries import FILE, ROW, SORT, described, grouped, literal
from cvo_ml.ingest.refunds import refund_rows
from cvo_ml.ingest.sources.databases import quoted
from cvo_ml.ingest.specs import TableSpec
from cvo_ml.ingest.status_refunds import refunded_orders

_BUCKET_ROWS: Final = 1_000_000  # rows that are validated in memory at once
# An aggregation over texts does not spill: these many groups fit a gigabyte, more are formed part by part.
_GROUPS_AT_ONCE: Final = 3_000_000


@contextmanager
def engine(folder: Path, memory_limit: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A locked DuckDB that spills into ``folder`` and can read and write nothing else."""
    connection = duckdb.connect()
    stoppable = interrupted_by(connection.interrupt)
    try:
        connection.execute("SET memory_limit=?", [memory_limit])
        connection.execute("SET temp_directory=?", [str(folder / "spill")])
        connection.execute("SET allowed_directories=?", [[str(folder)]])
        for setting in ("TimeZone='UTC'", "threads=2",
                        "python_enable_replacements=false", "enable_external_access=false",
                        "lock_configuration=true"):  # fmt: skip
            connection.execute(f"SET {setting}")
        yield connection
    finally:
        stoppable()
        connection.close()


class TableWriter:
    """Writes the tables of validated rows in ``folder/rows/*.parquet``; ``files`` are the names behind ``__file``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path, files: Sequence[str]) -> None:
        self._db, self._folder, self._files = connection, folder, tuple(files)
        rows = folder / "rows" / "*.parquet"
        connection.execute(f"CREATE VIEW validated AS SELECT * FROM read_parquet({_text(rows)})")
        connection.execute(f"CREATE TABLE dropped ({FILE} INTEGER, {ROW} BIGINT)")
        self._dropped = 0
        ((self._rows,),) = connection.execute("SELECT count(*) FROM validated").fetchall()
        self._columns = [name for name, *_ in connection.execute("DESCRIBE validated").fetchall()]

    def resolve_duplicates(self, spec: TableSpec, account: Account) -> tuple[str, ...]:
        """Leave out exact duplicates by key, set aside conflicting rows and orders of several customers.

        Returns what is only reported.
        """
        notes: tuple[str, ...] = ()
        if spec.key:
            self._by_key(spec, account)
        else:
            notes = self._alike()
        if spec.table == "order_lines" and "order_id" in spec.columns:
            self._of_several_customers(spec, account)
        self._db.execute(f"CREATE VIEW used AS SELECT * FROM {self._alive()}")
        return notes

    def _alike(self) -> tuple[str, ...]:
        columns = [name for name in self._columns if name not in (FILE, ROW)]
        count = self._rows - hashes.distinct(self._db, "validated", hashes.hash_of(columns), self._rows)
        return (LOOK_ALIKE.format(count),) if count else ()

    def differing_in_case(self, column: str) -> int:
        """How many ids of a column differ from another only in upper and lower case."""
        known = f"(SELECT {quoted(column)} FROM validated WHERE {quoted(column)} IS NOT NULL)"
        each = (hashes.hash_of([column]), f"hash(lower({quoted(column)}))")
        exact, folded = (hashes.distinct(self._db, known, value, self._rows) for value in each)
        return exact - folded

    def order_ids(self, aside: Path) -> OrderIds:
        """The order ids of the used rows that are refunds, and of those set aside while reading or as duplicates."""
        texts = "order_id IS NOT NULL"
        back = self._db.sql(f"SELECT DISTINCT order_id FROM back WHERE {texts}")
        read = f"read_parquet({_text(aside / '*.parquet')})"
        excluded = self._db.sql(f"SELECT DISTINCT order_id FROM {read} WHERE excluded AND {texts}")
        dropped = f"SELECT order_id FROM validated SEMI JOIN dropped USING ({FILE}, {ROW})"
        quarantined = self._db.sql(
            f"SELECT DISTINCT order_id FROM (SELECT order_id FROM {read} WHERE NOT excluded UNION ALL {dropped}) "
            f"WHERE {texts}"
        )
        return OrderIds(*(_frame(found.to_arrow_table())["order_id"] for found in (back, excluded, quarantined)))

    def _of_several_customers(self, spec: TableSpec, account: Account) -> None:
        suspects = hashes.shared(self._db, self._alive(), "order_id", "customer_id", self._rows)
        with self._table("suspects", pa.table({"h": suspects})):
            self._db.execute(
                f"CREATE TABLE several AS SELECT order_id FROM {self._alive()} AS alive "
                f"SEMI JOIN suspects ON suspects.h = {hashes.hash_of(['order_id'])} "
                "GROUP BY order_id HAVING min(customer_id) <> max(customer_id)"
            )
        rows = self._db.execute(f"SELECT {FILE}, {ROW} FROM {self._alive()} SEMI JOIN several USING (order_id)").df()
        self._drop(rows, account, spec.header("order_id"), SEVERAL_CUSTOMERS)

    @contextmanager
    def _table(self, name: str, table: pa.Table) -> Iterator[None]:
        self._db.register(name, table)
        try:
            yield
        finally:
            self._db.unregister(name)

    def _parts(self, source: str, by: str) -> list[str]:
        """The rows of a query's source in parts of so many groups as fit; rows with the same ``by`` stay together."""
        ((groups,),) = self._db.execute(f"SELECT approx_count_distinct({quoted(by)}) FROM {source}").fetchall()
        parts = max(1, -(-groups // _GROUPS_AT_ONCE))
        if parts == 1:
            return [source]
        return [f"(SELECT * FROM {source} WHERE hash({quoted(by)}) % {parts} = {part})" for part in range(parts)]

    def _alive(self) -> str:
        return f"(SELECT * FROM validated ANTI JOIN dropped USING ({FILE}, {ROW}))" if self._dropped else "validated"

    def _by_key(self, spec: TableSpec, account: Account) -> None:
        """Look at the rows of repeated keys only, bucket by bucket."""
        suspects = hashes.repeated(self._db, "validated", spec.key, self._rows)
        if not len(suspects):
            return
        with self._table("suspects", pa.table({"h": suspects})):
            self._db.execute(
                "CREATE TABLE repeated AS SELECT DISTINCT order_id FROM validated "
                f"SEMI JOIN suspects ON suspects.h = {hashes.hash_of(spec.key)}"
            )
        values = [name for name in self._columns if name not in (FILE, ROW)]
        for rows in self._buckets("SELECT validated.* FROM validated SEMI JOIN repeated USING (order_id)", "order_id"):
            rows = rows.sort_values([FILE, ROW], ignore_index=True)
            same = rows.duplicated(values, keep="first")
            self._drop(rows[same], account, "", f"exact duplicate by {' and '.join(spec.key)}", excluded=True)
            kept = rows[~same]
            conflicting = kept[kept["net"] >= 0]
            conflicting = conflicting[conflicting.duplicated(list(spec.key), keep=False)]
            whole = kept[is_among(kept["order_id"], conflicting["order_id"])]
            self._drop(whole, account, spec.header("order_id"), CONFLICT)

    def _buckets(self, query: str, by: str) -> Iterator[pd.DataFrame]:
        ((count,),) = self._db.execute(f"SELECT count(*) FROM ({query})").fetchall()
        buckets = -(-count // _BUCKET_ROWS)
        for bucket in range(buckets):
            chosen = f"SELECT * FROM ({query}) WHERE hash({quoted(by)}) % {buckets} = {bucket}"
            yield _frame(self._db.sql(chosen).to_arrow_table())

    def _drop(self, rows: pd.DataFrame, account: Account, column: str, reason: str, excluded: bool = False) -> None:
        self._dropped += len(rows)
        for file, found in rows.groupby(FILE):
            numbers = found[ROW].tolist()
            account.set_aside(self._files[int(str(file))], numbers, column, reason, excluded)
        places = pa.table({FILE: rows[FILE].to_numpy(dtype=np.int32), ROW: rows[ROW].to_numpy(dtype=np.int64)})
        with self._table("places", places):
            self._db.execute("INSERT INTO dropped SELECT * FROM places")

    def write(self, shop: ShopConfig) -> dict[str, Path]:
        """Orders, refunds, and where the source has their columns order lines and customers, as Parquet files."""
        self._split(shop)
        written = {}
        if shop.rows == "lines" or shop.order_id == "generated":
            orders = self._in_parts("orders", "kept", "order_id", lambda part: grouped(part, self._columns))
            written["orders"] = self._copy("orders", orders, "ordered_at, order_id")
        else:
            written["orders"] = self._copy("orders", self._only("kept", ORDERS.names))
        written["refunds"] = self._refunds(shop)
        if shop.rows == "lines" and {"product_id", "quantity"} <= set(self._columns):
            written["order_lines"] = self._copy("order_lines", self._only("kept", ORDER_LINES.names))
        known = {*CUSTOMERS.names, *shop.profile} - {"known_at", "customer_id"}
        fields = [name for name in self._columns if name in known]
        if fields:
            customers = self._in_parts(
                "customers", "used", "customer_id", lambda part: described(part, fields, self._columns)
            )
            written["customers"] = self._copy("customers", customers, "customer_id")
        return written

    def refunded(self, texts: Sequence[str]) -> pd.DataFrame:
        """The used rows of orders that are refunded by their status, as ``refunded_orders`` gives them."""
        if not texts:
            return refunded_orders(pd.DataFrame(), texts)
        listed = ", ".join(map(literal, texts))
        names = "order_id, customer_id, status, net"
        return refunded_orders(
            _frame(self._db.sql(f"SELECT {names} FROM used WHERE status IN ({listed})").to_arrow_table()), texts
        )

    def _in_parts(self, name: str, source: str, by: str, query: Callable[[str], str]) -> str:
        """A query that groups ``source`` by ``by``, computed part by part where it has too many rows for one."""
        parts = self._parts(source, by)
        if len(parts) == 1:
            return query(parts[0])
        for number, part in enumerate(parts):
            self._copy(f"part-{number:04}-of-{name}", query(part))
        return f"SELECT * FROM read_parquet({_text(self._folder / f'part-*-of-{name}.parquet')})"

    def _split(self, shop: ShopConfig) -> None:
        """Views of the rows that are orders and of those that give back."""
        below = "net < 0"
        if shop.refunds == "negative_orders":
            self._db.execute("CREATE TABLE below (order_id VARCHAR)")
            for part in self._parts("used", "order_id"):
                self._db.execute(f"INSERT INTO below SELECT order_id FROM {part} GROUP BY order_id HAVING sum(net) < 0")
            below = "order_id IN (SELECT order_id FROM below)"
        self._db.execute(f"CREATE VIEW kept AS SELECT * FROM used WHERE NOT ({below})")
        self._db.execute(f"CREATE VIEW back AS SELECT * FROM used WHERE {below}")

    def _only(self, view: str, names: Sequence[str]) -> str:
        return f"SELECT {', '.join(quoted(name) for name in names if name in self._columns)} FROM {view}"

    def _refunds(self, shop: ShopConfig) -> Path:
        """Refund rows by the same code as in memory, for the customers who gave anything back, bucket by bucket."""
        parts = []
        query = "SELECT used.* FROM used SEMI JOIN back USING (customer_id)"
        for rows in self._buckets(query, "customer_id"):
            rows = rows.sort_values([name for name in SORT if name in rows], kind="stable", ignore_index=True)
            below = rows["net"] < 0
            if shop.refunds == "negative_orders":
                below = rows.groupby("order_id")["net"].transform("sum") < 0
            back = rows[below]
            if shop.refunds == "negative_orders":
                back = grouped_orders(back)
            parts.append(refund_rows(back, rows[~below], shop.refund_reason))
        none = _frame(self._db.sql("SELECT * FROM used LIMIT 0").to_arrow_table())
        refunds = pd.concat(parts, ignore_index=True) if parts else refund_rows(none, none, "")
        with self._table("refund_frame", pa.Table.from_pandas(refunds, preserve_index=False)):
            return self._copy("refunds", "SELECT * FROM refund_frame", "refunded_at, refund_id")

    def _copy(self, name: str, query: str, sort: str = "") -> Path:
        path = self._folder / f"{name}.parquet"
        order = f" ORDER BY {sort}" if sort else ""
        self._db.execute(f"COPY ({query}{order}) TO {_text(path)} (FORMAT parquet)")
        return path


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    for name in frame:
        if pa.types.is_string(table.schema.field(name).type) or pa.types.is_large_string(table.schema.field(name).type):
            frame[name] = frame[name].astype("str")
    return frame


def _text(path: Path) -> str:
    return literal(str(path))
