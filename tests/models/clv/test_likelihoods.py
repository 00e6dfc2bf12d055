"""Gradients, Hessians, grouping: the mathematics of the two likelihoods."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.models.clv.bg_nbd import BetaGeoLikelihood
from cvo_ml.models.clv.fit import maximise
from cvo_ml.models.clv.gamma_gamma import GammaGammaLikelihood
from cvo_ml.models.clv.histories import distinct_pairs, group_histories
from cvo_ml.models.clv.likelihood import log_rising

from .shops import simulate_shop

SHOP = simulate_shop(400, 0.6, 30.0, 0.8, 2.5, seed=3)
HISTORIES = group_histories(*(SHOP[c].to_numpy() for c in ("frequency", "recency", "T")))
RNG = np.random.default_rng(5)
PURCHASES = RNG.integers(1, 9, 300).astype(float)
SPEND = GammaGammaLikelihood(PURCHASES, RNG.gamma(4.0, 9.0, 300), np.ones(300))


def points(k: int) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(-2.0, 3.0), min_size=k, max_size=k)


def central(function, point, step=1e-5):
    """Central differences along each coordinate, stacked."""
    units = np.eye(len(point)) * step
    return np.array([(function(point + u) - function(point - u)) / (2 * step) for u in units])


@settings(max_examples=25, deadline=None)
@given(points(4))
def test_bg_nbd_gradient_and_hessian_equal_finite_differences(point):
    check_derivatives(BetaGeoLikelihood(HISTORIES), np.array(point))


@settings(max_examples=25, deadline=None)
@given(points(3))
def test_gamma_gamma_gradient_and_hessian_equal_finite_differences(point):
    check_derivatives(SPEND, np.array(point))


def check_derivatives(likelihood, point):
    value, gradient, hessian = likelihood(point)
    scale = max(1.0, abs(value), np.abs(gradient).max(), np.abs(hessian).max())
    assert central(lambda t: likelihood(t)[0], point) == pytest.approx(gradient, abs=1e-6 * scale)
    assert central(lambda t: likelihood(t)[1], point) == pytest.approx(hessian, abs=1e-6 * scale)
    assert np.array_equal(hessian, hessian.T) or hessian == pytest.approx(hessian.T, rel=1e-12)


def test_bg_nbd_value_equals_the_formula_of_fader_hardie_lee_2005_row_by_row():
    from scipy.special import betaln, gammaln

    r, alpha, a, b = theta = np.array([0.4, 20.0, 0.7, 3.0])
    x, t_x, T = (SHOP[c].to_numpy() for c in ("frequency", "recency", "T"))
    stay = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    leave = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    mixture = np.where(x > 0, np.logaddexp(stay, leave), stay)
    expected = (gammaln(r + x) - gammaln(r) + r * np.log(alpha) + mixture).sum()
    assert BetaGeoLikelihood(HISTORIES)(np.log(theta))[0] == pytest.approx(expected, rel=1e-13)


def test_blocks_add_up_to_the_whole():
    big = group_histories(*(np.tile(SHOP[c].to_numpy(), 60) + 0.0 for c in ("frequency", "recency", "T")))
    jittered = simulate_shop(30_000, 0.6, 30.0, 0.8, 2.5, seed=4)
    parts = [jittered.iloc[:7], jittered.iloc[7:]]
    groups = [group_histories(*(p[c].to_numpy() for c in ("frequency", "recency", "T"))) for p in parts]
    point = np.log([0.5, 20.0, 0.9, 2.0])
    whole = BetaGeoLikelihood(groups[0] + groups[1])(point)
    apart = [BetaGeoLikelihood(g)(point) for g in groups]
    for i in range(3):
        assert whole[i] == pytest.approx(apart[0][i] + apart[1][i], rel=1e-11)
    assert big.n_customers == 60 * len(SHOP)


@pytest.mark.parametrize("z", [9.9e3, 1.1e4, 1e6])
def test_log_rising_keeps_its_digits_where_stirling_takes_over(z):
    x = np.array([0.0, 1.0, 5.0, 40.0])
    steps = [np.arange(n) for n in (0, 1, 5, 40)]
    value, slope, curvature = log_rising(z, x)
    assert value == pytest.approx([np.log(z + s).sum() for s in steps], rel=1e-11, abs=1e-12)
    assert slope == pytest.approx([(1 / (z + s)).sum() for s in steps], rel=1e-9)
    assert curvature == pytest.approx([-(1 / (z + s) ** 2).sum() for s in steps], rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from([1.0, 1 / 7]))
def test_grouping_keeps_every_customer_once(data, unit):
    n = data.draw(st.integers(1, 60))

    def draw(top):
        return np.array(data.draw(st.lists(st.integers(0, top), min_size=n, max_size=n)), dtype=float)

    x, t_x, T, weight = draw(3), draw(4) * unit, draw(4) * unit, draw(2)
    for given_weight in (None, weight):
        grouped = group_histories(x, t_x, T, given_weight)
        counts: dict[tuple[float, float, float], float] = {}
        for row, w in zip(zip(x, t_x, T, strict=True), np.ones(n) if given_weight is None else weight, strict=True):
            if w:
                counts[row] = counts.get(row, 0.0) + w
        rows = zip(grouped.frequency, grouped.recency, grouped.T, strict=True)
        assert dict(zip(rows, grouped.count, strict=True)) == counts
        assert list(counts) == [] or grouped.frequency.tolist() == sorted(grouped.frequency)
    first, second, position = distinct_pairs(x, T)
    assert np.array_equal(first[position], x)
    assert np.array_equal(second[position], T)
    assert len(set(zip(first, second, strict=True))) == len(first)


def test_search_climbs_out_of_a_convex_region_and_stops_on_the_box():
    def bump(t):
        e = np.exp(-0.5 * t[0] ** 2)
        return float(e), np.array([-t[0] * e]), np.array([[(t[0] ** 2 - 1) * e]])

    found = maximise(bump, np.array([3.0]), lower=np.array([-9.0]), upper=np.array([9.0]))
    assert found.converged
    assert found.point == pytest.approx([0.0], abs=1e-4)

    def slope(t):
        return float(t[0]), np.ones(1), np.zeros((1, 1))

    found = maximise(slope, np.zeros(1), lower=np.array([-1.0]), upper=np.array([1.0]))
    assert found.on_bound.all()
    assert found.point == [1.0]
