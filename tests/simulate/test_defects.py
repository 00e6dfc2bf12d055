"""Planted faults: each is in the export, written down in the truth, and nothing else changed."""

import pandas as pd
import pytest

from cvo_ml.config.simulation import Defects
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import ContractError
from cvo_ml.simulate import dirty_frames, saas_simulation, shop_simulation, simulate_shop

DEFECTS = Defects(late=0.1, duplicates=0.05, test_orders=0.05, zone_mix=0.1)


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return dirty_frames(shop_simulation("shop", 1_000), DEFECTS)[0]["orders"]


@pytest.fixture(scope="module")
def faults() -> pd.Series:
    return dirty_frames(shop_simulation("shop", 1_000), DEFECTS)[1]["defects"].groupby("kind")["order_id"].agg(list)


@pytest.fixture(scope="module")
def clean() -> pd.DataFrame:
    return simulate_shop("shop", 1_000).tables.orders


def test_a_dirty_export_breaks_the_contract(orders: pd.DataFrame):
    with pytest.raises(ContractError):
        CONTRACTS["orders"].validate(orders)


def test_all_clean_orders_are_still_there(orders: pd.DataFrame, clean: pd.DataFrame):
    assert set(clean["order_id"]) <= set(orders["order_id"])


def test_times_with_another_zone_mean_the_same_instant(orders: pd.DataFrame, clean: pd.DataFrame, faults: pd.Series):
    zoned = orders["ordered_at"].str.contains("+", regex=False)
    assert set(faults["zone_mix"]) <= set(orders.loc[zoned, "order_id"])
    at = pd.to_datetime(orders["ordered_at"].where(zoned, orders["ordered_at"] + "+00:00"), utc=True, format="ISO8601")
    first = pd.Series(at.dt.tz_localize(None).to_numpy(), orders["order_id"]).groupby(level=0).first()
    wanted = clean.set_index("order_id")["ordered_at"]
    assert (first[wanted.index] == wanted).all()


def test_duplicates_are_exact_or_conflicting_as_written_down(orders: pd.DataFrame, faults: pd.Series):
    repeated = orders[orders.duplicated("order_id", keep=False)]
    exact = orders[orders.duplicated(keep="first")]["order_id"]
    assert sorted(exact) == sorted(faults["exact_duplicate"])
    assert set(repeated["order_id"]) == set(faults["exact_duplicate"]) | set(faults["conflicting_duplicate"])


def test_test_orders_are_marked(orders: pd.DataFrame, faults: pd.Series):
    assert set(orders.loc[orders["is_test"], "order_id"]) == set(faults["test_order"])


def test_late_rows_become_known_after_the_order_and_before_the_end(orders: pd.DataFrame, faults: pd.Series):
    plain = orders[~orders["ordered_at"].str.contains("+", regex=False)].drop_duplicates("order_id")
    waits = plain["known_at"] - pd.to_datetime(plain["ordered_at"])
    late = plain["order_id"].isin(faults["late"])
    assert (waits[late] >= pd.Timedelta(0)).all()
    assert waits[late].median() > pd.Timedelta(days=2)
    assert (waits[~late] == pd.Timedelta(0)).all()
    assert (orders["known_at"] <= pd.Timestamp("2023-07-01")).all()


def test_shares_are_those_asked_for(clean: pd.DataFrame, faults: pd.Series):
    counts = faults.map(len) / len(clean)
    assert counts["late"] == pytest.approx(0.1, abs=0.02)
    assert counts["test_order"] == pytest.approx(0.05, abs=0.015)
    assert counts["exact_duplicate"] + counts["conflicting_duplicate"] == pytest.approx(0.05, abs=0.015)


def test_invoices_of_a_vendor_can_be_dirty_too():
    frames, truth = dirty_frames(saas_simulation("saas", 1_000), DEFECTS)
    assert len(truth["defects"]) > 0
    assert frames["orders"]["is_test"].any()
