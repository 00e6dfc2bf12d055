"""What readiness counts in arrays is what training's own features and labels say, and what pandas says of frames."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.core.visibility import visible, visible_table
from cvo_ml.features import value_at_age
from cvo_ml.features.engine import engine
from cvo_ml.features.labels import window_outcome
from cvo_ml.features.snapshot import is_gone, snapshots
from cvo_ml.ingest import ReadResult, batches, read_shop
from cvo_ml.readiness.contents import Contents, contents
from cvo_ml.readiness.purchases import last_window, purchases, value_by_age
from cvo_ml.readiness.subscriptions import SILENCE
from tests.builders import frame
from tests.ingest.conftest import orders_text, shop

CUT, SPAN = date(2024, 9, 15), Horizon("60D")


def made(seed: int, *, late: bool, costs: bool, days_only: bool) -> Tables:
    """A shop with several orders a day, free ones, partial, whole and late refunds of orders and of customers."""
    rng, n = np.random.default_rng(seed), 1500
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 300 * 86_400, n)), unit="s")
    at = (at.normalize() if days_only else at).astype("datetime64[us]")
    net = np.round(rng.gamma(2, 20, n), 2) * (rng.random(n) > 0.05) * np.where(rng.random(n) > 0.997, 5000, 1)
    orders = pd.DataFrame({
        "order_id": pd.Series(rng.permutation(n)).map("o{}".format).astype("str"),
        "customer_id": pd.Series(np.minimum(rng.geometric(0.01, n), 300)).map("c{}".format).astype("str"),
        "ordered_at": at, "net": net,
    })  # fmt: skip
    chosen = rng.choice(n, 200, replace=False)
    back = pd.DataFrame({
        "refunded_at": (at[chosen] + pd.to_timedelta(rng.integers(0, 40 * 86_400, 200), unit="s")).as_unit("us"),
        "amount": np.round(net[chosen] * rng.choice([1, 0.5, 1.2], 200), 2),
        "order_id": orders["order_id"].to_numpy()[chosen], "customer_id": orders["customer_id"].to_numpy()[chosen],
    }).astype({"order_id": "str", "customer_id": "str"})  # fmt: skip
    back = back[back["amount"] > 0].reset_index(drop=True)
    back["order_id"] = back["order_id"].where(rng.random(len(back)) > 0.1)
    if late:
        for rows, time in ((orders, "ordered_at"), (back, "refunded_at")):
            delay = pd.to_timedelta(rng.integers(0, 30, len(rows)) * (rng.random(len(rows)) > 0.7), unit="D")
            rows["known_at"] = (rows[time] + delay).where(rng.random(len(rows)) > 0.3).astype("datetime64[us]")
    frames = {"orders": orders, "refunds": back}
    if costs:
        unknown = rng.random(n) > (1 if seed % 2 else 0.99)
        orders["cost"] = np.round(net * 0.4, 2)
        orders.loc[unknown, "cost"] = np.nan
        frames["costs_to_serve"] = frame(
            "costs_to_serve", ["customer_id", "period", "activity", "quantity", "unit_cost"],
            [(f"c{i}", f"2024-{month:02}-01", "support", 1.0, 1.25) for i in range(1, 200) for month in (1, 3, 6)],
        )  # fmt: skip
    return Tables(frames, "EUR")


@pytest.fixture(params=range(4), scope="module")
def tables(request: pytest.FixtureRequest) -> Tables:
    return made(request.param, late=request.param in (1, 2), costs=request.param > 1, days_only=request.param % 2 == 0)


@pytest.fixture
def on_disk(tmp_path: Any) -> ReadResult:
    """A shop whose tables lie in files."""
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(orders_text(900)) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "LARGE", 0)
        return read_shop(shop(path))


def test_who_left_and_who_stayed_are_trainings_labels(tables: Tables) -> None:
    start = CUT - SPAN.delta
    with engine(tables) as opened:
        before = snapshots(opened, [start], SILENCE).droplevel("as_of")
        active = before.index[~is_gone(before, SPAN)]
        stayed = int((window_outcome(opened, start, SPAN, active)["orders"] > 0).sum())
    assert 0 < stayed < len(active)
    assert last_window(purchases(tables), CUT, SPAN) == (len(active) - stayed, stayed)


@pytest.mark.parametrize("age", ["30D", "90D"])
def test_value_at_an_age_is_trainings_label(age: str, tables: Tables) -> None:
    theirs = value_at_age.value_by_age(tables, CUT, Horizon(age))
    ours = value_by_age(purchases(tables), CUT, Horizon(age))
    by = list(ours)
    theirs = theirs[by].sort_values(by, ignore_index=True)
    pd.testing.assert_frame_equal(ours.sort_values(by, ignore_index=True), theirs, check_dtype=False, rtol=1e-12)


def test_contents_are_what_pandas_says_of_frames(tables: Tables) -> None:
    read = ReadResult(tables, RowLedger(0, 0), pd.DataFrame(), (), "", ())
    ours = contents(read, purchases(tables), CUT, SPAN, 20)
    for name, value in asdict(defined(read, CUT, SPAN, 20)).items():
        found = getattr(ours, name)
        assert found == (pytest.approx(value, rel=1e-12) if isinstance(value, float) else value), name
    assert ours.giant_orders > 0


def test_tables_in_files_are_counted_without_a_frame(on_disk: ReadResult, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Tables(dict(on_disk.tables.frames), "EUR")
    in_memory = ReadResult(whole, on_disk.ledger, pd.DataFrame(), (), "", ())
    monkeypatch.setattr("cvo_ml.core.stored_table.StoredTable.frame", None)
    ours = contents(on_disk, purchases(on_disk.tables), date(2024, 1, 20), SPAN, 20)
    assert ours == contents(in_memory, purchases(whole), date(2024, 1, 20), SPAN, 20)
    assert ours.orders == 612


def defined(read: ReadResult, as_of: date, horizon: Horizon, giant_times_median: float) -> Contents:
    """What the tables of a shop hold before ``as_of``; shares of nothing are None, not 0."""
    cut = midnight(as_of)
    orders, refunds = (visible_table(read.tables, name, as_of) for name in ("orders", "refunds"))
    first, last = (orders["ordered_at"].min(), orders["ordered_at"].max()) if len(orders) else (None, None)
    days = purchase_days(orders)
    per_customer = days["customer_id"].value_counts()
    repeaters = int((per_customer > 1).sum())
    gaps = days.groupby("customer_id")["day"].diff().dropna().dt.days
    silence, silence_from, after_silence = _silence(orders)
    giants = orders["net"] > giant_times_median * orders.loc[orders["net"] > 0, "net"].median()
    net = float(orders["net"].sum())
    seen = pd.Timestamp(read.extracted_at) if read.extracted_at else cut
    ledger = read.ledger
    return Contents(
        orders=len(orders),
        customers=len(per_customer),
        refunds=len(refunds),
        currency=read.tables.currency,
        net=net,
        first_order=_day(first),
        last_order=_day(last),
        span_days=_days_between(first, cut),
        repeat_customers=repeaters,
        repeat_share=_share(repeaters, len(per_customer)),
        one_time_share=_share(len(per_customer) - repeaters, len(per_customer)),
        gap_median_days=float(gaps.median()) if len(gaps) else None,
        gap_p90_days=float(gaps.quantile(0.9)) if len(gaps) else None,
        longest_silence_days=silence,
        silence_from=silence_from,
        orders_after_silence=after_silence,
        value_cv=_value_cv(orders, as_of, horizon),
        zero_net_share=_share(int((orders["net"] == 0).sum()), len(orders)),
        giant_orders=int(giants.sum()),
        giant_value_share=_share(float(orders.loc[giants, "net"].sum()), net),
        refunded_share=_share(float(refunds["amount"].sum()), net),
        refunds_without_order_share=_share(int(refunds["order_id"].isna().sum()), len(refunds)),
        days_since_last_order=None if last is None else _days_between(last, seen),
        cost_share=_share(int(orders["cost"].notna().sum()), len(orders)) if "cost" in orders else None,
        rows_in=ledger.rows_in,
        quarantined_share=sum(ledger.quarantined.values()) / max(ledger.rows_in, 1),
        tables={name: len(frame) for name, frame in sorted(read.tables.frames.items())},
    )


def purchase_days(orders: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and day with an order, sorted: ``customer_id``, ``day``."""
    days = orders[["customer_id"]].assign(day=orders["ordered_at"].dt.normalize())
    return days.drop_duplicates().sort_values(["customer_id", "day"], ignore_index=True)


def _silence(orders: pd.DataFrame) -> tuple[int, str | None, int]:
    days = pd.Series(np.sort(orders["ordered_at"].dt.normalize().unique()))
    gaps = days.diff().dt.days
    if len(days) < 2:
        return 0, None, 0
    longest = int(gaps.idxmax())
    after = int((orders["ordered_at"] >= days[longest]).sum())
    return int(gaps[longest]) - 1, _day(days[longest - 1]), after


def _value_cv(orders: pd.DataFrame, as_of: date, horizon: Horizon) -> float | None:
    start = midnight(as_of - horizon.delta)
    known = visible(orders, as_of - horizon.delta, "ordered_at")["customer_id"].unique()
    window = orders[orders["ordered_at"] >= start]
    values = window.groupby("customer_id")["net"].sum().reindex(known, fill_value=0.0)
    if len(values) < 2 or not values.mean() > 0:
        return None
    return float(values.std(ddof=1) / values.mean())


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _day(moment: pd.Timestamp | None) -> str | None:
    return None if moment is None or pd.isna(moment) else str(pd.Timestamp(moment).date())


def _days_between(first: pd.Timestamp | None, last: pd.Timestamp) -> float:
    return 0.0 if first is None else (last - first).total_seconds() / 86_400
