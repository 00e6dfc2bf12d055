"""Reading in batches gives the same tables, ledger and refusals as reading at once."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from cvo_ml.core.errors import ConfigError, DataError
from cvo_ml.ingest import large, read_shop
from cvo_ml.ingest.large import batches, hashes, read_large, scan, tables
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
    monkeypatch.setattr(tables, "_GROUPS_AT_ONCE", 500)
    monkeypatch.setattr(tables, "_BUCKET_ROWS", 300)


def outcome(work: Callable[[], Any]) -> Any:
    """What comes of reading: a result or a refusal."""
    try:
        return work()
    except DataError as refusal:
        return refusal


def assert_same(declared: Any, folder: Path, **options: Any) -> None:
    """Both readers give the same, or refuse with the same words."""
    whole = outcome(lambda: read_shop(declared, **options))
    if isinstance(whole, DataError):
        again = outcome(lambda: read_large(declared, folder, memory_limit="200MB", **options))
        assert isinstance(again, DataError)
        assert (again.file, again.column) == (whole.file, whole.column)
        return
    parts = read_large(declared, folder, memory_limit="200MB", **options)
    assert parts.ledger.to_json() == whole.ledger.to_json()
    assert sorted(map(tuple, parts.quarantine.values.tolist())) == sorted(map(tuple, whole.quarantine.values.tolist()))
    assert (parts.fingerprint, parts.currency) == (whole.fingerprint, whole.tables.currency)
    generated = tuple(note for note in whole.notes if note.startswith("order ids were generated"))
    assert sorted((*parts.notes, *generated)) == sorted(whole.notes)
    found = parts.tables()
    assert set(found.frames) == set(whole.tables.frames)
    for name, frame in whole.tables.frames.items():
        _assert_same_rows(found.get(name), frame, name)


def _assert_same_rows(left: pd.DataFrame, right: pd.DataFrame, name: str) -> None:
    assert list(left.columns) == list(right.columns), name
    by = list(right.columns)
    left, right = (frame.sort_values(by, ignore_index=True) for frame in (left, right))
    pd.testing.assert_frame_equal(left, right, check_dtype=False, rtol=1e-12)


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
    assert_same(shop(path, refunds=refunds, **LINES), tmp_path / "out", max_bad_share=0.2)


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
    assert_same(shop(write(text)), tmp_path / "out")
    assert_same(shop(write(text)), tmp_path / "out2", as_of=date(2024, 1, 20))


def test_generated_order_ids_and_a_folder_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        text = orders_text(400)
        (folder / f"{number}.csv").write_text("\n".join([*text, "x,y"] if number == 1 else text) + "\n")
    columns = {name: header for name, header in PLAIN.items() if name != "order_id"}
    assert_same(shop(folder, order_id="generated", columns=columns), tmp_path / "out")


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
    assert_same(shop(write([*text, late]), timezone="Europe/Berlin"), tmp_path / "out")


def test_a_fault_of_the_file_is_refused_while_reading(write: Write, tmp_path: Path) -> None:
    text = [line if number % 40 else f"X{number},C1,2024-01-01,free" for number, line in enumerate(orders_text(2000))]
    with pytest.raises(
        DataError, match=r"orders.csv: column 'amount': not a number in .* of its rows, more than the 1.0% allowed"
    ):
        read_large(shop(write([orders_text(1)[0], *text[1:]])), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=dirty_rows, declared=shapes)
def test_dirty_tables(rows: list[tuple[str, ...]], declared: dict[str, Any], tmp_path: Path) -> None:
    frame = pd.DataFrame(rows, columns=["order", "customer", "date", "amount", "product", "units"])
    frame.to_csv(tmp_path / "dirty.csv", index=False)
    assert_same(shop(tmp_path / "dirty.csv", **declared), tmp_path / "out", max_bad_share=1.0)


def test_the_currency_of_the_first_batch_holds_for_all(write: Write, tmp_path: Path) -> None:
    text = [f"{line},{'EUR' if row else 'currency'}" for row, line in enumerate(orders_text(2000))]
    columns = PLAIN | {"currency": "currency"}
    assert_same(shop(write(text), columns=columns, currency="XXX"), tmp_path / "out")
    text[-1] = text[-1].replace("EUR", "USD")
    with pytest.raises(DataError, match=r"holds (EUR, )?USD, but one run holds one currency \(EUR\)"):
        read_large(shop(write(text), columns=columns, currency="XXX"), tmp_path / "out2")


@pytest.mark.parametrize("text", ["", "order,customer,date,amount\n", "order,customer,date,amount", "\n\n"])
def test_nothing_to_read_is_refused(text: str, write: Write, tmp_path: Path) -> None:
    assert_same(shop(write(text)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_one_table_is_read_in_batches(write: Write, tmp_path: Path) -> None:
    refunds = {"source": {"path": "r.csv"}, "columns": {"order_id": "a", "refunded_at": "b", "amount": "c"}}
    with pytest.raises(ConfigError, match="use read_shop"):
        read_large(shop(write(orders_text(3)), tables={"refunds": refunds}), tmp_path / "out")
    with pytest.raises(ConfigError, match="only CSV and Parquet"):
        read_large(shop(write(orders_text(3), "orders.jsonl")), tmp_path / "out")


def test_an_existing_folder_is_replaced_only_when_all_is_done(write: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    read_large(shop(write(orders_text(30))), out)
    with pytest.raises(DataError):
        read_large(shop(write("")), out)
    assert len(pq.read_table(out / "orders.parquet")) == 30
    assert sorted(path.name for path in out.iterdir()) == ["orders.parquet", "refunds.parquet"]


def test_a_full_disk_is_told_in_words_and_leaves_nothing(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scan.pq, "write_table", full)
    with pytest.raises(DataError, match=r"orders.csv: is read in batches, and there is no room left .* set TMPDIR"):
        read_large(shop(write(orders_text(30))), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_a_large_source_is_read_by_the_same_entry_with_its_further_tables(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refunds that name used, excluded, quarantined and unknown orders meet the same status."""
    orders = [*orders_text(400), "A7,C0,2024-01-08,99", "B1,C1,2025-01-01,5", "A9,C2,2024-05-01,-1"]
    refunds = ["order,at,amount", *(f"A{n},2024-06-01,.1" for n in range(20, 300)),
               "A7,2024-06-01,1", "B1,2024-07-01,1", "Z9,2024-06-01,1", "A9,2024-06-01,1"]  # fmt: skip
    table = {
        "source": {"path": str(write(refunds, "refunds.csv"))},
        "columns": {"order_id": "order", "refunded_at": "at", "amount": "amount"},
    }
    declared = shop(write(orders), tables={"refunds": table})
    whole = read_shop(declared, as_of=date(2024, 12, 31), max_bad_share=0.05)
    monkeypatch.setattr(large, "LARGE", 1)
    monkeypatch.setattr(large, "files_of", Mock(wraps=large.files_of))
    parts = read_shop(declared, as_of=date(2024, 12, 31), max_bad_share=0.05)
    assert large.files_of.call_count == 2  # once to weigh them, once to read them in batches
    assert parts.ledger == whole.ledger
    assert parts.ledgers == whole.ledgers
    assert set(parts.ledger.quarantined) >= {
        "refunds: order: names an unknown order",
        "refunds: order: its order is in quarantine",
    }
    assert "refunds: its order was excluded" in parts.ledger.excluded
    assert (parts.fingerprint, parts.sources) == (whole.fingerprint, whole.sources)
    assert sorted(parts.notes) == sorted(whole.notes)
    pd.testing.assert_frame_equal(parts.tables.orders, whole.tables.orders)
    _assert_same_rows(parts.tables.refunds, whole.tables.refunds, "refunds")


@pytest.mark.parametrize(
    ("name", "size", "batches"),
    [("o.csv", 499, False), ("o.csv", 500, True), ("o.csv.gz", 100, True), ("o.jsonl", 900, False)],
)
def test_what_is_large(name: str, size: int, batches: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGE", 500)
    (tmp_path / name).write_bytes(b"x" * size)
    declared = shop(tmp_path / name)
    assert large.is_large(declared, declared) is batches
