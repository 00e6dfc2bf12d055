"""The evidence of the gates on data whose truth is known: who is better, by how much, and when nobody can say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cvo_ml.config.gates import Gates
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.gate import closed, decide
from cvo_ml.registry.bundles.kinds import model_of
from cvo_ml.registry.tracking.champions import Incumbent
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from tests.priorities.makers import action
from training.evidence.gate_evidence import evidence, improvement
from training.evidence.window import EvaluationWindow

POLICY = PriorityPolicy(actions=(action("a", cost=2.0, effect=0.1),))
ROWS = 6000
OPENED = date(2024, 1, 1)


def bundle(slope: float, trained: str = "2023-12-01", **settings: object) -> Bundle:
    """Churn by recency; the truth has slope 1."""
    parameters = {"intercept": -3.5, "slope": slope, "reference": 3.5}
    return Bundle("churn", "churn.recency_logistic", parameters, {"horizon_days": 90.0, **settings}, {}, {
        "trained_as_of": trained, "shop": "s", "verdict": {"grade": "B"},
    })  # fmt: skip


TRUTH, WORSE = bundle(1.0), bundle(0.55)


@pytest.fixture(scope="module")
def trial() -> EvaluationWindow:
    rng = np.random.default_rng(3)
    X = pd.DataFrame({"days_since_last_order": rng.exponential(60, ROWS).round()})
    chance = expit(-3.5 + np.log1p(X["days_since_last_order"].to_numpy()))
    churned = rng.uniform(size=ROWS) < chance
    value = rng.lognormal(3, 1, ROWS)
    return EvaluationWindow(
        evaluated=TRUTH,
        opened=OPENED,
        features=X,
        predict=lambda found, rows: model_of(found).predict_proba(rows)[:, 1],
        measure="log_loss",
        skill=lambda predicted, rows: -float(log_loss(churned[rows], predicted[rows]).mean()),
        stake=lambda predicted: predicted * value,
        actual=churned * value,
        eligible=X,
        slope=lambda predicted: logistic_recalibration(churned, predicted).slope_interval(),
        slices={"early": np.arange(ROWS) < 3000, "late": np.arange(ROWS) >= 3000, "few": np.arange(ROWS) < 9},
    )


def test_the_truth_beats_a_flat_model_by_what_theory_says(trial: EvaluationWindow) -> None:
    found = evidence(trial, TRUTH, Incumbent(4, WORSE), POLICY).to_json()
    p, q = (trial.predict(b, trial.features) for b in (TRUTH, WORSE))
    entropy, cross = (-(p * np.log(x) + (1 - p) * np.log1p(-x)).mean() for x in (p, q))
    assert found["improvement"]["lower"] < 1 - entropy / cross < found["improvement"]["upper"]
    assert found["improvement"]["lower"] > 0
    assert found["calibration"]["lower"] < 1 < found["calibration"]["upper"]
    assert set(found["slices"]) == {"early", "late"}  # nine rows are not judged
    assert found["psi"] > 0.2
    assert found["champion"] == {
        "version": 4, "judged_with": "the champion", "hash": WORSE.version, "grade": "B", "kind": WORSE.kind
    }  # fmt: skip
    assert found["eligible"] == {"known": ROWS, "scored": ROWS}


def test_profit_is_that_of_the_decisions(trial: EvaluationWindow) -> None:
    found = evidence(trial, TRUTH, Incumbent(4, WORSE), POLICY).to_json()["profit"]
    value = trial.stake(np.ones(ROWS))
    for who, model in (("challenger", TRUTH), ("champion", WORSE)):
        stakes = trial.predict(model, trial.features) * value
        earned = sum(0.1 * came - 2 for stake, came in zip(stakes, trial.actual, strict=True) if 0.1 * stake > 2)
        assert found[who] == pytest.approx(earned / ROWS, rel=1e-12)
    assert found["difference"]["estimate"] == pytest.approx(found["challenger"] - found["champion"])
    assert found["challenger"] > found["champion"]


def test_a_model_is_neither_better_nor_worse_than_itself_and_passes(trial: EvaluationWindow) -> None:
    found = evidence(trial, TRUTH, Incumbent(4, TRUTH), POLICY)
    assert found.comparison is not None
    same = found.comparison
    assert (same.improvement.lower, same.improvement.upper, same.psi) == (0, 0, 0)
    assert closed(decide(found, Gates(), 4)) == ""


def test_a_worse_model_finds_its_gates_closed(trial: EvaluationWindow) -> None:
    found = evidence(replace(trial, evaluated=WORSE), WORSE, Incumbent(4, TRUTH), POLICY)
    names = [check.gate for check in decide(found, Gates(), 4) if not check.is_open]
    assert {"improvement", "profit", "slices", "score_shift", "calibration_slope"} == set(names)


def test_a_champion_that_has_seen_the_window_is_stood_for_by_its_model_as_judged(trial: EvaluationWindow) -> None:
    seen = bundle(1.0, trained="2024-02-01")
    found = evidence(trial, TRUTH, Incumbent(4, seen, judged=WORSE), POLICY)
    other = evidence(trial, TRUTH, Incumbent(4, WORSE), POLICY)
    assert found.champion.judged_with == "its model as judged"
    assert found.comparison.improvement == other.comparison.improvement


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (Incumbent(4, bundle(1.0, trained="2024-01-02")), "the champion has learned from data until 2024-01-02"),
        (
            Incumbent(4, bundle(1.0, trained="2024-03-01"), bundle(1.0, trained="2024-01-02")),
            "its model as judged has learned from data until 2024-01-02, and the window that judges opens on 2024",
        ),
        (Incumbent(4, bundle(1.0, definition="cancelled")), "another outcome (definition cancelled and not None)"),
        (
            Incumbent(4, replace(WORSE, settings={"horizon_days": 60.0})),
            "another outcome (horizon_days 60.0 and not 90.0)",
        ),
        (Incumbent(4, None, fault="SHA-256 differs"), "cannot be read: SHA-256 differs"),
    ],
    ids=["seen", "both seen", "definition", "horizon", "damaged"],
)
def test_what_cannot_be_compared_says_why_and_closes_the_gate(
    trial: EvaluationWindow, standing: Incumbent, words: str
) -> None:
    found = evidence(trial, TRUTH, standing, POLICY)
    assert words in found.not_comparable
    assert "improvement" not in found.to_json()
    assert [check.gate for check in decide(found, Gates(), 4) if not check.is_open] == ["comparable"]


def test_a_champion_that_reads_other_columns_cannot_be_compared(trial: EvaluationWindow, churn_bundle: Bundle) -> None:
    champion = replace(churn_bundle, settings=TRUTH.settings, facts=TRUTH.facts)
    found = evidence(trial, TRUTH, Incumbent(4, champion), POLICY)
    assert "columns to score are missing" in found.not_comparable


def test_without_a_champion_only_the_models_own_numbers_stand(trial: EvaluationWindow) -> None:
    found = evidence(trial, TRUTH, None, POLICY)
    assert not {"champion", "improvement", "profit", "psi"} & set(found.to_json())
    assert closed(decide(found, Gates(), None)) == ""


def test_the_interval_of_the_improvement_covers_the_truth_as_often_as_it_says() -> None:
    """95 % intervals over 120 simulated windows, of a difference that is known."""
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(120):
        loss = rng.normal(1, 0.3, (2, 400)) + rng.normal(0, 0.3, 400)
        trial = EvaluationWindow(
            TRUTH, OPENED, pd.DataFrame(), lambda *_: np.empty(0), "loss",
            skill=lambda predicted, rows: -float(predicted[rows].mean()),
            stake=lambda predicted: predicted, actual=np.empty(0), eligible=pd.DataFrame(),
        )  # fmt: skip
        found = improvement(trial, loss[0], loss[1] * 1.1, np.arange(400))
        inside += found.lower < 1 - 1 / 1.1 < found.upper
    assert 105 <= inside <= 120  # binomial(120, .95): 105 lies 3.8 standard deviations below
