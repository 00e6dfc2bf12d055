"""One customer in words, as a page and in a notebook: what is not known has its reason, and no text does harm."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.explanation import (
    ActionOption,
    AlivePath,
    ChangeCause,
    ChangesSince,
    CustomerExplanation,
    CustomerHistory,
    ModelReasons,
    ModelScores,
    NextAction,
    OrderFact,
    ReasonPart,
    ScoreChange,
    ScoredValue,
    SegmentFacts,
    SideFact,
)
from cvo_ml.report.customer import CustomerInNotebook, customer_page
from cvo_ml.report.screen import Screen
from cvo_ml.report.text.customer import customer_blocks, sparkline

HOSTILE = "<script>alert(1)</script>"
DAY = date(2024, 1, 1)
DAYS = tuple(DAY + timedelta(days=n) for n in range(1, 60))
NOW = DAY + timedelta(days=30)


def option(name: str, profit: float | None, verdict: str, *excluded: str, price: float = 0.0) -> ActionOption:
    return ActionOption(
        name, "email", "save", 1.0, 50.0, 0.1, 0.05, "declared", profit, profit, price, excluded, verdict
    )


SAID = CustomerExplanation(
    customer_id=HOSTILE,
    as_of=NOW,
    currency="EUR",
    history=CustomerHistory(
        (OrderFact(DAY, 20.0, 0.0, True), OrderFact(DAY, 5.0, 5.0, False)), 1, 20.0, 5.0, 20.0, None, None, None, 30.0,
        (SideFact("tickets", 2, DAY, DAY, {"open": 1.0}),),
    ),
    path=AlivePath("clv.bg_nbd_gamma_gamma", DAYS, tuple(1.0 - n / 100 for n in range(59)), (DAY,)),
    scores=(
        ModelScores("clv", "clv.bg", "abc", "B", 90.0, (ScoredValue("predicted_clv", 12.5, 0.0, 40.0),)),
        ModelScores("churn", "", "", "", None, (ScoredValue("churn_probability", None, reason="gone_already"),)),
    ),
    reasons=(
        ModelReasons("clv", "currency", (ReasonPart("purchases so far", 2.5, 1.0, 2.0),), 10.0, 12.5, "by shares"),
        ModelReasons("churn", "probability", reason="gone_already"),
        ModelReasons("icp", "probability", (ReasonPart(HOSTILE, -0.05, HOSTILE),), end=0.2, method="m"),
    ),
    segment=SegmentFacts("Loyal", "333", "high", "At risk", "own behaviour", None),
    action=NextAction("run1", None, "beyond_the_limits", False, 7, 9, "lower", (
        option("mail", 2.0, "beyond_the_limits", price=3.0), option("call", -1.0, "excluded", "opted_out"),
    )),
    changes=ChangesSince(DAY, "run0", {"orders": 1}, (
        ScoreChange("p_alive", 0.5, 0.9, (ChangeCause("time", -0.1), ChangeCause("what happened since", 0.5))),
        ScoreChange("rfm_group", "At risk", "Loyal", words="own behaviour"),
    )),
)  # fmt: skip


def on_screen(said: CustomerExplanation) -> str:
    screen = Screen(width=80)
    with screen.capture() as captured:
        screen.blocks(customer_blocks(said))
    return captured.get()


def test_a_screen_of_80_columns_holds_every_part() -> None:
    text = on_screen(SAID)
    assert max(map(len, text.splitlines())) <= 80
    flat = re.sub(r"[\s│]+", " ", text)
    for said in (
        "1 order since 2024-01-01, worth 20.00 after 5.00 of refunds; the last one 30 days ago",
        "tickets: 2, the last on 2024-01-01, open 1",
        "group Loyal (RFM 333), tier high; At risk in the run before (own behaviour)",
        "now 71.0%; 42% on 2024-02-29 if no order comes",
        "– (gone_already)",
        "clv: clv.bg, version abc, grade B, for 90 days",
        "Next action: none (pays, but budget or capacity go to others)",
        "(its share of the limits is worth 3.00)",
        "no consent to marketing or profiling: call (-1.00)",
        "Since 2024-01-01 (run run0): 1 more in orders",
        "time -10.0; what happened since +50.0",
    ):
        assert said in flat, said


def test_what_is_not_known_is_said_and_nothing_else_is_shown() -> None:
    bare = replace(
        SAID, history=CustomerHistory((), None, None, 0.0, None, None, None, None, None), path=AlivePath(reason="none"),
        segment=None, action=None, changes=ChangesSince(reason="no_earlier_run"),
    )  # fmt: skip
    text = on_screen(bare)
    assert "no order is left" in text
    assert "P(alive): no path (none)" in text
    assert "nothing to compare (no_earlier_run)" in text
    assert "Next action" not in text
    assert "No path of P(alive): none" in customer_page(bare)


def test_a_page_is_whole_in_itself_and_shows_foreign_text_as_text() -> None:
    page = customer_page(SAID)
    body = page[page.index("<body>") :]
    assert HOSTILE not in re.sub(r"<script.*?</script>", "", body.replace(HOSTILE, "HOSTILE"), flags=re.S)
    assert "HOSTILE" not in body.replace(HOSTILE, "HOSTILE")
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", page)
    assert body.count("plotly-graph-div") == 3
    assert "&lt;script&gt;alert(1)" in body


def test_a_notebook_shows_tables_and_draws() -> None:
    said = CustomerInNotebook.of(SAID)
    html = said._repr_html_()
    assert HOSTILE not in html
    assert html.count("<table>") == html.count("</table>") == 6
    assert [line.name for line in said.plot().data] == ["on what was known", "if no order comes", "order"]
    assert said.plot("clv").data[0].measure == ("absolute", "relative", "total")
    assert said.plot("icp").data[0].x == (-5.0,)
    with pytest.raises(UsageError, match="nothing 'sales' to draw: use p_alive, clv, churn, icp"):
        said.plot("sales")
    assert said.to_json() == SAID.to_json()
    assert repr(said).startswith("<Customer")


@pytest.mark.parametrize("width", [1, 10, 64, 500])
def test_a_sparkline_is_never_longer_than_its_days(width: int) -> None:
    line, marks = sparkline(SAID.path, NOW, width)
    assert len(line) == min(width, 59)
    assert len(marks) <= len(line)
    assert "|" in marks
