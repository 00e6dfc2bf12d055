"""Expectations, probabilities and quantiles against independent calculations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import betainc, hyp2f1

from cvo_ml.models.clv.bg_nbd import BetaGeoLaw
from cvo_ml.models.clv.likelihood import trigamma
from cvo_ml.models.clv.pareto_nbd import ParetoLaw
from cvo_ml.models.clv.purchase_law import discounted_purchases, force_of_interest, residual_purchases
from cvo_ml.models.clv.value_interval import ValueLaw, _beta_prime_cumulative

CDNOW = np.array([0.2425945, 4.4136019, 0.7929199, 2.4258881])


def one(shape: float, age: float, leave: float, stay: float) -> BetaGeoLaw:
    return BetaGeoLaw(*(np.array([value]) for value in (shape, age, leave, stay)))


def updated_law(parameters: np.ndarray, x: np.ndarray, T: np.ndarray) -> BetaGeoLaw:
    r, alpha, a, b = parameters
    return BetaGeoLaw(r + x, alpha + T, a + 0.0 * x, b + x)


def expected_purchases_alive(law, span):
    return law.expected(np.full((1, len(law.age)), span))[0]


def closed_form(shape, age, leave, stay, span):
    """Fader, Hardie & Lee (2005) eq. (9), which breaks down near a = 1."""
    z = span / (age + span)
    factor = (leave + stay - 1) / (leave - 1)
    return factor * (1 - hyp2f1(shape, stay, leave + stay - 1, z) * (1 - z) ** shape)


@pytest.mark.parametrize("leave", [0.1, 0.8, 0.999, 1.001, 2.5, 12.0])
@pytest.mark.parametrize("shape", [0.25, 3.2, 40.0])
@pytest.mark.parametrize("span", [0.5, 30.0, 900.0])
def test_expected_purchases_equal_the_closed_form(leave, shape, span):
    expected = closed_form(shape, 20.0, leave, 2.4 + shape, span)
    assert expected_purchases_alive(one(shape, 20.0, leave, 2.4 + shape), span) == pytest.approx([expected], rel=1e-9)


def test_expected_purchases_at_a_equal_to_one_lie_between_their_neighbours():
    below, exact, above = (expected_purchases_alive(one(2.0, 9.0, a, 3.0), 30.0)[0] for a in (1 - 1e-7, 1.0, 1 + 1e-7))
    assert above < exact < below
    assert exact == pytest.approx((above + below) / 2, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "leave", "stay"), [(0.3, 1e-4, 1e3), (1e6, 0.8, 1e6), (0.5, 50.0, 0.5), (1e3, 0.01, 1e5)]
)
def test_expected_purchases_at_extreme_parameters_equal_quadrature(shape, leave, stay):
    log_odds = np.linspace(-80.0 / (1 + leave) - np.log(stay + 1) - 60, 200.0, 400_001)
    log_p, log_q = -np.logaddexp(0, -log_odds), -np.logaddexp(0, log_odds)
    from scipy.special import betaln

    density = np.exp(leave * log_p + stay * log_q - betaln(leave, stay))
    curve = -np.expm1(-shape * np.log1p(np.exp(log_p) * 3.0)) / np.exp(log_p)
    tail = shape * 3.0 * stats.beta.cdf(np.exp(log_p[0]), leave, stay)
    expected = integrate.trapezoid(density * curve, log_odds) + tail
    assert expected_purchases_alive(one(shape, 10.0, leave, stay), 30.0) == pytest.approx([expected], rel=1e-8)


@pytest.mark.parametrize("rate", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("age", [0.5, 40.0, 700.0])
def test_discounting_equals_a_fine_riemann_sum(rate, age):
    law = one(1.7, age, 0.8, 3.4)
    days = np.linspace(0, 1826.25, 4001)[1:]
    steps = np.diff([expected_purchases_alive(law, t)[0] for t in days], prepend=0.0)
    middle = np.append(days[0] / 2, (days[1:] + days[:-1]) / 2)
    expected = (steps * (1 + rate) ** (-middle / 365.25)).sum()
    assert discounted_purchases(law, 1826.25, force_of_interest(rate, 1.0)) == pytest.approx([expected], rel=5e-6)


def test_counts_have_the_probabilities_and_the_mean_of_the_model_up_to_thousands():
    law = updated_law(CDNOW, np.array([3.0, 60.0]), np.array([30.0, 38.0]))
    n = np.arange(4000.0)[:, None]
    mass = law.pmf(n, 52.0)
    assert np.all(np.isfinite(mass))
    assert mass.sum(axis=0) == pytest.approx([1.0, 1.0], rel=1e-12)
    assert (n * mass).sum(axis=0) == pytest.approx(expected_purchases_alive(law, 52.0), rel=1e-10)
    assert mass[0] == pytest.approx(law.silence(52.0), rel=1e-12)
    assert law.survival(n[1:], 52.0) == pytest.approx(1 - np.cumsum(mass, axis=0)[:-1], abs=1e-11)


def test_simulated_purchases_have_the_expectation_and_the_silence_of_the_model():
    law = updated_law(CDNOW, np.array([0.0, 4.0]), np.array([10.0, 30.0]))
    alive = np.array([1.0, 0.6])
    rng = np.random.default_rng(1)
    draws = law.simulate(39.0, 200_000, rng)
    draws *= rng.random(draws.shape) < alive
    error = 5 * draws.std(axis=0) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - alive * expected_purchases_alive(law, 39.0)) < error)
    silent = 1 - alive * (1 - law.silence(39.0))
    assert (draws == 0).mean(axis=0) == pytest.approx(silent, abs=0.006)


@pytest.mark.parametrize(
    ("x", "age", "alive"), [(0.0, 40.0, 1.0), (2.0, 30.0, 0.5), (12.0, 38.0, 0.97), (150.0, 38.0, 1.0)]
)
def test_value_quantiles_leave_the_stated_share_of_simulated_values_below(x, age, alive):
    law = updated_law(CDNOW, np.array([x]), np.array([age]))
    p, q, alone = 6.25, np.array([3.74 + 6.25 * x]), np.zeros(1, np.intp)
    rng = np.random.default_rng(2)
    counts = law.simulate(52.0, 100_000, rng)[:, 0] * (rng.random(100_000) < alive)
    worth = ValueLaw(law, alone, np.array([alive]), q, 52.0, p).tabulated()
    value = np.where(counts > 0, rng.gamma(np.maximum(p * counts, 1e-9)) / rng.gamma(q[0], size=len(counts)), 0.0)
    for level in (0.05, 0.5, 0.8, 0.95):
        quantile = worth.quantiles(np.array([level]))[0, 0]
        below = (value <= quantile).mean()
        assert below == pytest.approx(max(level, (value == 0).mean()), abs=0.006)
        exceeded = worth.exceedance(np.array([quantile]))[0]
        assert exceeded == pytest.approx((value > quantile).mean(), abs=0.006)


LAWS = {
    "BG/NBD": updated_law(CDNOW, np.array([0.0, 3.0, 25.0]), np.array([10.0, 30.0, 38.0])),
    "Pareto/NBD": ParetoLaw(*np.array([[0.55, 4.0, 26.0], [20.0, 41.0, 49.0], [0.6, 1.0, 2.4], [22.0, 42.0, 50.0]])),
}


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
class TestEveryLaw:
    def test_the_waiting_time_is_where_silence_ends(self, law):
        for level in (0.05, 0.3, 0.5):
            time = law.waiting_time(np.full(3, level))
            for i, t in enumerate(time):
                if np.isinf(t):
                    assert law.silence(1e30)[i] >= 1 - level
                    continue
                assert law.silence(t)[i] == pytest.approx(1 - level, rel=1e-9)

    def test_counts_add_up_and_agree_with_each_other(self, law):
        n = np.arange(3000.0)[:, None]
        mass = law.pmf(n, 52.0)
        assert mass.sum(axis=0) == pytest.approx(1.0, rel=1e-9)
        assert (n * mass).sum(axis=0) == pytest.approx(expected_purchases_alive(law, 52.0), rel=1e-7)
        assert mass[0] == pytest.approx(law.silence(52.0), rel=1e-9)
        assert law.survival(n[1:], 52.0) == pytest.approx(1 - np.cumsum(mass, axis=0)[:-1], abs=1e-8)

    def test_the_table_of_survival_equals_its_values_also_where_probabilities_underflow(self, law):
        for span in (52.0, 1e-3, 1e9):
            n = np.arange(1.0, 91.0)
            expected = law.rows((slice(None), None)).survival(n, span)
            assert law.survival_up_to(90, span) == pytest.approx(expected, abs=1e-10)

    def test_simulation_has_the_mean_and_the_silence(self, law):
        draws = law.simulate(52.0, 100_000, np.random.default_rng(1))
        error = 5 * draws.std(axis=0) / np.sqrt(len(draws))
        assert np.all(np.abs(draws.mean(axis=0) - expected_purchases_alive(law, 52.0)) < error)
        assert (draws == 0).mean(axis=0) == pytest.approx(law.silence(52.0), abs=0.008)

    def test_purchases_come_at_the_pace_of_those_still_alive(self, law):
        """A later span holds what those alive at its start expect: E(t + h) − E(t) <= E(h), and alive falls."""
        alive = np.array([law.still_alive(t) for t in (1e-9, 10.0, 52.0, 1e6)])
        assert alive[0] == pytest.approx(1.0, abs=1e-6)
        assert np.all(np.diff(alive, axis=0) < 0)
        assert np.all(alive > 0)

    @pytest.mark.parametrize("rate", [0.05, 0.15])
    def test_an_endless_horizon_equals_a_very_long_one(self, law, rate):
        force = force_of_interest(rate, 7.0)
        weeks = np.concatenate([[0.0], np.geomspace(0.01, 40 / force, 6000)])
        expected = law.expected(np.repeat(weeks[:, None], 3, axis=1))
        middle = np.exp(-force * (weeks[1:] + weeks[:-1]) / 2)
        assert residual_purchases(law, force) == pytest.approx(middle @ np.diff(expected, axis=0), rel=1e-4)

    def test_rows_are_themselves_alone(self, law):
        for i in range(3):
            alone = law.rows(slice(i, i + 1))
            assert alone.expected(np.full((1, 1), 9.0))[0] == pytest.approx(
                law.expected(np.full((1, 3), 9.0))[0, i], rel=1e-11
            )


def test_a_bg_nbd_customer_is_alive_later_with_the_probability_of_quadrature():
    law = LAWS["BG/NBD"]
    for i in range(3):
        R, A, a, b = law.shape[i], law.age[i], law.leave[i], law.stay[i]

        def alive(p, R=R, A=A, a=a, b=b):
            return (1 + p * 30 / A) ** -R * stats.beta.pdf(p, a, b)

        expected = integrate.quad(alive, 0, 1)[0]
        assert law.still_alive(30.0)[i] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("drop", [0.6, 1.0 - 1e-12, 1.0, 1.0 + 1e-12, 3.0])
def test_pareto_expectations_equal_quadrature_also_at_s_equal_to_one(drop):
    law = ParetoLaw(np.array([2.5]), np.array([15.0]), np.array([drop]), np.array([11.0]))
    expected = 2.5 / 15.0 * integrate.quad(lambda t: (11 / (11 + t)) ** drop, 0, 40)[0]
    assert expected_purchases_alive(law, 40.0) == pytest.approx([expected], rel=1e-9)


@pytest.mark.parametrize(("a", "q"), [(0.4, 0.3), (6.0, 3.7), (900.0, 3.7), (5e3, 4e3)])
def test_the_running_sum_of_the_beta_prime_density_equals_the_incomplete_beta_function(a, q):
    step = np.clip(np.sqrt(trigamma(q)) / 6, 1 / 256, 1 / 12)
    middle = np.log(a / q)
    log_scale = middle + step * np.arange(-200, 200)
    shapes = np.array([[a], [3 * a]])
    expected = betainc(shapes, q, 1 / (1 + np.exp(-log_scale)))
    assert _beta_prime_cumulative(shapes, q, log_scale) == pytest.approx(expected, abs=5e-6)
