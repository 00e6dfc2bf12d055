"""Cost of winning and what comes of it, by hand and on a simulated shop."""

from __future__ import annotations

import pytest

from cvo_ml.core.tables import Tables
from cvo_ml.simulate import simulate_shop
from cvo_ml.stats.intervals import Interval
from cvo_ml.value import Undefined
from cvo_ml.value.acquisition import Acquisition, AcquisitionResult, ChannelReturn, band_of
from cvo_ml.value.measures import Measured
from tests.builders import frame, shop_of

SPEND = ["date", "channel", "spend", "cost_kind"]


def analyzed(tables: Tables, as_of: str, **settings: float) -> AcquisitionResult:
    found = Acquisition(**settings).run(tables, as_of)  # type: ignore[arg-type]
    assert isinstance(found, AcquisitionResult)
    return found


def estimate(value: Measured) -> float:
    assert isinstance(value, Interval), value
    return value.estimate


@pytest.mark.parametrize(
    ("ratio", "band"),
    [
        (0.5, "unsustainable"), (1, "unsustainable"), (1.01, "thin"), (2, "thin"), (2.99, "thin"), (3, "healthy"),
        (4, "healthy"), (5, "healthy"), (5.01, "underinvesting"),
    ],
)  # fmt: skip
def test_the_bands_at_1_2_3_and_5(ratio: float, band: str) -> None:
    """A7: the sources name 1, 2, 3 and 5; what lies between is ours (docs/methods.md)."""
    assert band_of(ratio) == band


@pytest.fixture(scope="module")
def found() -> AcquisitionResult:
    """Forty customers a channel in January 2023. Search: 20 each to win, 100 in the order, 60 of it goods, again in
    March; television: 90 each, one order of 100 of which the goods are 60."""
    orders, people = [], []
    for channel in ("search", "tv"):
        for n in range(40):
            who = f"{channel}{n}"
            people.append((who, channel))
            orders.append((f"{who}-1", who, "2023-01-10", 100.0, 60.0))
            if channel == "search":
                orders.append((f"{who}-2", who, "2023-03-10", 100.0, 60.0 + n % 3))
    spent = [
        ("2023-01-01", "search", 500.0, "ads"), ("2023-01-01", "search", 200.0, "people"),
        ("2023-01-01", "search", 100.0, "tools"), ("2023-01-01", "tv", 3_600.0, None),
    ]  # fmt: skip
    tables = {
        "orders": frame("orders", ["order_id", "customer_id", "ordered_at", "net", "cost"], orders),
        "customers": frame("customers", ["customer_id", "acquisition_channel"], people),
        "acquisition_spend": frame("acquisition_spend", SPEND, spent),
    }
    return analyzed(Tables(tables, "EUR"), "2024-02-01", months=13)


def channel(found: AcquisitionResult, name: str) -> ChannelReturn:
    return next(one for one in found.channels if one.channel == name)


def test_all_three_kinds_of_spend_are_the_cost(found: AcquisitionResult) -> None:
    """A6: ads, people and tools; spend without a kind is ads."""
    search, tv = channel(found, "search"), channel(found, "tv")
    assert search.spend == {"ads": 500.0, "people": 200.0, "tools": 100.0}
    assert estimate(search.cost) == pytest.approx(20.0)
    assert tv.spend["ads"] == 3_600.0
    assert estimate(found.whole.cost) == pytest.approx(55.0)


def test_first_year_value_against_cost_with_the_probability_of_each_band(found: AcquisitionResult) -> None:
    search, tv = channel(found, "search"), channel(found, "tv")
    assert estimate(search.ratio) == pytest.approx((40 + 39.025) / 20)
    assert sum(search.bands.values()) == pytest.approx(1.0)
    assert tv.bands["unsustainable"] > 0.99  # 40 of margin for 90


def test_a_channel_with_a_fine_return_on_ad_spend_that_loses_money_is_named(found: AcquisitionResult) -> None:
    """A8: television has 4,000 of revenue for 3,600 of ads, and 1,600 of margin."""
    tv = channel(found, "tv")
    assert estimate(tv.roas) == pytest.approx(4_000 / 3_600)
    assert estimate(tv.left) == pytest.approx(1_600 - 3_600)
    assert tv.flips
    assert not channel(found, "search").flips
    assert "lower what is spent on tv" in found.sentences()[-1]


def test_months_until_paid_back_and_what_is_not_yet(found: AcquisitionResult) -> None:
    """N3: search in the month itself; television has not in twelve months, which is no zero."""
    assert estimate(channel(found, "search").payback_months) == 0
    late = channel(found, "tv").payback_months
    assert isinstance(late, Undefined)
    assert late.reason == "not paid back after 12 months"


def test_payback_comes_with_the_second_order() -> None:
    orders = [(f"{n}-{month}", f"c{n}", f"2023-0{month}-10", 30.0) for n in range(20) for month in (1, 4)]
    spend = frame("acquisition_spend", SPEND[:3], [("2023-01-03", "search", 1_000.0)])
    people = frame("customers", ["customer_id", "acquisition_channel"], [(f"c{n}", "search") for n in range(20)])
    tables = Tables(
        {
            "orders": frame("orders", ["order_id", "customer_id", "ordered_at", "net"], orders),
            "customers": people, "acquisition_spend": spend,
        },
        "EUR",
    )  # fmt: skip
    assert estimate(analyzed(tables, "2023-09-01").whole.payback_months) == 3


def test_what_the_simulated_shop_spends_on_a_customer_is_recovered() -> None:
    """The preset says what a customer of each channel costs; the interval of the measured cost holds it."""
    made = simulate_shop("shop", n_customers=3_000)
    found = analyzed(made.tables, "2023-04-01", months=24)
    for true in made.truth.config.channels:
        cost = channel(found, true.name).cost
        assert isinstance(cost, Interval)
        assert cost.lower < true.cost_per_customer * 1.06
        assert cost.upper > true.cost_per_customer * 0.94


def test_without_spend_there_is_a_reason() -> None:
    found = analyzed(shop_of([("1", "a", "2023-01-01", 9.0)]), "2023-06-01")
    assert found.whole.cost == Undefined("there is no spend on winning customers")
    assert found.channels == ()
