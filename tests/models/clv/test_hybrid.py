"""Trees on top of a buy-till-you-die model."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import BundleError, ModelRefused, UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import CustomerLifetimeValue
from cvo_ml.models.clv.hybrid import HybridLifetimeValue, with_purchase_columns
from cvo_ml.models.clv.scorers import OUTPUTS, scorer_of
from cvo_ml.models.protocol import Parts
from cvo_ml.stats.ranking import gini

from .shops import simulate_with_future

SPAN = Horizon("90D")
FEATURES = ("frequency", "recency", "T", "interest")


def rich_shop(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """A shop with a column that says more of the future than frequency and recency do."""
    X = simulate_with_future(6000, 0.8, 30.0, 0.4, 2.5, span=90.0, seed=seed)
    rng = np.random.default_rng(seed + 100)
    X["interest"] = rng.normal(size=len(X))
    worth = X["worth"] * np.exp(0.8 * X["interest"]) * (rng.random(len(X)) < 0.9)
    return X.drop(columns=["worth", "future"]), worth.to_numpy()


EARLIER, CAME_EARLIER = rich_shop(1)
LATER, CAME = rich_shop(2)
BASE = scorer_of(CustomerLifetimeValue().fit(EARLIER))
MODEL = HybridLifetimeValue(BASE, SPAN, FEATURES, reference_p90=60.0).fit(
    with_purchase_columns(EARLIER, BASE, SPAN), CAME_EARLIER, np.arange(len(EARLIER))
)


def test_it_beats_the_model_beneath_where_the_table_says_more():
    ours, beneath = (model.predict(LATER, horizon=SPAN)["predicted_clv"].to_numpy() for model in (MODEL, BASE))
    assert np.mean((CAME - ours) ** 2) < np.mean((CAME - beneath) ** 2)
    assert gini(CAME, ours) > gini(CAME, beneath) + 0.02
    assert ours.sum() == pytest.approx(CAME.sum(), rel=0.1)


def test_the_interval_holds_ninety_percent_of_new_customers():
    table = MODEL.predict(LATER, horizon=SPAN)
    low, high = table["predicted_clv_p05"].to_numpy(), table["predicted_clv_p95"].to_numpy()
    assert np.all(low <= high)
    assert 0.88 <= ((low <= CAME) & (high >= CAME)).mean() <= 0.99
    above = table["predicted_clv_p95"] > 0
    assert (high < CAME)[above].mean() == pytest.approx(0.05, abs=0.015)
    assert table["p_top_decile"].mean() == pytest.approx((CAME > 60.0).mean(), abs=0.02)


def test_the_columns_are_those_of_every_scorer_and_one_row_scores_as_all():
    table = MODEL.predict(LATER, horizon=SPAN, discount_rate=0.1)
    assert list(table.columns) == list(OUTPUTS)
    one = MODEL.predict(LATER.iloc[5:6], horizon=SPAN, discount_rate=0.1)
    pd.testing.assert_frame_equal(one, table.iloc[5:6], rtol=1e-9)
    plain = MODEL.predict(LATER, horizon=SPAN)
    assert (table["predicted_clv"] < plain["predicted_clv"]).all()
    beneath = BASE.predict(LATER, horizon=SPAN)
    for name in ("predicted_number_of_orders", "p_alive", "days_to_next_order"):
        assert plain[name].equals(beneath[name])


def test_it_travels_as_json_and_text():
    parts = MODEL.to_parts()
    parameters, files = parts.parameters, parts.files
    assert set(files) == {"hurdle.txt", "size.txt", "spread.txt"}
    again = HybridLifetimeValue.from_parts(Parts(json.loads(json.dumps(parameters, allow_nan=False)), files))
    pd.testing.assert_frame_equal(again.predict(LATER, horizon=SPAN), MODEL.predict(LATER, horizon=SPAN))
    with pytest.raises(BundleError, match="stands on"):
        HybridLifetimeValue.from_parts(Parts({**parameters, "base_kind": "os.system"}, files))
    others = files["size.txt"].replace("interest", "other")
    with pytest.raises(BundleError, match="other columns"):
        HybridLifetimeValue.from_parts(Parts(parameters, {**files, "size.txt": others}))


def test_another_horizon_and_too_few_rows_are_refused():
    with pytest.raises(UsageError, match="train again"):
        MODEL.predict(LATER, horizon=Horizon("365D"))
    few = with_purchase_columns(EARLIER.head(150), BASE, SPAN)
    with pytest.raises(ModelRefused, match="needs 200 rows"):
        HybridLifetimeValue(BASE, SPAN, FEATURES).fit(few, CAME_EARLIER[:150], np.arange(150))
