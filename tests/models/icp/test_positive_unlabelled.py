"""Positive-unlabelled lookalikes on data whose hidden winners are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import ModelRefused, UsageError
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.icp import PositiveUnlabelled, SourceRate
from cvo_ml.models.protocol import Bundled
from cvo_ml.registry.bundles.bundle import load_bundle, save_bundle
from cvo_ml.registry.bundles.kinds import bundle_of, model_of
from cvo_ml.stats.ranking import auc

N, C = 4000, 0.4
NUMBERS, TEXTS = ("size", "interest"), ("source",)


def people(seed: int, sharp: float) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Fields, P(winner), winner and known winner; ``sharp`` says how well fields tell winners from losers."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"size": rng.normal(size=N), "interest": rng.normal(size=N), "source": rng.choice(["a", "b"], N)})
    index = X["size"] + X["interest"] + (X["source"] == "a") - 1.2
    probability = (1 / (1 + np.exp(-sharp * index))).to_numpy()
    winner = rng.random(N) < probability
    return X, probability, winner, winner & (rng.random(N) < C)


@pytest.fixture(scope="module")
def fitted() -> tuple[PositiveUnlabelled, pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    X, probability, winner, known = people(1, sharp=1.5)
    model = PositiveUnlabelled(NUMBERS, TEXTS, 40, {"num_leaves": 7}, bags=4).fit(X, known, frequency=C)
    return model, X, probability, winner, known


def test_the_score_is_the_probability_of_a_winner_and_plain_classification_is_not(fitted) -> None:
    model, X, _, _, known = fitted
    later, truth, later_winner, _ = people(2, sharp=1.5)
    ours = model.predict_proba(later)[:, 1]
    plain = BoostedClassifier(NUMBERS, TEXTS, 40, {"num_leaves": 7}).fit(X, known).predict_positive(later)
    assert np.abs(ours - truth).mean() < 0.1
    assert np.abs(plain - truth).mean() > 0.2  # it takes the never asked for losers
    assert auc(later_winner, ours) > auc(later_winner, plain) - 0.005
    assert ours.mean() == pytest.approx(later_winner.mean(), abs=0.06)


def test_the_label_frequency_meets_the_truth_on_scar_data() -> None:
    """Winners known completely at random; fields that tell winners well, and fields that nearly separate them."""
    inside = 0
    for seed, sharp in ((3, 1.5), (4, 1.5), (3, 40.0), (4, 40.0), (5, 40.0)):
        X, _, winner, known = people(seed, sharp)
        model = PositiveUnlabelled(NUMBERS, TEXTS, 40, {"num_leaves": 7}, bags=3).fit(X, known)
        assert model.frequency_ == model.elkan_noto_.estimate
        inside += model.elkan_noto_.lower <= known.sum() / winner.sum() <= model.elkan_noto_.upper
    assert inside >= 4


def test_where_even_the_surest_are_not_all_winners_the_label_frequency_is_too_small() -> None:
    X, _, winner, known = people(3, sharp=0.3)
    found = PositiveUnlabelled(NUMBERS, TEXTS, 40, {"num_leaves": 7}, bags=3).fit(X, known).elkan_noto_
    assert found.upper < known.sum() / winner.sum()


def test_scores_are_probabilities_and_percentiles_are_of_the_reference(fitted) -> None:
    model, X, *_ = fitted
    score = model.predict_proba(X)[:, 1]
    assert score.min() >= 0
    assert score.max() <= 1
    assert model.percentile(score).mean() == pytest.approx(50, abs=1.5)
    alone = model.percentile(model.predict_proba(X.iloc[[17]])[:, 1])
    assert alone[0] == model.percentile(score)[17]
    small = PositiveUnlabelled(NUMBERS, TEXTS, 10, bags=2).fit(X, np.arange(N) < 400, frequency=0.01)
    assert small.predict_proba(X)[:, 1].max() == 1.0  # 400 / 4000 / .01 is clipped


def test_a_bundle_rebuilds_every_bag(fitted, tmp_path) -> None:
    model, X, *_ = fitted
    assert isinstance(model, Bundled)
    bundle = bundle_of("icp", model, {"setting": "leads"})
    back = model_of(load_bundle(save_bundle(bundle, tmp_path / "icp")))
    assert back.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
    assert back.columns == model.columns
    assert bundle_of("icp", back, {"setting": "leads"}).model_hash == bundle.model_hash
    assert len(bundle.files) == 4


def test_effects_are_what_a_field_adds(fitted) -> None:
    model, X, *_ = fitted
    names, effects = model.effects(X)
    assert names == (*NUMBERS, *TEXTS)
    high = (X["size"] > 1.5).to_numpy()
    assert effects[high, 0].mean() > 0.05 > effects[~high, 0].mean()


def test_where_winners_are_many_background_is_still_left_out_to_calibrate_on() -> None:
    """Three times as many of the background as winners are more than there are."""
    X, _, winner, _ = people(6, sharp=1.0)
    assert winner.mean() > 0.25
    model = PositiveUnlabelled(NUMBERS, TEXTS, 40, {"num_leaves": 7}, bags=3).fit(X, winner, 1.0)
    later, truth, *_ = people(7, sharp=1.0)
    score = model.predict_proba(later)[:, 1]
    assert score.mean() == pytest.approx(truth.mean(), abs=0.02)
    assert np.corrcoef(score, truth)[0, 1] > 0.9


def test_weights_bring_the_level_of_a_chosen_sample_back_to_that_of_all() -> None:
    """Sales asked the interested, and the model does not see interest."""
    X, _, winner, _ = people(8, sharp=1.0)
    blind, chance = X[["size", "source"]], 1 / (1 + np.exp(-2 * X["interest"].to_numpy()))
    asked = np.random.default_rng(0).random(N) < chance
    fitted = [
        PositiveUnlabelled(["size"], TEXTS, 40, {"num_leaves": 7}, bags=3).fit(
            blind[asked], winner[asked], 1.0, weight=weight, reference=blind
        )
        for weight in (None, 1 / chance[asked].clip(0.02))
    ]
    plain, weighted = (model.predict_proba(blind)[:, 1] for model in fitted)
    assert plain.mean() > winner.mean() + 0.08
    assert weighted.mean() == pytest.approx(winner.mean(), abs=0.03)
    assert fitted[1].percentile(weighted).mean() == pytest.approx(50, abs=1.5)  # of all, asked or not


@pytest.mark.parametrize("positives", [0, 59, N])
def test_fewer_than_60_known_winners_or_no_background_is_refused(positives: int) -> None:
    X, *_ = people(1, 1.0)
    with pytest.raises(ModelRefused, match=f"icp: {positives:,} known winners among 4,000 people") as refused:
        PositiveUnlabelled(NUMBERS, TEXTS).fit(X, np.arange(N) < positives)
    assert refused.value.reason_code == "too_few_icp_positives"


def test_the_same_rows_give_the_same_model_and_sixty_are_enough() -> None:
    X, *_ = people(1, 1.0)
    one, two = (PositiveUnlabelled(NUMBERS, TEXTS, 5, bags=2).fit(X, np.arange(N) < 60) for _ in range(2))
    assert one.to_parts() == two.to_parts()


def test_the_rate_by_source_is_mixed_with_the_overall_rate() -> None:
    X = pd.DataFrame({"source": ["a"] * 40 + ["b"] * 60 + [None] * 100})
    won = np.array([1] * 20 + [0] * 20 + [0] * 60 + [1] * 10 + [0] * 90)
    model = SourceRate("source").fit(X, won)
    rate = 30 / 200
    found = model.predict_proba(pd.DataFrame({"source": ["a", "b", "new", None]}))[:, 1]
    assert found == pytest.approx([(20 + 20 * rate) / 60, (0 + 20 * rate) / 80, rate, rate])
    assert SourceRate.from_parts(model.to_parts()).predict_proba(X).tolist() == model.predict_proba(X).tolist()
    assert SourceRate(None).fit(X, won).predict_proba(X)[:, 1].tolist() == [rate] * 200
    with pytest.raises(UsageError, match="source"):
        model.predict_proba(pd.DataFrame({"other": ["a"]}))
