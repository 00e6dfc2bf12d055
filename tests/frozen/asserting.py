"""What the tests of every scenario assert of a step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.frozen import scenario
from tests.frozen.changed import allowed
from tests.frozen.comparing import differences, normalised, undecided


def as_frozen(name: str, folder: Path, result: Mapping[str, Any]) -> None:
    """The command ended as its snapshot says and printed the same JSON, but for decided changes."""
    frozen = json.loads((scenario.SNAPSHOTS / f"{name}.json").read_text(encoding="utf-8"))
    assert result["code"] == frozen["code"], result["stderr"]
    found = normalised(json.loads(result["stdout"]), folder)
    different = undecided(list(differences(frozen["output"], found)), allowed(name))
    shown = "\n".join(different[:40])
    assert not different, f"{frozen['command']}: {len(different)} differences\n{shown}"


def refused_as_frozen(known: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """The exit code and the sentence are those of ``exit_codes.json``, but for decided changes."""
    decided = allowed(f"{known['stage']}: {known['command']}")
    said = " ".join(result["stderr"].split())
    assert result["code"] == known["code"] or "code" in decided, said
    assert known["says"] in said or "says" in decided
    assert "Traceback" not in said


def steps(name: str) -> list[Any]:
    """The steps of a scenario with their failures, named for pytest."""
    return [(step, known) for step, known in scenario.steps_of(name)]


def named(value: Any) -> str | None:
    """A step's name in pytest's list."""
    if isinstance(value, scenario.Step):
        return value.name if value.name and not value.name.startswith("@") else f"{value.name} {value.command}".strip()
    return "" if value is None or isinstance(value, dict) else None


def check(step: scenario.Step, known: Mapping[str, Any] | None, finished: Any) -> None:
    """One step of a finished scenario is as it was frozen."""
    folder, results = finished
    result = results[step.name, step.command]
    if known is not None:
        refused_as_frozen(known, result)
    elif step.name:
        as_frozen(step.name, folder, result)
    else:
        assert result["code"] == step.code, result["stderr"]
