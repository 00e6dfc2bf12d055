"""``cvo analyze``: listed, one, all, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cvo_ml.cli import main
from cvo_ml.value import ANALYSES
from tests.builders import seeded_shop
from tests.workflows.shops import COLUMNS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line beside a shop; code, output and complaints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    orders = seeded_shop(60).orders[list(COLUMNS)]
    orders.assign(ordered_at=orders["ordered_at"].dt.strftime("%Y-%m-%d")).to_csv("orders.csv", index=False)
    columns = "".join(f"  {name}: {name}\n" for name in COLUMNS)
    Path("shop.yaml").write_text(f"name: seeded\ncurrency: EUR\nsource: {{path: orders.csv}}\ncolumns:\n{columns}")

    def _run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["cvo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return _run


def test_without_a_name_they_are_listed_with_their_questions(run: Run) -> None:
    code, out, _ = run("analyze", "--json")
    assert code == 0
    assert [one["name"] for one in json.loads(out)["analyses"]] == list(ANALYSES)
    assert "What share of customers comes back" in run("analyze")[1]


def test_one_is_run_with_a_setting_and_a_page(run: Run) -> None:
    options = ("--shop", "shop.yaml", "--as-of", "2024-01-01", "--set", "months=6")
    code, out, _ = run("analyze", "retention", *options, "--json", "--html", "page.html")
    assert code == 0
    (found,) = json.loads(out)["results"]
    assert (found["analysis"], found["as_of"], len(found["months"])) == ("retention", "2024-01-01", 6)
    page = Path("page.html").read_text()
    assert '<section id="retention">' in page
    assert "Who comes back, month by month" in page


def test_all_are_shown_in_80_columns(run: Run) -> None:
    code, out, _ = run("analyze", "--all", "--shop", "shop.yaml", "--set", "retention.months=6")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert all(kind.title in out for kind in ANALYSES.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("analyze", "retentoin"), "did you mean 'retention'?"),
        (("analyze", "retention", "--all"), "give one of the two"),
        (("analyze", "retention", "--set", "month=6"), "did you mean 'months'?"),
        (("analyze", "--all", "--set", "months=6"), "names no analysis"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments, "--shop", "shop.yaml")
    assert (code, out) == (2, "")
    assert said in err
