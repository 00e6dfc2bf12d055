"""``cvo plan`` and ``cvo evaluate`` as a user runs them: under another policy, with measured effects, and evaluated."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest

from cvo_ml.core.store import current_run
from tests.e2e.conftest import Command


@pytest.fixture
def folder(demo: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of the demo's results."""
    shutil.copytree(demo[0] / "demo", tmp_path / "demo")
    return tmp_path


def test_a_budget_and_a_capacity_are_kept_and_the_same_command_gives_the_same_list(cvo: Command, folder: Path) -> None:
    command = ("plan", "--out", "demo", "--budget", "300", "--set", "capacities={phone: 10}")
    ran = cvo(*command, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert "of 300.00 GBP are spent; one more GBP would earn" in ran.stdout
    first = (folder / "demo" / "priorities.csv").read_bytes()
    with (folder / "demo" / "priorities.csv").open(newline="") as file:
        done = [row for row in csv.DictReader(file) if row["next_action"]]
    assert 250 < math.fsum(float(row["cost"]) for row in done) <= 300
    assert sum(row["channel"] == "phone" for row in done) <= 10
    assert all(row["why_customer"] and row["why_action"] and row["assumes"] for row in done)
    assert "GBP are spent" in (folder / "demo" / "report.html").read_text()
    again = cvo(*command, "--json", cwd=folder)
    assert json.loads(again.stdout)["contacts"] == len(done)
    assert (folder / "demo" / "priorities.csv").read_bytes() == first


def test_evaluation_finds_nothing_where_nothing_was_sent_and_feeds_the_next_plan(cvo: Command, folder: Path) -> None:
    """The sample's shop sent none of these contacts: an A/A test."""
    ran = cvo("evaluate", "--out", "demo", "--json", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["recorded"] is None
    assert not found["all"]["suspicious"]
    assert found["all"]["extra_value"]["lower"] < 0 < found["all"]["extra_value"]["upper"]
    assert found["all"]["variance_kept"] < 0.9
    measured = folder / "demo" / "measured_effects.csv"
    again = cvo("plan", "--out", "demo", "--effects", measured, cwd=folder)
    assert again.returncode == 0, again.stderr
    sources = {
        source
        for one in current_run(folder / "demo" / "scores").manifest["plan"]["actions"]
        for source in one["sources"]
    }
    assert any(source.startswith("experiment: plan of 2011-09-10") for source in sources)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("plan", "--effects", "gone.csv"), 3, "gone.csv: cannot be read as CSV"),
        (("evaluate", "--horizon", "2Y"), 2, "cannot be evaluated: wait, or give a shorter --horizon"),
        (("plan", "--shop", "other.yaml"), 2, "these scores are of shop"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(
    cvo: Command, folder: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    text = (folder / "demo" / "shop.yaml").read_text()
    (folder / "other.yaml").write_text(text.replace("name: online_retail", "name: other"))
    before = (folder / "demo" / "priorities.csv").read_bytes()
    ran = cvo(*arguments, "--out", "demo", cwd=folder)
    assert ran.returncode == code, ran.stderr
    assert sentence in ran.stderr.replace("\n", " ")
    assert "Traceback" not in ran.stderr
    assert (folder / "demo" / "priorities.csv").read_bytes() == before
