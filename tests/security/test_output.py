"""What is printed cannot command a terminal, is readable in every encoding, and never stops the work (S10, S11, S14).

Commands are taken from the application itself: a new one is tested without being named here for what holds of its help,
and fails ``test_every_command_is_run`` until a command line stands below.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cvo_ml.core.terminal_text import escaped
from tests.frozen.scenario import prepared
from tests.security.command_lines import ROOT, registered, run, step

FIRST = "2023-02-01"
SHOP = "--shop shop.yaml"
#: A command line for each command, and its exit code: one that does its work on the stored shop, or that is refused
#: before it trains.
LINES = {
    "demo": ("demo --data a.csv --shop b.yaml", 2),
    "init": ("init tables --out looked.yaml --overwrite", 0),
    "check": (f"check {SHOP} --as-of {FIRST} --horizon 60D", 0),
    "train": (f"train clv {SHOP}", 2),
    "score": (f"score {SHOP} --as-of {FIRST} --models models --out fresh", 0),
    "analyze": (f"analyze retention {SHOP} --as-of {FIRST} --html analyzed.html", 0),
    "compare": (f"compare {SHOP} --as-of {FIRST} --holdout 60D --models bg_nbd", 0),
    "explain": (f"explain c00000000 {SHOP} --as-of {FIRST} --models models --out out", 0),
    "segment": (f"segment {SHOP} --as-of {FIRST} --months 0 --out fresh2", 0),
    "plan": ("plan --out out", 0),
    "prioritize": ("prioritize --evaluate --horizon 60D --out out", 0),
    "evaluate": ("evaluate --horizon 60D --out out", 0),
    "outcomes": ("outcomes --horizon 60D --out out", 0),
    "monitor": ("monitor --out out", 0),
    "backtest": (f"backtest {SHOP} --simulated shop", 2),
    "audience": ("audience --format meta --top 0.5 --out out", 0),
    "report": ("report --out out", 0),
    "simulate": ("simulate shop world --size 20 --overwrite", 0),
    "models list": ("models list", 0),
    "models show": ("models show churn --shop small", 0),
    "models diff": ("models diff churn 1 1 --shop small", 0),
    "models promote": ("models promote churn --shop small", 4),
    "models rollback": ("models rollback churn --shop small --reason none", 2),
    "models export": ("models export churn --shop small --to dossiers", 0),
    "models shadow": (f"models shadow {SHOP} --as-of {FIRST}", 4),
    "models migrate": ("models migrate", 0),
}
#: What a command writes.
WRITES = {
    "init": "looked.yaml", "analyze": "analyzed.html", "score": "fresh/priorities.csv",
    "segment": "fresh2/segments/groups.csv",
    "plan": "out/report.html", "report": "out/report.html", "audience": "out/audience-meta.csv",
    "simulate": "world/manifest.json", "models export": "dossiers/churn/MODEL_CARD.md",
}  # fmt: skip
#: Streams and encodings that a command may find.
PLACES: dict[str, dict[str, Any]] = {
    "the reader has gone": {"out": "gone", "encoding": "cp1252"},
    "ascii, narrow, no colours": {"encoding": "ascii", "variables": {"COLUMNS": "40", "NO_COLOR": "1"}},
    "no streams": {"out": "closed", "err": "closed", "encoding": "latin-1"},
    "a full disk": {"out": "full", "err": "full", "encoding": "cp1252"},
    "a full disk behind the output": {"out": "full"},
}
#: Where every command runs each time; the other places are for the quick ones, and for -m slow.
ALWAYS = "the reader has gone"
QUICK = ("init", "monitor", "audience", "demo", "train", "backtest", "simulate")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A shop that was scored, with its models."""
    return prepared(tmp_path / "world", "stored")


def test_every_command_is_run() -> None:
    assert sorted(LINES) == sorted(registered())


def test_every_help_is_printed_everywhere(tmp_path: Path) -> None:
    """FAULT-S11: the frames of a help ended in a UnicodeEncodeError where the encoding has none."""
    (tmp_path / "x").mkdir()
    asked = [(place, name) for place in PLACES for name in sorted(registered())]
    steps = [step(f"{name} --help", **PLACES[place]) for place, name in asked]
    for (place, name), found in zip(asked, run(tmp_path / "x", steps), strict=True):
        assert found["code"] == (5 if PLACES[place].get("out") == "full" else 0), (place, name, found)
        assert "Traceback" not in found["err"]
        assert found["out"].isascii() or place != "ascii, narrow, no colours"


def check(world: Path, places: Sequence[str], names: Sequence[str]) -> None:
    """Every command ends as it would with nothing in its way, and its work is there."""
    known = {name: stamp(world / WRITES[name]) for name in names if name in WRITES}
    asked = [(place, name) for place in places for name in names]
    steps = [step(LINES[name][0], **PLACES[place]) for place, name in asked]
    for (place, name), found in zip(asked, run(world, steps), strict=True):
        streams, code = PLACES[place], LINES[name][1]
        if streams.get("out") == "full" and code == 0:
            code = 5  # the work is kept, and its answer was lost
        assert found["code"] == code, (place, name, found)
        assert "Traceback" not in found["err"] + found["out"]
        assert "Error" not in found["err"]
        assert found["out"].isascii() or place != "ascii, narrow, no colours"
        assert found["err"].count("cvo: ") == (code != 0 and "err" not in streams), (place, name, found)
    assert {name for name, before in known.items() if stamp(world / WRITES[name]) == before} == set()


def stamp(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else None


def test_every_command_does_its_work_though_nobody_reads(world: Path) -> None:
    """FAULT-S14: ``cvo score … | head -1`` wrote nothing and ended with 1."""
    check(world, [ALWAYS], sorted(LINES))


def test_quick_commands_do_their_work_in_every_place(world: Path) -> None:
    """FAULT-S11: cp1252 and ascii. FAULT-S14: a file that was opened took the place of a stream that was closed."""
    check(world, sorted({*PLACES} - {ALWAYS}), QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted({*PLACES} - {ALWAYS}))
def test_all_commands_do_their_work_in_every_place(place: str, world: Path) -> None:
    check(world, [place], sorted({*LINES} - {*QUICK}))


def test_json_is_json_in_every_encoding(world: Path) -> None:
    """FAULT-S11: ``--json`` ended in a UnicodeEncodeError, or was JSON in an encoding that JSON has not."""
    encodings = ("ascii", "cp1252", "latin-1")
    lines = (
        "audience --format meta --top 0.5 --out out --file 'Café 北京 😀.csv' --json",
        "monitor --out 'Café 北京 😀'",
    )
    found = run(world, [step(line, encoding=name) for name in encodings for line in lines])
    for made, said in zip(found[::2], found[1::2], strict=True):
        assert (made["code"], said["code"]) == (0, 3)
        assert made["out"].isascii()
        assert json.loads(made["out"])["file"] == "Café 北京 😀.csv"
        assert "\\u5317\\u4eac \\U0001f600" in said["err"]


# --- FAULT-S10: what is shown is data ------------------------------------------------------------------------------

ODD = "\x1b]0;owned\x07\x1b[2J[bold red]x[/] \u202egnp.exe\u200b"


def hostile(world: Path) -> None:
    """The stored shop, its customers called by what would command a terminal."""
    for file in (world / "tables").glob("*.parquet"):
        table = pq.read_table(file)
        if "customer_id" in table.column_names:
            ids = [None if one is None else f"{ODD}{one}" for one in table["customer_id"].to_pylist()]
            pq.write_table(table.set_column(table.schema.get_field_index("customer_id"), "customer_id", [ids]), file)


def is_clean(text: str, *, terminal: bool = False) -> bool:
    """Whether nothing in it commands a terminal but colours and the cursor of a progress line."""
    plain = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", text) if terminal else text
    return escaped(plain, keep="\n\r" if terminal else "\n") == plain and "\x1b[2J" not in text


def test_ids_are_shown_on_a_terminal_or_on_request(world: Path) -> None:
    """FAULT-S10: five top ids stood in every nightly log, and their signs commanded the terminal."""
    hostile(world)
    score = "score --shop shop.yaml --as-of 2023-02-01 --models models --out odd"
    wide = {"variables": {"COLUMNS": "200", "TERM": "xterm"}}
    night, asked, after, seen = run(
        world,
        [step(score, **wide), step("--show-ids plan --out odd", **wide), step("plan --out odd --show-ids", **wide),
         step("plan --out odd", out="terminal", **wide)],
    )  # fmt: skip
    for found in (night, asked, after, seen):
        assert found["code"] == 0, found
        assert is_clean(found["out"].encode("latin-1").decode("utf-8"), terminal=found is seen)
        assert is_clean(found["err"].encode("latin-1").decode("utf-8"))
    assert "owned" not in night["out"] + night["err"]
    assert "ids are not shown; --show-ids shows them" in night["out"]
    assert "contacts for" in night["out"]  # counts stay
    for found in (asked, after, seen):
        assert "owned" in found["out"]
        assert "\\x1b]0;" in found["out"]
        assert "ids are not shown" not in found["out"]
    assert "[bold red]" in seen["out"]  # markup is text


def test_what_a_user_typed_and_files_are_called_is_escaped(world: Path) -> None:
    """FAULT-S10: names of files in messages, and arguments in a usage error."""
    name = "a\x1b]0;owned\x07\u202eb[red]\nINFO forged"
    (world / f"{name}.csv").write_text("a,b\n1,2\n")
    lines = [
        ["check", f"{name}.csv"], ["check", f"{name}.csv", "--columns", "customer_id=a"], ["monitor", "--out", name],
        ["score", "--as-of", name], ["score", "--as-of", FIRST, "--shop", name], [name], ["monitor", f"--{name}"],
        ["models", "show", name], ["models", "list", "--shop", name], ["plan", "--out", "out", "--set", name],
        ["audience", "--format", name, "--out", "out"], ["train", name, "--as-of", FIRST, "--shop", "shop.yaml"],
    ]  # fmt: skip
    for line, found in zip(lines, run(world, [{"arguments": ["--log-json", *line]} for line in lines]), strict=True):
        said = (found["err"] + found["out"]).encode("latin-1").decode("utf-8")
        assert found["code"] in (2, 3, 4), (line, found)
        assert is_clean(said), (line, said)
        assert not any(one.startswith(("INFO", "cvo: INFO")) for one in said.splitlines()), said
        for logged in (one for one in said.splitlines() if one.startswith("{")):
            json.loads(logged)


def test_every_list_for_spreadsheets_goes_through_one_writer() -> None:
    """ROBUSTNESS §4.6: a cell that begins with = + - @ TAB CR is text; no other code writes CSV for people.

    ``COPY … TO STDOUT`` reads the rows of a server.
    """
    root = ROOT
    writes = re.compile(r"csv\.writer|DictWriter|\.to_csv\(|write_csv\(|(?<!STDOUT \()FORMAT CSV", re.IGNORECASE)
    found = {
        str(path.relative_to(root))
        for folder in ("cvo_ml", "training")
        for path in (root / folder).rglob("*.py")
        if writes.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"cvo_ml/core/spreadsheet.py"}
