"""No input ends in a traceback, and none takes the machine's memory: ``cvo init`` and ``cvo check`` on odd files."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from cvo_ml.cli import main
from tests.exports.writing import xlsx

ROOT: Final = Path(__file__).resolve().parents[2]
COLUMNS: Final = "order_id=order,customer_id=customer,ordered_at=date,net=amount"
HEADER: Final = "order,customer,date,amount\n"
ROWS: Final = HEADER + "".join(f"A{n},C{n % 7},2024-01-{n % 27 + 1:02},{n}.50\n" for n in range(60))
PICTURE: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00" + bytes(40)
PAGE: Final = b"<!DOCTYPE html><html><body><table><tr><td>order</td></tr></table></body></html>"
#: Bytes in the usual lengths and in none: the same each time.
NOISE: Final = bytes((n * n * 31 + n // 7 * 101) % 256 for n in range(6000))


def _zip(path: Path, members: Mapping[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _encrypted(path: Path) -> None:
    """The flag of a password in both headers: no reader can open it without one."""
    _zip(path, {"orders.csv": ROWS})
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    path.write_bytes(bytes(content))


def _workbook(path: Path) -> bytes:
    return xlsx(path, {"Orders": [line.split(",") for line in ROWS.splitlines()]}).read_bytes()


def _unreadable(path: Path) -> None:
    path.write_text(ROWS)
    path.chmod(0)


def _mixed(path: Path) -> None:
    path.mkdir()
    (path / "orders.csv").write_text(ROWS)
    (path / "notes.txt").write_text("call Anna\n")
    (path / "photo.png").write_bytes(PICTURE)
    (path / "inner").mkdir()


Make = Callable[[Path], object]
ODD: Final[Mapping[str, tuple[str, Make]]] = {
    "a device without end": ("zero", lambda path: path.symlink_to("/dev/zero")),
    "a device without end named .csv": ("zero.csv", lambda path: path.symlink_to("/dev/zero")),
    "a device without end named .json": ("zero.json", lambda path: path.symlink_to("/dev/zero")),
    "no such file": ("none.csv", lambda path: None),
    "an empty folder": ("folder", Path.mkdir),
    "a folder of all kinds": ("folder", _mixed),
    "an empty file": ("a.csv", Path.touch),
    "an empty workbook": ("a.xlsx", Path.touch),
    "an empty JSON file": ("a.json", Path.touch),
    "an empty archive": ("a.zip", lambda path: _zip(path, {})),
    "a byte order mark alone": ("a.csv", lambda path: path.write_bytes(b"\xef\xbb\xbf")),
    "a UTF-16 mark alone": ("a.csv", lambda path: path.write_bytes(b"\xff\xfe")),
    "a byte order mark and a line end": ("a.csv", lambda path: path.write_bytes(b"\xef\xbb\xbf\n")),
    "blank lines": ("a.csv", lambda path: path.write_text("\n\n\n\n")),
    "a cell of 200,000 signs": ("a.csv", lambda path: path.write_text(f"{HEADER}1,{'x' * 200_000},2024-01-01,5\n")),
    "a header of 200,000 signs": ("a.csv", lambda path: path.write_text(f"{'h' * 200_000}\n1\n")),
    "one line of a megabyte": ("a.json", lambda path: path.write_text("[" * 1_000_000)),
    "JSON that is a number": ("a.json", lambda path: path.write_text("17")),
    "JSON that is no list of objects": ("a.json", lambda path: path.write_text(json.dumps([1, [2], None, "x"]))),
    "an object of lists": ("a.json", lambda path: path.write_text(json.dumps({"a": [1, 2], "b": {"c": []}}))),
    "JSON lines with a torn end": ("a.jsonl", lambda path: path.write_text('{"order_id": 1}\n{"order_id": 2, "ne')),
    "noise": ("a.csv", lambda path: path.write_bytes(NOISE)),
    "noise without NUL": ("a.csv", lambda path: path.write_bytes(NOISE.replace(b"\0", b"x"))),
    "noise as JSON": ("a.jsonl", lambda path: path.write_bytes(NOISE)),
    "noise as a workbook": ("a.xlsx", lambda path: path.write_bytes(NOISE)),
    "noise as an old workbook": ("a.xls", lambda path: path.write_bytes(NOISE)),
    "noise as Parquet": ("a.parquet", lambda path: path.write_bytes(NOISE)),
    "noise as a database": ("a.duckdb", lambda path: path.write_bytes(NOISE)),
    "noise as gz": ("a.csv.gz", lambda path: path.write_bytes(NOISE)),
    "noise as zip": ("a.zip", lambda path: path.write_bytes(NOISE)),
    "a picture named .csv": ("a.csv", lambda path: path.write_bytes(PICTURE)),
    "a picture named .xlsx": ("a.xlsx", lambda path: path.write_bytes(PICTURE)),
    "a web page named .csv": ("a.csv", lambda path: path.write_bytes(PAGE)),
    "a web page named .xls": ("a.xls", lambda path: path.write_bytes(PAGE)),
    "a workbook named .csv": ("a.csv", lambda path: path.write_bytes(_workbook(path.with_name("b.xlsx")))),
    "text named .xlsx": ("a.xlsx", lambda path: path.write_text(ROWS)),
    "text named .xls": ("a.xls", lambda path: path.write_text(ROWS.replace(",", "\t"))),
    "text named .pdf": ("a.pdf", lambda path: path.write_text(ROWS)),
    "a torn workbook": ("a.xlsx", lambda path: path.write_bytes(_workbook(path.with_name("b.xlsx"))[:-400])),
    "a workbook without cells": ("a.xlsx", lambda path: xlsx(path, {"Sheet1": []})),
    "a workbook without sheets": ("a.xlsx", lambda path: xlsx(path, {})),
    "a torn archive": ("a.zip", lambda path: path.write_bytes(b"PK\x03\x04" + bytes(20))),
    "a torn gz": ("a.csv.gz", lambda path: path.write_bytes(gzip.compress(ROWS.encode())[:-9])),
    "an archive of two": ("a.zip", lambda path: _zip(path, {"a.csv": ROWS, "b.csv": ROWS})),
    "an archive with a way out": ("a.zip", lambda path: _zip(path, {"../../out.csv": ROWS})),
    "an archive with a password": ("a.zip", _encrypted),
    "a pipe": ("a.csv", os.mkfifo),
    "a file that may not be read": ("a.csv", _unreadable),
    "headers in all scripts": ("a.csv", lambda path: path.write_text("注文番号,עברית,العربية,🙂,\u200b\n1,2,3,4,5\n")),
    "a header with escapes of a terminal": ("a.csv", lambda path: path.write_text("\x1b[31morder\x07,b\n1,2\n")),
    "a header that is YAML": ("a.csv", lambda path: path.write_text('"{a: [b","- c","&x *y","!!python/x"\n1,2,3,4\n')),
    "10,001 columns": ("a.csv", lambda path: path.write_text(f"{','.join(f'c{n}' for n in range(10_001))}\n")),
    "one column": ("a.csv", lambda path: path.write_text("order\n1\n2\n")),
    "one sign": ("a.csv", lambda path: path.write_text("a")),
    "a header alone": ("a.csv", lambda path: path.write_text(HEADER)),
    "one row": ("a.csv", lambda path: path.write_text(f"{HEADER}1,A,2024-01-01,5\n")),
    "a header that stands twice": ("a.csv", lambda path: path.write_text("order,order,date,net\n1,2,2024-01-01,5\n")),
    "rows without any truth": ("a.csv", lambda path: path.write_text(HEADER + "?,?,?,?\n" * 40)),
    "rows of all lengths": ("a.csv", lambda path: path.write_text(HEADER + "".join("1," * n + "\n" for n in range(9)))),
    "an open quote": ("a.csv", lambda path: path.write_text(f'{HEADER}1,"A,2024-01-01,5\n' + "2,B,2024-01-02,6\n" * 9)),
    "a letter cut in half": ("a.csv", lambda path: path.write_bytes(ROWS.encode() + b"9,\xc3")),
    "half a pair of UTF-16": ("a.csv", lambda path: path.write_bytes(ROWS.encode("utf-16")[:-1])),
    "numbers beyond all bounds": ("a.csv", lambda path: path.write_text(f"{HEADER}1,A,2024-01-01,1e999999\n" * 3)),
    "days beyond all bounds": ("a.csv", lambda path: path.write_text(f"{HEADER}1,A,99999999999999999999,5\n" * 3)),
}  # fmt: skip


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    """Run the command line in an empty folder; what was printed, after a look at how it ended."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def _run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["cvo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        assert ended.value.code in (0, 2, 3), (ended.value.code, printed)
        assert "Traceback" not in printed.out + printed.err
        assert "\x1b[31m" not in printed.out + printed.err
        assert ended.value.code == 0 or printed.err.strip(), "a refusal says why"
        return printed.out + printed.err

    return _run


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_file_is_read_asked_about_or_refused(kind: str, run: Callable[..., str], tmp_path: Path) -> None:
    name, make = ODD[kind]
    path = tmp_path / name
    make(path)
    try:
        run("check", str(path), "--columns", COLUMNS)
        run("init", str(path), "--yes")
        if Path("shop.yaml").exists():
            run("check", "--shop", "shop.yaml")
    finally:
        if path.exists() and path.is_file() and not path.is_symlink():
            path.chmod(0o600)


#: Runs each command line in one process, which may take no more than so many bytes.
_PROGRAM: Final = """
import json, re, sys
from cvo_ml.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["cvo", *arguments]
    try:
        main()
    except SystemExit as ended:
        print("ended", ended.code, *arguments[:2], flush=True)
# of this program alone: what getrusage says begins with the size of the process that started it
print("peak", int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""
_ENDINGS: Final = ("csv", "txt", "json", "jsonl", "xlsx", "xls", "ods", "zip", "parquet", "duckdb", "csv.gz")


def test_ten_gigabytes_of_nothing_are_refused_with_little_memory(tmp_path: Path) -> None:
    commands = []
    for ending in _ENDINGS:
        path = tmp_path / f"sparse.{ending}"
        with path.open("wb") as file:
            file.truncate(10_000_000_000)
        commands += [["check", str(path), "--columns", COLUMNS], ["init", str(path), "--yes"]]
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(commands)],
        cwd=tmp_path, text=True, capture_output=True, timeout=100, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "Traceback" not in ended.stdout + ended.stderr
    said = ended.stdout.splitlines()
    codes = [line.split()[1] for line in said if line.startswith("ended")]
    assert len(codes) == len(commands)
    assert set(codes) <= {"2", "3"}
    assert int(said[-1].split()[1]) < 700, "megabytes"
