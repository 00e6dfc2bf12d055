"""What docs/segments.md shows works as it is written."""

import re
from pathlib import Path

import pytest
import yaml

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.segments import box_table

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "segments.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", GUIDE, flags=re.S))


def test_the_python_of_the_guide_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(BLOCKS["python"], "docs/segments.md", "exec"), {})
    assert "Soulmates" in capsys.readouterr().out


def test_the_groups_of_the_guide_are_a_policy_that_covers_every_cell() -> None:
    policy = SegmentPolicy.model_validate(yaml.safe_load(BLOCKS["yaml"]))
    table = box_table(policy.groups, 3)
    assert (len(table.groups), table.groups[-1], table.groups[0]) == (27, "VIP", "Once")
