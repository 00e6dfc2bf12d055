"""Moments of the simulated data equal theory within four Monte Carlo standard errors."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, hyp2f1

from cvo_ml.config.simulation import BetaDistribution, Dependence, Dependences, Dropout, Renewal
from cvo_ml.simulate import SimulatedShopConfig, saas_preset, shop_preset, simulate_shop
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.saas.leads import contact_propensity
from cvo_ml.simulate.shop import population, purchases
from cvo_ml.simulate.shop.clock import Clock

from .shops import CDNOW, PARETO, cohort

N = 200_000
SIGMAS = 4.0


def repeat_orders(
    config: SimulatedShopConfig, weeks: list[float], customers: int = 60_000, parts: int = 4
) -> np.ndarray:
    """Orders after the first within ``weeks`` of each customer's own first order; shape (n, len(weeks))."""
    counts = []
    for number in range(parts):
        block = Block(config.seed, number, 0, customers)
        clock = Clock.of(config.season, config.start, config.end)
        profile = population.draw_profile(config, clock, block)
        traits = population.draw_traits(config, profile, clock, block)
        rng = block.stream("purchases")
        process = purchases.begin(traits.personal_clock(clock), traits, profile.born, rng)
        purchases.advance(process, config.days, rng)
        who, day = purchases.orders_of(process)
        age = day - profile.born[who]
        counts.append([np.bincount(who[age < 7 * week], minlength=customers) for week in weeks])
    return np.concatenate(counts, axis=1).T


def assert_mean(sample: np.ndarray, expected: float) -> None:
    error = sample.std() / np.sqrt(len(sample))
    assert abs(sample.mean() - expected) < SIGMAS * error, (sample.mean(), expected, error)


def bg_nbd_mean(t: float, r: float, alpha: float, a: float, b: float) -> float:
    """E[X(t)]; Fader, Hardie & Lee 2005, eq. 9."""
    z = t / (alpha + t)
    return (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, z))


class TestPurchases:
    def test_bg_nbd_means_equal_the_published_tracking_of_cdnow(self):
        """Fader, Hardie & Lee 2005: E[X(t)] at 1, 3, 31.8571, 32, 78 weeks (printed with four decimals)."""
        published = {1.0: 0.0532, 3.0: 0.1506, 31.8571: 1.0405, 32.0: 1.0437, 77.0: None}
        counts = repeat_orders(cohort(), list(published))
        for column, (week, value) in enumerate(published.items()):
            theory = bg_nbd_mean(week, **CDNOW)
            assert value is None or theory == pytest.approx(value, abs=1e-4)
            assert_mean(counts[:, column], theory)

    def test_bg_nbd_silence_equals_the_published_probability(self):
        """Fader, Hardie & Lee 2005: P(X(39) = 0) = .5737864 with unrounded parameters: (alpha / (alpha + t))^r."""
        silent = repeat_orders(cohort(), [39.0])[:, 0] == 0
        assert_mean(silent, (CDNOW["alpha"] / (CDNOW["alpha"] + 39.0)) ** CDNOW["r"])
        assert silent.mean() == pytest.approx(0.5737864, abs=0.005)

    def test_pareto_nbd_mean_equals_the_published_expectation(self):
        """BTYD's walkthrough: E(52) = 1.473434 with its parameters (here CLVTools')."""
        r, alpha, s, beta = 0.55315, 10.57633, 0.60625, 11.67150
        theory = r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + 52.0)) ** (s - 1))
        assert theory == pytest.approx(1.473434, abs=1e-3)
        assert_mean(repeat_orders(cohort(Renewal(r=r, alpha=alpha), PARETO), [52.0])[:, 0], theory)

    def test_mbg_nbd_is_bg_nbd_with_a_chance_to_leave_at_the_first_order(self):
        """P(X(t) = 0) = E[p] + (1 - E[p]) (alpha / (alpha + t))^r; Batislam et al. 2007."""
        after_first = Dropout(per_order=BetaDistribution(a=0.891, b=1.614), after_first_order=True)
        silent = repeat_orders(cohort(Renewal(r=0.525, alpha=6.183), after_first), [39.0])[:, 0] == 0
        leaves = 0.891 / (0.891 + 1.614)
        assert_mean(silent, leaves + (1 - leaves) * (6.183 / (6.183 + 39.0)) ** 0.525)

    def test_without_dropout_counts_are_negative_binomial(self):
        counts = repeat_orders(cohort(Renewal(r=1.2, alpha=8.0), Dropout()), [52.0])[:, 0]
        law = stats.nbinom(1.2, 8.0 / (8.0 + 52.0))
        assert_mean(counts, law.mean())
        assert_mean((counts - law.mean()) ** 2, law.var())

    @pytest.mark.parametrize("k", [1, 3])
    def test_gaps_have_the_stated_regularity(self, k: int):
        gaps = purchases._gaps(np.full(N, k), np.random.default_rng(1), np.arange(N))
        assert_mean(gaps, 1.0)
        assert_mean((gaps - 1.0) ** 2, 1.0 / k)

    def test_bg_bb_mean_equals_theory_with_the_published_donation_parameters(self):
        """Fader, Hardie & Shang 2010, eq. 8; their parameters."""
        alpha, beta, gamma, delta, n = 1.2035, 0.7498, 0.6568, 2.7839, 6
        shop = simulate_shop("donation", n_customers=100_000)
        orders = shop.tables.orders.groupby("customer_id").size().to_numpy() - 1
        ratio = np.exp(
            gammaln(gamma + delta) - gammaln(gamma + delta + n) + gammaln(1 + delta + n) - gammaln(1 + delta)
        )
        assert_mean(orders, alpha / (alpha + beta) * delta / (gamma - 1) * (1 - ratio))

    def test_one_time_buyers_buy_once(self):
        assert repeat_orders(cohort(one_time=True), [77.0]).max() == 0


class TestMoney:
    def test_gamma_gamma_mean_is_p_v_over_q_minus_1(self):
        orders = simulate_shop(cohort(weeks=10), N, tables=["orders"]).tables.orders
        assert_mean(orders.groupby("customer_id")["net"].first().to_numpy(), 6.25 * 15.44 / (3.74 - 1))

    def test_values_of_a_customer_vary_as_gamma_p(self):
        shop = simulate_shop(cohort(weeks=10), N, tables=["orders"])
        mean = shop.truth.customers["mean_order_value"].to_numpy()
        first = shop.tables.orders.groupby("customer_id")["net"].first().to_numpy() / mean
        assert_mean(first, 1.0)
        assert_mean((first - 1.0) ** 2, 1.0 / 6.25)


class TestDependence:
    def test_marginals_stay_gamma_and_beta_whatever_the_dependence(self):
        depends = Dependences(
            rate=Dependence(observed={"engagement": 0.6}),
            dropout=Dependence(observed={"engagement": -0.5}, with_rate=-0.4),
            spend=Dependence(observed={"age": 0.5}, with_rate=0.3),
        )
        truth = simulate_shop(cohort(depends=depends, weeks=2), 50_000).truth.customers
        rate = stats.gamma(CDNOW["r"], scale=1 / (7 * CDNOW["alpha"]))
        assert stats.kstest(truth["rate_per_day"], rate.cdf).pvalue > 1e-3
        assert stats.kstest(truth["dropout_per_order"], stats.beta(CDNOW["a"], CDNOW["b"]).cdf).pvalue > 1e-3
        assert stats.kstest(6.25 / truth["mean_order_value"], stats.gamma(3.74, scale=1 / 15.44).cdf).pvalue > 1e-3
        correlation = truth[["rate_per_day", "mean_order_value", "dropout_per_order"]].corr("spearman").to_numpy()
        assert correlation[0, 1] > 0.1
        assert correlation[0, 2] < -0.3

    def test_without_dependence_traits_are_independent(self):
        truth = simulate_shop(cohort(weeks=2), 50_000).truth.customers
        correlation = truth[["rate_per_day", "mean_order_value", "dropout_per_order"]].corr("spearman").to_numpy()
        assert np.abs(correlation - np.eye(3)).max() < SIGMAS / np.sqrt(50_000)

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
    def test_the_profile_explains_the_stated_share_of_effects(self, share: float):
        config = shop_preset("shop", (f"campaigns.observable_share={share}",))
        effects = simulate_shop(config, 20_000, tables=["orders"]).truth.frames["effects"]
        gift = effects[effects["action"] == "loyalty_gift"]
        explained = gift["observable_effect"].var() / gift["effect"].var()
        assert explained == pytest.approx(share, abs=0.03)
        assert gift["effect"].mean() == pytest.approx(0.3, abs=0.01)


class TestPropensities:
    def test_logged_propensities_are_the_frequencies_of_the_actions(self):
        treatments = simulate_shop("shop", 20_000, tables=["treatments"]).tables.get("treatments")
        for _, rows in treatments.groupby("action"):
            weight = 1.0 / rows["propensity"]
            error = np.sqrt((weight**2 - weight).sum())  # of a Horvitz-Thompson count
            assert abs(weight.sum() - len(treatments)) < SIGMAS * error
        assert treatments["propensity"].between(0, 1, inclusive="neither").all()

    @pytest.mark.parametrize("selection", [0.0, 1.0])
    def test_contact_propensity_has_the_stated_mean_however_selective(self, selection: float):
        config = saas_preset("saas", (f"contact.selection={selection}",))
        propensity = contact_propensity(config, np.random.default_rng(1).standard_normal((N, 4)))
        assert propensity.mean() == pytest.approx(config.contact.share, abs=0.005)
        assert (propensity.std() < 1e-12) == (selection == 0)
