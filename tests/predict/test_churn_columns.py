"""What scoring churn does with tables, columns and categories that are not as in training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.tables import Tables
from cvo_ml.features import FEATURES
from cvo_ml.features.customer import customer_features
from cvo_ml.models.churn import ChurnClassifier, ProbabilityInterval, RecencyChurn
from cvo_ml.predict.churn import churn_columns
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.loaded import load_model
from tests.builders import SHOP_CUT, frame, seeded_shop

MORE = ("quantity_90d", "tickets_90d", "refunds_90d")
SETTINGS = {
    "horizon_days": 60.0,
    "definition": "no_order_within_horizon",
    "definition_kind": "no_order_within_horizon",
    "bands": {"low": 0.33, "medium": 0.66},
}


@pytest.fixture(scope="module")
def shop() -> Tables:
    """With tickets, which two of three customers wrote."""
    plain = seeded_shop(400)
    rows = [(f"t{n}", f"c{n:03}", pd.Timestamp("2023-10-01") + pd.Timedelta(hours=n)) for n in range(400) if n % 3]
    tickets = frame("tickets", ["ticket_id", "customer_id", "opened_at"], rows)
    return Tables({**plain.frames, "tickets": tickets}, plain.currency)


def without(shop: Tables, *tables: str) -> Tables:
    return Tables({name: rows for name, rows in shop.frames.items() if name not in tables}, shop.currency)


def learnt(features: pd.DataFrame, more: tuple[str, ...] = MORE) -> Bundle:
    """Trees on an outcome that every column tells something of."""
    told = features["days_since_last_order"].rank(pct=True) - 0.5 * (features["country"] == "DE")
    told = told + sum(features[name].fillna(0).rank(pct=True) for name in more)
    model = ChurnClassifier((*FEATURES, *more), ("country",), 30, {"num_threads": 1}, fewest_outcomes=50)
    model.fit(features, (told > told.median()).to_numpy())
    model.interval_ = ProbabilityInterval(level_sd=0.3)
    return bundle_of("churn", model, SETTINGS)


@pytest.fixture(scope="module")
def features(shop: Tables) -> pd.DataFrame:
    return customer_features(shop, SHOP_CUT)


@pytest.fixture(scope="module")
def bundle(features: pd.DataFrame) -> Bundle:
    return learnt(features)


def probability(features: pd.DataFrame, bundle: Bundle) -> np.ndarray:
    return churn_columns(features, load_model(bundle))["churn_probability"].to_numpy()


def test_the_order_of_the_columns_cannot_change_a_score(features: pd.DataFrame, bundle: Bundle) -> None:
    shuffled = features[np.random.default_rng(1).permutation(features.columns)]
    pd.testing.assert_frame_equal(
        churn_columns(shuffled, load_model(bundle)), churn_columns(features, load_model(bundle))
    )


def test_an_unseen_category_counts_as_missing(features: pd.DataFrame, bundle: Bundle) -> None:
    unseen = probability(features.assign(country="Atlantis"), bundle)
    assert np.array_equal(unseen, probability(features.assign(country=None), bundle), equal_nan=True)
    assert not np.array_equal(unseen, probability(features, bundle), equal_nan=True), "the country does not matter here"


@pytest.mark.parametrize(
    ("table", "columns"), [("tickets", ["tickets_90d"]), ("order_lines", ["quantity_90d"]), ("customers", ["country"])]
)
def test_a_table_that_is_gone_when_scoring_counts_as_missing(
    shop: Tables, features: pd.DataFrame, bundle: Bundle, table: str, columns: list[str]
) -> None:
    scored = probability(customer_features(without(shop, table), SHOP_CUT), bundle)
    nulls = features.assign(**{name: None if name == "country" else np.nan for name in columns})
    assert np.array_equal(scored, probability(nulls, bundle), equal_nan=True)
    assert not np.array_equal(scored, probability(features, bundle), equal_nan=True), f"{columns} do not matter here"


def test_without_a_table_of_refunds_nothing_was_refunded(shop: Tables, bundle: Bundle) -> None:
    features = customer_features(without(shop, "refunds"), SHOP_CUT)
    assert (features["number_of_refunds"] == 0).all()
    assert (
        np.isfinite(probability(features, bundle)).sum()
        == churn_columns(features, load_model(bundle))["churn_reason"].isna().sum()
    )


def test_a_table_that_came_after_training_changes_no_score(shop: Tables, features: pd.DataFrame) -> None:
    fewer = customer_features(without(shop, "tickets"), SHOP_CUT)
    bundle = learnt(fewer, ("quantity_90d",))
    assert np.array_equal(probability(features, bundle), probability(fewer, bundle), equal_nan=True)


def test_a_column_of_nulls_counts_as_missing_for_everybody(features: pd.DataFrame, bundle: Bundle) -> None:
    nulls = features.assign(net_90d=np.nan)
    everybody = churn_columns(nulls, load_model(bundle))["churn_probability"].dropna()
    alone = churn_columns(nulls.loc[[everybody.index[0]]], load_model(bundle))["churn_probability"]
    assert alone.iloc[0] == everybody.iloc[0]
    as_text = features.assign(net_90d=pd.Series(None, index=features.index, dtype="str"))
    assert np.array_equal(probability(nulls, bundle), probability(as_text, bundle), equal_nan=True)


def test_a_column_that_was_null_for_everybody_in_training_changes_no_score(features: pd.DataFrame) -> None:
    bundle = learnt(features.assign(quantity_90d=np.nan), ("quantity_90d",))
    assert np.array_equal(
        probability(features, bundle), probability(features.assign(quantity_90d=7.0), bundle), equal_nan=True
    )


@pytest.mark.parametrize("kind", ["trees", "recency"])
def test_the_interval_holds_the_probability_and_is_null_with_it(
    features: pd.DataFrame, bundle: Bundle, kind: str
) -> None:
    if kind == "recency":
        baseline = RecencyChurn().fit(features, np.arange(len(features)) % 2)
        baseline.interval_ = ProbabilityInterval(level_sd=0.3)
        bundle = bundle_of("churn", baseline, SETTINGS)
    silent = features.assign(days_since_last_order=np.where(np.arange(len(features)) < 5, 999.0, 10.0))
    scored = churn_columns(silent, load_model(bundle))
    low, p, high = (scored[f"churn_probability{end}"] for end in ("_p05", "", "_p95"))
    known = p.notna()
    assert not known.iloc[:5].any()
    assert known.iloc[5:].all()
    assert ((low < p) & (p < high))[known].all()
    assert low.isna().equals(p.isna())
    assert high.isna().equals(p.isna())
