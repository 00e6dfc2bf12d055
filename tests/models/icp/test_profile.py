"""Claims, rules and representation on rows where it is known what is true."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from cvo_ml.models.icp.profile import claims, findings, representation, rules

N = 4000


def rows(seed: int, effect: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Twelve fields, two of which tell of winners if ``effect`` > 0."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"noise_{place}": rng.choice(list("abcde"), N) for place in range(8)})
    frame = frame.assign(
        size=rng.normal(size=N), source=rng.choice(["fair", "list", "web"], N), idle=rng.normal(size=N)
    )
    chance = 0.1 + effect * ((frame["size"] > 0.8) & (frame["source"] == "fair"))
    return frame, (rng.random(N) < chance).to_numpy()


def test_no_claim_stands_out_where_nothing_is_true() -> None:
    false = []
    for seed in range(12):
        frame, winner = rows(seed, 0.0)
        false.append(len(findings(claims(frame, winner, {"who": list(frame)}))) > 0)
    assert sum(false) <= 2  # all are null: each shop has a false finding with probability .05


def test_what_is_true_is_found_with_its_lift() -> None:
    frame, winner = rows(1, 0.5)
    table = claims(frame, winner, {"who": ["source", "size"], "what": ["noise_1", "idle"]})
    held = findings(table)
    assert set(held["section"]) == {"who"}
    fair = held[held["level"] == "fair"].iloc[0]
    inside = (frame["source"] == "fair").to_numpy()
    assert fair["lift"] == pytest.approx(winner[inside].mean() / winner.mean())
    assert fair["lower"] < fair["lift"] < fair["upper"]
    won, others = int(winner[inside].sum()), int(winner[~inside].sum())
    expected = fisher_exact([[won, inside.sum() - won], [others, (~inside).sum() - others]]).pvalue
    assert fair["p"] == pytest.approx(expected)
    assert fair["people"] == inside.sum()


def test_levels_with_little_support_and_constant_fields_are_no_claims() -> None:
    frame = pd.DataFrame({"rare": ["x"] * 29 + ["y"] * 971, "same": ["z"] * 1000})
    table = claims(frame, np.arange(1000) % 3 == 0, {"who": ["rare", "same"]})
    assert table["level"].tolist() == ["y"]


def test_rules_are_judged_on_later_people_and_noise_gives_none() -> None:
    frame, winner = rows(2, 0.5)
    later, later_winner = rows(3, 0.5)
    found = rules(frame, winner, later, later_winner)
    best = found[0]
    assert any("size >" in condition for condition in best.conditions)
    assert "source = fair" in best.conditions
    assert best.lift.lower > 1.5
    assert len(best.conditions) <= 3
    noise, chance = rows(4, 0.0)
    later_noise, later_chance = rows(5, 0.0)
    assert len(rules(noise, chance, later_noise, later_chance)) <= 1


def test_representation_by_hand() -> None:
    frame = pd.DataFrame({"gender": ["f"] * 50 + ["m"] * 50})
    selected = np.array([True] * 10 + [False] * 40 + [True] * 20 + [False] * 30)
    table = representation(frame, selected, ["gender"]).set_index("level")
    assert table["ratio"].to_dict() == pytest.approx({"f": (10 / 50) / 0.3, "m": (20 / 50) / 0.3})
    assert table["share_of_selected"].to_dict() == pytest.approx({"f": 1 / 3, "m": 2 / 3})


def test_what_only_buyers_can_meet_is_compared_among_buyers() -> None:
    """A ticket makes nobody a winner here; but only buyers have tickets, and only buyers are winners."""
    rng = np.random.default_rng(6)
    bought = rng.random(N) < 0.2
    winner = bought & (rng.random(N) < 0.5)
    frame = pd.DataFrame({"ticket": bought & (rng.random(N) < 0.5), "size": rng.normal(size=N)})
    among_all = claims(frame, winner, {"keeps": ["ticket"]})
    assert among_all["lift"].item() > 4  # which only says that winners bought
    table = claims(frame, winner, {"who": ["size"], "keeps": ["ticket"]}, {"keeps": bought})
    own = table[table["section"] == "keeps"]
    assert own["base"].item() == pytest.approx(winner[bought].mean())
    assert own["lower"].item() < 1 < own["upper"].item()
    assert findings(own).empty
    assert set(table.loc[table["section"] == "who", "base"]) == {float(winner.mean())}
