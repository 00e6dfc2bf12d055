"""docs/ml-test-score.md counts right, and what it points to exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "ml-test-score.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", TEXT, flags=re.S | re.M))


def points(section: str) -> list[float]:
    return [float(found) for found in re.findall(r"^\| [^|]+ \| ([01.5]+) \|", SECTIONS[section], flags=re.M)]


@pytest.mark.parametrize("section", ["Data", "Model", "Infrastructure", "Monitoring"])
def test_each_section_has_seven_checks_and_its_stated_sum(section: str) -> None:
    assert len(points(section)) == 7
    stated = re.search(rf"^\| {section.lower()} \| ([\d.]+) \|", TEXT, flags=re.M)
    assert stated is not None
    assert sum(points(section)) == float(stated[1])


def test_the_score_is_the_least_section() -> None:
    stated = re.search(r"\*\*score \(the least\)\*\* \| \*\*([\d.]+)\*\*", TEXT)
    assert stated is not None
    assert float(stated[1]) == min(sum(points(section)) for section in SECTIONS)


def test_every_file_that_a_check_points_to_exists() -> None:
    named = re.findall(r"`((?:tests|benchmarks)/[\w/]+\.py)`", TEXT)
    assert len(named) > 25
    assert [path for path in named if not (ROOT / path).is_file()] == []
