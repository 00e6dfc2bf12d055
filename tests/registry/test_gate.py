"""Gates: each closes on its own number, and says which."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from cvo_ml.config.gates import Gates
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.bundles.gate import audit_metrics, closed, decide

GOOD: dict[str, Any] = {
    "measure": "log_loss",
    "window": {"opened": "2024-01-01", "rows": 2734},
    "champion": {"version": 2, "judged_with": "the champion"},
    "improvement": {"estimate": 0.017, "lower": 0.004, "upper": 0.03, "level": 0.95},
    "profit": {
        "challenger": 13.4,
        "champion": 13.3,
        "difference": {"estimate": 0.1, "lower": -0.05, "upper": 0.2, "level": 0.95},
    },
    "slices": {"newer customers": {"estimate": -0.01, "lower": -0.05, "upper": 0.03, "level": 0.95}},
    "calibration": {"estimate": 0.92, "lower": 0.8, "upper": 1.02, "level": 0.95},
    "psi": 0.07,
    "eligible": {"known": 3000, "scored": 2998},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    found = deepcopy(GOOD)
    place = found
    *parents, last = path.split(".")
    for parent in parents:
        place = place[parent]
    place[last] = value
    return found


def shut(evidence: dict[str, Any], gates: Gates | None = None, champion: int | None = 2) -> list[str]:
    return [check.gate for check in decide(GateEvidence.of(evidence), gates or Gates(), champion) if not check.is_open]


def test_good_evidence_opens_every_gate() -> None:
    assert shut(GOOD) == []
    assert closed(decide(GateEvidence.of(GOOD), Gates(), 2)) == ""
    assert [check.gate for check in decide(GateEvidence.of(GOOD), Gates(), 2)] == [
        "window_rows", "improvement", "profit", "slices", "score_shift", "calibration_slope", "scored"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "gate"),
    [
        ("window.rows", 99, "window_rows"),
        ("improvement.lower", -0.021, "improvement"),
        ("improvement.lower", None, "improvement"),
        ("profit.difference.lower", -0.27, "profit"),  # -2 % of 13.3 is -0.266
        ("profit.difference.lower", None, "profit"),
        ("slices", {"a": {"estimate": -0.1, "lower": -0.2, "upper": -0.03}, **GOOD["slices"]}, "slices"),
        ("calibration", {"estimate": 0.7, "lower": 0.6, "upper": 0.89}, "calibration_slope"),
        ("calibration", {"estimate": 1.3, "lower": 1.11, "upper": 1.5}, "calibration_slope"),
        ("calibration", None, "calibration_slope"),
        ("psi", 0.2, "score_shift"),
        ("psi", None, "score_shift"),
        ("eligible", {"known": 3000, "scored": 2996}, "scored"),
        ("eligible", {"known": 0, "scored": 0}, "scored"),
        ("not_comparable", "the champion predicts another outcome", "comparable"),
    ],
)
def test_each_gate_closes_on_its_own_number(path: str, value: Any, gate: str) -> None:
    evidence = changed(path, value)
    assert shut(evidence) == [gate]
    assert f"gate {gate!r}: " in closed(decide(GateEvidence.of(evidence), Gates(), 2))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("window.rows", 100),
        ("improvement.lower", -0.02),
        ("profit.difference.lower", -0.26),
        ("calibration", {"estimate": 0.8, "lower": 0.6, "upper": 0.9}),
        ("psi", 0.1999),
        ("eligible", {"known": 3000, "scored": 2997}),
        ("slices", {}),
    ],
)
def test_a_gate_is_open_at_its_edge(path: str, value: Any) -> None:
    assert shut(changed(path, value)) == []


def test_people_move_the_gates() -> None:
    assert shut(changed("improvement.lower", -0.04), Gates(improvement=-0.05)) == []
    assert shut(changed("calibration", None), Gates(calibration_slope=None)) == []
    assert shut(GOOD, Gates(improvement=0.005)) == ["improvement"]


@pytest.mark.parametrize("champion", [3, None])
def test_evidence_against_another_champion_says_nothing(champion: int | None) -> None:
    assert shut(GOOD, champion=champion) == ["champion"]


def test_a_loss_making_champion_does_not_turn_the_profit_gate_around() -> None:
    losing = changed(
        "profit", {"challenger": -5.0, "champion": -4.0, "difference": {"estimate": -1.0, "lower": -1.2, "upper": -0.8}}
    )
    assert shut(losing) == ["profit"]


def test_an_audit_line_keeps_the_numbers_that_are_known() -> None:
    assert audit_metrics(GateEvidence.of(GOOD))["profit_challenger"] == 13.4
    assert audit_metrics(GateEvidence.of({"window": {"rows": 5}, "calibration": None})) == {"window_rows": 5.0}


@pytest.mark.parametrize(
    "stored",
    [
        GOOD,
        {"window": {"rows": 0}, "calibration": None, "eligible": {"known": 0, "scored": 0}},
        {**changed("psi", None), "skill": {"challenger": 1.5, "champion": None}},
        {
            "measure": "log_loss",
            "window": {"opened": "2024-01-01", "rows": 5},
            "skill": {"challenger": None},
            "calibration": {"estimate": 1.0, "lower": None, "upper": None, "level": 0.95},
            "eligible": {"known": 9, "scored": 8},
            "challenger": {"hash": "abc", "grade": "", "kind": "a.kind"},
            "champion": {"version": 3, "judged_with": "the champion", "hash": "def", "grade": "B", "kind": "a.kind"},
            "not_comparable": "another outcome",
        },
    ],
)
def test_stored_evidence_reads_back_to_the_key(stored: dict[str, Any]) -> None:
    assert GateEvidence.of(stored).to_json() == stored


def test_evidence_without_the_comparison_that_it_needs_opens_nothing() -> None:
    bare = {key: value for key, value in GOOD.items() if key not in ("improvement", "profit", "slices", "psi")}
    assert shut(bare) == ["comparable"]
