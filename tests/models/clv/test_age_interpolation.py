"""Interpolation over customers' ages against the same quantities computed age by age."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import BetaGeoModel, CustomerLifetimeValue, ModifiedBetaGeoModel, ParetoNBDModel
from cvo_ml.models.clv.age_interpolation import over_ages
from cvo_ml.models.clv.bg_nbd_distribution import BetaGeoLaw
from cvo_ml.models.clv.purchase_law import discounted_purchases

from .shops import simulate_with_future


def every_age(shape: float, alpha: float, leave: float, stay: float, oldest: int = 3000) -> BetaGeoLaw:
    age = alpha + np.arange(float(oldest))
    return BetaGeoLaw(np.full_like(age, shape), age, np.full_like(age, leave), np.full_like(age, stay))


@settings(max_examples=40, deadline=None)
@given(
    shape=st.floats(0.05, 3000.0),
    alpha=st.floats(0.01, 300.0),
    leave=st.floats(1e-3, 50.0),
    stay=st.floats(0.5, 1000.0),
    span=st.floats(0.5, 3650.0),
    force=st.sampled_from([0.0, 0.1 / 365, 1.0 / 365]),
)
def test_interpolated_expectations_equal_those_of_each_age(shape, alpha, leave, stay, span, force):
    law = every_age(shape, alpha, leave, stay)

    def worked_out(some: BetaGeoLaw) -> np.ndarray:
        return discounted_purchases(some, span, force)

    assert over_ages(law, worked_out) == pytest.approx(worked_out(law), rel=1e-11)


def test_only_a_few_ages_are_worked_out_and_lone_customers_as_they_are():
    seen = []
    crowd, alone = every_age(0.3, 5.0, 0.8, 2.5), every_age(9.3, 77.7, 0.8, 11.5, oldest=1)
    law = BetaGeoLaw(
        *(np.append(getattr(crowd, name), getattr(alone, name)) for name in ("shape", "age", "leave", "stay"))
    )

    def counted(some: BetaGeoLaw) -> np.ndarray:
        seen.append(some)
        return discounted_purchases(some, 365.0, 0.1 / 365)

    found = over_ages(law, counted)
    assert len(seen) == 1
    assert len(seen[0].age) < 150
    assert found[-1] == discounted_purchases(alone, 365.0, 0.1 / 365)[0]


@pytest.mark.parametrize("kind", [BetaGeoModel, ModifiedBetaGeoModel])
def test_a_customer_gets_the_same_value_alone_as_in_a_crowd(kind):
    shop = simulate_with_future(4000, 0.6, 30.0, 0.8, 2.5, seed=9)
    shop["monetary_value"] = np.where(shop["frequency"] > 0, 5.0 + shop["T"] % 7, 0.0)
    model = CustomerLifetimeValue(kind()).fit(shop)
    options = {"horizon": Horizon("365D"), "discount_rate": 0.1}
    together = model.predict(shop, **options)
    for row in range(0, 4000, 400):
        alone = model.predict(shop.iloc[[row]], **options)
        assert alone.to_numpy()[0] == pytest.approx(together.iloc[row].to_numpy(), rel=1e-9)


def test_another_models_law_is_not_discounted():
    shop = simulate_with_future(1500, 0.6, 30.0, 0.8, 2.5, seed=9)
    pareto = ParetoNBDModel().fit(shop)
    with pytest.raises(UsageError, match="its own law only"):
        BetaGeoModel().fit(shop)._discounted(pareto.situation(shop).law, 30.0, 0.0)
