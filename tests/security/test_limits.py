"""FAULT-S13 and FAULT-S11, the files and numbers that a user names: refused in one sentence before anything parses.

Before, a pipe as a shop file was waited for without end, ``/dev/zero`` took all memory, a value of 20 MB took nine
seconds, and a horizon of 10^11 days, a budget of infinity or a seed of -1 ended in a traceback.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.cli import main
from cvo_ml.config.gates import load_gates
from cvo_ml.config.jobs import load_job
from cvo_ml.config.loader import load_config
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core import input_files
from cvo_ml.core.errors import ConfigError, CvoError, DataError, UsageError
from cvo_ml.core.files import read_json
from cvo_ml.core.input_files import NoInput, read_input
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.ingest import raw, read_shop
from cvo_ml.ingest.side_table import read_side_table
from cvo_ml.ingest.sources import inspection, json_lines, sheet_size
from cvo_ml.priorities.effects import read_effects
from cvo_ml.simulate import simulate_saas, simulate_shop
from tests.ingest.conftest import orders_text, shop
from training.churn.static_table import read_table

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 20  # seconds of a busy machine

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "shop": ("shop.yaml", lambda path: load_config(path, ShopConfig)),
    "policy": ("policy.yaml", lambda path: load_config(path, PriorityPolicy)),
    "gates": ("gates.yaml", lambda path: load_gates("churn", path)),
    "effects": ("effects.csv", read_effects),
    "static table": ("table.csv", lambda path: read_table(path, "churned")),
    "static Parquet": ("table.parquet", lambda path: read_table(path, "churned")),
    "CSV": ("orders.csv", lambda path: read_shop(shop(path))),
    "gzip": ("orders.csv.gz", lambda path: read_shop(shop(path))),
    "JSON lines": ("orders.jsonl", lambda path: read_shop(shop(path))),
    "JSON": ("orders.json", lambda path: read_shop(shop(path))),
    "spreadsheet": ("orders.xlsx", lambda path: read_shop(shop(path))),
    "archive": ("orders.zip", lambda path: read_shop(shop(path))),
    "SQLite": ("orders.sqlite", lambda path: read_shop(shop(path, source={"table": "orders"}))),
    "Parquet": ("orders.parquet", lambda path: read_shop(shop(path))),
    "DuckDB": ("orders.duckdb", lambda path: read_shop(shop(path, source={"table": "orders"}))),
    "prospects": ("leads.csv", lambda path: read_side_table(shop("unread.csv"), "leads", path)),
    "record": ("record.json", read_json),
}


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)  # the name of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


KINDS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "pipe": (os.mkfifo, "is a pipe, not a file"),
    "link to a pipe": (lambda path: (os.mkfifo(path.with_name("p")), path.symlink_to("p")), "is a pipe, not a file"),
    "socket": (_socket, "is a socket, not a file"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "is a device, not a file"),
    "terminal": (lambda path: path.symlink_to("/dev/ptmx"), "is a device, not a file"),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "is a link to nothing|No such file|no such file"),
    "link to itself": (lambda path: path.symlink_to(path.name), "cannot be used|cannot be read|symbolic links"),
}


@contextmanager
def deadline(seconds: float = AT_ONCE) -> Iterator[None]:
    """Fail where something is waited for."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_at_once(reader: str, kind: str, tmp_path: Path) -> None:
    name, read = READERS[reader]
    make, words = KINDS[kind]
    make(tmp_path / name)
    with deadline(), pytest.raises((CvoError, FileNotFoundError), match=words):
        read(tmp_path / name)


#: Readers of tables, to which a folder is one of files.
FOLDERS = ("CSV", "gzip", "Parquet", "DuckDB", "JSON lines", "JSON", "prospects", "spreadsheet", "archive", "SQLite")


@pytest.mark.parametrize("reader", [reader for reader in READERS if reader not in FOLDERS])
def test_a_folder_is_no_file(reader: str, tmp_path: Path) -> None:
    name, read = READERS[reader]
    (tmp_path / name).mkdir()
    with pytest.raises(CvoError, match="is a folder, not a file"):
        read(tmp_path / name)


def test_a_pipe_that_takes_the_name_in_the_last_moment_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text("name: x\n")
    opens = os.open

    def swapped(name: Any, *arguments: Any, **options: Any) -> int:
        if str(name) == str(path):
            path.unlink()
            os.mkfifo(path)
        return opens(name, *arguments, **options)

    monkeypatch.setattr(os, "open", swapped)
    with deadline(), pytest.raises(NoInput, match="is a pipe, not a file"):
        read_input(path)


def test_a_pipe_in_a_folder_of_orders_is_not_left_out_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\n".join(orders_text(9)) + "\n")
    os.mkfifo(tmp_path / "b.csv")
    with deadline(), pytest.raises(UsageError, match=r"b\.csv: is a pipe, not a file"):
        read_shop(shop(tmp_path))


def test_a_name_with_a_zero_byte_is_no_name() -> None:
    with pytest.raises(UsageError, match="is no name of a file"):
        read_input(Path("shop\0.yaml"))


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.mark.parametrize("reader", ["shop", "policy", "gates", "effects", "static table", "static Parquet", "record"])
def test_a_file_larger_than_its_kind_is_refused_before_it_is_read(reader: str, tmp_path: Path) -> None:
    name, read = READERS[reader]
    with deadline(), pytest.raises(CvoError, match=r"is larger than [\d,]+ [kM]B, which such a file never is"):
        read(sparse(tmp_path / name, 1 << 40))


def test_a_file_that_says_it_is_empty_and_is_not_is_read_to_its_limit() -> None:
    """As those of the system are."""
    with pytest.raises(UsageError, match="is larger than"):
        read_input(Path("/proc/self/maps"), most=10)


YAML = {
    "a long value": ("name: " + "x" * 20_000_000, "is larger than 256 kB"),
    "a bomb of aliases": ("a: &a [x]\nb: [*a, *a]\n", "anchors and aliases are not allowed"),
    "100,000 brackets": ("a: " + "[" * 100_000, "nested more than 20 deep"),
    "levels of keys": ("\n".join(" " * n + "a:" for n in range(400)), "nested more than 20 deep"),
    "many values": ("a: [" + "1," * 100_000 + "]", "more than 10,000 keys and values"),
    "a number without end": ("a: " + "9" * 10_000, "a whole number has more than 30 digits"),
    "half a character": ('a: "\\ud800"', "a text holds half a character"),
    "a tag": ("a: !!timestamp x", "tags are not allowed"),
    "an empty number": ('a: !!int ""', "tags are not allowed"),
    "an object": ("a: !!python/object:os.system x", "tags are not allowed"),
    "two keys": ("name: a\nname: b\n", "key 'name' stands twice"),
    "no text": (b"name: \xff\xfe", "is not valid YAML"),
    "zero bytes": (b"name: \x00", "is not valid YAML"),
}


@pytest.mark.parametrize("case", YAML)
def test_a_hostile_configuration_is_refused_in_one_sentence_and_soon(case: str, tmp_path: Path) -> None:
    content, words = YAML[case]
    path = tmp_path / "shop.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with deadline(), pytest.raises(ConfigError, match=words) as refused:
        load_config(path, ShopConfig)
    assert len(str(refused.value).splitlines()) == 1
    assert len(str(refused.value)) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("written", "value"),
    [("1:30.5", "1:30.5"), ("1_000.5", "1_000.5"), ("190:20:30.15", "190:20:30.15"), ("1.5e+3", 1500.0), (".5", 0.5)],
)
def test_a_time_of_day_is_no_number(written: str, value: object, tmp_path: Path) -> None:
    """YAML 1.1 counts in sixties, and of some of them it made a traceback."""
    (tmp_path / "job.yaml").write_text(f"trees: {{parameters: {{a: {written}}}}}\n")
    job: Any = load_job("churn", [f"churn.trees.parameters={{a: {written}}}"])
    assert job.trees.parameters["a"] == value


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("clv.horizon=99999999999D", "is longer than a hundred years"),
        (f"clv.horizon={'9' * 10_000}D", "is longer than a hundred years"),
        ("clv.horizon=1e400D", "is not a positive span"),
        ("clv.horizon=-90D", "is not a positive span"),
        ("clv.horizon=today", "is not a positive span"),
        ("clv.discount_rate=1e400", "write a finite number"),
        ("clv.discount_rate=.nan", "write a finite number"),
        ("clv.penalty=1.0e+400", "write a finite number"),
        ("clv.penalty=-1", "write a number of at least 0"),
        (f"clv.oracle_customers={'9' * 10_000}", "the value is not valid YAML"),
        (f"clv.oracle_customers='{'9' * 10_000}'", "write a whole number"),
        ("clv.oracle_customers=99999999999999999999", "write a number of at most 1000000000"),
        ("churn.trees.rounds=1000000000", "write a number of at most 10000"),
        ("churn.trees.rounds=-1", "write a number above 0"),
        (f"clv{'.a' * 50_000}=1", "this is no key"),
        ("clv.horizon..x=1", "this is no key"),
        (f"clv.{'a' * 50_000}=1", "is unknown"),
    ],
)
def test_an_absurd_setting_is_one_sentence(override: str, words: str) -> None:
    with deadline(), pytest.raises(ConfigError, match=words) as refused:
        load_job("clv" if override.startswith("clv") else "churn", [override])
    assert len(str(refused.value)) < 400 + len(str(ROOT))


@pytest.mark.parametrize(
    "text",
    ["0000-01-01", "0001-01-01", "9999-12-31", "1899-12-31", "2200-01-01", "2011-02-29", "2011-13-01", "now", "today",
     "tomorrow", "-1 day", "2011-09-10T00:00:00", "2011-09-10 00:00+02:00", "20110910x", "1e400", "", "9" * 10_000,
     "2011-W36-6x", "٢٠١١-٠٩-١٠x"],
)  # fmt: skip
def test_a_date_that_no_shop_has_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match=r"as_of .* is not") as refused:
        parse_as_of(text)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("make", [simulate_shop, simulate_saas])
def test_a_size_and_a_seed_that_are_none_are_one_sentence(make: Callable[..., Any]) -> None:
    name = "shop" if make is simulate_shop else "saas"
    with pytest.raises(UsageError, match="cannot be simulated"):
        make(name, 10**15)
    for seed in (-1, 10**30):
        with pytest.raises(UsageError, match=r"seed .* is none"):
            make(name, 10, seed)


def test_a_span_of_a_hundred_years_is_the_longest() -> None:
    assert Horizon("100Y").days == 36_525
    with pytest.raises(UsageError, match="longer than a hundred years"):
        Horizon("36526D")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plan", "--budget", "inf"), "budget: write a finite number (found inf)"),
        (("plan", "--budget", "1e400"), "budget: write a finite number (found inf)"),
        (("audience", "--format", "meta", "--top", "nan"), "top_share: write a finite number (found nan)"),
        (("check", "--horizon", "99999999999D"), "longer than a hundred years"),
        (("score", "--as-of", "now"), "as_of 'now' is not a date"),
        (("simulate", "shop", "new", "--seed", "-1"), "seed -1 is none"),
        (("score", "--as-of", "2011-09-10", "--shop", "pipe.yaml"), "is a pipe, not a file"),
        (("check", "--shop", "/dev/zero"), "is a device, not a file"),
    ],
)
def test_the_command_says_one_sentence_and_ends_with_2(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.yaml")
    monkeypatch.setattr("sys.argv", ["cvo", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capfd.readouterr().err
    assert ended.value.code == 2
    assert words in said
    assert "Traceback" not in said


def with_row(*fields: str) -> str:
    return "\n".join([*orders_text(9), ",".join(fields)]) + "\n"


def test_a_field_longer_than_any_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(with_row("A99", "C" * 100_000, "2024-01-01", "1"))
    with pytest.raises(DataError, match=r"column 'customer': a field holds more than 64 kB \(1 row; first: 10\)"):
        read_shop(shop(path))


def test_a_field_longer_than_any_is_refused_in_parquet_and_json_too(tmp_path: Path) -> None:
    frame = pd.DataFrame([line.split(",") for line in orders_text(9)[1:]], columns=orders_text(1)[0].split(","))
    frame.loc[4, "customer"] = "C" * 100_000
    frame.to_parquet(tmp_path / "orders.parquet")
    frame.to_json(tmp_path / "orders.jsonl", orient="records", lines=True)
    frame.astype({"customer": "category"}).to_parquet(tmp_path / "coded.parquet")
    for name in ("orders.parquet", "orders.jsonl", "coded.parquet"):
        with pytest.raises(DataError, match=r"a field holds more than 64 kB \(1 row; first: 5\)"):
            read_shop(shop(tmp_path / name))


def test_a_line_longer_than_any_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(with_row("A99", "C" * 9_000_000, "2024-01-01", "1"))
    with pytest.raises(DataError, match=r"a line has more than 8 million signs \(near line 11\)"):
        read_shop(shop(path))


@pytest.mark.parametrize("sign", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("length", [9, 10, 11, 25])
def test_the_length_of_lines_is_exact_across_blocks(
    sign: str, length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand: of ten signs allowed, a line of ten is read and one of eleven is refused, wherever blocks end."""
    monkeypatch.setattr(inspection, "_CHUNK", 7)
    monkeypatch.setattr(inspection, "_BLOCK", 3)
    path = tmp_path / "lines.csv"
    for before in range(12):
        path.write_bytes((("a" * 5 + sign) * before + "b" * length + sign + "c").encode())
        if length + len(sign) - 1 > 10:
            with pytest.raises(DataError, match="a line has more than"):
                inspection.inspect_text(path, "utf-8", "lines.csv", longest=10)
        else:
            inspection.inspect_text(path, "utf-8", "lines.csv", longest=10)


def test_a_header_wider_than_any_is_refused_soon(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    header = [*orders_text(1)[0].split(","), *(f"x{place}" for place in range(200_000))]
    path.write_text("\n".join(",".join([*line.split(","), *[""] * 200_000]) if place else ",".join(header)
                              for place, line in enumerate(orders_text(2))) + "\n")  # fmt: skip
    with deadline(), pytest.raises(DataError, match=r"its header has 200,004 columns: export at most 10,000"):
        read_shop(shop(path))


def test_a_gzip_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "UNPACKED", 1 << 20)
    path = tmp_path / "orders.csv.gz"
    path.write_bytes(gzip.compress(("\n".join(orders_text(9)) + "\n" * 8_000_000).encode()))
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        read_shop(shop(path))


@pytest.mark.parametrize("name", ["orders.json", "orders.jsonl"])
@pytest.mark.parametrize("deep", ["[" * 100_000 + "]" * 100_000, '{"a":' * 100_000 + "1" + "}" * 100_000])
def test_json_nested_100000_deep_is_no_object(name: str, deep: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(deep + "\n")
    with deadline(), pytest.raises(DataError, match=r"holds no JSON objects|is no whole JSON document"):
        read_shop(shop(path))


def test_a_json_document_larger_than_can_be_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "LARGEST_DOCUMENT", 1 << 10)
    path = tmp_path / "orders.json"
    path.write_text(json.dumps([{"order": "x" * 50} for _ in range(50)], indent=1))
    with pytest.raises(DataError, match=r"write one object a line, and name it \.jsonl"):
        read_shop(shop(path))


def test_a_record_nested_100000_deep_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("[" * 100_000 + "]" * 100_000)
    with deadline(), pytest.raises(CvoError, match="is damaged"):
        read_json(path)


#: Modules that read files themselves, and why none of these files is one that a user names.
READ_THEMSELVES = {
    "cvo_ml/compat/lifetimes/base.py": "parses bytes of input_files",
    "cvo_ml/compat/lifetimes/datasets.py": "the sample that comes with the library it stands for",
    "cvo_ml/core/python_child.py": "an argument that its parent wrote",
    "cvo_ml/core/input_files.py": "opens what users name, and reads it within its limits",
    "cvo_ml/core/files.py": "hashes and writes files of the results, whose manifests say what they are",
    "cvo_ml/core/tables.py": "a database in memory that may open nothing",
    "cvo_ml/core/store.py": "runs of the results, each file by the hash in its manifest",
    "cvo_ml/core/run_log.py": "an example of its own text",
    "cvo_ml/core/scratch.py": "an example of itself",
    "cvo_ml/core/scores.py": "texts of a column that this package wrote",
    "cvo_ml/features/engine/base.py": "writes",
    "cvo_ml/features/engine/duckdb.py": "a database in memory",
    "cvo_ml/core/sessions.py": "a database in memory over tables of its own scratch folder",
    "cvo_ml/core/stored_table.py": "a database in memory over tables of its own scratch folder",
    "cvo_ml/ingest/batches.py": "parses streams of input_files",
    "cvo_ml/ingest/kept_tables.py": "a database in memory over the folder of rows that it keeps",
    "cvo_ml/ingest/table_copies.py": "writes",
    "cvo_ml/ingest/look/text_files.py": "parses streams of input_files",
    "cvo_ml/ingest/header_names.py": "comes with the package",
    "cvo_ml/ingest/statuses.py": "comes with the package",
    "cvo_ml/ingest/row_database.py": "a database in memory over its own scratch folder; writes",
    "cvo_ml/ingest/sources/csv_text.py": "parses streams of input_files",
    "cvo_ml/ingest/sources/duckdb_file.py": "a DuckDB file that input_files has looked at: DuckDB opens by name",
    "cvo_ml/ingest/sources/postgres.py": "parses rows of a server, piece by piece",
    "cvo_ml/ingest/sources/inspection.py": "unpacks streams of input_files",
    "cvo_ml/ingest/sources/json_lines.py": "parses lines of input_files, each held to a length",
    "cvo_ml/ingest/sources/parquet.py": "parses streams of input_files",
    "cvo_ml/ingest/sources/sheet_size.py": "unpacks bytes of input_files, counted",
    "cvo_ml/ingest/sources/zipped.py": "unpacks streams of input_files, counted",
    "cvo_ml/priorities/effects.py": "parses a stream of input_files",
    "cvo_ml/simulate/folder.py": "parses bytes of input_files; writes",
    "cvo_ml/workflows/simulate.py": "schemas of tables that the same call wrote",
    "cvo_ml/workflows/backtest.py": "tables of its own folder",
    "training/churn/static_table.py": "parses a stream of input_files",
    "training/evidence/golden.py": "comes with the checkout",
    "training/provenance.py": "comes with the checkout",
}
#: Whole areas with limits of their own, and the tests that hold them.
OTHERS = {
    "cvo_ml/registry/": "bundles and models (docs/security.md, never foreign)",
    "cvo_ml/monitoring/ledger.py": "parts of the results, each by its own facts",
    "cvo_ml/report/": "templates that come with the package",
    "cvo_ml/segments/rules/groups.py": "tables that come with the package",
    "cvo_ml/models/clv/base.py": "a part of a bundle, in memory",
    "cvo_ml/cli/": "the null device",
    "cvo_ml/crm/": "answers of a client with limits of its own",
}
READS = re.compile(
    r"\bopen\(|\.open\(|\.read_text\(|\.read_bytes\(|yaml\.(?:safe_)?load|json\.loads?\(|\bpd\.read_\w+\("
    r"|\bpq\.(?:read_\w+|ParquetFile|ParquetWriter|write_table)\(|\bpacsv\.\w*(?:read|open)_csv\(|gzip\.\w+\(|duckdb\.connect\("
)


def test_no_file_that_a_user_names_is_opened_elsewhere() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in ("cvo_ml", "training")
        for path in (ROOT / folder).rglob("*.py")
        if READS.search(path.read_text())
    }
    others = {name for name in found if name.startswith(tuple(OTHERS))}
    assert found - others - set(READ_THEMSELVES) == set()


def test_the_limits_stand_in_the_decision() -> None:
    page = (ROOT / "docs" / "decisions" / "0027-limits-before-parsing.md").read_text()
    for limit in (
        f"{input_files.CONFIGURATION >> 10} kB", f"{input_files.DOCUMENT >> 20} MB", f"{input_files.TABLE >> 30} GB",
        f"{inspection.LONGEST_LINE >> 20} million", f"{raw.LONGEST_FIELD >> 10} kB", f"{raw.MOST_COLUMNS:,}",
        f"{json_lines.LARGEST_DOCUMENT >> 20} MB", f"{inspection.TIMES_PACKED} times",
        f"{sheet_size.LARGEST_SHEET >> 20} MB", f"{sheet_size.MOST_CELLS // 10**6} million cells",
    ):  # fmt: skip
        assert limit in page
