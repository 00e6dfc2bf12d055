"""One set of results, one pointer: what readers see is the old set or the new one, whatever happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cvo_ml.core.errors import CvoError, DamagedFile
from cvo_ml.core.files import read_json, sha256_of, write_text
from cvo_ml.core.publication import GRACE, current_set
from cvo_ml.core.store import current_run, served_runs, write_run
from cvo_ml.core.workspace import Workspace
from tests.builders import null_scores

SCORES = null_scores(["b", "a"]).assign(historic_clv=[2.0, 1.5])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "out", tmp_path / "mlruns")


def publish(workspace: Workspace, **texts: str) -> None:
    """A set whose files hold the texts; an underscore stands for the dot of a name."""
    with workspace.publishing() as draft:
        for name, text in texts.items():
            write_text(draft.priorities.with_name(name.replace("_", ".")), text)


def shown(workspace: Workspace) -> dict[str, str]:
    """What people find under the names that they know."""
    names = (path for path in workspace.results.iterdir() if path.is_symlink() and path.name != "current")
    return {path.name: path.read_text() for path in names if path.is_file()}


def _stopped_after(draft: Workspace) -> None:
    write_text(draft.priorities, "list 2")
    raise CvoError("no")


def leftovers(workspace: Workspace) -> list[str]:
    return [str(path) for path in workspace.results.rglob("*") if path.parent.name == ".staging"]


def test_a_set_appears_whole_under_the_names_that_people_know(workspace: Workspace) -> None:
    publish(workspace, priorities_csv="list 1", report_html="page 1")
    assert shown(workspace) == {"priorities.csv": "list 1", "report.html": "page 1"}
    publish(workspace, priorities_csv="list 2")
    assert shown(workspace) == {
        "priorities.csv": "list 2",
        "report.html": "page 1",
    }  # the rest stays
    found = current_set(workspace.results)
    assert found is not None
    assert (found.number, found.previous) == (2, "000001")
    assert found.files == {name: sha256_of(workspace.results / name) for name in ("priorities.csv", "report.html")}
    assert leftovers(workspace) == []


def test_an_error_leaves_the_old_set_and_nothing_else(workspace: Workspace) -> None:
    publish(workspace, priorities_csv="list 1")
    with pytest.raises(CvoError), workspace.publishing() as draft:
        _stopped_after(draft)
    assert shown(workspace) == {"priorities.csv": "list 1"}
    assert leftovers(workspace) == []


def test_an_error_names_the_file_where_people_find_it(workspace: Workspace) -> None:
    with pytest.raises(CvoError) as told, workspace.publishing() as draft:
        raise CvoError(f"{draft.priorities}: is damaged")
    assert str(told.value) == f"{workspace.priorities}: is damaged"
    with pytest.raises(OSError, match="No space") as full, workspace.publishing() as draft:
        raise OSError(28, "No space left on device", str(draft.report))
    assert full.value.filename == str(workspace.report)


def test_the_same_files_again_are_no_new_set(workspace: Workspace) -> None:
    for _ in range(3):
        publish(workspace, priorities_csv="list 1")
    assert [path.name for path in (workspace.results / "published").iterdir()] == ["000001"]


def test_a_reader_keeps_its_set_while_others_are_published(workspace: Workspace) -> None:
    publish(workspace, priorities_csv="list 1", report_html="page 1")
    reader = workspace.as_published()
    assert reader.priorities.read_text() == "list 1"
    for number in range(2, 9):
        publish(workspace, priorities_csv=f"list {number}", report_html=f"page {number}")
    assert reader.report.read_text() == "page 1"
    assert workspace.as_published().report.read_text() == "page 8"


def test_sets_that_nobody_reads_any_more_are_swept(workspace: Workspace) -> None:
    for number in range(1, 5):
        publish(workspace, priorities_csv=f"list {number}")
    old = time.time() - GRACE - 1
    for path in (workspace.results / "published").iterdir():
        os.utime(path, (old, old))
    publish(workspace, priorities_csv="list 5")
    publish(workspace, priorities_csv="list 6")
    names = sorted(path.name for path in (workspace.results / "published").iterdir())
    assert names == ["000004", "000005", "000006"]  # the fourth was the one before when the sixth began


def test_what_dead_runs_left_is_swept_by_the_next(workspace: Workspace) -> None:
    """FAULT-S9."""
    publish(workspace, priorities_csv="list 1")
    results = workspace.results
    for litter in (".staging/5f/segments", "scores/.staging/ab", ".old-segments.x/segments", "published/000002-dead"):
        (results / litter).mkdir(parents=True)
        (results / litter / "customers.csv").write_text("ann@example.org")
    (results / ".priorities.csv.0123456789abcdef").write_text("ann@example.org")
    (results / ".mine").write_text("a file of somebody else")
    publish(workspace, report_html="page")
    texts = [path.read_text() for path in results.rglob("*") if path.is_file() and not path.name.startswith(".lock")]
    assert "ann@example.org" not in texts
    assert (results / ".mine").read_text() == "a file of somebody else"


def test_runs_belong_to_no_set_and_their_pointers_do(workspace: Workspace) -> None:
    with workspace.publishing() as draft:
        first = write_run(draft.scores, SCORES, {"try": 1})
    assert first.folder == workspace.scores / "as_of=2023-11-01" / first.name
    reader = workspace.as_published()
    with workspace.publishing() as draft:
        second = write_run(draft.scores, SCORES, {"try": 2})
    assert current_run(reader.scores).name == first.name
    assert current_run(workspace.scores).name == second.name
    assert [run.name for _, run in served_runs(reader.scores)] == [first.name]
    assert [run.name for _, run in served_runs(workspace.scores)] == [second.name]
    found = current_set(workspace.results)
    assert found is not None
    assert found.run == f"as_of=2023-11-01/{second.name}"
    assert read_json(found.folder / "set.json")["as_of"] == "2023-11-01"


def test_a_folder_from_before_there_were_sets_is_taken_over(workspace: Workspace) -> None:
    results = workspace.results
    run = write_run(results / "scores", SCORES, {})
    (results / "scores" / "served.json").unlink()
    (run.folder.parent / "served").write_text(f"{run.name}\n")
    (results / "segments" / "edges").mkdir(parents=True)
    (results / "segments" / "edges" / "manifest.json").write_text("edges")
    (results / "segments" / "my notes.txt").write_text("mine")
    (results / "priorities.csv").write_text("list")
    (results / "outcomes" / "as_of=2023-11-01").mkdir(parents=True)
    (results / "outcomes" / "as_of=2023-11-01" / "x.parquet").write_text("ledger")
    publish(workspace, report_html="page")
    assert current_run(workspace.scores).name == run.name
    assert [found.name for _, found in served_runs(workspace.scores)] == [run.name]
    assert (workspace.edges / "manifest.json").read_text() == "edges"
    assert (workspace.segments / "my notes.txt").read_text() == "mine"
    assert (workspace.outcome_ledger / "as_of=2023-11-01" / "x.parquet").read_text() == "ledger"
    assert shown(workspace) == {"priorities.csv": "list", "report.html": "page"}
    assert all((results / name).is_symlink() for name in ("segments", "outcomes", "priorities.csv"))


def test_a_folder_that_somebody_put_in_place_of_a_name_is_kept(workspace: Workspace) -> None:
    with workspace.publishing() as draft:
        write_text(draft.segments / "groups.csv", "groups")
    (workspace.results / "segments").unlink()
    (workspace.results / "segments").mkdir()
    (workspace.results / "segments" / "thesis.txt").write_text("mine")
    publish(workspace, report_html="page")
    assert (workspace.segments / "groups.csv").read_text() == "groups"
    (aside,) = workspace.results.glob("segments.before-*")
    assert (aside / "thesis.txt").read_text() == "mine"


def test_without_hard_links_files_are_copied(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    publish(workspace, priorities_csv="list 1", report_html="page 1")
    publish(workspace, priorities_csv="list 2")
    assert shown(workspace) == {"priorities.csv": "list 2", "report.html": "page 1"}


def test_a_damaged_set_is_said(workspace: Workspace) -> None:
    publish(workspace, priorities_csv="list 1")
    (workspace.results / "current" / "set.json").write_text("{")
    with pytest.raises(DamagedFile, match=r"set.json: is damaged: delete .*published/000001, and go on"):
        publish(workspace, priorities_csv="list 2")


@pytest.mark.parametrize("gone", ["current", "published/000002"])
def test_without_the_pointer_or_its_set_the_newest_whole_set_is_shown(workspace: Workspace, gone: str) -> None:
    publish(workspace, priorities_csv="list 1", shop_yaml="shop")
    publish(workspace, priorities_csv="list 2")
    lost = workspace.results / gone
    lost.unlink() if lost.is_symlink() else shutil.rmtree(lost)
    publish(workspace, report_html="page")
    assert shown(workspace) == {
        "priorities.csv": "list 2" if gone == "current" else "list 1", "report.html": "page", "shop.yaml": "shop",
    }  # fmt: skip


def test_a_workspace_that_shows_one_set_publishes_nothing(workspace: Workspace) -> None:
    publish(workspace, priorities_csv="list 1")
    with pytest.raises(ValueError, match="publish from the workspace itself"):
        publish(workspace.as_published(), priorities_csv="list 2")


def test_results_that_are_copied_elsewhere_stay_whole(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.publishing() as draft:
        run = write_run(draft.scores, SCORES, {})
        write_text(draft.priorities, "list")
    shutil.copytree(workspace.results, tmp_path / "elsewhere", symlinks=True)
    shutil.rmtree(workspace.results)
    moved = Workspace(tmp_path / "elsewhere", workspace.tracking)
    assert current_run(moved.scores).name == run.name
    assert moved.priorities.read_text() == "list"


def test_a_file_that_an_editor_put_in_a_links_place_goes_into_the_next_set(workspace: Workspace) -> None:
    publish(workspace, shop_yaml="name: a", priorities_csv="list 1")
    (workspace.results / "shop.yaml").unlink()
    (workspace.results / "shop.yaml").write_text("name: b")
    publish(workspace, report_html="page")
    assert shown(workspace) == {"shop.yaml": "name: b", "priorities.csv": "list 1", "report.html": "page"}


def test_a_file_that_was_edited_in_place_is_hashed_anew(workspace: Workspace) -> None:
    publish(workspace, shop_yaml="name: a")
    later = (workspace.results / "current" / "set.json").stat().st_mtime_ns + 10**9
    with (workspace.results / "shop.yaml").open("w") as file:
        file.write("name: b")
    os.utime(workspace.results / "shop.yaml", ns=(later, later))
    publish(workspace, report_html="page")
    found = current_set(workspace.results)
    assert found is not None
    assert found.files["shop.yaml"] == sha256_of(workspace.results / "shop.yaml")


def test_a_copy_that_followed_links_is_taken_over(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.publishing() as draft:
        run = write_run(draft.scores, SCORES, {})
        write_text(draft.priorities, "list")
        write_text(draft.edges / "manifest.json", "edges")
    shutil.copytree(workspace.results, tmp_path / "elsewhere")  # symlinks=False, as of many tools
    moved = Workspace(tmp_path / "elsewhere", workspace.tracking)
    assert current_run(moved.scores).name == run.name
    publish(moved, report_html="page")
    assert current_run(moved.scores).name == run.name
    assert [found.name for _, found in served_runs(moved.scores)] == [run.name]
    assert shown(moved) == {"priorities.csv": "list", "report.html": "page"}
    assert (moved.edges / "manifest.json").read_text() == "edges"
    assert (moved.results / "current").is_symlink()


def test_a_folder_of_somebody_elses_that_is_called_current_stays(workspace: Workspace) -> None:
    (workspace.results / "current").mkdir(parents=True)
    (workspace.results / "current" / "thesis.txt").write_text("mine")
    publish(workspace, priorities_csv="list")
    (aside,) = workspace.results.glob("current.before-*")
    assert (aside / "thesis.txt").read_text() == "mine"
    assert shown(workspace) == {"priorities.csv": "list"}


HOLDER = """
import sys
from pathlib import Path
from cvo_ml.core.files import write_text
from cvo_ml.core.workspace import Workspace
with Workspace(Path(sys.argv[1]), Path("mlruns")).publishing() as draft:
    write_text(draft.priorities, "half")
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_lock_of_a_killed_process_is_free(workspace: Workspace) -> None:
    publish(workspace, priorities_csv="list 1")
    command = [sys.executable, "-c", HOLDER, str(workspace.results)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    assert shown(workspace) == {"priorities.csv": "list 1"}
    publish(workspace, report_html="page")
    assert shown(workspace) == {"priorities.csv": "list 1", "report.html": "page"}
    assert leftovers(workspace) == []
