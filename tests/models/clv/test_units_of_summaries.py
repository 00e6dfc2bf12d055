"""A summary carries its unit: a model in another one refuses it, fitting and predicting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.features import rfm_summary
from cvo_ml.models.clv import BetaGeoBinomialModel, BetaGeoModel, CustomerLifetimeValue, fit_purchases

from .shops import simulate_shop

QUARTER = Horizon("90D")


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    """Days and values of 400 customers from 2023-01-01 on."""
    shop = simulate_shop(400, 0.9, 45.0, 0.8, 4.0, seed=7)
    repeats = np.repeat(np.arange(len(shop)), shop["frequency"].astype(int) + 1)
    day = np.random.default_rng(7).integers(0, 300, len(repeats))
    return pd.DataFrame(
        {
            "order_id": [f"A{i}" for i in range(len(repeats))],
            "customer_id": [f"C{i}" for i in repeats],
            "ordered_at": pd.Timestamp("2023-01-01") + pd.to_timedelta(day, unit="D"),
            "net": 10.0 + day % 7,
        }
    )


def test_a_weekly_summary_into_a_daily_model_is_refused_with_the_remedy(orders) -> None:
    weekly = rfm_summary(orders, as_of="2023-12-01", unit="W")
    for ask in (
        lambda: CustomerLifetimeValue().fit(weekly),
        lambda: fit_purchases(weekly),
        lambda: BetaGeoBinomialModel("D").fit(weekly),
    ):
        with pytest.raises(UsageError, match=r"in W and the model in D: .*unit='D'.*time_unit='W'"):
            ask()
    daily = rfm_summary(orders, as_of="2023-12-01")
    model = CustomerLifetimeValue().fit(daily)
    for ask in (
        lambda: model.predict(weekly, horizon=QUARTER),
        lambda: model.transactions_.probability_alive(weekly.iloc[:1]),
        lambda: model.residual_value(weekly[weekly["frequency"] > 1].copy(), discount_rate=0.1),
    ):
        with pytest.raises(UsageError, match="in W and the model in D"):
            ask()


def test_the_unit_changes_no_answer_where_model_and_summary_agree(orders) -> None:
    totals = [
        BetaGeoModel(unit).fit(found).expected_purchases(found, QUARTER).sum()
        for unit in "DW"
        for found in [rfm_summary(orders, as_of="2023-12-01", unit=unit)]
    ]
    assert totals[0] == pytest.approx(totals[1], rel=1e-6)


def test_the_unit_outlives_what_is_done_to_a_summary(orders, tmp_path: Path) -> None:
    weekly = rfm_summary(orders, as_of="2023-12-01", unit="W")
    weekly.to_parquet(tmp_path / "summary.parquet")
    made = {
        "rows": weekly[weekly["T"] > 5],
        "columns": weekly[["frequency", "recency", "T"]],
        "assign": weekly.assign(group=1).reset_index(),
        "sorted sample": weekly.sort_values("T").sample(9, random_state=0),
        "stacked": pd.concat([weekly, weekly]),
        "from a file": pd.read_parquet(tmp_path / "summary.parquet"),
    }
    assert {name: frame.attrs.get("unit") for name, frame in made.items()} == dict.fromkeys(made, "W")


def test_a_frame_without_a_unit_is_read_in_the_models(orders) -> None:
    weekly = rfm_summary(orders, as_of="2023-12-01", unit="W")
    unknown = pd.DataFrame({name: weekly[name].to_numpy() for name in weekly})
    assert BetaGeoModel("W").fit(unknown).params_ == BetaGeoModel("W").fit(weekly).params_
    converted = weekly.assign(recency=weekly["recency"] * 7, T=weekly["T"] * 7)
    converted.attrs["unit"] = "D"
    assert np.isfinite(BetaGeoModel().fit(converted).expected_purchases(converted, QUARTER)).all()


def test_a_bare_number_is_no_horizon(orders) -> None:
    daily = rfm_summary(orders, as_of="2023-12-01")
    with pytest.raises(UsageError, match="such as '90D'"):
        BetaGeoModel().fit(daily).expected_purchases(daily, 90)
