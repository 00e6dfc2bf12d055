"""One customer explained: the same numbers as everybody's scores, a path by the law, reasons that add up."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise

import lifetimes
import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from cvo_ml.core.errors import UsageError
from cvo_ml.core.explanation import CustomerExplanation, ModelReasons
from cvo_ml.core.scores import reasons_of
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features.customer import scored_features
from cvo_ml.features.own import FeatureFile, OwnFeatures, Trust
from cvo_ml.features.rfm import rfm_summary
from cvo_ml.features.snapshot import is_gone
from cvo_ml.models.clv.baselines import Formula
from cvo_ml.models.clv.hybrid import HybridLifetimeValue, with_purchase_columns
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.predict import LoadedModels, score
from cvo_ml.predict.explain import explain
from cvo_ml.predict.one_customer import features_of, of_customer
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.loaded import load_model
from tests.builders import SHOP_CUT, orders_of, shop_of

RANK = '''from cvo_ml import feature


@feature(unit="place", reads=["orders"])
def place(orders, as_of):
    """Place among all customers by money."""
    return orders.groupby("customer_id")["net"].sum().rank()
'''
SETTINGS = {"horizon_days": 90.0, "discount_rate": 0.1}


@pytest.fixture(scope="module")
def scorer(shop: Tables) -> BuyTillYouDie:
    return BuyTillYouDie(CustomerLifetimeValue().fit(rfm_summary(shop, as_of=SHOP_CUT)), 1.05, 100.0)


@pytest.fixture(scope="module")
def models(scorer: BuyTillYouDie, churn_bundle: Bundle, icp_bundle: Bundle) -> LoadedModels:
    return LoadedModels.of(bundle_of("clv", scorer, SETTINGS), churn_bundle, icp_bundle)


@pytest.fixture(scope="module")
def everybody(shop: Tables, models: LoadedModels) -> pd.DataFrame:
    return score(scored_features(shop, SHOP_CUT), models, as_of=SHOP_CUT, currency="EUR")


@pytest.fixture(scope="module")
def kinds_of_customers(shop: Tables, shop_features: pd.DataFrame) -> list[str]:
    """One with many orders, one with one, one who is gone already, one without an order left."""
    gone = is_gone(shop_features, Horizon("90D"))
    left = scored_features(shop, SHOP_CUT)["number_of_orders"]
    known = [
        shop_features["number_of_orders"].idxmax(),
        shop_features.index[(shop_features["number_of_orders"] == 1) & ~gone][0],
        gone.index[gone][0],
    ]
    return [*known, *left.index[left.isna()][:1]]


@pytest.fixture(scope="module")
def explained(shop: Tables, models: LoadedModels, kinds_of_customers: list[str]) -> dict[str, CustomerExplanation]:
    return {customer: explain(shop, models, str(SHOP_CUT), customer) for customer in kinds_of_customers}


def reasons_for(said: CustomerExplanation, model: str) -> ModelReasons:
    return next(reasons for reasons in said.reasons if reasons.model == model)


def test_the_rows_of_one_customer_give_the_features_of_the_whole_shop(
    shop: Tables, kinds_of_customers: list[str]
) -> None:
    """One of the user's own that looks at everybody among them."""
    rank = FeatureFile("mine.py", RANK)
    more = [OwnFeatures((), rank, Trust(everybody=True))]
    whole = scored_features(shop, SHOP_CUT, more)
    assert whole["own.place"].nunique() > 100
    for customer in kinds_of_customers[:2]:
        alone = features_of(of_customer(shop, customer, SHOP_CUT), shop, SHOP_CUT, more)
        pd.testing.assert_frame_equal(alone[list(whole)], whole.loc[[customer]], check_exact=True, check_dtype=False)


def test_the_scores_are_those_of_a_run_of_everybody(
    everybody: pd.DataFrame, explained: dict[str, CustomerExplanation]
) -> None:
    for customer, said in explained.items():
        for name, value in everybody.loc[customer].items():
            told = said.row[str(name)]
            if isinstance(value, float) and not np.isnan(value):
                assert told == pytest.approx(value, rel=1e-9), name
            elif pd.isna(value):
                assert told is None, name
        values = {value.name: value for group in said.scores for value in group.values}
        assert all((value.value is None) == bool(value.reason) for value in values.values())


def test_an_explanation_is_json_and_names_nobody_else(shop: Tables, explained: dict[str, CustomerExplanation]) -> None:
    first = next(iter(explained))
    text = json.dumps(explained[first].to_json(), allow_nan=False)
    others = set(shop.orders["customer_id"]) - {first}
    assert not [customer for customer in others if f'"{customer}"' in text]


# --- P(alive) ---------------------------------------------------------------------------------------------------------


def test_a_point_of_the_path_is_what_a_run_of_that_day_computes(
    shop: Tables, models: LoadedModels, scorer: BuyTillYouDie, everybody: pd.DataFrame
) -> None:
    """The feature engine is the second way: its summary of each day, refunds that became known later among them."""
    refunded = shop.refunds["customer_id"].drop_duplicates()
    back = next(customer for customer in refunded if everybody["historic_number_of_orders"].get(customer, 0) > 3)
    said = explain(shop, models, SHOP_CUT, back)
    counted = [order for order in said.history.orders if order.counts]
    assert len(counted) == said.history.number_of_orders
    left = sum(order.net - order.refunded for order in said.history.orders)
    assert left == pytest.approx(said.history.net_value, abs=0.01)
    path, own = said.path, of_customer(shop, back, SHOP_CUT)
    points = dict(zip(path.days, path.p_alive, strict=True))
    assert points[SHOP_CUT] == pytest.approx(everybody.loc[back, "p_alive"], rel=1e-12)
    known = own.refunds["refunded_at"].iloc[0].date()
    asked = {known, known + timedelta(days=1), *list(points)[1:-91:67]}
    for day in sorted(day for day in asked if day in points and day <= SHOP_CUT):
        summary = rfm_summary(own, as_of=day)
        expected = scorer.model.transactions_.probability_alive(summary) if len(summary) else [np.nan]
        assert points[day] == pytest.approx(expected[0], rel=1e-12, nan_ok=True), day


def test_the_path_is_the_one_that_lifetimes_draws(shop: Tables, models: LoadedModels, scorer: BuyTillYouDie) -> None:
    fitter = lifetimes.BetaGeoFitter()
    fitter.params_ = pd.Series(scorer.model.transactions_.params_)
    without = set(shop.orders["customer_id"]) - set(shop.refunds["customer_id"])
    orders = shop.orders[shop.orders["customer_id"].isin(without) & (shop.orders["ordered_at"].dt.date < SHOP_CUT)]
    customer = orders["customer_id"].value_counts().index[0]
    said = explain(shop, models, SHOP_CUT, customer)
    bought = np.array([day.toordinal() for day in said.path.purchases])
    points = dict(zip(said.path.days, said.path.p_alive, strict=True))
    asked = np.arange(bought[0] + 1, SHOP_CUT.toordinal() + 1)
    histories = [(bought[bought < day], day) for day in asked]
    frequency, recency, age = (
        np.array(values, dtype=float)
        for values in zip(*((len(b) - 1, b[-1] - b[0], day - 1 - b[0]) for b, day in histories), strict=True)
    )
    theirs = np.ravel(fitter.conditional_probability_alive(frequency, recency, age))
    ours = [points[date.fromordinal(int(day))] for day in asked]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    ahead = said.path.days[-1]
    row = rfm_summary(shop, as_of=SHOP_CUT).loc[customer]
    later = fitter.conditional_probability_alive(row["frequency"], row["recency"], row["T"] + 90.0)
    assert ahead == SHOP_CUT + timedelta(days=90)
    assert points[ahead] == pytest.approx(float(np.ravel(later)[0]), rel=1e-9)


def test_silence_never_raises_the_path_and_a_long_one_has_a_point_a_week(models: LoadedModels) -> None:
    orders = [(f"o{n}", "a", f"20{10 + n // 12:02}-{n % 12 + 1:02}-03", 10.0) for n in range(0, 60, 7)]
    path = explain(shop_of(orders), models, date(2015, 6, 1), "a").path
    assert len(path.days) < 400
    assert {day + timedelta(days=1) for day in path.purchases} <= set(path.days)
    quiet = [p for day, p in zip(path.days, path.p_alive, strict=True) if day > max(path.purchases) + timedelta(days=1)]
    assert all(after <= before for before, after in pairwise(quiet))


def test_a_formula_has_no_path_and_says_so_and_its_columns_share_the_value(shop: Tables) -> None:
    formula = LoadedModels.of(bundle_of("clv", Formula(), SETTINGS))
    said = explain(shop, formula, SHOP_CUT, "c001")
    assert said.path.reason == "clv.formula_has_no_p_alive"
    reasons = reasons_for(said, "clv")
    assert reasons.end == said.row["predicted_clv"]
    assert sum(part.effect for part in reasons.parts) == pytest.approx(reasons.end - reasons.start)


# --- reasons ----------------------------------------------------------------------------------------------------------


def test_the_parts_of_clv_add_up_to_the_distance_from_the_typical_customer(
    everybody: pd.DataFrame, explained: dict[str, CustomerExplanation], kinds_of_customers: list[str]
) -> None:
    for customer in kinds_of_customers[:3]:
        reasons = reasons_for(explained[customer], "clv")
        assert reasons.end == pytest.approx(everybody.loc[customer, "predicted_clv"], rel=1e-12)
        assert sum(part.effect for part in reasons.parts) == pytest.approx(reasons.end - reasons.start)


def test_a_customer_who_differs_in_value_alone_owes_everything_to_it(shop: Tables, scorer: BuyTillYouDie) -> None:
    """The typical customer of three who are alike in all but money."""
    days = ("2023-05-01", "2023-06-01", "2023-07-01")
    orders = [
        (f"{who}{place}", who, day, money)
        for who, money in (("low", 10.0), ("middle", 20.0), ("high", 50.0))
        for place, day in enumerate(days)
    ]
    three = LoadedModels.of(bundle_of("clv", scorer, SETTINGS))
    middle = reasons_for(explain(shop_of(orders), three, SHOP_CUT, "middle"), "clv")
    high = reasons_for(explain(shop_of(orders), three, SHOP_CUT, "high"), "clv")
    assert (middle.parts, middle.end) == ((), middle.start)
    assert [part.name for part in high.parts] == ["value per purchase"]
    assert (high.parts[0].value, high.parts[0].typical) == (50.0, 20.0)


def test_what_trees_on_top_add_is_a_part_of_its_own(
    shop: Tables, scorer: BuyTillYouDie, shop_features: pd.DataFrame
) -> None:
    many = pd.concat([shop_features] * 4, ignore_index=True)
    value = np.where(np.arange(len(many)) % 2, many["last_order_value"], 0.0)
    hybrid = HybridLifetimeValue(scorer, Horizon("90D"), ("net_90d", "last_order_value"), rounds=3)
    hybrid.fit(with_purchase_columns(many, scorer, Horizon("90D")), value, np.arange(len(many)) % len(shop_features))
    one = LoadedModels.of(bundle_of("clv", hybrid, SETTINGS))
    reasons = reasons_for(explain(shop, one, SHOP_CUT, "c001"), "clv")
    assert reasons.end == pytest.approx(one.models["clv"].score(shop_features.loc[["c001"]])[0])
    assert sum(part.effect for part in reasons.parts) == pytest.approx(reasons.end - reasons.start)
    assert any(part.name.startswith("the rest of the record") for part in reasons.parts)


def test_churn_reasons_are_those_of_scores_and_all_levers(
    everybody: pd.DataFrame, explained: dict[str, CustomerExplanation]
) -> None:
    customer = next(iter(explained))
    reasons = reasons_for(explained[customer], "churn")
    stored = reasons_of(everybody.loc[customer, "reasons"])
    assert [(part.name, round(part.effect, 4)) for part in reasons.parts[:3]] == [
        (reason.lever, reason.effect) for reason in stored
    ]
    assert len(reasons.parts) > 3


def test_lookalike_reasons_are_the_score_without_each_column(
    shop_features: pd.DataFrame, icp_bundle: Bundle, explained: dict[str, CustomerExplanation]
) -> None:
    customer = next(iter(explained))
    model = load_model(icp_bundle).model
    row = shop_features.loc[[customer]]
    contributions = model.trees.contributions(row)[0]
    assert contributions.sum() == pytest.approx(logit(model.predict_proba(row)[0, 1]), abs=1e-9)
    reasons = reasons_for(explained[customer], "icp")
    strongest = reasons.parts[0]
    part = contributions[list(model.columns).index(strongest.name)]
    without = 1 / (1 + np.exp(part - contributions.sum()))
    assert strongest.effect == pytest.approx(reasons.end - without, abs=1e-9)


# --- whom there is nothing to say of ----------------------------------------------------------------------------------


def test_without_an_order_left_or_without_a_model_there_is_an_answer_with_reasons(
    shop: Tables, models: LoadedModels, explained: dict[str, CustomerExplanation], kinds_of_customers: list[str]
) -> None:
    refunded = shop_of([("o1", "a", "2023-05-01", 10.0)], [("o1", "2023-05-02", 10.0)])
    said = explain(refunded, models, SHOP_CUT, "a")
    assert {reasons.reason for reasons in said.reasons} == {"no_order_left"}
    assert said.path.reason == "no_order_left"
    assert (said.history.number_of_orders, len(said.history.orders), said.history.refunded) == (None, 1, 10.0)
    untrained = explain(shop, LoadedModels(), SHOP_CUT, "c000")
    assert {reasons.reason for reasons in untrained.reasons} == {"not_trained"}
    assert untrained.path.reason == "not_trained"
    gone = explained[kinds_of_customers[2]]
    assert reasons_for(gone, "churn").reason == "gone_already"
    assert reasons_for(gone, "clv").parts


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("123", "but of one that differs in leading zeros alone"),
        ("00123.0", "but of one that differs in a trailing .0 alone"),
        ("ABC", "but of one that differs in upper and lower case alone"),
        ("nobody", "of 2 customers that are: ids are text"),
        ("later", "of 2 customers that are"),
        ("waiting", "the customers table has it"),
        (123, "is of type int: ids are text, so give one in quotes"),
    ],
)
def test_an_unknown_id_is_answered_without_anybody_else_s(given: object, said: str) -> None:
    orders = orders_of(
        ("o1", "00123", "2023-01-01", 5.0), ("o2", "abc", "2023-01-02", 5.0), ("o3", "later", "2024-01-01", 5.0)
    )
    people = pd.DataFrame({"customer_id": pd.Series(["waiting"], dtype="str")})
    tables = Tables({"orders": orders, "customers": people}, "EUR")
    with pytest.raises(UsageError) as refused:
        explain(tables, LoadedModels(), SHOP_CUT, given)  # type: ignore[arg-type]
    assert said in str(refused.value)
    assert not {"00123", "abc"} & set(str(refused.value).replace("'", " ").split())


def test_an_explanation_says_what_it_is_in_a_line(explained: dict[str, CustomerExplanation]) -> None:
    customer, said = next(iter(explained.items()))
    assert repr(said).startswith(f"<CustomerExplanation '{customer}' as of 2023-11-01:")
