"""The section on segments: what the scores say, and nothing that a name from outside could do."""

import json

import pandas as pd
import pytest

from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import GroupAction, NextActions
from cvo_ml.report import segment_section
from cvo_ml.report.segments import flow_chart, group_map, months
from cvo_ml.segments.movement import transitions
from cvo_ml.segments.profiles import profiles
from tests.builders import null_scores

ACTIONS = load_config(default_config("policies/next_actions.yaml"), NextActions)
MANIFEST = {
    "as_of": "2023-11-01",
    "currency": "EUR",
    "segments": {
        "version": "abc", "scale": 3, "cut_as_of": "2023-10-01", "how": "frozen", "tier_basis": "revenue",
        "compared_with": "2023-10-01",
    },
}  # fmt: skip


def scored() -> pd.DataFrame:
    """Forty customers; thirty fell from Champions to Inactive, five stayed, five are new."""
    scores = null_scores([f"c{place:02}" for place in range(40)])
    now = ["Inactive"] * 30 + ["Champions"] * 10
    before = ["Champions"] * 35 + [None] * 5
    causes = ["own behaviour"] * 30 + [None] * 10
    return scores.assign(
        rfm_group=pd.Series(now, index=scores.index, dtype="str"),
        rfm_group_previous=pd.Series(before, index=scores.index, dtype="str"),
        rfm_change_cause=pd.Series(causes, index=scores.index, dtype="str"),
        historic_clv=[5.0] * 30 + [100.0] * 10,
        predicted_clv=[1.0] * 30 + [50.0] * 10,
    )


def test_the_section_holds_counts_money_moves_and_actions() -> None:
    page = segment_section(scored(), MANIFEST, ACTIONS, None)
    assert "30 of 35 customers changed group" in page
    assert "30 by own behaviour" in page
    assert "Adverse flow" in page
    assert "surprise and delight" in page
    assert ">1,000<" in page  # ten Champions with 100 so far
    assert "edges abc cut as of 2023-10-01" in " ".join(page.split())


def test_without_an_earlier_run_the_section_says_so() -> None:
    manifest = {**MANIFEST, "segments": {**MANIFEST["segments"], "compared_with": None}}
    assert "There is no earlier run to compare with" in segment_section(scored(), manifest, ACTIONS, None)
    assert "There is no earlier run" in segment_section(
        scored(), {"as_of": "2023-11-01", "currency": "XXX"}, ACTIONS, None
    )


def test_nobody_to_group_is_a_sentence() -> None:
    assert "nobody to group" in segment_section(null_scores(["a"]), MANIFEST, ACTIONS, None)


def test_names_of_groups_are_escaped() -> None:
    hostile = "<script>alert(1)</script>"
    scores = scored()
    scores["rfm_group"] = scores["rfm_group"].replace("Inactive", hostile)
    actions = NextActions(groups={hostile: GroupAction(action=None, words=hostile)})
    page = segment_section(scores, MANIFEST, actions, None)
    # plotly's own JSON writes < as \\u003c
    assert hostile not in page
    assert "&lt;script&gt;" in page


def test_the_map_and_the_flow_count_everybody_once() -> None:
    scores = scored()
    figure = json.loads(
        group_map(profiles(scores.assign(net_value=scores["historic_clv"]), "rfm_group"), "EUR").to_json()
    )
    assert figure["data"][0]["text"][1] == "30 customers (75%)<br>150 EUR so far<br>30 EUR expected"
    matrix = transitions(scores["rfm_group_previous"], scores["rfm_group"])
    links = flow_chart(matrix, "2023-10-01", "2023-11-01").data[0].link
    assert sum(links.value) == 40
    assert sorted(links.value) == [5, 5, 30]


def test_what_cvo_segment_found_is_told_too() -> None:
    interval = {"estimate": 0.3, "lower": 0.25, "upper": 0.36}
    summary = {
        "pareto": [
            {"base": "repeat", "measure": "margin", "customers": 9, "customers_for_80": interval,
             "top_20_holds": interval}
        ],
        "model_based": {
            "verdict": "alike", "stable": False, "rules_explain": 0.2, "model_explains": 0.21, "horizon_days": 90.0,
            "lead": {"estimate": 0.01, "lower": -0.02, "upper": 0.04},
        },
        "monthly": [
            {
                "to": "2023-11-01", "net_flow": {"Loyal": 1, "Recent": 0},
                "matrix": {"Loyal": {"Loyal": 3}, "new customer": {"Recent": 2}},
            }
        ],
    }  # fmt: skip
    page = segment_section(scored(), MANIFEST, ACTIONS, summary)
    assert "30.0 % [25.0, 36.0] of 9 repeat customers hold 80 % of their margin" in page
    assert "The rules do as well as the model" in page
    assert "below .75" in page
    drawn = {trace.name: list(trace.y) for trace in months(summary["monthly"]).data}
    assert drawn == {"Loyal": [3], "Recent": [2]}


@pytest.mark.parametrize("currency", ["EUR", "XXX"])
def test_an_undeclared_currency_is_not_printed(currency: str) -> None:
    page = segment_section(scored(), {**MANIFEST, "currency": currency}, ACTIONS, None)
    assert ("EUR so far" in page) == (currency == "EUR")
    assert "XXX" not in page
