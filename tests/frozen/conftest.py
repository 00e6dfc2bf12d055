"""Each scenario runs once; a test looks at what one of its commands said."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.frozen import scenario

#: For each scenario its folder, and what each command said, by its stage or name and its command line.
Ran = tuple[Path, Mapping[tuple[str, str], dict[str, Any]]]


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that gives the finished scenario of a name."""

    @cache
    def finished(name: str) -> Ran:
        folder = scenario.prepared(tmp_path_factory.mktemp(name).resolve() / "work", name)
        steps = [step for step, _ in scenario.steps_of(name)]
        results = scenario.run([step.command for step in steps], folder)
        print(f"{name}: {sum(result['seconds'] for result in results):.0f} s of processor time")
        return folder, {(step.name, step.command): result for step, result in zip(steps, results, strict=True)}

    return finished
