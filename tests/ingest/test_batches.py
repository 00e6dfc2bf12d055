"""Neither the size of batches nor spilling changes anything: tables, ledgers, quarantine, notes and refusals."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

import errno
import gc
import re
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from cvo_ml.core.errors import ConfigError, DataError
from cvo_ml.core.scratch import PREFIX
from cvo_ml.core.stored_table import FileTable
from cvo_ml.ingest import assemble, batches, hashes, read_shop, row_database, table_rows
from cvo_ml.ingest.large import read_large
from cvo_ml.ingest.sources.csv_layout import CsvOptions

from .conftest import PLAIN, orders_text, shop
from .test_ledger_property import rows as dirty_rows
from .test_ledger_property import shapes

Write = Callable[..., Path]
SMALL = 1 << 12  # bytes of a batch: some hundred rows


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files come in many small batches, and are grouped in many parts."""
    original = batches.CsvLayout.options

    def options(self: Any, columns: Any, rejected: Any) -> CsvOptions:
        found = original(self, columns, rejected)
        found.read.block_size = SMALL
        return found

    monkeypatch.setattr(batches.CsvLayout, "options", options)
    monkeypatch.setattr(batches, "_ROWS", 100)
    monkeypatch.setattr(hashes, "_AT_ONCE", 700)
    monkeypatch.setattr(assemble, "GROUPS_AT_ONCE", 500)
    monkeypatch.setattr(table_rows, "BUCKET_ROWS", 300)


def outcome(work: Callable[[], Any]) -> Any:
    """What comes of reading: a result or a refusal."""
    try:
        return work()
    except DataError as refusal:
        return refusal


def in_batches(declared: Any, **options: Any) -> Any:
    """What comes of reading as if the source were larger than memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "LARGE", 0)
        return outcome(lambda: read_shop(declared, memory_limit="200MB", **options))


def assert_same(declared: Any, **options: Any) -> None:
    """Read at once and in batches, a source gives the same, or is refused with the same words."""
    whole, parts = outcome(lambda: read_shop(declared, **options)), in_batches(declared, **options)
    if isinstance(whole, DataError):
        assert isinstance(parts, DataError)
        assert (parts.file, parts.column) == (whole.file, whole.column)
        return
    assert isinstance(parts.tables.stored("orders"), FileTable)
    assert parts.ledgers == whole.ledgers
    assert parts.ledger.to_json() == whole.ledger.to_json()
    pd.testing.assert_frame_equal(
        *(found.quarantine.sort_values(list(found.quarantine), ignore_index=True) for found in (parts, whole))
    )
    assert (parts.fingerprint, parts.sources, parts.tables.currency) == (
        whole.fingerprint, whole.sources, whole.tables.currency,
    )  # fmt: skip
    assert sorted(parts.notes) == sorted(whole.notes)
    assert list(parts.tables) == list(whole.tables)
    for name, frame in whole.tables.frames.items():
        assert parts.tables.rows(name) == len(frame)
        assert parts.tables.span(name) == whole.tables.span(name)
        _assert_same_rows(parts.tables.frame(name), frame, name)


def _assert_same_rows(left: pd.DataFrame, right: pd.DataFrame, name: str) -> None:
    assert list(left.columns) == list(right.columns), name
    if name == "orders":
        pd.testing.assert_frame_equal(left, right)
        return
    by = list(right.columns)
    left, right = (frame.sort_values(by, ignore_index=True) for frame in (left, right))
    pd.testing.assert_frame_equal(left, right, rtol=1e-12)


def lines(n: int, seed: int = 0) -> list[str]:
    """Order lines with refunds, faults, duplicates and orders of two customers."""
    rng = np.random.default_rng(seed)
    found = ["order,customer,date,product,units,price,country"]
    for row in range(n):
        order = row // 3
        back = row % 17 == 5
        day = order % 300 + (20 if back else 0)
        moment = pd.Timestamp("2024-01-01") + pd.Timedelta(days=day, minutes=row % 600)
        customer = f"C{order % 50}" if row % 211 else "C0"
        found.append(f"{'R' if back else ''}{order},{customer},{moment:%Y-%m-%dT%H:%M},P{row % 7},{-1 if back else 1 + row % 3},"
                     f"{2.5 + row % 7},{['DE', 'FR', ''][int(rng.integers(3))]}")  # fmt: skip
    return found


LINES = {
    "rows": "lines",
    "columns": {"order_id": "order", "customer_id": "customer", "ordered_at": "date", "product_id": "product",
                "quantity": "units", "unit_price": "price", "country": "country"},
}  # fmt: skip


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz", "orders.parquet"])
@pytest.mark.parametrize("refunds", ["negative_rows", "negative_orders"])
def test_order_lines(name: str, refunds: str, write: Write, tmp_path: Path) -> None:
    text = "\n".join(lines(3000)) + "\n"
    if name.endswith("parquet"):
        path = tmp_path / name
        frame = pd.DataFrame([line.split(",") for line in lines(3000)[1:]], columns=lines(0)[0].split(","))
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, row_group_size=500)
    else:
        import gzip

        path = write(gzip.compress(text.encode()) if name.endswith("gz") else text, name)
    assert_same(shop(path, refunds=refunds, **LINES), max_bad_share=0.2)


def test_orders_with_duplicates_conflicts_refunds_and_faults(write: Write, tmp_path: Path) -> None:
    text = orders_text(2000)
    text += [
        text[7],
        text[1990],
        "A11,C4,2024-01-12,99",
        "A30,C2,2024-03-01,-5",
        "A30,C2,2024-03-02,-5",
        "B1,,2024-01-01,1",
    ]
    text.insert(1500, "ragged,row")
    assert_same(shop(write(text)))
    assert_same(shop(write(text)), as_of=date(2024, 1, 20))


def test_generated_order_ids_and_a_folder_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        text = orders_text(400)
        (folder / f"{number}.csv").write_text("\n".join([*text, "x,y"] if number == 1 else text) + "\n")
    columns = {name: header for name, header in PLAIN.items() if name != "order_id"}
    assert_same(shop(folder, order_id="generated", columns=columns))


@pytest.mark.parametrize(
    "late",
    [
        "A2001,7.0,2024-01-01,5",
        "A2001,C1,2024-01-01T10:00:00Z,5",
        "A2001,C1,2024-01-01T10:00,5",
        "A2001,1.2E+11,2024-01-01,5",
        'A2001,"C1,2024-01-01,5',
        '"A2001,C1,2024-01-01,5"',
        "A2001,C1,13/01/2024,5",
    ],
)
@pytest.mark.parametrize("ids", ["C", ""])
def test_what_only_the_last_row_shows_decides_as_it_does_at_once(
    late: str, ids: str, write: Write, tmp_path: Path
) -> None:
    text = [line.replace(",C", f",{ids}") for line in orders_text(2000)]
    assert_same(shop(write([*text, late]), timezone="Europe/Berlin"))


def test_a_fault_of_the_file_is_refused_while_reading(write: Write) -> None:
    text = [line if number % 40 else f"X{number},C1,2024-01-01,free" for number, line in enumerate(orders_text(2000))]
    refusal = in_batches(shop(write([orders_text(1)[0], *text[1:]])))
    assert "orders.csv: column 'amount': not a number in " in str(refusal)
    assert "of its rows, more than the 1.0% allowed" in str(refusal)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=dirty_rows, declared=shapes)
def test_dirty_tables(rows: list[tuple[str, ...]], declared: dict[str, Any], tmp_path: Path) -> None:
    frame = pd.DataFrame(rows, columns=["order", "customer", "date", "amount", "product", "units"])
    frame.to_csv(tmp_path / "dirty.csv", index=False)
    assert_same(shop(tmp_path / "dirty.csv", **declared), max_bad_share=1.0)


def test_the_currency_of_the_first_batch_holds_for_all(write: Write, tmp_path: Path) -> None:
    text = [f"{line},{'EUR' if row else 'currency'}" for row, line in enumerate(orders_text(2000))]
    columns = PLAIN | {"currency": "currency"}
    assert_same(shop(write(text), columns=columns, currency="XXX"))
    text[-1] = text[-1].replace("EUR", "USD")
    refusal = in_batches(shop(write(text), columns=columns, currency="XXX"))
    assert "USD, but one run holds one currency (EUR)" in str(refusal)


@pytest.mark.parametrize("text", ["", "order,customer,date,amount\n", "order,customer,date,amount", "\n\n"])
def test_nothing_to_read_is_refused(text: str, write: Write) -> None:
    assert_same(shop(write(text)))


def test_further_tables_meet_orders_of_every_status(write: Write) -> None:
    """Refunds that name used, excluded, quarantined and unknown orders."""
    orders = [
        *orders_text(400),
        "A7,C0,2024-01-08,99",
        "B1,C1,2025-01-01,5",
        "A9,C2,2024-05-01,-1",
        "A30,C9,2024-06-01,",
    ]
    refunds = ["order,at,amount", *(f"A{n},2024-06-01,.1" for n in range(20, 300)),
               "A7,2024-06-01,1", "B1,2024-07-01,1", "Z9,2024-06-01,1", "A9,2024-06-01,1", "A9,2024-06-02,900"]  # fmt: skip
    customers = [
        "client,since,land",
        *(f"C{n},2023-01-0{n},DE" for n in range(1, 5)),
        "C1,2023-01-01,DE",
        "N,2023-01-01,",
    ]
    tables = {
        "refunds": _table(write(refunds, "refunds.csv"), order_id="order", refunded_at="at", amount="amount"),
        "customers": _table(
            write(customers, "customers.csv"), customer_id="client", created_at="since", country="land"
        ),
    }
    declared = shop(write(orders), tables=tables)
    assert_same(declared, as_of=date(2024, 12, 31), max_bad_share=0.05)
    found = read_shop(declared, as_of=date(2024, 12, 31), max_bad_share=0.05).ledger
    assert {"refunds: order: names an unknown order", "refunds: order: its order is in quarantine"} <= set(
        found.quarantined
    )
    assert {"refunds: its order was excluded", "customers: exact duplicate by customer_id"} <= set(found.excluded)


def _table(path: Path, **columns: str) -> dict[str, Any]:
    return {"source": {"path": str(path)}, "columns": columns}


def test_a_full_disk_is_told_in_words_and_leaves_nothing(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(row_database.pq, "ParquetWriter", full)
    refusal = in_batches(shop(write(orders_text(30))))
    assert re.search(r"orders.csv: is read in batches, and there is no room left .* set TMPDIR", str(refusal))
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_tables_on_disk_stay_as_long_as_somebody_holds_them(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tables = in_batches(shop(write(orders_text(30)))).tables
    relation = tables.relation("orders")
    assert list(tmp_path.glob(f"{PREFIX}*"))
    del tables
    gc.collect()
    assert relation.aggregate("count(*), round(sum(net), 2)").fetchall() == [(30, 480.0)]
    del relation
    gc.collect()
    assert not list(tmp_path.glob(f"{PREFIX}*"))


def test_tables_can_be_kept_on_disk(write: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert read_large(shop(write(orders_text(30))), out).ledger.used == 30
    with pytest.raises(DataError):
        read_large(shop(write("")), out)
    assert len(pq.read_table(out / "orders.parquet")) == 30
    assert sorted(path.name for path in out.iterdir()) == ["orders.parquet", "refunds.parquet"]


@pytest.mark.parametrize(
    ("name", "size", "large"),
    [("o.csv", 499, False), ("o.csv", 500, True), ("o.csv.gz", 100, True), ("o.jsonl", 900, False)],
)
def test_what_is_large(name: str, size: int, large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LARGE", 500)
    (tmp_path / name).write_bytes(b"x" * size)
    assert batches.is_large(shop(tmp_path / name).source) is large


def test_only_csv_and_parquet_come_in_batches(write: Write) -> None:
    with pytest.raises(ConfigError, match="only CSV and Parquet"):
        batches.streamed(shop(write(orders_text(3), "orders.jsonl")).source, ["order"])
