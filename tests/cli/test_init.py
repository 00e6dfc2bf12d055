"""``cvo init`` as a person runs it, and the call after it: what stands on the screen, the file and the exit code."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cvo_ml.cli import main, terminal
from cvo_ml.cli.views.init import ask
from cvo_ml.report.screen import Screen
from cvo_ml.workflows.init import OpenQuestion

Run = Callable[..., tuple[int, str]]
GERMAN = "Bestellnummer;Kundennummer;Bestelldatum;Nettobetrag\n" + "".join(
    f"B{n};K{n % 7};{n % 28 + 1:02}.0{n % 3 + 1}.2024;1.0{n % 90 + 10},50\n" for n in range(60)
)
AMBIGUOUS = "Order,Customer,Date,Net\n1,A,03/04/2024,10.00\n2,B,05/06/2024,20.00\n"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the command line in an empty folder; exit code, and what was printed."""
    monkeypatch.setattr(terminal.console, "width", 200)
    monkeypatch.chdir(tmp_path)

    def _run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["cvo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return _run


def test_two_calls_read_a_german_export(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bestellungen.csv").write_bytes(GERMAN.encode("cp1252"))
    code, said = run("init", "bestellungen.csv")
    assert code == 0
    assert "the header has 4 fields by semicolons" in said
    assert "cvo check --shop shop.yaml" in said
    code, said = run("check", "--shop", "shop.yaml")
    assert code == 0
    assert "60 orders of 7 customers" in said


def test_an_open_question_is_shown_and_refused_until_it_is_answered(run: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(AMBIGUOUS)
    code, said = run("init", "orders.csv")
    assert code == 0
    assert "03/04/2024 = 2024-04-03 or 2024-03-04" in said
    code, said = run("check", "--shop", "shop.yaml")
    assert code == 2
    assert "1 open question" in said
    code, said = run("init", "orders.csv", "--answer", "dates=month_first")
    assert code == 2
    assert "is there already" in said
    assert run("init", "orders.csv", "--answer", "dates=month_first", "--overwrite")[0] == 0
    code, said = run("check", "--shop", "shop.yaml")
    assert code == 0
    assert "from 2024-03-04 to 2024-05-06" in said


def test_a_wrong_answer_is_told_the_choices(run: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(AMBIGUOUS)
    code, said = run("init", "orders.csv", "--answer", "dates=monthfirst")
    assert code == 2
    assert "choose day_first or month_first (did you mean 'month_first'?)" in said


def test_json_is_for_machines(run: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(AMBIGUOUS)
    code, said = run("init", "orders.csv", "--json", "--out", "mine.yaml")
    assert code == 0
    document = json.loads(said)
    assert document["path"] == "mine.yaml"
    assert document["next_command"] == "cvo check --shop mine.yaml"
    assert [(question["name"], sorted(question["choices"])) for question in document["questions"]] == [
        ("dates", ["day_first", "month_first"])
    ]
    assert all({"what", "value", "evidence", "settings"} <= set(decision) for decision in document["decisions"])


def test_what_is_missing_ends_with_3_and_names_the_option(run: Run, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("a,b,c\nx,2024-01-02,5\n")
    code, said = run("init", "orders.csv")
    assert code == 3
    assert "--columns ordered_at=HEADER,customer_id=HEADER" in said
    code, said = run("init", "orders.csv", "--columns", "customer_id=a,ordered_at=b,net=c")
    assert code == 0
    assert run("check", "--shop", "shop.yaml")[0] == 0


def test_a_known_export_without_options_is_sent_to_init(run: Run, tmp_path: Path) -> None:
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    (tmp_path / "retail.csv").write_text(f"{header}\n1,A,x,2,2010-12-13,2.50,17850,France\n")
    code, said = run("check", "retail.csv")
    assert code == 2
    assert "'cvo init retail.csv' writes the shop's file that reads it (adapter: online_retail)" in said


def _odd(folder: Path) -> Iterator[str]:
    contents = {
        "empty.csv": b"", "bom.csv": b"\xef\xbb\xbf", "nul.csv": bytes(999), "page.csv": b"<html></html>",
        "one.csv": b"a\n1\n", "cut.xlsx": b"PK\x03\x04cut", "cut.csv.gz": b"\x1f\x8bcut", "cut.zip": b"PK\x03\x04cut",
        "cut.json": b'{"a":', "list.json": b"[1, 2]", "cut.parquet": b"PAR1", "cut.duckdb": b"no", "cut.sqlite": b"no",
        "quote.csv": b'order_id,customer_id,date,net\n1,"A,2024-01-02,3\n',
        "cell.csv": b"order_id,customer_id,date,net\n1,A,2024-01-02," + b"9" * 200_000 + b"\n",
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        yield name
    with (folder / "sparse.csv").open("wb") as file:
        file.truncate(10 << 30)
    (folder / "void").mkdir()
    yield from ("sparse.csv", "void", "nowhere.csv", "/dev/zero", "env://CVO_NOT_SET", "")


def test_whatever_is_named_ends_in_a_sentence(run: Run, tmp_path: Path) -> None:
    for name in _odd(tmp_path):
        if name == "/dev/zero" and not Path(name).exists():
            continue
        code, said = run("init", name, "--overwrite", "--yes")
        assert code in ((0, 3) if name == "cell.csv" else (2, 3)), name
        assert "Traceback" not in said, name


def test_a_question_is_asked_until_a_choice_is_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    question = OpenQuestion("dates", "which part is the day?", {"day_first": {}, "month_first": {}}, (1,), ("03/04",))
    for entered, chosen in ((["7", "2"], "month_first"), (["day_first"], "day_first"), ([""], None)):
        given = iter(entered)
        monkeypatch.setattr(builtins, "input", lambda given=given: next(given))
        assert ask(Screen(quiet=True), question) == chosen
