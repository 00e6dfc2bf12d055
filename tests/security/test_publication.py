"""FAULT-S3, FAULT-S4: scores, list, report and segments are of one run, and what people froze or put there stays."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.files import read_json
from cvo_ml.core.store import current_run
from cvo_ml.core.workspace import Workspace
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.workflows import report as report_module
from cvo_ml.workflows.plan import PlanRequest, plan
from cvo_ml.workflows.report import report
from cvo_ml.workflows.score import ScoreRequest, score
from cvo_ml.workflows.segment import SegmentRequest, segment
from tests.builders import SHOP_CUT
from tests.workflows.shops import seeded_files

LATER = date(2023, 12, 1)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> ShopConfig:
    return seeded_files(tmp_path_factory.mktemp("seeded"))


@pytest.fixture(scope="module")
def models(churn_bundle: Bundle, icp_bundle: Bundle) -> LoadedModels:
    return LoadedModels.of(churn_bundle, icp_bundle)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "out", tmp_path / "mlruns")


def named(workspace: Workspace) -> set[tuple[str, str]]:
    """The run and the date that each thing a person opens says it is of."""
    run = current_run(workspace.scores)
    said_by_set = read_json((workspace.shown or workspace.results / "current") / "set.json")
    day, name = said_by_set["run"].removeprefix("as_of=").split("/")
    with workspace.priorities.open(newline="", encoding="utf-8") as file:
        rows = {(row["as_of"], row["run"]) for row in csv.DictReader(file)}
    page = workspace.report.read_text(encoding="utf-8")
    said = re.search(r"as of (\d{4}-\d\d-\d\d) .*?run <code>([0-9a-f]{12})</code>", page, re.DOTALL)
    assert said is not None
    return {(str(run.manifest["as_of"]), run.name), (day, name), *rows, (said[1], said[2])}


def test_list_report_and_pointer_name_one_run(seeded: ShopConfig, models: LoadedModels, workspace: Workspace) -> None:
    for day in (SHOP_CUT, LATER, SHOP_CUT):
        score(ScoreRequest(shop=seeded, as_of=day), workspace, models)
        assert len(named(workspace)) == 1
    plan(PlanRequest(shop=seeded, budget=20), workspace)
    assert len(named(workspace)) == 1


def test_two_scores_and_a_plan_at_once_leave_one_run(
    seeded: ShopConfig, models: LoadedModels, workspace: Workspace
) -> None:
    score(ScoreRequest(shop=seeded, as_of=SHOP_CUT), workspace, models)
    seen: list[int] = []

    def look() -> None:
        while any(writer.is_alive() for writer in writers):
            seen.append(len(named(workspace.as_published())))

    def planned() -> None:
        plan(PlanRequest(shop=seeded, budget=20), workspace)

    writers = [
        threading.Thread(target=score, args=(ScoreRequest(shop=seeded, as_of=day), workspace, models))
        for day in (SHOP_CUT, LATER)
    ] + [threading.Thread(target=planned)]
    for writer in writers:
        writer.start()
    look()
    assert len(named(workspace)) == 1
    # a reader that looks at one set never waits, and sees one run
    assert set(seen) <= {1}


@pytest.mark.parametrize("module", ["cvo_ml.workflows.publish", "cvo_ml.workflows.report"])
def test_a_full_disk_on_the_way_leaves_the_old_run_whole(
    seeded: ShopConfig, models: LoadedModels, workspace: Workspace, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(ScoreRequest(shop=seeded, as_of=SHOP_CUT), workspace, models)
    before, page = named(workspace), workspace.report.read_bytes()

    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(f"{module}.write_text", full)
    with pytest.raises(OSError, match="No space") as told:
        score(ScoreRequest(shop=seeded, as_of=LATER), workspace, models)
    assert Path(told.value.filename).parent == workspace.results
    assert (named(workspace), workspace.report.read_bytes()) == (before, page)


def test_a_score_without_a_report_shows_none_of_another_run(
    seeded: ShopConfig, models: LoadedModels, workspace: Workspace
) -> None:
    score(ScoreRequest(shop=seeded, as_of=SHOP_CUT), workspace, models)
    score(ScoreRequest(shop=seeded, as_of=LATER, with_report=False), workspace, models)
    assert not workspace.report.exists()
    report(workspace)
    assert len(named(workspace)) == 1


def test_a_report_is_of_the_run_that_is_current_when_it_is_written(
    seeded: ShopConfig, models: LoadedModels, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another score came between the look at the current run and the page."""
    score(ScoreRequest(shop=seeded, as_of=SHOP_CUT), workspace, models)
    looked: Callable[[Path], object] = report_module.current_run

    def meanwhile(root: Path) -> object:
        found = looked(root)
        monkeypatch.setattr(report_module, "current_run", looked)
        score(ScoreRequest(shop=seeded, as_of=LATER, with_report=False), workspace, models)
        return found

    monkeypatch.setattr(report_module, "current_run", meanwhile)
    assert report(workspace).run == current_run(workspace.scores).name
    assert len(named(workspace)) == 1


def test_segments_keep_what_people_put_beside_them_and_name_their_date(
    seeded: ShopConfig, models: LoadedModels, workspace: Workspace
) -> None:
    """FAULT-S4: a user's own file in the folder was deleted."""
    segment(SegmentRequest(shop=seeded, as_of=SHOP_CUT), workspace)
    (workspace.segments / "my notes.txt").write_text("mine")
    segment(SegmentRequest(shop=seeded, as_of=LATER), workspace)
    score(ScoreRequest(shop=seeded, as_of=LATER), workspace, models)
    assert (workspace.segments / "my notes.txt").read_text() == "mine"
    for name in ("customers.csv", "groups.csv", "monthly.csv"):
        with (workspace.segments / name).open(newline="", encoding="utf-8") as file:
            assert {row["segments_as_of"] for row in csv.DictReader(file)} == {str(LATER)}


def test_edges_that_are_gone_are_said(seeded: ShopConfig, models: LoadedModels, workspace: Workspace) -> None:
    """FAULT-S4: new ones were cut without a word."""
    first = score(ScoreRequest(shop=seeded, as_of=SHOP_CUT), workspace, models)
    assert not any("frozen ones are gone" in note for note in first.run.manifest["notes"])
    for path in workspace.edges.iterdir():
        path.unlink()
    workspace.edges.rmdir()
    second = score(ScoreRequest(shop=seeded, as_of=LATER), workspace, models)
    assert second.run.manifest["segments"]["how"] == f"cut: the frozen ones are gone, which were in force on {SHOP_CUT}"
    assert any("customers change group who did nothing" in note for note in second.run.manifest["notes"])
