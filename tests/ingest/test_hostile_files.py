"""Whatever stands behind a path ends in one sentence: devices, empty space, archives and cells without end."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

import resource
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.core.errors import CvoError
from cvo_ml.ingest import read_shop

from .conftest import orders_text, shop
from .sheets import zipped

Write = Callable[..., Path]
SPARSE = 10 << 30
ENDINGS = (
    ".csv",
    ".txt.gz",
    ".jsonl",
    ".json",
    ".xlsx",
    ".xls",
    ".ods",
    ".zip",
    ".parquet",
    ".duckdb",
    ".sqlite",
    ".db",
)
CSV = "\n".join(orders_text(3)) + "\n"


def refused(path: str | Path, **source: Any) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CvoError) as refusal:
        read_shop(shop(path, source={"table": "orders", **source}))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 700 << 10, "more than 700 MB"
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize(
    "path", ["/dev/zero", "/dev/null", "/proc/self/mem", "/", ".", "no/such/file.xlsx", "a\\b.csv"]
)
def test_places_that_are_no_table(path: str) -> None:
    assert refused(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_ten_gigabytes_of_nothing(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"orders{ending}"
    with path.open("wb") as file:
        file.truncate(SPARSE)
    assert f"orders{ending}" in refused(path)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "content", [b"", b"\xef\xbb\xbf", b"\x00", b"PK\x03\x04", b"\xff\xfe", b"{", b"SQLite format 3\0"]
)
def test_a_few_bytes(ending: str, content: bytes, write: Write) -> None:
    assert refused(write(content, f"orders{ending}"))


def test_a_cell_of_200000_characters(write: Write) -> None:
    lines = [*orders_text(3), f"A4,{'x' * 200_000},2024-01-01,5"]
    assert "a field holds more than 64 kB (1 row; first: 4)" in refused(write(lines))
    assert "a field holds more than 64 kB" in refused(write([lines[0], lines[-1]]))


def _encrypted() -> bytes:
    content = bytearray(zipped({"orders.csv": CSV}))
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + place] |= 1
    return bytes(content)


def _of_unknown_compression() -> bytes:
    content = bytearray(zipped({"orders.csv": CSV}))
    for sign, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", content, content.index(sign) + place, 97)
    return bytes(content)


ARCHIVES: dict[str, tuple[bytes, str]] = {
    "two files": (zipped({"a.csv": CSV, "b.csv": CSV}), "the zip file holds 2 files (a.csv, b.csv): unpack it"),
    "no file": (zipped({"a/": ""}), "the zip file holds no file"),
    "encrypted": (_encrypted(), "the zip file is encrypted: unpack it with its password"),
    "cut off": (zipped({"orders.csv": CSV})[:-30], "the zip file is damaged or cut off"),
    "bytes that changed": (zipped({"orders.csv": CSV}).replace(b"PK\x03\x04\x14", b"PK\x03\x04\xff"), ""),
    "an unknown compression": (_of_unknown_compression(), "the zip file is damaged or cut off"),
    "an archive in it": (zipped({"a.zip": zipped({"orders.csv": CSV})}), "the ending of 'a.zip' in it says no known"),
    "a database in it": (zipped({"a.sqlite": b"x"}), "the ending of 'a.sqlite' in it says no known format"),
    "a bomb": (zipped({"orders.csv": b"\n" * (20 << 20)}), "unpacks to more than 200 times its size"),
}  # fmt: skip


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_that_are_no_table(case: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvo_ml.ingest.sources.inspection.UNPACKED", 1 << 20)
    content, said = ARCHIVES[case]
    if case == "bytes that changed":
        place = content.index(b"orders.csv") + 20
        content = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
    assert said in refused(write(content, "orders.zip"))


def test_files_of_a_system_in_an_archive_are_not_counted(write: Write) -> None:
    content = zipped({"orders.csv": CSV, "__MACOSX/._orders.csv": "x", ".DS_Store": "x", "folder/": ""})
    assert read_shop(shop(write(content, "orders.zip"))).ledger.used == 3


def test_a_lying_archive_is_counted_by_its_bytes(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that it unpacks to one byte."""
    monkeypatch.setattr("cvo_ml.ingest.sources.inspection.UNPACKED", 1 << 20)
    content = bytearray(zipped({"orders.csv": b"\n" * (20 << 20)}))
    for sign, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(sign) + place, 1)
    assert zipfile.ZipFile(write(bytes(content), "x.zip")).infolist()[0].file_size == 1
    assert "unpacks to more than 200 times its size" in refused(write(bytes(content), "orders.zip"))


class TestJson:
    ROWS = '[{"order": "A1", "customer": {"id": "C1"}, "date": "2024-01-01", "amount": 1.5, "lines": [{"sku": "P"}]}]'
    COLUMNS = {"order_id": "order", "customer_id": "customer.id", "ordered_at": "date", "net": "amount"}

    @pytest.mark.parametrize("document", ['{"orders": %s}', '{"data": %s, "has_more": false}',
                                          '{"count": 1, "orders": %s, "links": [{"rel": "next"}]}', "%s"])  # fmt: skip
    def test_a_list_in_an_object_is_found_by_what_is_wanted(self, document: str, write: Write) -> None:
        path = write(document % self.ROWS, "orders.json")
        assert read_shop(shop(path, columns=self.COLUMNS)).tables.orders["net"].tolist() == [1.5]

    def test_an_order_with_a_list_of_lines_is_one_order(self, write: Write) -> None:
        path = write(self.ROWS[1:-1], "orders.json")
        assert read_shop(shop(path, columns=self.COLUMNS)).tables.orders["order_id"].tolist() == ["A1"]

    def test_two_such_lists_are_refused(self, write: Write) -> None:
        path = write(f'{{"orders": {self.ROWS}, "old": {self.ROWS}}}', "orders.json")
        with pytest.raises(CvoError, match="several lists have such objects: old, orders"):
            read_shop(shop(path, columns=self.COLUMNS))


class TestSqlite:
    @pytest.fixture(params=["shop.sqlite", "shop.db"])
    def path(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / request.param
        with sqlite3.connect(path) as connection:
            connection.execute('CREATE TABLE "my orders" ("order" INTEGER, customer TEXT, date TEXT, amount)')
            rows = [(1, "C1", "2024-01-01", 1.125), (2, "C2", "2024-01-02", 980), (3, "C1", "2024-01-03", 2)]
            connection.executemany('INSERT INTO "my orders" VALUES (?, ?, ?, ?)', rows)
            connection.execute('CREATE VIEW good AS SELECT * FROM "my orders" WHERE amount > 1.5')
            connection.execute("CREATE TABLE bytes AS SELECT x'00ff' AS 'order', 1 AS customer, 1 AS date, 1 AS amount")
        connection.close()
        return path

    @pytest.mark.parametrize(("table", "right"), [("my orders", [1.125, 980.0, 2.0]), ("main.good", [980.0, 2.0])])
    def test_a_table_or_view_is_read(self, path: Path, table: str, right: list[float]) -> None:
        assert read_shop(shop(path, source={"table": table})).tables.orders["net"].tolist() == right

    @pytest.mark.parametrize(
        ("table", "said"),
        [("my ordrs", "did you mean"), ("bytes", "holds bytes"), (None, "is a database: declare its table"), ('x"; --', "no table")],
    )  # fmt: skip
    def test_what_is_no_table_is_refused(self, path: Path, table: str | None, said: str) -> None:
        with pytest.raises(CvoError, match=said):
            read_shop(shop(path, source={"table": table}))
        with sqlite3.connect(path) as connection:
            assert connection.execute('SELECT count(*) FROM "my orders"').fetchall() == [(3,)]
        connection.close()
