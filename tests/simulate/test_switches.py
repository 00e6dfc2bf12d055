"""An effect of a shop that is switched off leaves all else as it was: other tables, and rows of other customers."""

from collections.abc import Callable, Mapping
from typing import get_args

import pandas as pd
import pytest

from cvo_ml.config.simulation import SaasEffect, ShopEffect, switched_off
from cvo_ml.config.simulation.effects import NEUTRAL
from cvo_ml.simulate import SimulatedShop, shop_preset, simulate_shop

CUSTOMERS = 1_500


@pytest.fixture(scope="module")
def full() -> SimulatedShop:
    return simulate_shop("shop_full", CUSTOMERS)


def switched(*overrides: str) -> SimulatedShop:
    return simulate_shop(shop_preset("shop_full", overrides), CUSTOMERS)


def same_rows(frames: Mapping[str, pd.DataFrame], others: Mapping[str, pd.DataFrame], affected: set[str]) -> None:
    """Rows of customers beside the affected are equal in every table that has customers."""
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(
            rows_of_others(frame, affected), rows_of_others(others[name], affected), check_exact=True, obj=name
        )


def rows_of_others(frame: pd.DataFrame, affected: set[str]) -> pd.DataFrame:
    if "customer_id" in frame:
        who = frame["customer_id"]
    elif "unit_id" in frame:
        who = frame["unit_id"]
    elif "order_id" in frame:
        who = "c" + frame["order_id"].str[1:9]
    else:
        return frame.iloc[:0]
    return frame[~who.isin(affected)].reset_index(drop=True)


@pytest.mark.parametrize(
    ("override", "gone"),
    [
        ("reviews=null", {"reviews"}),
        ("referrals=null", {"referrals"}),
        ("accounting=null", {"months"}),
        ("touchpoints=[]", {"touchpoints"}),
        ("surveys=null", {"surveys"}),
        ("visits_per_day=0.0", {"events"}),
    ],
)
def test_a_table_switched_off_changes_no_other(full: SimulatedShop, override: str, gone: set[str]):
    without = switched(override)
    for name in set(full.tables.frames) - gone:
        pd.testing.assert_frame_equal(without.tables.frames[name], full.tables.frames[name], obj=name)


@pytest.mark.parametrize(
    ("effect", "table"),
    [
        ("touches", "touchpoints"),
        ("satisfaction", "surveys"),
        ("product_quality", "reviews"),
        ("willing_referrers", "referrals"),
        ("demanding_customers", "tickets"),
    ],
)
def test_an_effect_on_one_table_changes_no_other(full: SimulatedShop, effect: str, table: str):
    without = switched(f"without=[{effect}]")
    changed = {name for name, frame in full.tables.frames.items() if not frame.equals(without.tables.frames[name])}
    assert table in changed
    assert changed <= {table} | ({"costs_to_serve"} if table == "tickets" else set())


def left_late(shop: SimulatedShop) -> set[str]:
    late = shop.truth.frames["deliveries"].query("points_lost > 0")
    return set("c" + late["order_id"].str[1:9])


def where(column: str) -> Callable[[SimulatedShop], set[str]]:
    return lambda shop: set(shop.truth.customers.loc[shop.truth.customers[column], "customer_id"])


def of_campaigns(shop: SimulatedShop) -> set[str]:
    people = shop.tables.get("customers")
    return set(people.loc[people["acquisition_campaign"].isin(["lookalike", "carousel"]), "customer_id"])


def in_loyal_cities(shop: SimulatedShop) -> set[str]:
    people, loyal = shop.tables.get("customers"), [city.name for city in shop.config.cities if city.loyalty != 1]
    return set(people.loc[people["city"].isin(loyal), "customer_id"])


def demanding(shop: SimulatedShop) -> set[str]:
    truth = shop.truth.customers
    return set(truth.loc[truth["tickets_per_order"] > truth["tickets_per_order"].min(), "customer_id"])


def lookers(shop: SimulatedShop) -> set[str]:
    return set(shop.truth.frames["pages"]["customer_id"])


def treated(shop: SimulatedShop) -> set[str]:
    rows = shop.tables.get("treatments")
    return set(rows.loc[rows["action"] != "none", "customer_id"])


@pytest.mark.parametrize(
    ("effect", "affected"),
    [
        ("late_deliveries", left_late),
        ("leaving_after_delays", left_late),
        ("toxic_products", where("toxic_first_product")),
        ("sticky_products", where("sticky_first_product")),
        ("loyal_cities", in_loyal_cities),
        ("loyal_campaigns", of_campaigns),
        ("pages", lookers),
        ("loss_makers", where("is_loss_maker")),
        ("demanding_customers", demanding),
        ("treatments", treated),
        ("promotions", where("responsive")),
    ],
)
def test_an_effect_switched_off_changes_no_row_of_others(
    full: SimulatedShop, effect: str, affected: Callable[[SimulatedShop], set[str]]
):
    without, who = switched(f"without=[{effect}]"), affected(full)
    same_rows(full.tables.frames, without.tables.frames, who)
    assert any(not full.tables.frames[name].equals(without.tables.frames[name]) for name in full.tables.frames)


@pytest.mark.parametrize("effect", [*get_args(ShopEffect)])
def test_every_effect_of_a_shop_can_be_switched_off(full: SimulatedShop, effect: str):
    """Each at its neutral value: something changes, and switching it off twice is switching it off once."""
    config = switched_off(shop_preset("shop_full", (f"without=[{effect}]",)))
    assert config.model_copy(update={"without": ()}) != full.config
    assert switched_off(config) == config


def test_every_way_to_switch_off_has_a_name():
    assert set(NEUTRAL) == {*get_args(ShopEffect), *get_args(SaasEffect)}
