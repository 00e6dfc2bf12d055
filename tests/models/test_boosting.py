"""Boosted trees on named columns: what LightGBM does in silence is said or prevented here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import BundleError, UsageError
from cvo_ml.models.boosting import MOST_CATEGORIES, BoostedClassifier
from cvo_ml.models.protocol import Parts

RNG = np.random.default_rng(4)
N = 600
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N), "c": RNG.choice(["x", "y", "z"], size=N)})
Y = (X["a"] + 2.0 * (X["c"] == "x") + RNG.normal(size=N) > 1).to_numpy()


@pytest.fixture(scope="module")
def model() -> BoostedClassifier:
    """Twenty trees on two numbers and a text."""
    return BoostedClassifier(["a", "b"], ["c"], rounds=20).fit(X, Y)


def test_it_learns_the_number_and_the_text(model: BoostedClassifier) -> None:
    p = model.predict_positive(X)
    assert p[Y].mean() > p[~Y].mean() + 0.2
    assert min(model.importance()["a"], model.importance()["c"]) > model.importance()["b"]


def test_the_same_rows_give_the_same_trees(model: BoostedClassifier) -> None:
    again = BoostedClassifier(["a", "b"], ["c"], rounds=20).fit(X, Y)
    assert again.to_parts() == model.to_parts()


def test_the_number_of_threads_changes_no_tree(model: BoostedClassifier) -> None:
    one = BoostedClassifier(["a", "b"], ["c"], rounds=20, parameters={"num_threads": 1}).fit(X, Y)
    trees = [m.to_parts().files["trees.txt"].partition("\nparameters:")[0] for m in (one, model)]
    assert trees[0] == trees[1]


def test_column_order_and_further_columns_cannot_change_a_score(model: BoostedClassifier) -> None:
    other = X[["c", "b", "a"]].assign(customer_id="somebody")
    assert np.array_equal(model.predict_positive(other), model.predict_positive(X))
    trained_in_other_order = BoostedClassifier(["a", "b"], ["c"], rounds=20).fit(other, Y)
    assert np.array_equal(trained_in_other_order.predict_positive(X), model.predict_positive(X))


def test_each_row_is_scored_by_itself(model: BoostedClassifier) -> None:
    together = model.predict_positive(X)
    assert [model.predict_positive(X.iloc[[row]])[0] for row in (0, 17, 599)] == together[[0, 17, 599]].tolist()


@pytest.mark.parametrize("name", ["a", "c"])
def test_a_missing_column_is_named(name: str, model: BoostedClassifier) -> None:
    with pytest.raises(UsageError, match=f"columns to score are missing: {name}: compute them"):
        model.predict_positive(X.drop(columns=name))
    with pytest.raises((UsageError, KeyError), match=name):
        BoostedClassifier(["a", "b"], ["c"]).fit(X.drop(columns=name), Y)


@pytest.mark.parametrize("value", ["never seen", "", None, np.nan])
def test_an_unseen_category_scores_like_a_missing_one(value: object, model: BoostedClassifier) -> None:
    rows = X.iloc[:5]
    missing = rows.assign(c=pd.Series([None] * 5, index=rows.index, dtype="str"))
    other = rows.assign(c=pd.Series([value] * 5, index=rows.index, dtype=object))
    assert np.array_equal(model.predict_positive(other), model.predict_positive(missing))
    assert not np.array_equal(model.predict_positive(rows.assign(c="x")), model.predict_positive(missing))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinity_scores_like_a_missing_value_and_not_like_the_largest(
    value: float, model: BoostedClassifier
) -> None:
    missing, infinite, large = (
        model.predict_positive(X.iloc[:5].assign(a=number)) for number in (np.nan, value, np.sign(value) * 1e9)
    )
    assert np.array_equal(infinite, missing)
    assert not np.array_equal(infinite, large)


def test_an_infinity_in_training_is_a_missing_value() -> None:
    holes = X["a"].where(X["a"] < 1)
    ours = BoostedClassifier(["a", "b"], rounds=5).fit(X.assign(a=holes.fillna(np.inf)), Y)
    other = BoostedClassifier(["a", "b"], rounds=5).fit(X.assign(a=holes), Y)
    assert ours.to_parts() == other.to_parts()


def test_whole_numbers_and_flags_are_numbers(model: BoostedClassifier) -> None:
    rows = X.iloc[:4].assign(a=[1, 2, 3, 4], b=pd.array([True, False, None, True], dtype="boolean"))
    floats = rows.assign(a=[1.0, 2.0, 3.0, 4.0], b=[1.0, 0.0, np.nan, 1.0])
    assert np.array_equal(model.predict_positive(rows), model.predict_positive(floats))


def test_no_rows_give_no_scores(model: BoostedClassifier) -> None:
    assert model.predict_positive(X.iloc[:0]).shape == (0,)


def test_contributions_add_up_to_the_log_odds(model: BoostedClassifier) -> None:
    parts = model.contributions(X.iloc[:50])
    assert parts.shape == (50, 4)
    assert 1 / (1 + np.exp(-parts.sum(axis=1))) == pytest.approx(model.predict_positive(X.iloc[:50]))


def test_only_the_most_frequent_categories_have_a_code() -> None:
    names = pd.Series([f"k{i:02}" for i in range(MOST_CATEGORIES + 5) for _ in range(40 - i)])
    frame = pd.DataFrame({"a": np.zeros(len(names)), "c": names})
    fitted = BoostedClassifier(["a"], ["c"], rounds=1).fit(frame, np.arange(len(names)) % 2)
    assert fitted.levels_["c"] == [f"k{i:02}" for i in range(MOST_CATEGORIES)]


def test_parts_rebuild_the_model(model: BoostedClassifier) -> None:
    back = BoostedClassifier.from_parts(model.to_parts())
    assert back.columns == ("a", "b", "c")
    assert np.array_equal(back.predict_positive(X), model.predict_positive(X))
    assert back.to_parts().parameters == model.to_parts().parameters


def test_trees_of_other_columns_are_refused(model: BoostedClassifier) -> None:
    parts = model.to_parts()
    with pytest.raises(BundleError, match="other columns"):
        BoostedClassifier.from_parts(Parts({**parts.parameters, "features": ["b", "a"]}, parts.files))
