"""Properties of the small functions that tables are made with."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.simulate.columns import ids
from cvo_ml.simulate.shop.sales import split_cents, with_first_orders
from cvo_ml.simulate.traits import beta_quantile, gamma_quantile, ordered_classes


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 6)), min_size=1, max_size=30), st.integers(0, 2**32))
def test_parts_of_an_order_add_up_to_the_cent(orders: list[tuple[int, int]], seed: int):
    amount = np.array([cents / 100 for cents, _ in orders])
    part_of = np.repeat(np.arange(len(orders)), [parts for _, parts in orders])
    parts = split_cents(amount, part_of, 0.01 + np.random.default_rng(seed).standard_exponential(len(part_of)))
    np.testing.assert_array_equal(np.round(np.bincount(part_of, parts), 2), amount)
    assert (parts >= 0).all()


@given(st.lists(st.integers(0, 10**8 - 1), min_size=1, max_size=50))
def test_ids_say_their_number(numbers: list[int]):
    assert ids("c########", np.array(numbers)).to_pylist() == [f"c{number:08d}" for number in numbers]


@given(st.lists(st.integers(0, 4), max_size=40))
def test_every_customer_has_a_first_order(later: list[int]):
    who, number, day = with_first_orders(np.arange(5.0), np.sort(np.array(later, np.int64)), np.full(len(later), 9.0))
    np.testing.assert_array_equal(who[number == 0], np.arange(5))
    np.testing.assert_array_equal(day[number == 0], np.arange(5.0))
    np.testing.assert_array_equal(np.bincount(who), 1 + np.bincount(np.array(later, np.int64), minlength=5))


@given(st.floats(0.05, 50), st.floats(0.05, 50))
def test_quantiles_rise_with_the_index_and_stay_in_range(a: float, b: float):
    index = np.linspace(-6, 6, 200)
    shares, rates = beta_quantile(index, a, b), gamma_quantile(index, a, b)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert (np.diff(shares) >= 0).all()
    assert (np.diff(rates) >= 0).all()
    assert (rates >= 0).all()


def test_class_scores_have_mean_0_and_variance_1_and_rise_with_the_class():
    shares = np.array([0.3, 0.25, 0.25, 0.12, 0.08])
    codes, scores = ordered_classes(shares, np.random.default_rng(1).random(200_000))
    assert abs(scores.mean()) < 0.01
    assert abs(scores.var() - 1) < 0.02
    means = [scores[codes == code][0] for code in range(5)]
    assert means == sorted(means)


def test_one_class_has_no_score():
    codes, scores = ordered_classes(np.array([1.0]), np.random.default_rng(1).random(10))
    assert not codes.any()
    assert not scores.any()
