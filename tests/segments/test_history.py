"""Months of groups from the orders alone, and the days that silence leaves."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.features import snapshot
from cvo_ml.models.clv import BetaGeoModel, ParetoNBDModel
from cvo_ml.segments import fit_edges, segment
from cvo_ml.segments.history import FEATURES, as_known_on, month_dates, monthly_groups, monthly_movement, rfm_at
from cvo_ml.segments.win_back_window import LONGEST_DAYS, last_chance
from tests.builders import SHOP_CUT, frame, shop_of


def test_the_measures_of_many_dates_are_those_of_each_snapshot(shop: Tables) -> None:
    dates = month_dates(SHOP_CUT, 1)
    found = rfm_at(shop, dates)
    for day in dates:
        whole = snapshot(shop, day)
        pd.testing.assert_frame_equal(found[day][list(FEATURES)], whole[list(FEATURES)])
    assert "margin" not in found[SHOP_CUT]


def test_margin_is_there_where_every_order_has_its_cost() -> None:
    rows = [("1", "a", "2023-01-01", 100.0), ("2", "a", "2023-02-01", 50.0), ("3", "b", "2023-02-01", 70.0)]
    tables = shop_of(rows, [("2", "2023-02-05", 20.0), (None, "2023-02-06", 5.0, "b")])
    priced = tables.orders.assign(cost=[60.0, 10.0, 80.0])
    margin = rfm_at(Tables({**tables.frames, "orders": priced}, "EUR"), [SHOP_CUT])[SHOP_CUT]["margin"]
    assert margin.to_dict() == {"a": 100 - 60 + 30 - 10, "b": 70 - 80 - 5}
    unknown = tables.orders.assign(cost=[60.0, np.nan, 80.0])
    assert "margin" not in rfm_at(Tables({**tables.frames, "orders": unknown}, "EUR"), [SHOP_CUT])[SHOP_CUT]


def test_tables_as_known_on_a_day_put_late_rows_in_their_place() -> None:
    rows = [("1", "a", "2023-01-01", 1.0, "2023-01-01"), ("2", "a", "2023-01-02", 1.0, "2023-03-01"),
            ("3", "a", "2023-01-03", 1.0, "2023-06-01")]  # fmt: skip
    known = as_known_on(shop_of(rows), date(2023, 4, 1))
    assert known.orders["order_id"].tolist() == ["1", "2"]
    assert rfm_at(known, [date(2023, 2, 1)])[date(2023, 2, 1)]["number_of_orders"].tolist() == [2.0]
    plain = frame("orders", ["order_id", "customer_id", "ordered_at", "net"], [("1", "a", "2023-01-01", 1.0)])
    assert as_known_on(Tables({"orders": plain}, "EUR"), SHOP_CUT).orders.equals(plain)


def test_months_add_up(shop: Tables) -> None:
    dates = month_dates(SHOP_CUT, 3)
    edges = fit_edges(rfm_at(shop, [SHOP_CUT])[SHOP_CUT], SegmentPolicy())
    groups = monthly_groups(shop, dates, edges)
    assert groups[SHOP_CUT].tolist() == list(segment(rfm_at(shop, [SHOP_CUT])[SHOP_CUT], edges).groups())
    movement = monthly_movement(groups)
    assert [found["to"] for found in movement] == [str(day) for day in dates[1:]]
    for found, earlier, later in zip(movement, dates, dates[1:], strict=False):
        counts = groups[later].value_counts().sub(groups[earlier].value_counts(), fill_value=0)
        came = found["matrix"].loc["new customer"]
        gone = found["matrix"]["no order left"]
        for name, net in found["net_flow"].items():
            assert net == counts[name] - came[name] + gone[name]
        assert found["flips"]["customers"] == len(groups[earlier].index.intersection(groups[later].index))


def summary(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frequency = rng.poisson(1.5, n).astype(float)
    age = rng.integers(30, 600, n).astype(float)
    recency = np.where(frequency > 0, np.floor(age * rng.beta(2, 2, n)), 0.0)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": age})


def test_the_last_chance_is_where_the_closed_form_of_bg_nbd_crosses() -> None:
    X = summary(800)
    model = BetaGeoModel().fit(X)
    r, alpha, a, b = (model.params_[name] for name in ("r", "alpha", "a", "b"))
    found = last_chance(model, X, below=0.4)
    once = X["frequency"] == 0
    assert found.loc[once, "days_left"].isna().all()  # BG/NBD never loses them
    repeat = X[~once]
    x = repeat["frequency"]
    # Fader, Hardie & Lee (2008): P(alive) = 1 / (1 + a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x))
    odds = (1 / 0.4 - 1) * (b + x - 1) / a
    crossing = (alpha + repeat["recency"]) * odds ** (1 / (r + x)) - alpha - repeat["T"]
    expected = np.maximum(np.floor(crossing) + 1, 0)
    never = expected > LONGEST_DAYS
    assert (~never).sum() > 300
    pd.testing.assert_series_equal(found.loc[repeat.index, "days_left"], expected.mask(never), check_names=False)


def test_pareto_nbd_gives_one_time_buyers_a_window_too() -> None:
    X = summary(600, seed=2)
    model = ParetoNBDModel().fit(X)
    found = last_chance(model, X, below=0.5)
    assert found.loc[X["frequency"] == 0, "days_left"].notna().any()
    left = found["days_left"].dropna()
    later = model.probability_alive(X.loc[left.index].assign(T=X["T"] + left))
    assert (later < 0.5).all()
    open_still = left[left > 0]
    just_before = model.probability_alive(X.loc[open_still.index].assign(T=X["T"] + open_still - 1))
    assert (just_before >= 0.5).all()


def test_a_threshold_that_is_no_probability_is_refused_and_nobody_is_no_error() -> None:
    X = summary(300)
    model = BetaGeoModel().fit(X)
    with pytest.raises(UsageError, match="give a probability between 0 and 1"):
        last_chance(model, X, below=30)
    assert last_chance(model, X.iloc[:0]).empty
