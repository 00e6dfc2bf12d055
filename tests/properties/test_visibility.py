"""What is known only later changes nothing, in any part; and the database's rule is pandas' rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.store import write_run
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.core.visibility import is_visible, visible_table
from cvo_ml.features.customer import customer_features, known_customers
from cvo_ml.features.engine import Engine, engine
from cvo_ml.ingest import ReadResult
from cvo_ml.monitoring import ledger
from cvo_ml.monitoring.health import health
from cvo_ml.priorities.constraints import contact_constraints
from cvo_ml.readiness import readiness
from cvo_ml.segments.history import rfm_at, rfm_of
from cvo_ml.workflows.publish import staleness
from tests.builders import SHOP_CUT, null_scores, seeded_shop

SPAN = Horizon("90D")
BEFORE = date(2023, 8, 1)
DAYS = st.integers(min_value=-3, max_value=3)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.none() | DAYS, st.none() | DAYS, st.sampled_from([0, 1])), min_size=1, max_size=12),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_the_engine_sees_what_pandas_sees(rows: list[tuple[Any, Any, int]], timed: bool, known: bool) -> None:
    """Moments around midnight of the date, by a microsecond; null times; without either column."""
    at = pd.Timestamp(SHOP_CUT)
    moments = [
        [None if day is None else at + pd.Timedelta(days=day, microseconds=odd) for day in (happened, learnt)]
        for happened, learnt, odd in rows
    ]
    frame = pd.DataFrame(moments, columns=["at", "known_at"]).astype("datetime64[us]").assign(row=range(len(rows)))
    frame = frame if known else frame.drop(columns="known_at")
    event_time = "at" if timed else None
    expected = frame.loc[is_visible(frame, SHOP_CUT, event_time), "row"].tolist()
    connection = ibis.duckdb.connect()
    connection.con.register("rows", frame)
    seen = Engine.visible(connection.table("rows"), [SHOP_CUT], event_time)
    found = connection.con.sql(ibis.to_sql(seen, dialect="duckdb")).df()
    assert sorted(found["row"]) == expected


@cache
def late_shop() -> Tables:
    """A shop with costs, treatments and costs to serve, a fifth of whose rows were known a month later.

    An old file of large orders without a cost is found after the date: whoever looks into it is found out.
    """
    base, rng = seeded_shop(), np.random.default_rng(5)
    orders = base.orders.assign(cost=base.orders["net"] * 0.4)
    customers = orders["customer_id"].unique()
    sent = pd.DataFrame(
        {
            "customer_id": pd.Series(rng.choice(customers, 400), dtype="str"),
            "action": pd.Series(rng.choice(["email", "call"], 400), dtype="str"),
            "sent_at": pd.Timestamp("2023-02-01") + pd.to_timedelta(rng.integers(0, 330, 400), unit="D"),
        }
    )
    served = pd.DataFrame(
        {
            "customer_id": pd.Series(rng.choice(customers, 300), dtype="str"),
            "period": pd.to_datetime(rng.choice(pd.date_range("2023-01-01", "2023-12-01", freq="MS"), 300)),
            "activity": pd.Series(["support"] * 300, dtype="str"),
            "quantity": 1.0,
            "unit_cost": 3.0,
        }
    )
    frames = {**base.frames, "orders": orders, "treatments": sent, "costs_to_serve": served}
    late = {}
    for name, rows in frames.items():
        event_time = CONTRACTS[name].event_time
        if event_time is None:
            late[name] = rows
            continue
        is_late = rng.uniform(size=len(rows)) < 0.2
        times = rows[event_time].astype("datetime64[us]")
        known = times + pd.to_timedelta(np.where(is_late, 30, 0), unit="D")
        late[name] = rows.assign(**{event_time: times, "known_at": known.astype("datetime64[us]")})
    old = late["orders"].drop_duplicates("customer_id").head(20)
    old = old.assign(order_id="old " + old["order_id"], net=900.0, cost=np.nan)
    old = old.assign(ordered_at=pd.Timestamp("2022-12-15"), known_at=pd.Timestamp("2023-12-20"))
    orders = pd.concat([late["orders"], old.astype(late["orders"].dtypes)], ignore_index=True)
    return Tables({**late, "orders": orders}, "EUR")


@cache
def as_seen(day: date = SHOP_CUT) -> Tables:
    """The same shop without the rows that could not be seen on the day."""
    shop = late_shop()
    frames = {name: visible_table(shop, name, day).reset_index(drop=True) for name in shop.frames}
    lines = frames["order_lines"]
    return Tables({**frames, "order_lines": lines[lines["order_id"].isin(frames["orders"]["order_id"])]}, "EUR")


def read(tables: Tables) -> ReadResult:
    return ReadResult(tables, RowLedger(1, 1), pd.DataFrame(), (), "", ())


def constraints(tables: Tables) -> tuple[Any, ...]:
    found = contact_constraints(tables, SHOP_CUT)
    contacts = found.treatments[["customer_id", "action", "sent_at"]].to_numpy().tolist()
    return found.opted_out, contacts, found.value_share


def segments(tables: Tables) -> tuple[Any, ...]:
    now = rfm_of(customer_features(tables, SHOP_CUT), tables, SHOP_CUT)
    months = rfm_at(tables, [BEFORE, SHOP_CUT])
    return now.fillna(-1).to_dict(), {str(day): rows.fillna(-1).to_dict() for day, rows in months.items()}


def what_can_be_trained(tables: Tables) -> Any:
    report = readiness(read(tables), as_of=SHOP_CUT, horizon=SPAN).to_json()
    contents = report["contents"]
    assert isinstance(contents, dict)
    return {**report, "contents": {**contents, "tables": None}}


def watched(tables: Tables) -> Any:
    customers = known_customers(tables, SHOP_CUT)
    scores = null_scores(list(customers))
    features = customer_features(tables, SHOP_CUT).reindex(customers)
    return health(scores, features, tables, {}), staleness(tables, SHOP_CUT, 0)


@pytest.mark.parametrize("part", [constraints, segments, what_can_be_trained, watched])
def test_what_is_known_only_later_changes_nothing(part: Callable[[Tables], Any]) -> None:
    assert len(as_seen().orders) < (late_shop().orders["ordered_at"] < pd.Timestamp(SHOP_CUT)).sum()
    assert part(late_shop()) == part(as_seen())


def test_a_cohort_is_that_of_the_first_order_known_at_the_date(tmp_path: Path) -> None:
    shop = late_shop()
    scores = null_scores(list(known_customers(shop, SHOP_CUT)))
    version = pd.Series("v1", index=scores.index, dtype="str")
    scores = scores.assign(predicted_clv=1.0, predicted_clv_p05=0.0, predicted_clv_p95=2.0, clv_model_version=version)
    models = {
        "clv": {"kind": "k", "version": "v1", "settings": {"horizon_days": 60.0}},
        "churn": {"reason": "not_trained"},
        "icp": {"reason": "not_trained"},
    }
    manifest = {"shop": "late", "models": models, "as_of": str(SHOP_CUT)}
    write_run(tmp_path / "scores", scores.reset_index(drop=True), manifest)
    (closed,) = ledger.close(tmp_path / "ledger", tmp_path / "scores", shop, data_hash="one", shop="late")
    first = as_seen().orders.groupby("customer_id")["ordered_at"].min().dt.to_period("Q").astype("str")
    found = closed.rows.set_index("customer_id")["cohort"]
    assert found.to_dict() == first.reindex(found.index).to_dict()
    by_event_time = shop.orders.groupby("customer_id")["ordered_at"].min().dt.to_period("Q").astype("str")
    assert (found != by_event_time.reindex(found.index)).any()


def test_an_opt_out_counts_whenever_it_was_said() -> None:
    shop = late_shop()
    customers = pd.DataFrame(
        {
            "customer_id": pd.Series(["c000", "c001"], dtype="str"),
            "marketing_consent": [False, True],
            "known_at": pd.to_datetime(["2024-06-01", "2023-01-01"]).astype("datetime64[us]"),
        }
    )
    tables = Tables({**shop.frames, "customers": customers}, "EUR")
    assert contact_constraints(tables, SHOP_CUT).opted_out == {"c000"}


def test_one_engine_answers_as_many_would() -> None:
    shop = late_shop()
    with engine(shop) as opened:
        pd.testing.assert_frame_equal(customer_features(opened, SHOP_CUT), customer_features(shop, SHOP_CUT))
