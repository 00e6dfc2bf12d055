"""The comparison itself: what counts as the same, how a difference is told, and that no change goes unsaid."""

from __future__ import annotations

from pathlib import Path

from tests.frozen import scenario
from tests.frozen.changed import CHANGED, Change
from tests.frozen.comparing import differences, normalised, undecided

ROOT = Path(__file__).resolve().parents[2]


def test_a_difference_is_told_with_its_path() -> None:
    one = {"models": [{"grade": "A", "auc": 0.5, "n": 3}], "gone": 1}
    other = {"models": [{"grade": "B", "auc": 0.5 * (1 + 1e-8), "n": 3.0}], "new": None}
    assert list(differences(one, other)) == [
        "models[0].grade: 'A' != 'B'",
        "models[0].n: 3 != 3.0",
        "gone: 1 != nothing",
        "new: nothing != None",
    ]
    assert list(differences([1, 2], [1])) == ["the whole: 2 items != 1 items"]
    assert list(differences({"a": 1.0, "b": 2}, {"b": 2, "a": 1.0})) == []
    assert list(differences([0.1], [0.1 * (1 + 1e-6)])) != []
    assert list(differences(True, 1)) == ["the whole: True != 1"]


def test_places_moments_and_digests_are_taken_out(tmp_path: Path) -> None:
    said = {"at": 17, "run": f"{tmp_path}/out/0123456789ab", "git_commit": "x", "n": 123456789012}
    assert normalised(said, tmp_path) == {
        "at": "<int of the moment>",
        "run": "<place>/out/<digest>",
        "git_commit": "<str of the moment>",
        "n": 123456789012,
    }


def test_a_decided_change_is_allowed_and_no_other() -> None:
    found = ["models[0].role: 'a' != 'b'", "models[1].role: 'a' != 'b'", "models[1].name: 'a' != 'b'"]
    assert undecided(found, ["models[*].role"]) == found[2:]
    assert undecided(found, ["models[0].role"]) == found[1:]


def test_every_change_names_a_decision_and_stands_in_the_list() -> None:
    rows = [line for line in (Path(__file__).parent / "CHANGED.md").read_text().splitlines() if line.startswith("| `")]
    told = [tuple(cell.strip().strip("`") for cell in row.strip("|").split("|")) for row in rows]
    assert [Change(*row) for row in told] == list(CHANGED)
    assert not [change for change in CHANGED if not (ROOT / "docs" / "decisions" / change.decision).is_file()]


def test_every_snapshot_belongs_to_a_step_and_every_step_has_one() -> None:
    steps = {step.name for steps in scenario.SCENARIOS.values() for step in steps if step.name[:1] not in ("", "@")}
    assert {path.stem for path in scenario.SNAPSHOTS.glob("*.json")} == steps
