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
        ({"without": ["toxic"]}, "toxic_products"),
        ({"referrals": {}}, "need an acquisition channel 'referral'"),
        (
            {"pages": ({"name": "a", "share": 0.7}, {"name": "b", "share": 0.7})},
            "shares of pages add up to more than 1",
        ),
        ({"deliveries": {"carriers": [{"name": "a", "share": 0.5}]}}, "shares of carriers must add up to 1"),
        ({"deliveries": {"leave_per_point": 0.3}}, "leave_per_point times most_points is more than 1"),
        ({"channels": ({"name": "a", "share": 1, "campaign_loyalty": {"x": 2}},)}, "channel 'a' has no campaign 'x'"),
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


@pytest.mark.parametrize(
    ("section", "tables"),
    [
        ({"deliveries": {"points_per_day": 1.0, "leave_per_point": 0.1}}, {"deliveries"}),
        ({"reviews": {"share": 0.5}}, {"reviews"}),
        ({"channels": ({"name": "referral", "share": 1.0},), "referrals": {"willingness": 1.0}}, {"referrals"}),
        ({"pages": ({"name": "a", "share": 0.5, "keeps": 0.5},)}, {"events"}),
        ({"accounting": {"earlier_months": 3}}, {"months", "annotations"}),
        ({"season": {"shifts": [{"at": "2020-03-01", "what": "a fix", "factor": 2.0}]}}, {"annotations"}),
        ({"season": {"value_amplitude": 0.5}}, set()),
        ({"sellers": {"number": 7}}, set()),
        ({"order_costs": {"shipping": 3.0}}, set()),
        ({"loss_makers": {"share": 0.5}}, set()),
        ({"costs_to_serve": {"overheads": [{"activity": "rent", "per_month": 9.0}]}}, {"costs_to_serve"}),
    ],
)
@pytest.mark.parametrize("draws", ["by_block", "by_customer"])
def test_each_behaviour_works_alone_on_the_plainest_shop(section: dict[str, object], tables: set[str], draws: str):
    shop = simulate_shop(cohort(weeks=20, draws=draws, **section), 60)
    assert set(shop.tables.frames) == {"customers", "orders"} | tables
    assert all(len(shop.tables.get(name)) or name == "annotations" for name in tables)


def test_orders_of_a_marketplace_have_sellers_by_size():
    sellers = simulate_shop(cohort(weeks=20, sellers={"number": 3}), 4_000).tables.orders["seller_id"].value_counts()
    share = 6 / 11 * np.array([1, 1 / 2, 1 / 3])  # sizes fall like 1 / rank
    assert list(sellers.index) == ["seller-000", "seller-001", "seller-002"]
    np.testing.assert_allclose(sellers / sellers.sum(), share, atol=0.03)


def test_what_a_vendor_cannot_have_is_refused():
    plain = saas_preset("saas").model_dump()
    for part, message in (
        ({"features": [{"name": "a", "status": "planned", "adopted": 0.5}]}, "nobody can have adopted it"),
        ({"touchpoints": [{"channel": "a", "kind": "b", "causes": 0.6}] * 2}, "cannot cause more than all won deals"),
        ({"annotations": [{"at": "2021-01-01", "what": "x", "factor": 2.0}]}, "price_rises have effects"),
        ({"price_sensitivity": {"respondents": 9, "median": 9.0, "ratios": [1, 1, 2, 3]}}, "ratios must ascend"),
    ):
        with pytest.raises(ValidationError, match=message):
            SimulatedSaasConfig.model_validate(plain | part)


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
