"""What is said of each customer: ladders, next actions, and the days that silence leaves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import Ladder, Rung, SegmentPolicy
from cvo_ml.core.errors import ConfigError, UsageError
from cvo_ml.models.clv import BetaGeoModel, ParetoNBDModel
from cvo_ml.segments.customer_table import LONGEST_DAYS, ladder_rungs, win_back_window
from cvo_ml.segments.rules.groups import TABLES, group_table

LADDER = Ladder(
    name="mastery",
    rungs=(
        Rung(name="Padawan"),
        Rung(name="Knight", at_least={"orders": 3}),
        Rung(name="Master", at_least={"orders": 5, "value": 100}),
    ),
)


def test_a_rung_needs_every_rung_below_it() -> None:
    ladder = LADDER.model_copy(
        update={"rungs": (*LADDER.rungs[:1], Rung(name="Rich", at_least={"value": 100}), *LADDER.rungs[2:])}
    )
    table = pd.DataFrame({"orders": [1.0, 3.0, 5.0, 9.0, np.nan], "value": [999.0, 0.0, 99.0, 100.0, 50.0]})
    assert ladder_rungs(table, LADDER).tolist() == ["Padawan", "Knight", "Knight", "Master", "Padawan"]
    assert ladder_rungs(table, ladder).tolist() == ["Rich", "Padawan", "Padawan", "Master", "Padawan"]
    assert ladder_rungs(table, LADDER).cat.ordered


def test_a_ladder_on_an_unknown_feature_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"rung 'Knight': there is no feature 'orders' \(did you mean 'order'\?\)"):
        ladder_rungs(pd.DataFrame({"order": [1.0]}), LADDER)


def test_the_shipped_ladder_names_features_that_there_are(shop_features: pd.DataFrame) -> None:
    for ladder in SegmentPolicy().ladders:
        assert ladder_rungs(shop_features, ladder).notna().all()


@pytest.mark.parametrize(("vocabulary", "scale"), sorted(TABLES))
def test_every_group_of_every_vocabulary_has_its_next_action(vocabulary: str, scale: int) -> None:
    actions = load_config(default_config("policies/next_actions.yaml"), NextActions)
    for group in set(group_table(scale=scale, vocabulary=vocabulary)):
        assert group in actions.groups
        assert (actions.of(group).action is None) == (group in ("Break-up", "Inactive"))
    assert actions.of("of my own").action is None


def test_the_catalogue_of_actions_serves_the_groups_that_have_a_next_action_and_no_other() -> None:
    groups = load_config(default_config("policies/next_actions.yaml"), NextActions).groups
    catalogue = load_config(default_config("policies/priorities.yaml"), PriorityPolicy)
    served = {group for action in catalogue.actions for group in action.segments}
    assert served == {name for name, next_action in groups.items() if next_action.action is not None}


def summary(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frequency = rng.poisson(1.5, n).astype(float)
    age = rng.integers(30, 600, n).astype(float)
    recency = np.where(frequency > 0, np.floor(age * rng.beta(2, 2, n)), 0.0)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": age})


def test_the_last_chance_is_where_the_closed_form_of_bg_nbd_crosses() -> None:
    X = summary(800)
    model = BetaGeoModel().fit(X)
    r, alpha, a, b = (model.params_[name] for name in ("r", "alpha", "a", "b"))
    found = win_back_window(model, X, below=0.4)
    once = X["frequency"] == 0
    assert found.loc[once, "days_left"].isna().all()  # BG/NBD never loses them
    repeat = X[~once]
    x = repeat["frequency"]
    # Fader, Hardie & Lee (2008): P(alive) = 1 / (1 + a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x))
    odds = (1 / 0.4 - 1) * (b + x - 1) / a
    crossing = (alpha + repeat["recency"]) * odds ** (1 / (r + x)) - alpha - repeat["T"]
    expected = np.maximum(np.floor(crossing) + 1, 0)
    never = expected > LONGEST_DAYS
    assert (~never).sum() > 300
    pd.testing.assert_series_equal(found.loc[repeat.index, "days_left"], expected.mask(never), check_names=False)


def test_pareto_nbd_gives_one_time_buyers_a_window_too() -> None:
    X = summary(600, seed=2)
    model = ParetoNBDModel().fit(X)
    found = win_back_window(model, X, below=0.5)
    assert found.loc[X["frequency"] == 0, "days_left"].notna().any()
    left = found["days_left"].dropna()
    later = model.probability_alive(X.loc[left.index].assign(T=X["T"] + left))
    assert (later < 0.5).all()
    open_still = left[left > 0]
    just_before = model.probability_alive(X.loc[open_still.index].assign(T=X["T"] + open_still - 1))
    assert (just_before >= 0.5).all()


def test_a_threshold_that_is_no_probability_is_refused_and_nobody_is_no_error() -> None:
    X = summary(300)
    model = BetaGeoModel().fit(X)
    with pytest.raises(UsageError, match="give a probability between 0 and 1"):
        win_back_window(model, X, below=30)
    assert win_back_window(model, X.iloc[:0]).empty
