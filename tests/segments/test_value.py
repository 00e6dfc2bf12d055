"""Who holds the money, what groups are like, where customers stand: against hand counts and other libraries."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import Ladder, Rung, SegmentPolicy, StageRules
from cvo_ml.core.errors import ConfigError
from cvo_ml.core.tables import Tables
from cvo_ml.segments.groups import TABLES, group_table
from cvo_ml.segments.ladders import climb
from cvo_ml.segments.pareto import pareto
from cvo_ml.segments.profiles import profiles, six_months
from cvo_ml.segments.stages import STAGES, stages
from tests.builders import SHOP_CUT, frame, shop_of
from tests.segments.customers import rfm


@pytest.mark.parametrize("shape", [2.0, 3.0])
def test_the_shares_of_a_pareto_law_are_those_of_its_lorenz_curve(shape: float) -> None:
    # the richest share p of a Pareto law holds p^(1 - 1/a), its Gini is 1 / (2a - 1); quantiles have no noise
    n = 200_000
    value = (1 - (np.arange(n) + 0.5) / n) ** (-1 / shape)
    table = rfm(*[(1.0, 2.0, 0.0)]).iloc[np.zeros(n, dtype=int)].assign(net_value=value)
    found = pareto(table, "revenue")
    assert found["customers_for_80"]["estimate"] == pytest.approx(0.8 ** (shape / (shape - 1)), abs=0.003)
    assert found["top_20_holds"]["estimate"] == pytest.approx(0.2 ** (1 - 1 / shape), abs=0.003)
    assert found["gini"]["estimate"] == pytest.approx(1 / (2 * shape - 1), abs=0.003)
    assert found["customers_for_80"]["lower"] is None


def test_the_base_is_repeat_customers_and_the_measure_is_named() -> None:
    table = rfm((1.0, 1.0, 1e6), *[(1.0, 2.0, value) for value in (80.0, 10.0, 5.0, 3.0, 2.0)])
    found = pareto(table, "revenue")
    assert (found["base"], found["measure"], found["customers"], found["total"]) == ("repeat", "revenue", 5, 100.0)
    assert found["customers_for_80"]["estimate"] == 0.2
    assert found["customers_for_80"]["lower"] <= 0.2 <= found["customers_for_80"]["upper"]
    assert pareto(table, "revenue", "all")["customers_for_80"]["estimate"] == pytest.approx(1 / 6)
    by_margin = pareto(table.assign(margin=[0.0, 0.0, 10.0, 0.0, 0.0, 0.0]), "margin")
    assert (by_margin["measure"], by_margin["top_20_holds"]["estimate"]) == ("margin", 1.0)


def test_where_nobody_counts_or_nothing_was_earned_the_reason_is_given() -> None:
    assert pareto(rfm((1.0, 1.0, 5.0)), "revenue")["reason"] == "no repeat customers"
    assert pareto(rfm((1.0, 2.0, -5.0)), "revenue")["reason"] == "the total is not positive"


def customers(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    values = rng.normal(100, 20, n)
    return pd.DataFrame(
        {"group": rng.choice(["a", "b"], n), "net_value": values, "number_of_orders": rng.poisson(3, n) + 1.0}
    )


def test_profiles_hold_the_means_with_students_and_wilsons_intervals() -> None:
    table = customers()
    found = profiles(table, "group")
    assert found["customers"].sum() == 400
    assert found["net_value_total"].sum() == pytest.approx(table["net_value"].sum())
    for group, row in found.iterrows():
        own = table.loc[table["group"] == group, "net_value"]
        low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), stats.sem(own))
        assert row[["net_value", "net_value_lower", "net_value_upper"]].tolist() == pytest.approx(
            [own.mean(), low, high]
        )
        share = stats.binomtest(len(own), 400).proportion_ci(method="wilson")
        assert row[["share_lower", "share_upper"]].tolist() == pytest.approx([share.low, share.high])


def test_a_group_of_one_has_a_mean_and_no_interval_and_the_unknown_are_left_out() -> None:
    table = pd.DataFrame({"group": ["a", "b", "b", None], "net_value": [1.0, 2.0, 4.0, 9.0], "p_alive": [np.nan] * 4})
    found = profiles(table, "group")
    assert found["customers"].to_dict() == {"b": 2, "a": 1}
    assert found.loc["a", ["net_value", "net_value_lower"]].isna().tolist() == [False, True]
    assert "p_alive" not in found
    assert profiles(table.iloc[:0], "group").empty


def test_the_two_definitions_of_about_to_dump_you_are_compared() -> None:
    groups = pd.Series(["About to dump you", "About to dump you", "Ex-lovers", "Lovers"])
    found = six_months(groups, pd.Series([100.0, 200.0, 300.0, 10.0]))
    assert found == {"in_group": 2, "in_group_within_180_days": 1, "elsewhere_after_180_days": 1}
    assert six_months(pd.Series(["Loyal"]), pd.Series([1.0])) is None


LADDER = Ladder(
    name="mastery",
    rungs=(
        Rung(name="Padawan"),
        Rung(name="Knight", at_least={"orders": 3}),
        Rung(name="Master", at_least={"orders": 5, "value": 100}),
    ),
)


def test_a_rung_needs_every_rung_below_it() -> None:
    ladder = LADDER.model_copy(
        update={"rungs": (*LADDER.rungs[:1], Rung(name="Rich", at_least={"value": 100}), *LADDER.rungs[2:])}
    )
    table = pd.DataFrame({"orders": [1.0, 3.0, 5.0, 9.0, np.nan], "value": [999.0, 0.0, 99.0, 100.0, 50.0]})
    assert climb(table, LADDER).tolist() == ["Padawan", "Knight", "Knight", "Master", "Padawan"]
    assert climb(table, ladder).tolist() == ["Rich", "Padawan", "Padawan", "Master", "Padawan"]
    assert climb(table, LADDER).cat.ordered


def test_a_ladder_on_an_unknown_feature_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"rung 'Knight': there is no feature 'orders' \(did you mean 'order'\?\)"):
        climb(pd.DataFrame({"order": [1.0]}), LADDER)


@pytest.mark.parametrize(("vocabulary", "scale"), sorted(TABLES))
def test_every_group_of_every_vocabulary_has_its_next_action(vocabulary: str, scale: int) -> None:
    actions = load_config(default_config("policies/next_actions.yaml"), NextActions)
    for group in set(group_table(scale=scale, vocabulary=vocabulary)):
        assert group in actions.groups
        assert (actions.of(group).action is None) == (group in ("Break-up", "Inactive"))
    assert actions.of("of my own").action is None


def test_the_catalogue_of_actions_serves_the_groups_that_have_a_next_action_and_no_other() -> None:
    groups = load_config(default_config("policies/next_actions.yaml"), NextActions).groups
    catalogue = load_config(default_config("policies/priorities.yaml"), PriorityPolicy)
    served = {group for action in catalogue.actions for group in action.segments}
    assert served == {name for name, next_action in groups.items() if next_action.action is not None}


def lives() -> Tables:
    events = frame(
        "events",
        ["customer_id", "at", "name"],
        [
            ("visitor", "2023-01-05", "page_viewed"),
            ("thinker", "2023-01-05", "product_viewed"),
            ("fan", "2023-01-01", "product_viewed"),
            ("fan", "2023-03-01", "referral"),
            ("late", "2023-12-24", "product_viewed"),
        ],
    )
    surveys = frame(
        "surveys",
        ["customer_id", "answered_at", "kind", "score"],
        [
            ("promoter", "2023-03-01", "nps_post", 10.0),
            ("buyer", "2023-03-01", "nps_post", 10.0),
            ("back", "2023-03-01", "nps_post", 8.0),
        ],
    )
    orders = [
        ("1", "buyer", "2023-02-01", 10.0),
        ("2", "back", "2023-02-01", 10.0), ("3", "back", "2023-02-11", 10.0),
        ("4", "fan", "2023-02-01", 10.0), ("5", "fan", "2023-02-21", 10.0),
        ("6", "promoter", "2023-02-01", 10.0), ("7", "promoter", "2023-05-02", 10.0),
        ("8", "refunded", "2023-02-01", 10.0),
        ("9", "buyer", "2023-12-01", 10.0),
    ]  # fmt: skip
    people = frame("customers", ["customer_id", "created_at"], [("lead", "2023-01-01"), ("later", "2023-12-01")])
    return shop_of(orders, [("8", "2023-02-05", 10.0)], events=events, surveys=surveys, customers=people)


def test_the_stage_of_each_customer_by_hand() -> None:
    found = stages(lives(), SHOP_CUT, StageRules())
    assert found.stage.astype(str).to_dict() == {
        "lead": "awareness", "visitor": "awareness", "thinker": "consideration", "refunded": "consideration",
        "buyer": "purchase", "back": "retention", "fan": "advocacy", "promoter": "advocacy",
    }  # fmt: skip
    # a promoter's answer before the second order counts from that order on
    assert found.entered.loc["promoter", "advocacy"] == pd.Timestamp("2023-05-02")
    assert found.unseen == ()


def test_stage_conversion_and_dwell_by_hand() -> None:
    rows = {row["stage"]: row for row in stages(lives(), SHOP_CUT, StageRules()).flow()}
    assert {name: rows[name]["reached"] for name in STAGES} == dict(zip(STAGES, (8, 6, 4, 3, 2), strict=True))
    assert sum(row["customers"] for row in rows.values()) == 8
    assert rows["purchase"]["went_on"]["estimate"] == 0.75
    # waiting for the second order: 10, 20 and 90 days, one still waits; Kaplan-Meier is at .5 on day 20
    assert rows["purchase"]["median_days"] == 20.0
    assert rows["awareness"]["median_days"] == 0.0
    json.dumps(list(rows.values()))


def test_stages_that_the_tables_cannot_show_are_named(shop: Tables) -> None:
    orders_alone = Tables({"orders": shop.orders}, shop.currency)
    found = stages(orders_alone, SHOP_CUT, StageRules())
    assert found.unseen == ("awareness", "consideration", "advocacy")
    assert set(found.stage.unique()) == {"purchase", "retention"}


def test_later_rows_change_no_stage() -> None:
    tables = lives()
    cut = dict(tables.frames)
    for name, column in (
        ("orders", "ordered_at"),
        ("events", "at"),
        ("surveys", "answered_at"),
        ("customers", "created_at"),
    ):
        cut[name] = cut[name][cut[name][column] < pd.Timestamp("2023-04-01")].reset_index(drop=True)
    early, whole = (stages(shown, date(2023, 4, 1), StageRules()) for shown in (Tables(cut, "EUR"), tables))
    pd.testing.assert_frame_equal(early.entered, whole.entered)


def test_the_shipped_ladder_names_features_that_there_are(shop_features: pd.DataFrame) -> None:
    for ladder in SegmentPolicy().ladders:
        assert climb(shop_features, ladder).notna().all()
