"""A full disk, a folder that cannot be written, a failing disk, a signal, little memory: one sentence, nothing half."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.robustness.driving import CHECKOUT, ONE_THREAD, PLAIN, Ran
from tests.robustness.published import broken_registry, broken_results, litter, registry, state
from tests.robustness.shop import COMMANDS, Shop, succeeded
from tests.robustness.write_events import Fault

SEED: Final = 16
ERRORS: Final = ("ENOSPC", "EROFS", "EIO")
SIGNALS: Final = {"term": signal.SIGTERM, "hup": signal.SIGHUP, "int": signal.SIGINT}
#: a few that publish, and one that moves a champion
QUICK: Final = ("score", "segment", "plan", "outcomes", "promote")
PROGRAM: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); from cvo_ml.cli import main; main()"


def one_sentence(ran: Ran) -> list[str]:
    """What is wrong with the words of a command that did not do its work."""
    said = [line for line in ran.said.splitlines() if line.strip()]
    faults = [f"said {len(said)} lines: {ran.said[-1500:]}"] * (len(said) != 1)
    return faults + [f"does not begin with its name: {said}"] * (bool(said) and not said[0].startswith("cvo: "))


def after_a_fault(name: str, fault: Fault, code: int, shop: Shop) -> list[str]:
    """What does not hold of a command that met a fault, and of the next run."""
    command = COMMANDS[name]
    before, after, champions = undisturbed(name, shop)
    shop.begin(command.state)
    was = registry(shop.work).champions
    ran = shop.run(*command.arguments, fault=fault)
    now = state(shop.work)
    faults = broken_results(shop.work)
    if ran.code == 0:  # the fault met what may fail, or came when all was done
        faults += ["success, and the result is another"] * (now != after or registry(shop.work).champions != champions)
    else:
        faults += [f"ended with {ran.code} and not {code}"] * (ran.code != code) + one_sentence(ran)
        faults += ["neither the old state nor the new one"] * (now not in (before, after))
        faults += ["neither the old champion nor the new one"] * (
            registry(shop.work).champions not in (was, champions)
        )  # fmt: skip
        if fault.kind not in ("EROFS", "EIO"):  # there nothing can be put in order
            faults += [f"litter: {found}" for found in litter(shop.work)]
    faults += broken_registry(registry(shop.work), settled=False)
    if registry(shop.work).champions != champions or command.line.startswith(("score", "segment", "plan", "outcomes")):
        again = shop.run(*command.arguments)
        faults += [f"the next run: {again.code} {again.said[-1500:]}"] * bool(again.code or again.said)
    differs = dict(state(shop.work).items() ^ after.items())
    faults += [f"the next run gave another result: {differs}"] * bool(differs)
    faults += [f"litter after the next run: {found}" for found in litter(shop.work)]
    where = ran.events[fault.at - 1] if fault.at <= len(ran.events) else None
    return [f"{name} {fault.kind} at {where}: {found}" for found in faults]


def undisturbed(name: str, shop: Shop) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """The state before and after the command, and the champions after it; once for each command."""
    if name not in shop.undisturbed:
        command = COMMANDS[name]
        shop.begin(command.state)
        before = state(shop.work)
        ran = succeeded(shop.run(*command.arguments), command.line)
        shop.undisturbed[name] = (before, state(shop.work), registry(shop.work).champions)
        shop.events[name] = len(ran.events)
    return shop.undisturbed[name]


def events(name: str, shop: Shop) -> int:
    """How many write events the command has."""
    undisturbed(name, shop)
    return shop.events[name]


def faults_at(name: str, kind: str, numbers: list[int], shop: Shop) -> list[str]:
    """What does not hold after a fault at each of the events."""
    code = 2 if kind in ERRORS else 128 + SIGNALS[kind]
    return [found for number in numbers for found in after_a_fault(name, Fault(kind, number), code, shop)]


@pytest.mark.parametrize(("name", "kind"), [("plan", "ENOSPC"), ("plan", "EROFS"), ("plan", "EIO"), ("segment", "hup")])
def test_an_error_of_the_disk_or_a_signal_leaves_the_old_or_the_new(name: str, kind: str, shop: Shop) -> None:
    """FAULT-S3, S9, S11: a full disk between two renames left a mixture until the next run."""
    number = random.Random(f"{SEED} {name} {kind}").randint(1, events(name, shop))
    assert faults_at(name, kind, [number], shop) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*ERRORS, *SIGNALS])
@pytest.mark.parametrize("name", QUICK)
def test_a_fault_at_every_write_leaves_the_old_or_the_new(name: str, kind: str, shop: Shop) -> None:
    """FAULT-S3, S9, S11, whole."""
    assert faults_at(name, kind, list(range(1, events(name, shop) + 1)), shop) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*ERRORS, *SIGNALS])
def test_a_fault_while_a_model_is_trained_closes_its_run_and_keeps_the_champion(kind: str, shop: Shop) -> None:
    """FAULT-S9, S11."""
    total = events("train", shop)
    numbers = sorted(random.Random(f"{SEED} train {kind}").sample(range(1, total + 1), 12))
    found = []
    for number in numbers:
        shop.begin("published")
        was = registry(shop.work).champions
        ran = shop.run(*COMMANDS["train"].arguments, fault=Fault(kind, number))
        if ran.code != 0:
            code = 2 if kind in ERRORS else 128 + SIGNALS[kind]
            found += [f"at {number}: {fault}" for fault in one_sentence(ran)]
            found += [f"at {number}: ended with {ran.code}: {ran.said[-500:]}"] * (ran.code != code)
        disk = kind in ERRORS  # there the run may not have been closed: the next that writes does it
        found += [f"at {number}: {fault}" for fault in broken_registry(registry(shop.work), settled=not disk)]
        found += [f"at {number}: another champion"] * (registry(shop.work).champions != was)
    assert found == []


# --- the system itself ------------------------------------------------------------------------------------------------


def test_a_command_that_holds_the_lock_and_is_killed_holds_up_nobody(shop: Shop) -> None:
    """FAULT-S9: the lock of a dead process is free at once, and nobody says that he waits."""
    undisturbed("plan", shop)
    shop.begin("published")
    killed = shop.run(*COMMANDS["plan"].arguments, fault=Fault("kill", events("plan", shop) - 3))
    assert killed.code == -signal.SIGKILL
    again = shop.run(*COMMANDS["plan"].arguments)
    assert (again.code, again.said) == (0, "")
    assert state(shop.work) == undisturbed("plan", shop)[1]


def test_another_user_who_may_not_write_is_told_so(shop: Shop) -> None:
    """FAULT-S11: the folder is another's: one sentence, nothing changed."""
    if os.geteuid() != 0:
        pytest.skip("only root may run a command as another user")
    shop.begin("published")
    before = state(shop.work)
    ran = shop.run(*COMMANDS["plan"].arguments, user=65534)
    assert (ran.code, one_sentence(ran)) == (2, [])
    assert "Permission denied" in ran.said or "cannot be used" in ran.said
    assert state(shop.work) == before


def test_a_full_disk_is_said_and_nothing_is_half(shop: Shop) -> None:
    """FAULT-S3, S11, on a disk that is really full: also what C code writes meets it."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
        pytest.skip("no mount namespace may be made here (unshare -m)")
    shop.begin("published")
    before, after, _ = undisturbed("score", shop)
    shop.begin("published")
    for room in (10, 1200):  # kilobytes that are left
        script = f"""
set -e
mkdir disk && mount -t tmpfs -o size=64m tmpfs disk && cp -a out disk/out
free=$(($(df --output=avail -k disk | tail -1) - {room})); head -c ${{free}}k /dev/zero > disk/ballast
set +e
"$PYTHON" -P -c "$PROGRAM" "$CHECKOUT" score --shop shop.yaml --as-of 2023-12-01 --out disk/out > full.out 2> full.err
echo $? > full.code
rm -rf full && cp -a disk/out full
"""
        run_outside(script, shop.work)
        (shop.work / "out").rename(shop.work / "kept")
        (shop.work / "full").rename(shop.work / "out")
        said, code = (shop.work / "full.err").read_text(), int((shop.work / "full.code").read_text())
        assert "Traceback" not in said
        if code != 0:
            assert code == 2, said
            assert "no space is left" in said
            assert said.count("\n") == 1
        assert state(shop.work) in (before, after)
        shutil.rmtree(shop.work / "out")
        (shop.work / "kept").rename(shop.work / "out")
        (shop.work / "disk").rmdir()


def run_outside(script: str, folder: Path) -> None:
    """A script with mounts of its own, which end with it."""
    variables = {"PYTHON": sys.executable, "PROGRAM": PROGRAM, "CHECKOUT": str(CHECKOUT)}
    ended = subprocess.run(
        ["unshare", "-m", "bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, **ONE_THREAD, **PLAIN, **variables},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["score", "segment"])
@pytest.mark.parametrize("megabytes", [700, 1000, 1400])
def test_little_address_space_is_said_in_a_sentence(name: str, megabytes: int, shop: Shop) -> None:
    """FAULT-S11: Arrow's, DuckDB's and Python's words for too little memory."""
    before, after, _ = undisturbed(name, shop)
    shop.begin("published")
    limit = megabytes << 20
    ran = real(COMMANDS[name].arguments, shop.work, lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert "Traceback" not in ran.stderr
    assert ran.returncode in (0, 2, 3, 4), ran.stderr
    assert ran.returncode == 0 or ran.stderr.count("\n") == 1, ran.stderr
    assert state(shop.work) in (before, after)


def real(arguments: tuple[str, ...], folder: Path, first: Callable[[], object]) -> subprocess.CompletedProcess[str]:
    """A command in a process that was not forked from a warm one."""
    return subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, str(CHECKOUT), *arguments], cwd=folder, capture_output=True, text=True,
        check=False, env={**os.environ, **ONE_THREAD, **PLAIN}, preexec_fn=first,
    )  # fmt: skip


@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
def test_a_locked_database_is_waited_for(seconds: int, shop: Shop) -> None:
    """Another process holds MLflow's database for a while: the command goes on when it is free, or says so."""
    before, after, _ = undisturbed("score", shop)
    shop.begin("published")
    database = shop.work / "mlruns" / "mlflow.db"
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as holder:
        holder.execute("begin exclusive")
        release = threading.Timer(seconds, lambda: holder.execute("rollback"))
        release.start()
        began = time.monotonic()
        ran = shop.run(*COMMANDS["score"].arguments)
        release.join()
    assert "Traceback" not in ran.said
    if ran.code == 0:
        assert state(shop.work) == after
    else:
        assert (ran.code, one_sentence(ran)) == (2, []), time.monotonic() - began
        assert state(shop.work) == before


@pytest.mark.parametrize("days", [-700, pytest.param(700, marks=pytest.mark.slow)])
def test_a_clock_that_steps_changes_no_result(days: int, shop: Shop) -> None:
    """Dates come from the caller; what is swept and what is moved does not believe the clock either."""
    _, after, _ = undisturbed("plan", shop)
    shop.begin("published")
    at = random.Random(f"{SEED} clock").randint(1, events("plan", shop))
    ran = shop.run(*COMMANDS["plan"].arguments, fault=Fault("clock", at, most=days * 86_400.0))
    assert (ran.code, ran.said) == (0, "")
    assert state(shop.work) == after
    assert litter(shop.work) == []


@pytest.mark.parametrize(("name", "encoding"), [("plan", "ascii"), ("outcomes", "cp1252")])
def test_an_output_that_is_not_unicode_gets_the_result(name: str, encoding: str, shop: Shop) -> None:
    """FAULT-S11."""
    _, after, _ = undisturbed(name, shop)
    shop.begin(COMMANDS[name].state)
    ran = shop.run(*COMMANDS[name].arguments, encoding=encoding)
    assert (ran.code, ran.said) == (0, "")
    assert state(shop.work) == after


def test_moves_by_a_clock_that_steps_back_keep_their_order(shop: Shop) -> None:
    """The audit is ordered by number and not by time: a rollback finds the champion before."""
    shop.begin("promoted")
    line = COMMANDS["rollback"].arguments
    succeeded(shop.run(*line, fault=Fault("clock", 1, most=-400 * 86_400.0)), "rollback")
    found = registry(shop.work)
    assert found.aliases["seeded-clv", "champion"] == "1"
    listed = succeeded(shop.run("models", "show", "clv", "--json"), "show").out
    assert listed.index('"promotion"' if '"promotion"' in listed else '"forced"') < listed.index('"rollback"')
