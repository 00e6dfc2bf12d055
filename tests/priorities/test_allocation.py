"""The allocation: published path, HiGHS as the oracle, and what must hold for every problem."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, kron, vstack

from cvo_ml.core.arrays import Floats
from cvo_ml.priorities.allocation import allocate
from cvo_ml.priorities.allocation.knapsack import NONE, path
from cvo_ml.priorities.allocation.prices import Limits

NOBODY_OWED = np.zeros(0, dtype=np.int64)


def limits(customers: int, use: list[list[float]], most: list[float], owed: tuple[int, ...] = ()) -> Limits:
    group = np.arange(customers) % len(owed) if owed else np.full(customers, NONE)
    return Limits(np.array(use, dtype=float), np.array(most, dtype=float), group, np.array(owed, dtype=np.int64))


def shop(customers: int, seed: int = 0, owed: bool = False) -> tuple[Floats, Limits]:
    """Skewed stakes, five actions in three channels; the budget and the three capacities all bind."""
    rng = np.random.default_rng(seed)
    effect = np.array([0.03, 0.05, 0.08, 0.12, 0.2]) * rng.lognormal(0, 0.4, (customers, 5))
    cost = np.array([0.3, 1.0, 2.5, 4.0, 9.0])
    profit = rng.lognormal(3, 1.2, customers)[:, None] * effect - cost
    channels = [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    most = [0.5 * customers, 0.25 * customers, 0.08 * customers, 0.01 * customers]
    minima = (round(0.07 * customers),) * 4 if owed else ()
    return profit, limits(customers, [cost.tolist(), *channels], most, minima)


def by_highs(profit: Floats, rules: Limits, gap: float = 0.0) -> float:
    """The optimum with one binary variable for each customer and action: no classes, no prices."""
    n, k = profit.shape
    once = kron(csr_array(np.eye(n)), np.ones((1, k)))
    rows = [csr_array(np.tile(rules.use, n)), csr_array(once)]
    low, high = np.full(len(rules.limit) + n, -np.inf), np.concatenate([rules.limit, np.ones(n)])
    if len(rules.minimum):
        member = (rules.group[None, :] == np.arange(len(rules.minimum))[:, None]).astype(float)
        rows.append(csr_array(np.repeat(member, k, axis=1)))
        low, high = np.append(low, rules.minimum), np.append(high, np.full(len(rules.minimum), np.inf))
    usable = (profit > 0).ravel().astype(float)
    found = milp(
        -np.where(profit > 0, profit, 0.0).ravel(), integrality=1, bounds=Bounds(0, usable),
        constraints=LinearConstraint(vstack(rows).tocsr(), low, high), options={"mip_rel_gap": gap},
    )  # fmt: skip
    return -float(found.fun)


def earned(profit: Floats, choice: np.ndarray) -> float:
    who = np.flatnonzero(choice != NONE)
    return float(profit[who, choice[who]].sum())


class TestReference:
    GAINS = np.array([[30.0, 10.0], [40.0, 50.0], [10.0, 55.0]])  # Alice, Bob, Eve

    def test_the_published_path_of_two_actions(self) -> None:
        """A worked example: spend and gain per head along the path."""
        found = path(self.GAINS, np.array([3.0, 6.0]))
        assert list(zip(found.customer.tolist(), found.action.tolist(), strict=True)) == [
            (1, 0),
            (0, 0),
            (2, 1),
            (1, 1),
        ]
        assert (found.spent / 3).tolist() == [1, 2, 4, 5]
        assert (found.profit / 3).tolist() == pytest.approx([13.33, 23.33, 41.67, 45.0], abs=0.005)

    @pytest.mark.parametrize(
        ("budget", "choice"), [(3, [-1, 0, -1]), (6, [0, 0, -1]), (12, [0, 0, 1]), (15, [0, 1, 1])]
    )
    def test_the_allocation_follows_the_path(self, budget: float, choice: list[int]) -> None:
        done = allocate(self.GAINS, limits(3, [[3, 6]], [budget]))
        assert done.choice.tolist() == choice
        assert done.used.tolist() == [budget]


class TestAgainstHighs:
    @pytest.mark.parametrize("owed", [False, True])
    @pytest.mark.parametrize("seed", range(4))
    def test_few_customers_are_solved_exactly(self, seed: int, owed: bool) -> None:
        profit, rules = shop(120, seed, owed)
        assert allocate(profit, rules).profit == pytest.approx(by_highs(profit, rules), rel=1e-9)

    @pytest.mark.parametrize("owed", [False, True])
    def test_many_customers_are_within_a_thousandth(self, owed: bool) -> None:
        profit, rules = shop(2_000, 5, owed)
        best = by_highs(profit, rules, gap=1e-4)
        done = allocate(profit, rules)
        assert done.profit >= best * (1 - 1e-3)
        assert done.bound >= best * (1 - 1e-9)
        assert done.gap <= 1e-3
        assert not done.shortage.any()

    def test_one_budget_alone_is_within_a_thousandth(self) -> None:
        profit, rules = shop(2_000, 6)
        rules = limits(2_000, [rules.use[0].tolist()], [600.0])
        assert allocate(profit, rules).profit >= by_highs(profit, rules, gap=1e-5) * (1 - 1e-3)


PROFITS = st.lists(
    st.lists(st.one_of(st.floats(-5, 50), st.sampled_from([np.nan, -np.inf, 0.0, 7.0])), min_size=3, max_size=3),
    min_size=1, max_size=12,
)  # fmt: skip
BUDGET = st.floats(0, 30)


@settings(max_examples=80)
@given(PROFITS, BUDGET, st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(0, 4))
def test_no_limit_is_exceeded_and_nothing_that_loses_is_chosen(
    rows: list[list[float]], budget: float, capacities: tuple[int, int], owed: int
) -> None:
    profit = np.array(rows)
    rules = limits(len(rows), [[0.3, 2.0, 5.0], [1, 1, 0], [0, 0, 1]], [budget, *capacities], (owed, owed))
    done = allocate(profit, rules)
    assert (rules.use @ np.bincount(done.choice[done.choice != NONE], minlength=3) <= rules.limit * (1 + 1e-9)).all()
    who = np.flatnonzero(done.choice != NONE)
    assert (profit[who, done.choice[who]] > 0).all()
    assert done.profit == pytest.approx(earned(profit, done.choice))
    assert done.bound >= done.profit


@settings(max_examples=60)
@given(PROFITS, BUDGET, BUDGET, st.booleans())
def test_more_budget_never_lowers_the_planned_profit(
    rows: list[list[float]], first: float, second: float, capped: bool
) -> None:
    use, most = ([[0.3, 2.0, 5.0], [0, 1, 1]], [3.0]) if capped else ([[0.3, 2.0, 5.0]], [])
    less, more = (
        allocate(np.array(rows), limits(len(rows), use, [budget, *most])).profit for budget in sorted([first, second])
    )
    assert more >= less - 1e-6 * max(1.0, less)


def test_more_budget_never_lowers_the_profit_of_many() -> None:
    profit, rules = shop(1_500, 8)
    use = rules.use.tolist()
    by_budget = [allocate(profit, limits(1_500, use, [b, *rules.limit[1:]])).profit for b in (0, 100, 300, 500, 700)]
    assert by_budget[0] == earned(profit[:, :0], np.zeros(0, int)) == 0.0
    assert (np.diff(by_budget) >= 0).all()


@settings(max_examples=40)
@given(PROFITS, BUDGET)
def test_a_customer_worth_nothing_changes_nothing(rows: list[list[float]], budget: float) -> None:
    use, most = [[0.3, 2.0, 5.0], [0, 1, 1]], [budget, 3.0]
    alone = allocate(np.array(rows), limits(len(rows), use, most))
    for place in (0, len(rows)):
        more = np.insert(np.array(rows), place, [-1.0, 0.0, np.nan], axis=0)
        joined = allocate(more, limits(len(more), use, most))
        assert joined.choice[place] == NONE
        assert np.delete(joined.choice, place).tolist() == alone.choice.tolist()


class TestEdges:
    USE = [[1.0, 4.0], [0.0, 1.0]]

    @pytest.mark.parametrize("rows", [[[-1.0, -2.0]] * 3, [[np.nan, -np.inf]], [[0.0, 0.0]], np.zeros((0, 2)).tolist()])
    def test_where_nothing_pays_nothing_is_spent(self, rows: list[list[float]]) -> None:
        done = allocate(np.array(rows).reshape(len(rows), 2), limits(len(rows), self.USE, [10.0, 1.0]))
        assert done.used.sum() == done.profit == done.bound == done.gap == 0.0

    def test_zero_budget_spends_nothing_and_names_the_price_of_the_first_euro(self) -> None:
        done = allocate(np.array([[3.0, 8.0], [2.0, 20.0]]), limits(2, [[1.0, 4.0]], [0.0]))
        assert (done.choice == NONE).all()
        assert done.prices.resource.tolist() == [5.0]

    def test_an_action_without_cost_needs_no_budget(self) -> None:
        done = allocate(np.array([[3.0, 8.0]]), limits(1, [[0.0, 4.0]], [0.0]))
        assert done.choice.tolist() == [0]

    def test_all_equal_customers_are_served_in_their_order(self) -> None:
        profit = np.tile([[2.0, 5.0]], (10_000, 1))
        done = allocate(profit, limits(10_000, self.USE, [3_000.0, 500.0]))
        assert done.profit == 3_000 * 2.0  # a euro earns 2 in the first action, 1.25 in the second
        chosen = np.flatnonzero(done.choice != NONE)
        assert chosen.tolist() == list(range(3_000))

    def test_one_customer(self) -> None:
        assert allocate(np.array([[2.0, 9.0]]), limits(1, self.USE, [3.0, 1.0])).choice.tolist() == [0]
        assert allocate(np.array([[2.0, 9.0]]), limits(1, self.USE, [4.0, 1.0])).choice.tolist() == [1]

    def test_a_minimum_that_cannot_be_met_is_met_as_far_as_it_pays(self) -> None:
        profit = np.array([[5.0], [4.0], [-1.0], [1.0]])  # segments 0, 1, 0, 1
        done = allocate(profit, limits(4, [[1.0]], [2.0], (2, 1)))
        assert done.shortage.tolist() == [1, 0]
        assert done.choice.tolist() == [0, 0, NONE, NONE]

    def test_a_minimum_moves_contacts_and_says_what_it_costs(self) -> None:
        profit = np.array([[9.0], [2.0], [8.0], [1.0]])
        done = allocate(profit, limits(4, [[1.0]], [2.0], (1, 1)))
        assert done.choice.tolist() == [0, 0, NONE, NONE]
        assert done.prices.reward[1] == pytest.approx(6.0)  # 8 given up for 2

    def test_prices_say_what_one_more_unit_earns(self) -> None:
        profit, rules = shop(100, 9)
        base = by_highs(profit, rules)
        price = allocate(profit, rules).prices.resource
        for place in range(4):
            more = rules.limit.copy()
            more[place] += 1.0
            gain = by_highs(profit, limits(100, rules.use.tolist(), more.tolist())) - base
            # whole contacts: the price is that of the relaxed problem
            assert gain <= price[place] + (allocate(profit, rules).bound - base) + 1e-6
