"""A new version's place: first, challenger, or champion by its gates or by a person's word."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.gates import Gates
from cvo_ml.core.errors import BundleError, GateClosed, NoChampion
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle, save_bundle
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.bundles.golden import golden_of
from cvo_ml.registry.tracking import Tracker, promotion
from cvo_ml.registry.tracking.champions import ChampionHistory, Incumbent
from cvo_ml.registry.tracking.promotion import Placement, When, evidence_of, place, promote
from tests.registry.test_gate import GOOD, changed

INPUTS = pd.DataFrame({"days_since_last_order": [1.0, 30.0, 400.0]})


def made(slope: float, shop: str = "a", currency: str = "EUR") -> Bundle:
    parameters = {"intercept": 0.1, "slope": slope, "reference": 3.0}
    facts = {"shop": shop, "currency": currency, "trained_as_of": "2024-01-01"}
    bundle = Bundle("churn", "churn.recency_logistic", parameters, {"horizon_days": 90.0}, {}, facts)
    return replace(bundle, golden=golden_of(bundle, INPUTS))


def trained(tracker: Tracker, bundle: Bundle, evidence: dict[str, Any], when: When = "never") -> Placement:
    """What a training does with its model."""
    return placed_after(tracker, bundle, ChampionHistory(tracker).incumbent("churn"), evidence, when)


def placed_after(
    tracker: Tracker,
    bundle: Bundle,
    standing: Incumbent | None,
    evidence: Mapping[str, Any] = MappingProxyType({}),
    when: When = "never",
) -> Placement:
    """The same, beside what was champion when it began."""
    with tracker.run("churn", "a training") as run:
        run.log_dict(evidence, promotion.EVIDENCE.removesuffix(".json"))
        uri = run.log_bundle(save_bundle(bundle, tracker.root.parent / "new"))
    version = tracker.register(uri, "churn", {"shop": tracker.shop})
    return place(tracker, bundle, version, standing, GateEvidence.of(evidence), Gates(), when)


@pytest.fixture
def first(tracker: Tracker) -> Tracker:
    """A folder whose first model is champion."""
    own = {"window": GOOD["window"], "calibration": GOOD["calibration"], "eligible": GOOD["eligible"]}
    placed = trained(tracker, made(1.0), own)
    assert placed == Placement("champion", "the first model of shop 'a'")
    return tracker


def against(version: int, **changes: Any) -> dict[str, Any]:
    return {**GOOD, "champion": {"version": version, "judged_with": "the champion"}, **changes}


def test_a_later_model_is_challenger_until_somebody_promotes_it(first: Tracker) -> None:
    placed = trained(first, made(2.0), against(1))
    assert placed == Placement("challenger", "all gates open: 'cvo models promote churn' makes it champion")
    assert first.champion("churn") == made(1.0)
    moved = promote(first, "churn", Gates())
    assert (moved.kind, moved.before, moved.version, moved.why) == ("promotion", 1, 2, "all gates open")
    assert moved.metrics["psi"] == GOOD["psi"]
    assert first.champion("churn") == made(2.0)
    with pytest.raises(NoChampion, match="no challenger for 'churn' is registered"):
        promote(first, "churn", Gates())


def test_a_closed_gate_is_named_and_only_a_word_opens_it(first: Tracker) -> None:
    placed = trained(first, made(2.0), against(1, psi=0.4), "gate")
    assert placed == Placement("challenger", "gate 'score_shift': PSI 0.4, below 0.2")
    with pytest.raises(GateClosed, match=r"version 2 may not become champion: gate 'score_shift': PSI 0\.4") as shut:
        promote(first, "churn", Gates())
    assert shut.value.exit_code == 4
    assert first.version_of("churn") == 1
    assert promote(first, "churn", Gates(score_shift=0.5)).kind == "promotion"
    ChampionHistory(first).rollback("churn", "again")
    moved = promote(first, "churn", Gates(), version=2, force=True, why="the range was extended")
    assert moved.kind == "forced"
    assert moved.why == "the range was extended although gate 'score_shift': PSI 0.4, below 0.2"


def test_training_promotes_by_itself_where_it_is_told_to(first: Tracker) -> None:
    assert trained(first, made(2.0), against(1), "gate") == Placement("champion", "all gates open")
    assert trained(first, made(3.0), against(2, psi=0.4), "gate").role == "challenger"
    assert trained(first, made(4.0), against(2, psi=0.4), "always").role == "champion"
    assert [past.kind for past in ChampionHistory(first).history("churn")] == ["first", "promotion", "forced"]


def test_the_first_model_in_another_currency_takes_the_place_and_can_give_it_back(first: Tracker) -> None:
    placed = trained(first, made(2.0, currency="USD"), against(1, not_comparable="another currency"))
    assert placed == Placement("champion", "the first model of shop 'a' in USD")
    assert ChampionHistory(first).rollback("churn", "wrong file").version == 1


def test_of_two_first_trainings_the_one_that_ends_first_is_champion(tracker: Tracker) -> None:
    standing = ChampionHistory(tracker).incumbent("churn")  # both looked before either had ended
    assert standing is None
    placed = [placed_after(tracker, made(slope), standing) for slope in (1.0, 2.0)]
    assert [placement.role for placement in placed] == ["champion", "challenger"]
    assert "the evidence is not against version 1, the champion now: train again" in placed[1].why
    assert [past.kind for past in ChampionHistory(tracker).history("churn")] == ["first"]
    assert (tracker.version_of("churn"), tracker.version_of("churn", "challenger")) == (1, 2)


def test_evidence_against_a_champion_of_yesterday_does_not_promote(first: Tracker) -> None:
    trained(first, made(2.0), against(1))
    trained(first, made(3.0), against(1), "always")
    with pytest.raises(GateClosed, match="not against version 3, the champion now: train again"):
        promote(first, "churn", Gates(), version=2)


def test_a_version_without_evidence_is_not_promoted(first: Tracker) -> None:
    with first.run("churn", "by hand") as run:
        uri = run.log_bundle(save_bundle(made(5.0), first.root.parent / "new"))
    version = first.register(uri, "churn", {})
    assert evidence_of(first, "churn", version).window.rows == 0
    with pytest.raises(GateClosed, match="gate 'champion'"):
        promote(first, "churn", Gates(), version=version)


def test_a_challenger_that_scores_otherwise_than_at_its_training_is_refused_even_by_force(first: Tracker) -> None:
    wrong = made(2.0)
    scores = {"churn_probability": [0.5, 0.5, 0.5]}
    trained(first, replace(wrong, golden={**wrong.golden, "scores": scores}), against(1))
    with pytest.raises(BundleError, match="golden rows is not what it was at training"):
        promote(first, "churn", Gates(), force=True, why="now")
    assert first.version_of("churn") == 1


def test_a_damaged_challenger_is_refused_and_the_champion_stays(first: Tracker) -> None:
    trained(first, made(2.0), against(1))
    for path in (first.root / "artifacts").rglob("parameters.json"):
        if '"slope": 2.0' in path.read_text():
            path.write_text(path.read_text().replace("2.0", "9.0"))
    with pytest.raises(BundleError, match="SHA-256 differs"):
        promote(first, "churn", Gates(), force=True, why="now")
    assert first.champion("churn") == made(1.0)


def test_the_evidence_lies_in_the_run(first: Tracker) -> None:
    trained(first, made(2.0), changed("champion.version", 1))
    path = first.artifact("churn", 2, promotion.EVIDENCE)
    stored = json.loads(Path(path).read_text())
    assert stored == evidence_of(first, "churn", 2).to_json() == changed("champion.version", 1)
    shutil.rmtree(path.parent)
    assert evidence_of(first, "churn", 2).window.rows == 0


def test_a_bundle_keeps_its_golden_scores(first: Tracker, tmp_path: Path) -> None:
    assert load_bundle(save_bundle(made(1.0), tmp_path / "x")).golden == made(1.0).golden
