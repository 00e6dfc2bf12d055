"""Models side by side on a shop, by the use case and by the command: what they see, and words that fit."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from cvo_ml.core.errors import ModelRefused, UsageError
from cvo_ml.core.figures import FigureSpec, Series
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.features import rfm_summary, window_outcome
from cvo_ml.ingest import read_shop
from cvo_ml.report.charts import drawn
from cvo_ml.report.comparison import render
from cvo_ml.report.screen import Screen
from cvo_ml.report.text.comparison import comparison_blocks
from cvo_ml.workflows.compare import CompareRequest, CompareResult, compare
from tests.builders import SHOP_CUT
from tests.e2e.conftest import Command, cvo
from tests.workflows.shops import seeded_files

WINDOW = Horizon("90D")
__all__ = ["cvo"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def found(folder: Path) -> CompareResult:
    request = CompareRequest(
        shop=seeded_files(folder), as_of=SHOP_CUT, holdout=WINDOW, models=("bg_nbd", "pareto_nbd"),
        page=folder / "page.html",
    )  # fmt: skip
    return compare(request, Workspace(folder / "out", folder / "mlruns"))


def test_models_see_what_is_before_the_cut_and_are_judged_on_what_came(found: CompareResult, folder: Path) -> None:
    tables = read_shop(seeded_files(folder)).tables
    summary = rfm_summary(tables, as_of=SHOP_CUT)
    came = window_outcome(tables, SHOP_CUT, WINDOW, summary.index)
    comparison = found.comparison
    assert comparison.customers == len(summary)
    assert comparison.actual_purchases == came["purchase_days"].sum()
    assert comparison.actual_value == pytest.approx(came["value"].sum())
    before = window_outcome(tables, date.fromordinal(SHOP_CUT.toordinal() - 90), WINDOW, summary.index)
    assert comparison["last period repeated"].expected_value == pytest.approx(before["value"].sum())
    weekly = comparison.figures["tracking"].series[0].y
    repeats = summary["frequency"].sum()
    assert sum(weekly[: int(comparison.figures["tracking"].line[0])]) == pytest.approx(repeats, abs=repeats * 0.05)


def test_it_reads_at_eighty_columns_and_names_nobody(found: CompareResult) -> None:
    screen = Screen(width=80, record=True, file=io.StringIO())
    screen.blocks(comparison_blocks(found.comparison, found.currency))
    lines = screen.export_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    text = "\n".join(lines)
    for part in ("BG/NBD", "Pareto/NBD", "own rate repeated", "Gini", "top tenth", "alpha"):
        assert part in text


def test_the_page_stands_alone_and_holds_every_figure(found: CompareResult) -> None:
    page = found.page.read_text()
    assert "src=" not in page.split("</script>", 1)[1]
    for spec in found.comparison.figures.values():
        assert f"<h3>{spec.title}</h3>" in page
    assert render(found.comparison, "<b>shop", "2023", "EUR").count("<b>shop") == 0


def test_a_figure_is_drawn_as_it_is_encoded() -> None:
    series = [
        Series("actual", [1.0, 2.0], [3.0, None], "actual"),
        Series("one", [1.0, 2.0], [1.0, 2.0]),
        Series("other", [1.0, 2.0], [1.0, 2.0]),
        Series("rule", [1.0, 2.0], [0.0, 1.0], "baseline"),
    ]
    figure = drawn(FigureSpec("Title", "week", "orders", series, (1.5, "cut")))
    assert [line.name for line in figure.data] == ["actual", "one", "other", "rule"]
    assert len({(line.line.color, line.line.dash) for line in figure.data}) == 4
    assert figure.data[0].y == (3.0, None)
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].line.width) == (1.5, 1)
    bars = Series("actual", ["0", "7+"], [1.0, 2.0], "actual", "bar")
    named = drawn(FigureSpec("Title", "class", "customers", [bars]))
    assert named.layout.xaxis.type == "category"


def test_the_command_says_the_same_and_refuses_what_it_cannot_do(
    cvo: Command, found: CompareResult, folder: Path
) -> None:
    shop = folder / "shop.yaml"
    shop.write_text(yaml.safe_dump(seeded_files(folder).model_dump(mode="json", exclude_unset=True)))
    ran = cvo(
        "compare", "--shop", shop, "--as-of", SHOP_CUT, "--models", "bg_nbd,pareto_nbd", "--json", cwd=folder
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["horizon"] == "90D"
    by_name = {model["name"]: model for model in told["models"]}
    assert by_name["BG/NBD"]["log_likelihood"] == pytest.approx(found.comparison["BG/NBD"].log_likelihood)
    assert "c0001" not in ran.stdout


def test_refusals_are_sentences(folder: Path) -> None:
    place, shop = Workspace(folder / "out", folder / "mlruns"), seeded_files(folder)
    with pytest.raises(UsageError, match=r"'bg_nb' is unknown \(did you mean 'bg_nbd'\?\)"):
        compare(CompareRequest(shop=shop, as_of=SHOP_CUT, holdout=WINDOW, models=("bg_nb",)), place)
    with pytest.raises(UsageError, match="is not over in the orders"):
        compare(CompareRequest(shop=shop, as_of=SHOP_CUT, holdout=Horizon("400D")), place)
    with pytest.raises(ModelRefused, match="customers bought again"):
        compare(CompareRequest(shop=shop, as_of=date(2023, 1, 20), holdout=WINDOW), place)
