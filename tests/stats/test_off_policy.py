"""Off-policy estimates: against enumeration, against the Open Bandit logs, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.stats.off_policy import Floats, NoSupportError, PolicyValue, effective_sample_size, policy_value

POSITIONS = 3


class TestKnownTruth:
    """Three contexts, three actions, known reward probabilities: the value of a policy is a finite sum."""

    REWARD = np.array([[0.1, 0.5, 0.3], [0.6, 0.2, 0.4], [0.3, 0.3, 0.9]])
    LOGGING = np.array([[0.6, 0.2, 0.2], [0.3, 0.5, 0.2], [0.4, 0.4, 0.2]])
    TARGET = np.array([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])

    def estimate(self, rng: np.random.Generator, wrong_model: bool = False) -> PolicyValue:
        n = 2_000
        context = rng.integers(0, 3, n)
        action = (rng.random(n)[:, None] > self.LOGGING[context].cumsum(axis=1)).sum(axis=1)
        reward = (rng.random(n) < self.REWARD[context, action]).astype(float)
        guess = np.full((3, 3), 0.5) if wrong_model else self.REWARD
        model = guess[context, action], (self.TARGET * guess).sum(axis=1)[context]
        return policy_value(reward, self.TARGET[context, action], self.LOGGING[context, action], model=model)

    @pytest.mark.parametrize("name", ["ips", "snips", "doubly_robust"])
    @pytest.mark.parametrize("wrong_model", [False, True])
    def test_intervals_cover_the_true_value(self, name: str, wrong_model: bool) -> None:
        truth = (self.TARGET * self.REWARD).sum(axis=1).mean()
        rng = np.random.default_rng(3)
        found = [self.estimate(rng, wrong_model).interval(name) for _ in range(200)]
        assert 0.90 <= np.mean([one.lower <= truth <= one.upper for one in found]) <= 0.99
        assert np.mean([one.estimate for one in found]) == pytest.approx(truth, abs=0.005)

    def test_a_good_model_makes_the_doubly_robust_estimate_sharper(self) -> None:
        rng = np.random.default_rng(4)
        found = self.estimate(rng)
        assert found.doubly_robust_error is not None
        assert found.doubly_robust_error < found.ips_error


def test_the_logging_policy_itself_has_the_mean_reward() -> None:
    rng = np.random.default_rng(5)
    reward, chance = rng.random(500), rng.uniform(0.1, 1, 500)
    found = policy_value(reward, chance, chance)
    assert (found.ips, found.snips, found.effective_sample_size) == pytest.approx((reward.mean(), reward.mean(), 500))


@pytest.mark.parametrize(
    ("target", "propensity", "unsupported", "message"),
    [
        (0.5, 0.0, 0.0, "propensities must lie in"),
        (0.5, 1.5, 0.0, "propensities must lie in"),
        (0.5, 0.5, 0.02, "could never show 2.0%"),
        (0.0, 0.5, 0.0, "worth only 0.0"),
    ],
)
def test_without_support_it_refuses(target: float, propensity: float, unsupported: float, message: str) -> None:
    with pytest.raises(NoSupportError, match=message):
        policy_value(np.ones(500), np.full(500, target), np.full(500, propensity), unsupported=unsupported)


def frequencies(log: pd.DataFrame, items: int) -> Floats:
    """Share of each item at each position, shape (positions, items)."""
    counts = np.zeros((POSITIONS, items))
    np.add.at(counts, (log["position"].to_numpy() - 1, log["item_id"].to_numpy()), 1.0)
    return counts / counts.sum(axis=1, keepdims=True)


def reward_model(log: pd.DataFrame, target: Floats, folds: int = 5) -> tuple[Floats, Floats]:
    """Click rate by item, shrunk to the mean, from the other folds: of the shown item, and of the target policy."""
    item, place, click = (log[name].to_numpy() for name in ("item_id", "position", "click"))
    fold = np.arange(len(log)) % folds
    of_item, of_policy = np.zeros((2, len(log)))
    for part in range(folds):
        other, mine = fold != part, fold == part
        clicks = np.bincount(item[other], weights=click[other], minlength=target.shape[1])
        shown = np.bincount(item[other], minlength=target.shape[1])
        rate = (clicks + 200 * click[other].mean()) / (shown + 200)
        of_item[mine], of_policy[mine] = rate[item[mine]], (target @ rate)[place[mine] - 1]
    return of_item, of_policy


@pytest.mark.parametrize("campaign", ["men", "women"])
@pytest.mark.parametrize(("logged", "wanted"), [("random", "bts"), ("bts", "random")])
def test_open_bandit_finds_the_other_policys_value_or_refuses(
    public_data: Path, campaign: str, logged: str, wanted: str
) -> None:
    """Open Bandit (Saito et al. 2021): the other log is the answer; women BTS to random has about 2 effective rows."""
    folder = public_data / "open_bandit"
    log, other = (pd.read_parquet(folder / f"{name}_{campaign}.parquet") for name in (logged, wanted))
    items = int(max(log["item_id"].max(), other["item_id"].max())) + 1
    policy = frequencies(other, items)
    target = policy[log["position"].to_numpy() - 1, log["item_id"].to_numpy()]
    propensity, click = log["propensity_score"].to_numpy(), log["click"].to_numpy(dtype=float)
    if (campaign, logged) == ("women", "bts"):
        assert effective_sample_size(target / propensity) == pytest.approx(2, abs=1)
        with pytest.raises(NoSupportError, match=r"worth only 2\.\d to this policy"):
            policy_value(click, target, propensity)
        return
    found = policy_value(click, target, propensity, model=reward_model(log, policy))
    truth = other["click"].to_numpy(dtype=float)
    noise = truth.std(ddof=1) / np.sqrt(len(truth))
    for name in ("ips", "snips", "doubly_robust"):
        gap, error = getattr(found, name) - truth.mean(), np.hypot(getattr(found, f"{name}_error"), noise)
        assert abs(gap) <= 1.96 * error
