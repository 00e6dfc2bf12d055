"""Measures on many dates, and months of groups from the orders alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.tables import Tables
from cvo_ml.features import snapshot
from cvo_ml.segments import fit_edges, segment
from cvo_ml.segments.history import FEATURES, month_dates, monthly_groups, rfm_at
from cvo_ml.segments.movement import movement_between
from tests.builders import SHOP_CUT, shop_of


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


def test_months_add_up(shop: Tables) -> None:
    dates = month_dates(SHOP_CUT, 3)
    edges = fit_edges(rfm_at(shop, [SHOP_CUT])[SHOP_CUT], SegmentPolicy())
    groups = monthly_groups(shop, dates, edges)
    assert groups[SHOP_CUT].tolist() == list(segment(rfm_at(shop, [SHOP_CUT])[SHOP_CUT], edges).groups())
    movement = movement_between(groups)
    assert [month.until for month in movement] == dates[1:]
    for month, earlier, later in zip(movement, dates, dates[1:], strict=False):
        counts = groups[later].value_counts().sub(groups[earlier].value_counts(), fill_value=0)
        came = month.matrix.loc["new customer"]
        gone = month.matrix["no order left"]
        for name, net in month.net_flow.items():
            assert net == counts[name] - came[name] + gone[name]
        assert month.flips.customers == len(groups[earlier].index.intersection(groups[later].index))
        assert month.sizes() == {name: (groups[later] == name).sum() for name in month.net_flow}
