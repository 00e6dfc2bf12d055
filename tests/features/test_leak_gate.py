"""The leak gate: real leaks, planted leaks, and quiet on clean shops."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import FEATURES, labelled_snapshots, snapshot
from cvo_ml.features.customer import customer_features
from cvo_ml.features.leak_gate import GateSample, check, provenance, shuffled, strength
from cvo_ml.features.truncated_tables import changed_by_later_rows
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.simulate import simulate_shop
from cvo_ml.stats.column_leakage import dominance, encoded, folded_auc
from tests.builders import SHOP_CUT
from tests.features.shops import AS_OF, shops, with_later_news

HORIZON = Horizon("90D")
PRESETS = ("cdnow", "grocery", "wholesaler", "shop")


def trees(X: pd.DataFrame, y: np.ndarray, later: pd.DataFrame) -> np.ndarray:
    """A small boosted model on all number columns."""
    return BoostedClassifier(list(X.select_dtypes("number")), rounds=40).fit(X, y).predict_positive(later)


@cache
def shop_sample(preset: str, seed: int, customers: int = 600) -> tuple[Tables, GateSample]:
    """A clean simulated shop and its churn rows, the last date to judge on."""
    tables = ["orders"] if preset == "cdnow" else ["orders", "refunds", "order_lines"]
    shop = simulate_shop(preset, n_customers=customers, seed=seed, tables=tables).tables
    end = shop.orders["ordered_at"].max().normalize() - pd.Timedelta(days=1)
    dates = [(end - pd.Timedelta(days=90 * back)).date() for back in (3, 2, 1)]
    found = labelled_snapshots(shop, dates, HORIZON, until=end.date())
    X, y = found.features[~found.gone], (found.outcomes["orders"] == 0)[~found.gone].to_numpy()
    later = np.asarray(X.index.get_level_values("as_of") == pd.Timestamp(dates[-1]))
    return shop, GateSample(X[~later], y[~later], X[later], y[later])


@pytest.fixture(scope="module")
def clean() -> GateSample:
    """Churn rows of one shop without a leak."""
    return shop_sample("shop", 5)[1]


def with_column(sample: GateSample, name: str, make) -> GateSample:
    """The sample with a column made from the labels."""
    assert sample.later_X is not None

    def joined(X: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
        return pd.concat([X, pd.Series(make(y), index=X.index, name=name)], axis=1)

    return GateSample(joined(sample.X, sample.y), sample.y, joined(sample.later_X, sample.later_y), sample.later_y)


# --- provenance


def test_columns_of_timed_tables_pass_and_a_profile_column_needs_a_word() -> None:
    assert (
        provenance([*FEATURES, "categories_30d", "season_sine", "first_order_value"])["categories_30d"] == "order_lines"
    )
    with pytest.raises(ModelRefused, match=r"nobody knows when 'country' became known.*known_at_conversion") as refused:
        provenance(["orders_30d", "country"])
    assert refused.value.reason_code == "undeclared_column"
    assert provenance(["country"], declared=["country"]) == {"country": "declared"}


def real(public_data: Path, file: str, outcome: str, positive: object) -> tuple[pd.DataFrame, np.ndarray]:
    """A public table without ids, and its outcome."""
    rows = pd.read_csv(public_data / file)
    y = (rows.pop(outcome) == positive).to_numpy()
    ids = [name for name in rows if rows[name].nunique() == len(rows)]
    return rows.drop(columns=ids), y


LEADS = ("x_education_leads/lead_scoring.csv.gz", "Converted", 1)
BANK = ("bank_marketing/bank_marketing.csv.gz", "y", "yes")
#: What the data's owners write after the contact: known to this test alone.
LATE_COLUMNS = {LEADS: ["Tags", "Lead Quality"], BANK: ["duration"]}


@pytest.mark.parametrize("source", [LEADS, BANK], ids=["leads", "bank"])
def test_provenance_catches_the_leaks_of_both_public_tables(source: tuple[str, str, object], public_data: Path) -> None:
    X, y = real(public_data, *source)
    late = LATE_COLUMNS[source]
    with pytest.raises(ModelRefused, match=late[0]):
        check(GateSample(X, y), list(X), declared=[name for name in X if name not in late])


def test_dominance_names_the_tags_even_where_they_were_declared(public_data: Path) -> None:
    X, y = real(public_data, *LEADS)
    with pytest.raises(ModelRefused, match=r"'Tags' alone reaches AUC 0\.9[12]") as refused:
        check(GateSample(X, y), list(X), declared=list(X))
    assert refused.value.reason_code == "dominant_column"
    evidence = check(GateSample(X, y), list(X), declared=list(X), acknowledged=["Tags"])
    assert evidence.to_json()["acknowledged"] == ["Tags"]


def test_strength_alone_cannot_tell_the_duration_of_a_call(public_data: Path) -> None:
    X, y = real(public_data, *BANK)
    evidence = check(GateSample(X, y), list(X), declared=list(X))
    assert evidence.alone["duration"] == pytest.approx(0.81, abs=0.01)  # the call's length, this data set's known leak


# --- planted leaks


def noisy(share: float):
    """The outcome with a share of the rows drawn at random."""
    rng = np.random.default_rng(3)
    return lambda y: np.where(rng.random(len(y)) < share, rng.random(len(y)) < 0.5, y).astype(float)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("share", [0.0, 0.1])
def test_a_copy_of_the_outcome_is_caught(preset: str, share: float) -> None:
    leaking = with_column(shop_sample(preset, 7)[1], "extra", noisy(share))
    with pytest.raises(ModelRefused, match="'extra'") as refused:
        check(leaking, [*FEATURES, "extra"])
    assert refused.value.reason_code == "undeclared_column"
    if preset != "grocery" or share == 0:  # where recency alone has AUC .93, a leak of .95 is no stronger
        with pytest.raises(ModelRefused, match=r"'extra'.* alone reaches"):
            check(leaking, [*FEATURES, "extra"], declared=["extra"])


def test_a_text_column_and_two_leaks_at_once_are_caught(clean: GateSample) -> None:
    leaking = with_column(clean, "stage", lambda y: np.where(y, "lost", "won"))
    leaking = with_column(leaking, "after", lambda y: y.astype(float))
    with pytest.raises(ModelRefused, match=r"'stage', 'after'|'after', 'stage'"):
        check(leaking, [*FEATURES, "stage", "after"], declared=["stage", "after"])


def test_an_accepted_column_does_not_hide_another(clean: GateSample) -> None:
    leaking = with_column(clean, "known", lambda y: y.astype(float))
    leaking = with_column(leaking, "extra", noisy(0.1))
    with pytest.raises(ModelRefused, match="'extra' alone"):
        check(leaking, [*FEATURES, "known", "extra"], declared=["known", "extra"], acknowledged=["known"])


def test_rows_that_are_learnt_from_and_judged_on_show_in_shuffled_labels(clean: GateSample) -> None:
    overlapping = GateSample(clean.X, clean.y, clean.X, clean.y)
    with pytest.raises(ModelRefused, match="shuffled labels are predicted with AUC"):
        check(overlapping, FEATURES, fit_and_score=trees)
    learnt, error = shuffled(clean, trees)
    assert abs(learnt - 0.5) < 4 * error


@pytest.mark.parametrize(
    "leak",
    [
        lambda tables: tables.orders.groupby("customer_id")["net"].sum(),
        lambda tables: tables.orders.groupby("customer_id")["ordered_at"].max().dt.day_of_year,
        lambda tables: tables.refunds.groupby("customer_id")["amount"].sum(),
    ],
    ids=["all orders", "last order ever", "later refunds"],
)
def test_a_feature_that_reads_later_rows_is_named(shop: Tables, leak) -> None:
    def features(tables: Tables) -> pd.DataFrame:
        rows = snapshot(tables, SHOP_CUT)
        return rows.assign(leak=leak(tables).reindex(rows.index).fillna(0.0))

    changed = changed_by_later_rows(features, shop, SHOP_CUT)
    assert changed == ("leak",)
    with pytest.raises(ModelRefused, match="rows after the date change 'leak'"):
        check(
            GateSample(pd.DataFrame({"leak": [0.0]}), np.array([True])),
            ["leak"],
            declared=["leak"],
            changed=changed,
        )


@settings(max_examples=4)
@given(data=st.data())
def test_our_own_features_change_by_no_later_row(data: st.DataObject) -> None:
    more = with_later_news(data.draw, data.draw(shops(seen_only=True)))
    day = date.fromisoformat(AS_OF)
    assert changed_by_later_rows(lambda tables: customer_features(tables, day), more, day) == ()


def test_no_feature_of_a_full_shop_reads_later_rows() -> None:
    shop = simulate_shop("shop", n_customers=300, seed=2).tables
    day = date(2022, 9, 1)
    assert changed_by_later_rows(lambda tables: snapshot(tables, day), shop, day) == ()


# --- false alarms


def alarms(shops_per_preset: int) -> list[str]:
    """What the gate says of clean shops."""
    found = []
    for preset in PRESETS:
        for seed in range(100, 100 + shops_per_preset):
            sample = shop_sample(preset, seed, 400)[1]
            try:
                check(sample, FEATURES, fit_and_score=trees)
            except ModelRefused as refused:
                found.append(f"{preset} {seed}: {refused}")
    return found


def test_clean_shops_pass() -> None:
    assert alarms(1) == []


@pytest.mark.slow
def test_at_most_two_of_fifty_clean_shops_raise_a_false_alarm() -> None:
    found = alarms(13)  # 52 shops
    assert len(found) <= 2, found


# --- the statistics


def test_rates_of_levels_are_mixed_with_the_overall_rate_by_hand() -> None:
    codes, y = np.array([0, 0, 1]), np.array([1, 1, 0])
    # rate 2/3, 20 rows of it: (2 + 40/3) / 22, (0 + 40/3) / 21, and the rate itself for a new level
    assert encoded(codes, y, np.array([0, 1, 9])) == pytest.approx([(2 + 40 / 3) / 22, (40 / 3) / 21, 2 / 3])


def test_a_column_of_ids_tells_nothing_in_folds() -> None:
    rng = np.random.default_rng(1)
    assert folded_auc(np.arange(4000), rng.random(4000) < 0.3) == pytest.approx(0.5, abs=0.02)


def test_strength_is_that_of_the_later_rows(clean: GateSample) -> None:
    found = strength(clean, ["days_since_last_order", "season_sine"])
    assert found["days_since_last_order"] > 0.6
    assert found["season_sine"] == 0.5
    assert dominance({"a": float("nan")}, 0.85, 0.65, 3) is None
