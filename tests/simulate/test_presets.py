"""Presets load, keep every contract, and wrong ones are refused with the key that is wrong."""

from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from cvo_ml.config.simulation import (
    Campaigns,
    Channel,
    Dependence,
    GammaDistribution,
    Population,
    SimulatedSaasConfig,
    SimulatedSeason,
)
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import ConfigError
from cvo_ml.simulate import preset_names, saas_preset, shop_preset, simulate_saas, simulate_shop
from cvo_ml.simulate.columns import ids

from .shops import cohort


def test_names_of_the_presets():
    assert preset_names("shop") == ["cdnow", "donation", "grocery", "shop", "shop_full", "wholesaler"]
    assert preset_names("saas") == ["saas", "saas_full"]


@pytest.mark.parametrize("name", preset_names("shop"))
@pytest.mark.parametrize("customers", [1, 137])
def test_every_shop_preset_keeps_all_contracts_at_any_size(name: str, customers: int):
    shop = simulate_shop(name, customers)
    assert shop.config.name == name
    assert len(shop.truth.customers) == customers
    assert shop.seed == shop_preset(name).seed


def test_a_vendor_of_one_lead_and_no_account_is_answered():
    saas = simulate_saas(saas_preset("saas", ("contact.share=0.0",)), 1)
    assert len(saas.tables.orders) == 0
    assert len(saas.truth.expected_value("2022-01-01", "90D")) == 0


def test_the_two_demo_presets_hold_every_table_of_the_product():
    made = set(simulate_shop("shop", 50).tables.frames) | set(simulate_saas("saas", 500).tables.frames)
    not_made = {"accounts", "annotations", "choices", "deliveries", "feature_requests", "initiatives", "months", "okrs"}
    not_made |= {"price_answers", "product_features", "referrals", "reviews"}
    assert made == set(CONTRACTS) - not_made - {"fx"}  # a simulated business has one currency


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'cdnow'"):
        shop_preset("cdnov")
    with pytest.raises(ConfigError, match="no shop preset 'saas'"):
        shop_preset("saas")


def test_an_override_reaches_the_preset():
    assert shop_preset("cdnow", ("margin.mean=0.5",)).margin.mean == 0.5
    with pytest.raises(ConfigError, match=r"margin\.meen"):
        shop_preset("cdnow", ("margin.meen=0.5",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"acquired_until": date(2019, 1, 1)}, "must follow each other"),
        ({"channels": (Channel(name="a", share=0.5),)}, "shares of channels must add up to 1"),
        ({"touchpoints": ({"name": "a", "causes": 0.7}, {"name": "b", "causes": 0.7})}, "cannot cause more"),
        ({"catalogue": {"products": 3, "toxic_products": 3}}, "fewer than products"),
        ({"depends": {"rate": {"observed": {"channel": 0.3}}}}, "at least two channels"),
        ({"customers_per_block": 100_000}, "less than or equal to 65536"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_an_inconsistent_shop_is_refused(settings: dict[str, object], message: str):
    with pytest.raises(ValidationError, match=message):
        cohort(**settings)


def test_donors_have_no_season_and_shops_do_not_mix_ways_to_buy():
    donors = shop_preset("donation").populations[0]
    with pytest.raises(ValidationError, match="can buy at any time"):
        cohort(populations=(donors,), season=SimulatedSeason(yearly_amplitude=0.2))
    buyers = shop_preset("cdnow").populations[0]
    halves: tuple[Population, ...] = tuple(p.model_copy(update={"share": 0.5}) for p in (donors, buyers))
    with pytest.raises(ValidationError, match="all buy at any time"):
        cohort(populations=halves)


def test_parts_of_a_preset_are_checked():
    with pytest.raises(ValidationError, match="more than 1"):
        Dependence(observed={"age": 0.8, "engagement": 0.8})
    with pytest.raises(ValidationError):
        GammaDistribution(shape=0, rate=1)
    action = {"name": "a", "channel": "b", "kind": "save", "cost": 1, "mean": 0.1, "weights": {"age": 1.0}}
    with pytest.raises(ValidationError, match="overlap"):
        Campaigns(actions=(action,), every_days=30, window_days=45)
    with pytest.raises(ValidationError, match="differ from 0"):
        Campaigns(actions=(action | {"weights": {"age": 0.0}},))
    with pytest.raises(ValidationError, match="first from 1 seat"):
        SimulatedSaasConfig.model_validate(
            saas_preset("saas").model_dump() | {"plans": [{"name": "a", "from_seats": 5, "price": 1.0}]}
        )


def test_ids_that_do_not_fit_are_refused():
    with pytest.raises(OverflowError, match="does not fit"):
        ids("c##", np.array([100]))
