"""Champions, who they were and why: moves with a line each, back by one step, settled after an interruption."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cvo_ml.core.errors import BundleError, NoChampion, UsageError
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import EXPERIMENT, JUDGED, ChampionHistory
from cvo_ml.registry.tracking.owner_process import PROCESS, is_gone, this_process
from cvo_ml.registry.tracking.run import Run
from tests.registry.conftest import SHOP

REGRESSION = Bundle("churn", "churn.recency_logistic", {"intercept": 0.1, "slope": 1.0, "reference": 3.0})


def version(tracker: Tracker, slope: float, judged: bool = False) -> int:
    """A registered version whose slope tells it from others."""
    bundle = Bundle("churn", "churn.recency_logistic", {**REGRESSION.parameters, "slope": slope})
    with tracker.run("churn", "a training") as run:
        folder = save_bundle(bundle, tracker.root.parent / "new")
        if judged:
            run.log_folder(folder, JUDGED)
        return tracker.register(run.log_bundle(folder), "churn", {"shop": SHOP})


def test_every_move_has_a_line_with_who_when_why_and_the_evidence(tracker: Tracker) -> None:
    line = ChampionHistory(tracker)
    one, two = version(tracker, 1.0), version(tracker, 2.0)
    assert line.incumbent("churn") is None
    line.appoint("churn", one, "first", "the first model of this shop")
    line.challenge("churn", two)
    moved = line.appoint("churn", two, "promotion", "all gates passed", {"profit": 12.5})
    assert tracker.version_of("churn") == two
    assert tracker.version_of("churn", "challenger") is None
    assert line.history("churn")[-1] == moved
    assert (moved.before, moved.version, moved.why) == (one, two, "all gates passed")
    assert moved.metrics == {"profit": 12.5}
    assert moved.who
    run = tracker.client.search_runs([tracker.experiment(EXPERIMENT)])[0]
    assert moved.at == run.info.start_time
    with pytest.raises(UsageError, match="is champion already"):
        line.appoint("churn", two, "promotion", "again")
    assert len(line.history("churn")) == 2


def test_rolling_back_goes_step_by_step_and_never_to_who_was_rolled_back(tracker: Tracker) -> None:
    line = ChampionHistory(tracker)
    with pytest.raises(NoChampion, match="run 'cvo train churn' first"):
        line.rollback("churn", "why")
    one, two, three, four = (version(tracker, float(k)) for k in range(1, 5))
    for number, kind in ((one, "first"), (two, "promotion"), (three, "forced")):
        line.appoint("churn", number, kind, "why")
    assert line.rollback("churn", "three is worse").version == two
    line.appoint("churn", four, "promotion", "why")
    assert line.line("churn") == [one, two, four]
    assert [line.rollback("churn", "why").version for _ in range(2)] == [two, one]
    assert tracker.champion("churn").parameters["slope"] == 1.0
    with pytest.raises(UsageError, match="no champion before version 1 is on record"):
        line.rollback("churn", "why")
    assert [past.kind for past in line.history("churn")].count("rollback") == 3


def test_an_alias_that_was_moved_by_other_means_is_seen(tracker: Tracker) -> None:
    line = ChampionHistory(tracker)
    one, two, three = (version(tracker, float(k)) for k in range(1, 4))
    tracker.client.set_registered_model_alias("a-churn", "champion", str(one))  # before there was an audit
    line.appoint("churn", two, "promotion", "why")
    tracker.client.set_registered_model_alias("a-churn", "champion", str(three))
    assert line.line("churn") == [one, two, three]
    assert line.rollback("churn", "who did that?").version == two


def files_of(tracker: Tracker, slope: float) -> Path:
    """The parameters of the registered version with this slope."""
    found = (tracker.root / "artifacts").rglob("models/*/artifacts/**/parameters.json")
    return next(path for path in found if f'"slope": {slope}' in path.read_text())


@pytest.mark.parametrize("damage", ["truncated", "one bit", "swapped", "gone"])
def test_damaged_files_are_refused_and_the_champion_before_keeps_scoring(damage: str, tracker: Tracker) -> None:
    line = ChampionHistory(tracker)
    for slope in (1.0, 2.0):
        line.appoint("churn", version(tracker, slope), "first" if slope == 1.0 else "promotion", "why")
    assert line.serving("churn")[1] == ""
    path, before = files_of(tracker, 2.0), files_of(tracker, 1.0)
    content = path.read_bytes()
    {
        "truncated": lambda: path.write_bytes(content[:-9]),
        "one bit": lambda: path.write_bytes(bytes([content[0] ^ 1]) + content[1:]),
        "swapped": lambda: path.write_bytes(before.read_bytes()),
        "gone": lambda: shutil.rmtree(path.parents[2]),
    }[damage]()
    with pytest.raises(BundleError):
        tracker.champion("churn")
    model, note = line.serving("churn")
    assert model.bundle.parameters["slope"] == 1.0
    assert "scored with version 1, the champion before" in note
    assert tracker.version_of("churn") == 2  # nobody but a person changes it
    assert line.rollback("churn", "damaged").version == 1
    with pytest.raises(BundleError):
        tracker.bundle("churn", 2)
    before.write_text("{}")
    with pytest.raises(BundleError):
        line.serving("churn")


def test_a_damaged_predecessor_is_not_rolled_back_to(tracker: Tracker) -> None:
    line = ChampionHistory(tracker)
    for slope in (1.0, 2.0):
        line.appoint("churn", version(tracker, slope), "promotion", "why")
    files_of(tracker, 1.0).write_text("{}")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        line.rollback("churn", "why")
    assert tracker.version_of("churn") == 2


def test_a_standing_champion_comes_with_what_was_judged_or_with_its_fault(tracker: Tracker) -> None:
    line = ChampionHistory(tracker)
    line.appoint("churn", version(tracker, 1.0, judged=True), "first", "why")
    standing = line.incumbent("churn")
    assert standing is not None
    assert standing.bundle == standing.judged
    line.appoint("churn", version(tracker, 2.0), "promotion", "why")
    standing = line.incumbent("churn")
    assert standing is not None
    assert standing.bundle is not None
    assert standing.judged is None
    files_of(tracker, 2.0).unlink()
    standing = line.incumbent("churn")
    assert standing is not None
    assert standing.bundle is None
    assert "parameters.json" in standing.fault or "files differ" in standing.fault


# --- killed ----------------------------------------------------------------------------------------------------------


def gone_process() -> str:
    """The name of a process that was here and has ended."""
    program = "from cvo_ml.registry.tracking.owner_process import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_a_process_is_gone_when_it_ended_or_its_number_was_given_away() -> None:
    here = this_process()
    assert not is_gone(here)
    assert is_gone(gone_process())
    host, pid, _ = here.rsplit(" ", 2)
    assert is_gone(f"{host} {pid} another-boot/1")
    for text in ("", "no number", f"elsewhere {pid} 1", "elsewhere pid:[1] 1 1"):
        assert not is_gone(text)


def test_a_zombie_is_gone() -> None:
    program = "from cvo_ml.registry.tracking.owner_process import this_process; print(this_process(), flush=True)"
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    child.stdout.read()  # it has closed its output: it ends, and nobody has reaped it
    for _ in range(200):
        if is_gone(name):
            break
        import time

        time.sleep(0.05)
    assert is_gone(name)
    child.wait()


def test_the_next_start_fails_what_was_killed_and_leaves_what_runs(tracker: Tracker) -> None:
    client, experiment = tracker.client, tracker.experiment("a-churn")
    killed = client.create_run(experiment, tags={PROCESS: gone_process()}).info.run_id
    foreign = client.create_run(experiment, tags={"mlflow.user": "somebody in a notebook"}).info.run_id
    with tracker.run("churn", "still training") as alive:
        Tracker(tracker.root, SHOP)
        status = {run_id: client.get_run(run_id).info.status for run_id in (killed, foreign, alive.run_id)}
    assert status == {killed: "FAILED", foreign: "RUNNING", alive.run_id: "RUNNING"}


@pytest.mark.parametrize("moved", [False, True])
def test_an_interrupted_move_is_settled_by_where_the_alias_points(moved: bool, tracker: Tracker) -> None:
    line = ChampionHistory(tracker)
    one, two = version(tracker, 1.0), version(tracker, 2.0)
    line.appoint("churn", one, "first", "why")
    opened: Run = line._open("churn", "promotion", one, two, "why")
    opened.set_tags({PROCESS: gone_process()})
    if moved:
        tracker.client.set_registered_model_alias("a-churn", "champion", str(two))
    again = Tracker(tracker.root, SHOP)
    assert again.client.get_run(opened.run_id).info.status == ("FINISHED" if moved else "FAILED")
    assert ChampionHistory(again).line("churn") == ([one, two] if moved else [one])


# --- moved -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_folder_that_was_moved_or_copied_reads_its_own_files(how: str, tracker: Tracker, tmp_path: Path) -> None:
    line = ChampionHistory(tracker)
    line.appoint("churn", version(tracker, 1.0, judged=True), "first", "why")
    there = tmp_path / "else where" / "mlruns"
    shutil.copytree(tracker.root, there)
    if how == "moved":
        shutil.rmtree(tracker.root)
    else:
        files_of(tracker, 1.0).write_text("another's damage")
    moved = Tracker(there, SHOP)
    standing = ChampionHistory(moved).incumbent("churn")
    assert standing is not None
    assert standing.bundle is not None
    assert standing.bundle == standing.judged
    assert version(moved, 2.0) == 2
    new = [path for path in (there / "artifacts").rglob("parameters.json") if '"slope": 2.0' in path.read_text()]
    assert new
    database = (there / "mlflow.db").read_bytes()
    assert str(tracker.root).encode() not in database.replace(str(there).encode(), b"")
