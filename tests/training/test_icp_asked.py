"""Who was asked, against the outcome that each would have had if asked: the same world simulated with all asked."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cvo_ml.config.jobs import IcpJob, LeadsJob, Trees
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.simulate import saas_preset, simulate_saas
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.intervals import Interval, bootstrap
from cvo_ml.stats.ranking import auc, lift
from training.icp.dataset import LeadRows, lead_rows, split_leads
from training.icp.fit_customers import train_icp
from training.icp.fit_leads import fit
from training.icp.sections import sections_of
from training.icp.selection_bias import Asked, asked_record, hidden_winners, over_all_leads, selection

AS_OF = date(2022, 12, 31)
JOB = IcpJob(setting="leads", age=Horizon("120D"), bags=5, trees=Trees(rounds=40, parameters={"num_leaves": 7}),
             leads=LeadsJob(profit_above=150.0))  # fmt: skip
SECTIONS = sections_of(JOB)
TREES = SECTIONS.learning.trees
TABLES = ("leads", "deals", "customers", "costs_to_serve")
CHANCE = ()
#: Sales ask the least mature first, so that who is asked has little to do with who would win.
CHOOSING = ("contact.selection=1.0", "contact.observed={maturity: -0.5, engagement: -0.2}")
LEADS = 24_000


@cache
def seen(choosing: tuple[str, ...]) -> LeadRows:
    return lead_rows(
        simulate_saas(saas_preset("saas", choosing), LEADS, seed=3, tables=TABLES).tables, AS_OF, SECTIONS.leads
    )


@cache
def true() -> pd.Series:
    everybody = simulate_saas(saas_preset("saas", ("contact.share=1.0",)), LEADS, seed=3, tables=TABLES).tables
    frame = lead_rows(everybody, AS_OF, SECTIONS.leads).frame
    return frame["is_top"].where(frame["decided"])


@cache
def judged(choosing: tuple[str, ...]) -> tuple[Asked, pd.DataFrame, dict[str, np.ndarray]]:
    """The record, the later leads, scores of the model and of plain classification, and the model's percentiles."""
    rows = seen(choosing)
    train, test = split_leads(rows.frame, SECTIONS.leads)
    asked = asked_record(rows, train, TREES)
    assert asked is not None
    plain = BoostedClassifier(rows.numbers, rows.texts, 40, {"num_leaves": 7}).fit(train, train["is_top"].to_numpy())
    model = fit(rows, train, SECTIONS.learning, IcpMinima(), asked)
    score = model.predict_proba(test)[:, 1]
    return asked, test, {"model": score, "plain": plain.predict_positive(test), "percentile": model.percentile(score)}


def against_the_truth(choosing: tuple[str, ...]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    _, test, scores = judged(choosing)
    known = true().loc[test.index].notna().to_numpy()
    winner = true().loc[test.index[known]].to_numpy(dtype=bool)
    return winner, {name: score[known] for name, score in scores.items()}


def test_where_sales_choose_the_order_is_better_than_plain_classifications() -> None:
    winner, scores = against_the_truth(CHOOSING)
    for measure, least in ((auc, 0.05), (lift, 0.2)):
        gain = bootstrap(
            lambda rows, of=measure: of(winner[rows], scores["model"][rows]) - of(winner[rows], scores["plain"][rows]),
            len(winner), replicates=200,
        )  # fmt: skip
        assert gain.lower > least


def test_where_chance_chooses_the_order_is_no_worse_as_theory_says() -> None:
    """Known winners at random (SCAR) are a constant share of winners at every x (Elkan & Noto 2008, lemma 1)."""
    winner, scores = against_the_truth(CHANCE)
    gain = bootstrap(
        lambda rows: auc(winner[rows], scores["model"][rows]) - auc(winner[rows], scores["plain"][rows]),
        len(winner), replicates=200,
    )  # fmt: skip
    assert gain.lower > -0.015
    assert gain.upper < 0.03


@pytest.mark.parametrize("choosing", [CHANCE, CHOOSING], ids=["chance", "choosing"])
def test_level_and_slope_meet_the_truth_and_plain_classifications_do_not(choosing: tuple[str, ...]) -> None:
    winner, scores = against_the_truth(choosing)
    asked, test, every = judged(choosing)
    found = over_all_leads(test, every["model"], asked)
    assert found["all_leads_winner_rate_lower"] <= winner.mean() <= found["all_leads_winner_rate_upper"]
    assert scores["model"].mean() == pytest.approx(winner.mean(), abs=0.03)
    assert logistic_recalibration(winner, scores["model"]).slope_interval().meets(0.9, 1.1)
    assert every["percentile"].mean() == pytest.approx(50, abs=3)  # of all leads, not of the decided
    assert scores["plain"].mean() < 0.5 * winner.mean()
    assert log_loss(winner, scores["model"]).mean() < log_loss(winner, scores["plain"]).mean() - 0.03
    # the decided alone, unweighted, would miss the rate where sales choose
    decided = test["decided"].to_numpy(dtype=bool)
    naive = test.loc[decided, "is_top"].mean()
    assert (abs(naive - winner.mean()) > 0.03) == (choosing == CHOOSING)


def test_that_sales_choose_is_noticed_and_what_it_rests_on_is_said() -> None:
    rows = seen(CHOOSING)
    train, test = split_leads(rows.frame, SECTIONS.leads)
    asked, _, scores = judged(CHOOSING)
    found, notes = selection(rows, train, test, TREES, asked)
    assert found["asked_auc_lower"] > 0.6
    assert found["unlike_any_asked"] < 0.1
    assert "who was asked was no accident" in notes[0]
    assert "holds if sales saw nothing of a winner that the fields do not show" in notes[0]
    # the share of winners that is known, which simulation tells
    winners = true().loc[train.index].fillna(False).astype(bool)
    assert asked.frequency.lower - 0.02 <= train.loc[winners, "decided"].mean() <= asked.frequency.upper + 0.02
    assert asked.frequency.upper < train["decided"].mean()  # those who would win are asked less often than others here
    known = test["is_top"].to_numpy(dtype=bool)
    hidden = hidden_winners(known, scores["model"], asked, asked.frequency, 0.1)
    assert "corrected_auc" not in hidden  # a correction for known winners at random would be wrong
    even, silence = selection(seen(CHANCE), *split_leads(seen(CHANCE).frame, SECTIONS.leads), TREES, judged(CHANCE)[0])
    assert even["asked_auc_lower"] <= 0.5 <= even["asked_auc_upper"]
    assert silence == ()


def test_with_wins_only_nothing_tells_the_lost_from_the_never_asked_and_the_run_says_so() -> None:
    world = simulate_saas("saas", n_leads=6000, seed=3, tables=TABLES).tables
    deals = world.get("deals")
    wins = Tables({**world.frames, "deals": deals[deals["is_won"]]}, world.currency)
    quick = JOB.model_copy(update={"bags": 2, "trees": Trees(rounds=15, parameters={"num_leaves": 7})})
    found = train_icp(wins, AS_OF, quick)
    assert found.parameters["learns_from"] == "known winners against all others"
    assert any(note.startswith("fewer than 30 losses are on record") for note in found.notes)
    assert found.metrics["label_frequency"] == found.metrics["label_frequency_elkan_noto"]
    assert "all_leads_winner_rate" not in found.metrics
    assert "positive_unlabelled_auc" not in found.metrics


@pytest.mark.parametrize(("right_scores", "right_chances"), [(True, False), (False, True), (False, False)])
def test_the_rate_of_all_leads_is_doubly_robust(right_scores: bool, right_chances: bool) -> None:
    """Robins, Rotnitzky & Zhao (1994): either the scores or the chances must be right, and one of them does."""
    random = np.random.default_rng(0)
    x = random.normal(size=60_000)
    chance, p = expit(x - 1), expit(1.5 * x - 1)
    y, decided = random.random(len(x)) < p, random.random(len(x)) < chance
    test = pd.DataFrame({"is_top": y & decided, "decided": decided})
    told = chance if right_chances else np.full(len(x), decided.mean())
    score = p if right_scores else np.full(len(x), 0.2)
    asked = Asked(Interval(0.5, 0.4, 0.6), np.ones(1), lambda X: told)
    found = over_all_leads(test, score, asked)
    inside = found["all_leads_winner_rate_lower"] - 0.005 <= y.mean() <= found["all_leads_winner_rate_upper"] + 0.005
    assert inside == (right_scores or right_chances)
