"""Why customers moved: each cause by hand and by property; matrices and values that add up."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cvo_ml.config.segments import FrequencyCuts, MonetaryCuts, RecencyCuts, SegmentPolicy
from cvo_ml.segments import fit_edges, segment
from cvo_ml.segments.movement import (
    CORRECTION,
    EDGE,
    OWN,
    EarlierRun,
    adverse_flow,
    flip_rate,
    movement_since,
    moves,
    transitions,
)
from cvo_ml.segments.rules.edges import SegmentEdges
from tests.segments.customers import CUSTOMERS, rfm

DAY = date(2023, 11, 1)
FIXED = SegmentPolicy(
    recency=RecencyCuts(method="fixed", at=(30, 90)),
    frequency=FrequencyCuts(method="fixed", at=(2, 4)),
    monetary=MonetaryCuts(method="fixed", at=(50, 100)),
)
WIDER = FIXED.model_copy(update={"recency": RecencyCuts(method="fixed", at=(60, 90))})


def groups(table: pd.DataFrame, edges: SegmentEdges) -> pd.Series:
    return pd.Series(segment(table, edges).groups(), index=table.index).astype("str")


def before(table: pd.DataFrame, edges: SegmentEdges) -> EarlierRun:
    return EarlierRun(DAY, groups(table, edges), edges)


def test_each_cause_by_hand() -> None:
    #                     stays            buys again        falls silent      edge moves        was corrected
    then = rfm((10.0, 5.0, 200.0), (80.0, 1.0, 20.0), (20.0, 5.0, 200.0), (40.0, 5.0, 60.0), (10.0, 5.0, 200.0))
    past = rfm((10.0, 5.0, 200.0), (80.0, 1.0, 20.0), (20.0, 5.0, 200.0), (40.0, 5.0, 60.0), (10.0, 1.0, 10.0))
    now = rfm((15.0, 6.0, 220.0), (5.0, 2.0, 60.0), (110.0, 5.0, 200.0), (45.0, 5.0, 60.0), (12.0, 1.0, 10.0))
    old, new = fit_edges(then, FIXED), fit_edges(then, WIDER)
    found = movement_since(before(then, old), past, now, new)
    assert found["rfm_change_cause"].tolist()[1:] == [OWN, OWN, EDGE, CORRECTION]
    assert found["rfm_group_previous"].tolist() == ["Champions", "At risk", "Champions", "Loyal", "Champions"]
    assert groups(now, new).tolist() == ["Champions", "Loyal", "Needs attention", "Champions", "Recent"]
    assert found["segment_reason"].fillna("-").tolist() == ["group_unchanged", "-", "-", "-", "-"]
    assert pd.isna(found["rfm_change_cause"].iloc[0])


def test_new_customers_and_those_without_a_group_before_have_their_reasons() -> None:
    table = rfm((10.0, 5.0, 200.0), (80.0, 1.0, 20.0))
    edges = fit_edges(table, FIXED)
    earlier = EarlierRun(DAY, pd.Series({"c000": None}, dtype="str"), edges)
    found = movement_since(earlier, table.iloc[:0], table, edges)
    assert found["segment_reason"].tolist() == ["no_group_before", "new_customer"]
    assert found[["rfm_group_previous", "rfm_change_cause"]].isna().all(axis=None)


def test_a_customer_whose_past_orders_are_gone_from_the_data_was_corrected() -> None:
    then, now = rfm((10.0, 5.0, 200.0)), rfm((5.0, 1.0, 10.0))
    edges = fit_edges(then, FIXED)
    assert movement_since(before(then, edges), then.iloc[:0], now, edges)["rfm_change_cause"].tolist() == [CORRECTION]


@settings(max_examples=30)
@given(CUSTOMERS, st.integers(0, 3))
def test_when_only_the_edges_differ_every_move_is_a_moved_edge(table: pd.DataFrame, seed: int) -> None:
    policy = SegmentPolicy(scale=3)
    others = pd.concat([table, rfm(*[(float(seed * 90), 8.0, 900.0)] * 20)])
    old, new = fit_edges(table, policy), fit_edges(others, policy)
    cause = movement_since(before(table, old), table, table, new)["rfm_change_cause"]
    moved = groups(table, old) != groups(table, new)
    assert cause.notna().equals(moved)
    assert set(cause.dropna()) <= {EDGE}


@settings(max_examples=30)
@given(CUSTOMERS, st.integers(0, 99))
def test_frozen_edges_leave_only_own_behaviour_and_the_unchanged_unmoved(table: pd.DataFrame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    edges = fit_edges(table, SegmentPolicy())
    silent = rng.uniform(size=len(table)) < 0.5
    now = table.assign(days_since_last_order=table["days_since_last_order"] + np.where(silent, 60, 0))
    found = movement_since(before(table, edges), table, now, edges)
    assert set(found["rfm_change_cause"].dropna()) <= {OWN}
    assert found.loc[~silent, "segment_reason"].tolist() == ["group_unchanged"] * int((~silent).sum())


def test_the_matrix_counts_everybody_once() -> None:
    names = ["Loyal", "Recent", "At risk", None]
    rng = np.random.default_rng(3)
    then = pd.Series(rng.choice(names, 200), index=[f"c{i}" for i in range(200)], dtype="str")
    now = pd.Series(rng.choice(names, 200), index=[f"c{i}" for i in range(50, 250)], dtype="str")
    matrix = transitions(then, now)
    assert matrix.drop(index="new customer").to_numpy().sum() == then.notna().sum()
    assert matrix.drop(columns="no order left").to_numpy().sum() == now.notna().sum()
    pairs = pd.DataFrame({"then": then, "now": now})
    assert matrix.loc["Loyal", "Recent"] == ((pairs["then"] == "Loyal") & (pairs["now"] == "Recent")).sum()


def scores(groups: list[str | None], values: list[float], causes: list[str | None]) -> pd.DataFrame:
    index = [f"c{place}" for place in range(len(groups))]
    frame = pd.DataFrame({"rfm_group": groups, "predicted_clv": values, "rfm_change_cause": causes}, index=index)
    return frame.assign(historic_clv=values).astype({"rfm_group": "str", "rfm_change_cause": "str"})


def test_a_move_is_worth_the_change_in_expected_value_of_those_who_made_it() -> None:
    then = scores(["A", "A", "A", "A", "B", None], [10.0, 20.0, 30.0, 5.0, 7.0, 1.0], [None] * 6)
    now = scores(["B", "B", "B", "A", "C", "A"], [4.0, 10.0, 30.0, 9.0, np.nan, 3.0], [OWN, OWN, EDGE, None, OWN, None])
    table = moves(then, now)
    assert table.index.tolist() == [("A", "B"), ("B", "C")]
    row = table.loc[("A", "B")]
    assert row[["customers", OWN, CORRECTION, EDGE, "value_change"]].tolist() == [3, 2, 0, 1, -16.0]
    changes = np.array([-6.0, -10.0, 0.0])
    expected = stats.t.interval(0.95, 2, changes.mean(), stats.sem(changes))
    assert row[["mean_change", "lower", "upper"]].tolist() == pytest.approx([changes.mean(), *expected])
    assert table.loc[("B", "C"), ["customers", "mean_change"]].isna().tolist() == [False, True]


def test_the_flip_rate_counts_those_who_are_in_both() -> None:
    then = pd.Series({"a": "A", "b": "A", "c": "B", "d": None}, dtype="str")
    now = pd.Series({"a": "A", "b": "B", "d": "A", "e": "A"}, dtype="str")
    found = flip_rate(then, now, pd.Series({"b": OWN}, dtype="str"))
    assert (found.customers, found.moved, found.causes) == (2, 1, {OWN: 1})
    assert flip_rate(then.iloc[:0], now.iloc[:0]).rate is None


@pytest.mark.parametrize(("down", "up", "is_adverse"), [(30, 5, True), (12, 10, False), (5, 30, False), (0, 0, False)])
def test_more_going_down_than_up_is_an_alarm_only_beyond_chance(down: int, up: int, is_adverse: bool) -> None:
    n = down + up
    then = scores(["rich"] * down + ["poor"] * up, [100.0] * down + [1.0] * up, [None] * n)
    now = scores(["poor"] * down + ["rich"] * up, [1.0] * n, [OWN] * n).assign(rfm_group_previous=then["rfm_group"])
    found = adverse_flow(then, now)
    assert (found.down, found.up, found.is_adverse) == (down, up, is_adverse)
    assert ("share_down" in found.to_json()) == (n > 0)
