"""Many dates in one pass, features of every table, labels of closed horizons, bitwise equality over threads."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import (
    FEATURES,
    ParquetTables,
    labelled_snapshots,
    snapshot,
    snapshots,
    window_outcome,
    write_snapshots,
)
from cvo_ml.features.snapshot import SEASON
from cvo_ml.ingest import read_shop, sample_shop
from cvo_ml.simulate import simulate_saas, simulate_shop, write_shop
from tests.builders import SHOP_CUT, frame, shop_of
from tests.features.in_sql import features_in_sql

DATES = ["2022-06-01", "2023-01-01", "2023-06-01"]


@pytest.fixture(scope="module")
def full_shop() -> Tables:
    """A simulated shop with every table."""
    return simulate_shop("shop", n_customers=400).tables


def test_every_date_of_one_pass_equals_its_own_snapshot_to_the_bit(full_shop: Tables) -> None:
    together = snapshots(full_shop, DATES)
    for day in DATES:
        alone = snapshot(full_shop, day)
        pd.testing.assert_frame_equal(together.loc[pd.Timestamp(day)], alone, check_exact=True)


def test_features_equal_sql_written_by_hand(full_shop: Tables) -> None:
    by_hand = features_in_sql(full_shop, DATES[-1])
    assert len(by_hand.columns) > 20
    ours = snapshot(full_shop, DATES[-1])[by_hand.columns]
    pd.testing.assert_frame_equal(ours, by_hand, check_names=False, check_index_type=False, rtol=1e-12, atol=1e-9)


def test_any_number_of_threads_and_parquet_give_the_same_bits(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", "shop", 300, tables=["orders", "order_lines", "refunds", "tickets"])
    frames = []
    for threads in (1, 4):
        source = ParquetTables(tmp_path / "shop" / "tables", memory_limit="500MB", threads=threads)
        frames.append(snapshots(source, DATES))
        written = tmp_path / f"{threads}.parquet"
        assert write_snapshots(source, DATES, written) == len(frames[-1])
        rows = duckdb.sql(f"SELECT * FROM '{written}' ORDER BY as_of, customer_id").df()
        pd.testing.assert_series_equal(
            rows["net_365d"], frames[-1]["net_365d"].reset_index(drop=True), check_exact=True
        )
    for other in frames[1:]:
        pd.testing.assert_frame_equal(frames[0], other, check_exact=True)


def test_no_date_or_one_twice_is_refused(shop: Tables) -> None:
    for dates in ([], ["2023-06-01", date(2023, 6, 1)]):
        with pytest.raises(UsageError, match="different dates"):
            snapshots(shop, dates)


def test_the_season_is_there_and_not_in_the_default_of_churn(shop: Tables) -> None:
    rows = snapshots(shop, ["2023-04-01", "2023-10-01"])
    assert rows[list(SEASON)].groupby("as_of").nunique().eq(1).all().all()
    assert not set(SEASON) & set(FEATURES)


ORDERS = [("1", "a", "2024-01-01", 100.0), ("2", "a", "2024-01-11", 50.0), ("3", "b", "2024-01-05", 7.0)]


def test_a_missing_table_leaves_its_features_null_and_an_empty_one_counts_none() -> None:
    without = snapshot(shop_of(ORDERS), "2024-02-01")
    for name in ("tickets_30d", "nps_mean", "events_lifetime", "active_mrr", "categories_30d", "margin_30d"):
        assert without[name].isna().all()
    empty = frame("tickets", ["ticket_id", "customer_id", "opened_at", "closed_at"], [])
    assert snapshot(shop_of(ORDERS, tickets=empty), "2024-02-01")["tickets_30d"].tolist() == [0.0, 0.0]
    assert without["refunds_30d"].tolist() == [0.0, 0.0]


def test_what_closing_a_ticket_tells_is_masked_until_it_closed() -> None:
    columns = ["ticket_id", "customer_id", "opened_at", "closed_at", "minutes"]
    tickets = frame("tickets", columns, [("t", "a", "2024-01-12", "2024-02-01", 30.0)])
    shop = shop_of(ORDERS, tickets=tickets)
    seen = {
        day: snapshot(shop, day).loc["a", ["open_tickets", "ticket_minutes"]].tolist()
        for day in ("2024-01-12", "2024-02-01", "2024-02-02")
    }
    assert seen == {"2024-01-12": [0.0, 0.0], "2024-02-01": [1.0, 0.0], "2024-02-02": [0.0, 30.0]}


def test_the_end_of_a_subscription_is_masked_and_its_status_never_read() -> None:
    columns = ["subscription_id", "customer_id", "status", "mrr", "started_at", "ended_at", "cancel_reason"]
    ended = [("s", "a", "canceled", 20.0, "2024-01-02", "2024-02-01", "price")]
    still = [("s", "a", "active", 20.0, "2024-01-02", None, None)]
    rows = {
        kind: snapshot(shop_of(ORDERS, subscriptions=frame("subscriptions", columns, subscription)), "2024-02-01")
        for kind, subscription in (("ended", ended), ("still", still))
    }
    pd.testing.assert_frame_equal(rows["ended"], rows["still"], check_exact=True)
    later = snapshot(shop_of(ORDERS, subscriptions=frame("subscriptions", columns, ended)), "2024-02-03").loc["a"]
    assert later[["active_mrr", "ended_subscriptions", "days_since_subscription_end"]].tolist() == [0.0, 1.0, 2.0]


def test_the_pace_of_milestones_counts_what_was_reached_and_known_by_then() -> None:
    """methods E4: milestones per 90 days, by hand."""
    columns = ["customer_id", "milestone", "reached_at", "known_at"]
    reached = [("a", "data connected", "2024-01-31", None), ("a", "first report", "2024-05-30", None),
               ("a", "late news", "2024-02-01", "2024-07-01")]  # fmt: skip
    shop = shop_of(ORDERS, milestones=frame("milestones", columns, reached))
    names = ["milestones_90d", "milestones_lifetime", "days_since_last_milestone", "milestones_per_90_days"]
    seen = {day: snapshot(shop, day).loc["a", names].tolist() for day in ("2024-01-31", "2024-02-01", "2024-06-29")}
    assert seen["2024-01-31"][:2] == [0.0, 0.0]
    assert seen["2024-01-31"][3] == 0.0
    assert seen["2024-02-01"] == [1.0, 1.0, 1.0, 1.0]  # a month is not taken for a pace of three in 90 days
    assert seen["2024-06-29"] == [1.0, 2.0, 30.0, 1.0]  # 2 in 180 days
    assert snapshot(shop, "2024-06-29").loc["b", names].tolist()[:2] == [0.0, 0.0]
    without = snapshot(shop_of(ORDERS), "2024-06-29")
    assert without[names].isna().all().all()


def test_milestones_of_a_vendor_agree_with_another_engine() -> None:
    saas = simulate_saas("saas", n_leads=400, tables=["milestones"]).tables
    day = saas.orders["ordered_at"].quantile(0.7).date()
    rows, known = snapshot(saas, day), saas.get("milestones")
    known = known[known["reached_at"] < pd.Timestamp(day)].groupby("customer_id").size().reindex(rows.index).fillna(0)
    assert known.max() > 1
    assert (rows["milestones_lifetime"] == known).all()
    pace = 90 * known / rows["days_since_first_order"].clip(lower=90)
    pd.testing.assert_series_equal(rows["milestones_per_90_days"], pace, check_names=False, rtol=1e-12)


def test_a_vendor_of_software_has_features_of_its_subscriptions() -> None:
    saas = simulate_saas("saas", n_leads=400).tables
    day = saas.orders["ordered_at"].quantile(0.7).date()
    rows = snapshot(saas, day)
    assert rows["active_mrr"].max() > 0
    known = saas.get("subscriptions")
    known = known[(known["started_at"] < pd.Timestamp(day)) & ~(known["ended_at"] < pd.Timestamp(day))]
    expected = known.groupby("customer_id")["mrr"].sum().reindex(rows.index).fillna(0)
    pd.testing.assert_series_equal(rows["active_mrr"], expected, check_names=False, check_dtype=False, rtol=1e-12)


def test_rows_whose_horizon_is_not_closed_are_dropped_and_counted(shop: Tables) -> None:
    late = shop.orders["ordered_at"].max().date()
    found = labelled_snapshots(shop, [SHOP_CUT, late], Horizon("90D"))
    assert found.dropped == {late: len(snapshot(shop, late))}
    assert set(found.features.index.get_level_values("as_of")) == {pd.Timestamp(SHOP_CUT)}
    alone = window_outcome(shop, SHOP_CUT, Horizon("90D"), found.features.loc[pd.Timestamp(SHOP_CUT)].index)
    pd.testing.assert_frame_equal(found.outcomes.loc[pd.Timestamp(SHOP_CUT)], alone, check_index_type=False)
    assert 0 < found.gone.sum() < len(found.gone)
    nothing = labelled_snapshots(shop, [late], Horizon("90D"))
    assert (len(nothing.features), len(nothing.outcomes)) == (0, 0)


def test_outcomes_of_overlapping_windows_do_not_mix(shop: Tables) -> None:
    dates = ["2023-08-01", "2023-09-01", "2023-10-01"]
    found = labelled_snapshots(shop, dates, Horizon("60D"))
    for day in dates:
        rows = found.outcomes.loc[pd.Timestamp(day)]
        alone = window_outcome(shop, day, Horizon("60D"), rows.index)
        pd.testing.assert_frame_equal(rows, alone, check_exact=True)


def test_many_dates_of_a_real_shop_never_trip_the_database() -> None:
    """DuckDB 2.0.0 failed on a third of these ("dict-surviving cache") while it swapped the sides of joins."""
    tables = read_shop(sample_shop()).tables
    for number in (4, 6, 7, 9, 10):
        days = [date(2011, 9, 10) - timedelta(days=30 * back) for back in range(number)]
        assert snapshots(tables, days).index.get_level_values("as_of").nunique() == number
