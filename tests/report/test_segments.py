"""The section on segments: what the scores say, and nothing that a name from outside could do."""

import json
from datetime import date

import pandas as pd
import pytest

from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import GroupAction, NextActions
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.report.segments import flow_chart, group_map, months, segment_section
from cvo_ml.segments.group_profiles import Concentration, ParetoShares, profiles
from cvo_ml.segments.history import RunSegments
from cvo_ml.segments.model_based import Explained, ModelComparison
from cvo_ml.segments.movement import FlipRate, PeriodMovement, transitions
from cvo_ml.segments.results_folder import SegmentFindings
from cvo_ml.segments.rules.edges import fit_edges
from cvo_ml.segments.rules.stored_edges import EdgesInForce
from cvo_ml.stats.intervals import Interval
from tests.builders import null_scores

ACTIONS = load_config(default_config("policies/next_actions.yaml"), NextActions)
EDGES = fit_edges(
    pd.DataFrame({"days_since_last_order": [1.0], "number_of_orders": [1.0], "net_value": [1.0]}), SegmentPolicy()
)
SEGMENTS = RunSegments(EdgesInForce(EDGES, "abc", "2023-10-01", "frozen"), "2023-10-01")


def section(
    scores: pd.DataFrame,
    segments: RunSegments | None = SEGMENTS,
    actions: NextActions = ACTIONS,
    findings: SegmentFindings | None = None,
    currency: str = "EUR",
) -> str:
    return segment_section(scores, segments, actions, findings, as_of="2023-11-01", currency=currency)


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
    page = section(scored())
    assert "30 of 35 customers changed group" in page
    assert "30 by own behaviour" in page
    assert "Adverse flow" in page
    assert "surprise and delight" in page
    assert ">1,000<" in page  # ten Champions with 100 so far
    assert "edges abc cut as of 2023-10-01" in " ".join(page.split())


def test_without_an_earlier_run_the_section_says_so() -> None:
    first = RunSegments(SEGMENTS.in_force, None)
    assert "There is no earlier run to compare with" in section(scored(), first)
    assert "There is no earlier run" in section(scored(), None, currency="XXX")


def test_nobody_to_group_is_a_sentence() -> None:
    assert "nobody to group" in section(null_scores(["a"]))


def test_names_of_groups_are_escaped() -> None:
    hostile = "<script>alert(1)</script>"
    scores = scored()
    scores["rfm_group"] = scores["rfm_group"].replace("Inactive", hostile)
    actions = NextActions(groups={hostile: GroupAction(action=None, words=hostile)})
    page = section(scores, actions=actions)
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
    share, lead = Interval(0.3, 0.25, 0.36), Interval(0.01, -0.02, 0.04)
    matrix = pd.DataFrame.from_dict({"Loyal": {"Loyal": 3}, "new customer": {"Recent": 2}}, orient="index").fillna(0)
    october, november = date(2023, 10, 1), date(2023, 11, 1)
    month = PeriodMovement(october, november, matrix, {"Loyal": 1, "Recent": 0}, FlipRate(3, 0, None, {}))
    findings = SegmentFindings(
        pareto=(Concentration("repeat", "margin", 9, 100.0, ParetoShares(share, share, share)),),
        monthly=(month,),
        model_based=ModelComparison(october, 90.0, 60, Explained(0.2, 0.21, lead, "alike"), stable=False),
    )
    page = section(scored(), findings=findings)
    assert "30.0 % [25.0, 36.0] of 9 repeat customers hold 80 % of their margin" in page
    assert "The rules do as well as the model" in page
    assert "below .75" in page
    drawn = {trace.name: list(trace.y) for trace in months(findings.monthly).data}
    assert drawn == {"Loyal": [3], "Recent": [2]}


@pytest.mark.parametrize("currency", ["EUR", "XXX"])
def test_an_undeclared_currency_is_not_printed(currency: str) -> None:
    page = section(scored(), currency=currency)
    assert ("EUR so far" in page) == (currency == "EUR")
    assert "XXX" not in page
