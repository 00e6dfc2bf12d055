"""Folders, patterns, JSON lines, formats per column: each file with its own rows and account."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.ingest import read_shop
from cvo_ml.readiness import readiness_policy

from .conftest import orders_text, shop

Write = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files of one schema, one of them packed: 300 orders, one ragged row each."""
    lines, place = orders_text(300), tmp_path / "orders"
    place.mkdir()
    for number in range(3):
        part = [lines[0], *lines[1 + number * 100 : 101 + number * 100], f"X{number},C1"]
        text = ("\n".join(part) + "\n").encode()
        name = place / f"2024-0{number + 1}.csv"
        name.write_bytes(text) if number else name.with_suffix(".csv.gz").write_bytes(gzip.compress(text))
    (place / ".hidden.csv").write_text("nothing")
    (place / "_SUCCESS").write_text("")
    return place


class TestManyFiles:
    @pytest.mark.parametrize("pattern", ["", "*.csv*", "2024-*"])
    def test_a_folder_or_pattern_is_one_source(self, pattern: str, folder: Path) -> None:
        result = read_shop(shop(folder / pattern if pattern else folder))
        assert (result.ledger.rows_in, result.ledger.used, len(result.tables.orders)) == (303, 300, 300)
        assert result.quarantine[["file", "row"]].values.tolist() == [
            ["2024-01.csv.gz", 101],
            ["2024-02.csv", 101],
            ["2024-03.csv", 101],
        ]

    def test_each_file_has_its_own_account(self, folder: Path) -> None:
        ledgers = read_shop(shop(folder)).ledgers["orders"]
        assert [ledger.rows_in for ledger in ledgers.values()] == [101, 101, 101]
        assert sum(ledger.used for ledger in ledgers.values()) == 300

    def test_a_fault_of_one_file_is_not_diluted_by_the_others(self, folder: Path) -> None:
        with (folder / "2024-02.csv").open("a") as file:
            file.write("Y1,,2024-01-01,5\nY2,,2024-01-01,5\n")
        with pytest.raises(
            DataError, match=r"2024-02.csv: column 'customer': null in 1.9% of its rows.*first: 102, 103"
        ):
            read_shop(shop(folder))

    def test_duplicates_are_found_across_files(self, folder: Path) -> None:
        (folder / "2024-04.csv").write_text("\n".join(orders_text(20)) + "\n")
        result = read_shop(shop(folder))
        assert result.ledger.excluded == {"exact duplicate by order_id": 20}
        assert result.ledgers["orders"]["2024-04.csv"].used == 0

    def test_columns_may_stand_in_another_order(self, folder: Path) -> None:
        frame = pd.read_csv(folder / "2024-03.csv", dtype=str, on_bad_lines="skip").dropna()
        frame[["amount", "date", "customer", "order"]].assign(more=1).to_csv(folder / "2024-03.csv", index=False)
        assert len(read_shop(shop(folder)).tables.orders) == 300

    def test_a_file_without_a_column_is_named(self, folder: Path) -> None:
        (folder / "2024-02.csv").write_text("order,customer,day,amount\nA,B,2024-01-01,1\n")
        with pytest.raises(DataError, match=r"2024-02.csv: column 'date': no such column"):
            read_shop(shop(folder))

    def test_date_formats_that_differ_between_files_are_refused(self, folder: Path) -> None:
        (folder / "2024-04.csv").write_text("order,customer,date,amount\nA,B,13/04/2024,1\n")
        with pytest.raises(DataError, match=r"2024-04.csv: column 'date': several date formats are mixed"):
            read_shop(shop(folder))

    def test_names_that_repeat_in_several_folders_are_told_apart(self, tmp_path: Path) -> None:
        for number in range(2):
            (tmp_path / str(number)).mkdir()
            text = f"order,customer,date,amount\nA{number},B,2024-01-01,1\n"
            (tmp_path / str(number) / "orders.csv").write_text(text)
        assert list(read_shop(shop(tmp_path / "*" / "orders.csv")).ledgers["orders"]) == [
            "0/orders.csv",
            "1/orders.csv",
        ]

    def test_several_formats_or_none_are_refused(self, folder: Path, tmp_path: Path) -> None:
        (folder / "x.parquet").write_bytes(b"")
        with pytest.raises(DataError, match=r"files of several formats \(.csv, .parquet\)"):
            read_shop(shop(folder))
        with pytest.raises(UsageError, match="no file matches"):
            read_shop(shop(tmp_path / "*.csv"))
        (tmp_path / "empty").mkdir()
        with pytest.raises(UsageError, match="the folder holds no files"):
            read_shop(shop(tmp_path / "empty"))

    def test_types_that_differ_between_files_are_refused(self, tmp_path: Path) -> None:
        for name, ids in (("1", ["A1"]), ("2", [2])):
            table = pa.table({"order": ids, "customer": ["C"], "date": ["2024-01-01"], "amount": [1.0]})
            pq.write_table(table, tmp_path / f"{name}.parquet")
        with pytest.raises(DataError, match=r"2.parquet: column 'order': holds int64, but 1.parquet holds string"):
            read_shop(shop(tmp_path))


class TestJsonLines:
    LINES = tuple(
        json.dumps({"order": n, "customer": {"id": f"C{n % 3}"}, "date": "2024-01-01", "amount": n + 0.5})
        for n in range(1, 201)
    )
    COLUMNS = {"order_id": "order", "customer_id": "customer.id", "ordered_at": "date", "net": "amount"}

    @pytest.mark.parametrize("name", ["orders.jsonl", "orders.ndjson", "orders.jsonl.gz", "orders.json"])
    def test_fields_are_named_by_their_path(self, name: str, write: Write) -> None:
        text = "\n".join(self.LINES) + "\n"
        if name == "orders.json":
            text = "[" + ",".join(self.LINES) + "]"
        path = write(gzip.compress(text.encode()) if name.endswith("gz") else text, name)
        result = read_shop(shop(path, columns=self.COLUMNS))
        assert (result.ledger.used, result.tables.orders["net"].sum()) == (200, sum(range(1, 201)) + 100)

    def test_whole_numbers_lose_nothing(self, write: Write) -> None:
        path = write(self.LINES[0].replace('"order": 1', '"order": 12345678901234567890123') + "\n", "orders.jsonl")
        assert read_shop(shop(path, columns=self.COLUMNS)).tables.orders["order_id"].tolist() == [
            "12345678901234567890123"
        ]

    def test_a_line_that_is_no_object_is_quarantined(self, write: Write) -> None:
        path = write([*self.LINES, "5"], "orders.jsonl")
        result = read_shop(shop(path, columns=self.COLUMNS))
        assert result.quarantine[["row", "column"]].values.tolist() == [[201, ""]]

    @pytest.mark.parametrize(
        ("text", "message"),
        [("[1, 2", "holds no JSON objects"), ("nothing\nof json\n", "holds no JSON objects"), ("", "is empty")],
    )
    def test_what_is_no_json_is_refused(self, text: str, message: str, write: Write) -> None:
        with pytest.raises(DataError, match=message):
            read_shop(shop(write(text, "orders.jsonl"), columns=self.COLUMNS))

    def test_a_field_that_no_object_has_is_refused(self, write: Write) -> None:
        with pytest.raises(DataError, match=r"column 'amonut': no object has this field \(did you mean 'amount'\?\)"):
            read_shop(shop(write([*self.LINES], "orders.jsonl"), columns=self.COLUMNS | {"net": "amonut"}))


def test_dates_may_have_a_format_by_column(write: Write) -> None:
    path = write(["order,customer,date,amount,known", "A1,C1,13-01-2024,5,01/14/2024 10:00"])
    formats = {"ordered_at": "%d-%m-%Y", "known_at": "%m/%d/%Y %H:%M"}
    declared = shop(path, columns=shop().columns | {"known_at": "known"}, source={"date_formats": formats})
    orders = read_shop(declared).tables.orders
    assert orders["ordered_at"].tolist() == [pd.Timestamp("2024-01-13")]
    assert orders["known_at"].tolist() == [pd.Timestamp("2024-01-14 10:00")]


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.binary(), pa.struct([("a", pa.int64())])])
def test_a_column_of_another_type_is_refused(kind: pa.DataType, tmp_path: Path) -> None:
    values = pa.array([None], kind)
    pq.write_table(
        pa.table({"order": ["1"], "customer": values, "date": ["2024-01-01"], "amount": [1]}), tmp_path / "o.parquet"
    )
    with pytest.raises(DataError, match=r"column 'customer': holds .*, which is no text, number, time or flag"):
        read_shop(shop(tmp_path / "o.parquet"))


def test_relative_paths_can_be_made_absolute_in_all_sources() -> None:
    refunds = {"source": {"path": "r.csv"}, "columns": {"order_id": "a", "refunded_at": "b", "amount": "c"}}
    declared = shop("o.csv", tables={"refunds": refunds}).resolved()
    assert Path(declared.source.path).is_absolute()
    assert Path(declared.tables["refunds"].source.path).is_absolute()
    assert shop("env://X").resolved().source.path == "env://X"


def test_an_unknown_sample_file_stays_inside_the_package() -> None:
    with pytest.raises(ValidationError, match="leads out of the package: name a file of it"):
        shop("sample://../../../../etc/passwd")
    with pytest.raises(UsageError, match="no such file"):
        read_shop(shop("sample://passwd.csv"))


def test_the_readiness_file_equals_the_defaults() -> None:
    assert readiness_policy() == type(readiness_policy())()
