"""The examples of the simulator's page run."""

import doctest
from pathlib import Path


def test_the_page_runs():
    page = Path(__file__).parents[2] / "docs" / "simulator.md"
    assert doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
