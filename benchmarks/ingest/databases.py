"""A long table of a database: read whole in pieces, and a night's one per cent by its watermark.

    python benchmarks/ingest/databases.py [--orders 10000000] [--postgres 10000000] [--folder DIR]

Orders of two million customers in a DuckDB file and, where PostgreSQL is installed (``apt-get install postgresql``), on
a server that this script starts on a loopback port. Then half of a per cent of them changes and half of a per cent is
added. Each reading runs in a process of its own: CPU is that of the process without the server, memory its peak
resident size. The bare reading takes the same columns from the database and checks nothing: DuckDB's copy to Parquet,
PostgreSQL's copy of which every byte is thrown away.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from benchmarks.measuring import peak_memory, timed

COLUMNS: Final = {"order_id": "order_id", "customer_id": "customer", "ordered_at": "ordered_at", "net": "net"}
VARIABLE: Final = "CVO_BENCHMARK_DATABASE"
TABLE: Final = """
CREATE TABLE orders (order_id VARCHAR(20) PRIMARY KEY, customer VARCHAR(20), ordered_at TIMESTAMP, net NUMERIC(12, 2),
channel VARCHAR(10), updated_at TIMESTAMP)
"""
FILL: Final = """
INSERT INTO orders SELECT 'ORDER-' || n, 'C' || (n * 7919 % 2000000), TIMESTAMP '2022-01-01' + n * INTERVAL '6 seconds',
(n % 20000) / 100.0, 'web', TIMESTAMP '2022-01-01' + n * INTERVAL '6 seconds'
FROM generate_series(CAST({} AS BIGINT), CAST({} AS BIGINT)) AS s(n)
"""
CHANGE: Final = """
UPDATE orders SET net = net + 1, updated_at = updated_at + INTERVAL '3 years'
WHERE order_id IN (SELECT 'ORDER-' || n FROM generate_series({step}, {orders}, {step}) AS s(n))
"""
Work = Callable[[str, str], int]
T = TypeVar("T")


def _source(path: str, kept_in: str) -> Any:
    from cvo_ml.config.shops import SourceConfig

    kept = {"watermark": "updated_at", "kept_in": kept_in} if kept_in else {}
    return SourceConfig.model_validate({"path": path, "table": "orders", **kept})


def rows(path: str, kept_in: str) -> int:
    """Bring the rows here: copied, or what is kept brought up to date."""
    from cvo_ml.ingest.source_rows import rows_of

    found = rows_of(_source(path, kept_in), [*COLUMNS.values()])
    return sum(found.most_rows.values())


def tables(path: str, kept_in: str) -> int:
    """Read the shop: rows brought here, cast, checked, and made tables."""
    from cvo_ml.config.shops import ShopConfig
    from cvo_ml.ingest import read_shop

    shop = ShopConfig.model_validate(
        {"name": "benchmark", "currency": "EUR", "columns": COLUMNS,
         "source": _source(path, kept_in).model_dump(exclude_unset=True)}
    )  # fmt: skip
    return read_shop(shop).ledger.used


def bare_duckdb(path: str, target: str) -> int:
    """DuckDB's copy to Parquet."""
    import duckdb

    with duckdb.connect(path, read_only=True) as connection:
        connection.execute("SET threads=2")
        query = f"SELECT {', '.join(COLUMNS.values())} FROM orders"
        return int(connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)").fetchall()[0][0])


def bare_postgres(_: str, __: str) -> int:
    """PostgreSQL's copy, thrown away."""
    import psycopg

    with psycopg.connect(os.environ[VARIABLE]) as connection, connection.cursor() as cursor:
        query = f"COPY (SELECT {', '.join(COLUMNS.values())} FROM orders) TO STDOUT"
        with cursor.copy(query.encode()) as copied:
            return sum(1 for _ in copied)


def measured(work: Work, path: str, folder: str) -> dict[str, float]:
    """Run in a fresh process."""
    return _in_a_process(_measure, work, path, folder)


def _in_a_process(call: Callable[..., T], *arguments: object) -> T:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(call, arguments)


def _measure(work: Work, path: str, folder: str) -> dict[str, float]:
    import cvo_ml.ingest  # noqa: F401 (once in a process, however many rows there are)

    found, taken = timed(lambda: work(path, folder))
    memory = round(peak_memory() / 1e9, 2)
    return {"rows": found, "wall": round(taken.wall, 1), "cpu": round(taken.cpu, 1), "gigabytes": memory}


def _run(path: str, query: str) -> None:
    import duckdb

    with duckdb.connect(path) as connection:
        connection.execute(query)


def compared(run: Callable[[str], object], path: str, bare: Work, orders: int, folder: Path) -> dict[str, Any]:
    """Each reading of one database; ``run`` writes into it."""
    run(TABLE)
    run(FILL.format(1, orders))
    kept = str(folder / f"kept-{bare.__name__}")
    found = {
        "bare": measured(bare, path, str(folder / "bare.parquet")),
        "whole rows": measured(rows, path, ""),
        "whole tables": measured(tables, path, ""),
        "first rows": measured(rows, path, kept),
    }
    run(CHANGE.format(step=200, orders=orders))
    run(FILL.format(orders + 1, orders + orders // 200))
    found["night rows"] = measured(rows, path, kept)
    found["night tables"] = measured(tables, path, kept)
    for what in ("rows", "tables"):
        whole, night = found[f"whole {what}"], found[f"night {what}"]
        found[f"night to whole, {what}"] = {name: round(night[name] / whole[name], 3) for name in ("wall", "cpu")}
    return found


@contextmanager
def _server() -> Iterator[Callable[[str], object] | None]:
    from tests.ingest import postgres

    if postgres.programs() is None:
        yield None
        return
    import psycopg

    with postgres.server() as address, psycopg.connect(address, autocommit=True) as connection:
        os.environ[VARIABLE] = address
        yield lambda query: connection.execute(query.encode())


def main() -> None:
    """Fill, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000_000)
    parser.add_argument("--postgres", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder, path = Path(name), str(Path(name) / "shop.duckdb")

        def run(query: str) -> None:
            _in_a_process(_run, path, query)  # a child's peak is at least what its parent holds

        if options.orders:
            print(
                json.dumps({"duckdb": compared(run, path, bare_duckdb, options.orders, folder)}, indent=2), flush=True
            )
        with _server() as ask:
            if ask is not None and options.postgres:
                found = compared(ask, f"${{{VARIABLE}}}", bare_postgres, options.postgres, folder)
                print(json.dumps({"postgres": found}, indent=2))


if __name__ == "__main__":
    main()
