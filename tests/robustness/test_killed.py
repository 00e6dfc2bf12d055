"""Killed at every write: the folder shows the old state or the new one, and the next run makes it whole.

A process that is killed leaves what lay on the disk at that moment. So one run of each command, with a copy of the
folder at each of its write events, gives every state that a kill can leave (``test_a_kill_leaves_what_the_copy_shows``
holds that), and the next run begins from these. All states of every command are looked at; from how many the next run
begins is what the gate and ``-m slow`` differ in.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.robustness.driving import Event
from tests.robustness.published import (
    Registry,
    broken_registry,
    broken_results,
    listing,
    litter,
    registry,
    shown,
    state,
)
from tests.robustness.shop import COMMANDS, Command, Shop, succeeded
from tests.robustness.write_events import Fault

SEED: Final = 16
#: moves of the champion: done once, they are not done again
MOVES: Final = ("promote", "rollback")
#: what writes into the model store, and settles first what a killed one left open there
STORING: Final = ("train_first", "train", "migrate", *MOVES)
#: from how many states the next run begins in the gate; the other commands are for -m slow
SAMPLE: Final = {"score_first": 0, "score": 1, "segment": 1, "plan": 1, "promote": 1, "rollback": 1, "export": 1}


@dataclass(frozen=True)
class Traced:
    """A command that ran to its end, and the folder at each of its write events."""

    command: Command
    name: str
    before: dict[str, str]
    after: dict[str, str]
    was: Registry
    became: Registry
    events: tuple[Event, ...]
    copies: list[Path]


def traced(name: str, shop: Shop) -> Traced:
    """Run a command from its state, with copies."""
    command = COMMANDS[name]
    shop.begin(command.state)
    before, was = state(shop.work), registry(shop.work)
    ran, copies = shop.copies(*command.arguments)
    succeeded(ran, command.line)
    assert litter(shop.work) == []
    return Traced(
        command, name, before, state(shop.work), was, registry(shop.work), ran.events, copies
    )  # fmt: skip


def mixture(found: dict[str, str], before: dict[str, str], after: dict[str, str]) -> str:
    """Empty where all is old or all is new; else the names that are not old, and those that are not new."""
    found, before, after = (_without_cards(facts) for facts in (found, before, after))
    if found in (before, after):
        return ""
    names = sorted(found.keys() | before.keys() | after.keys())
    changed = [name for name in names if found.get(name) != before.get(name)]
    missing = [name for name in names if found.get(name) != after.get(name)]
    return f"neither old (changed: {changed}) nor new (not yet: {missing})"


def _without_cards(facts: dict[str, str]) -> dict[str, str]:
    """A dossier's card follows its model by a step, and names the version that it is of."""
    return {name: value for name, value in facts.items() if not name.endswith("MODEL_CARD.md")}


def broken(one: Traced) -> Iterator[str]:
    """What does not hold of the states that a kill would leave."""
    looked_at: dict[str, list[str]] = {}  # there are few states, and many copies of each
    for event, copy in zip(one.events, one.copies, strict=True):
        now = state(copy)
        faults = [*_unsettled(one, registry(copy)), mixture(now, one.before, one.after)]
        if one.command.state not in ("old_folder", "bare"):
            if repr(now) not in looked_at:
                looked_at[repr(now)] = broken_results(copy)
            faults += looked_at[repr(now)]
        if faults := [fault for fault in faults if fault]:
            yield f"killed before {event.number} ({event.kind} {event.path}): {'; '.join(faults)}"


def _unsettled(one: Traced, found: Registry) -> list[str]:
    """What does not hold of a model store that nobody has written into since the kill.

    A migration moves a name's alias, then its lines: until its end the shop is read under the old name.
    """
    return [] if one.name == "migrate" else broken_registry(found, settled=False)


def distinct(one: Traced) -> list[int]:
    """The copies that differ: two that lie between the same two changes are one."""
    kept: dict[str, int] = {}
    for number, copy in enumerate(one.copies):
        kept.setdefault(json.dumps([listing(copy), state(copy), repr(registry(copy))]), number)
    return list(kept.values())


def next_run(one: Traced, number: int, shop: Shop) -> list[str]:
    """What does not hold after the same command ran again from a state that a kill left, and others after it."""
    shop.take(one.copies[number])
    shop.run("models", "list")
    faults = _unsettled(one, registry(shop.work))  # who only reads settles nothing
    already = one.name in MOVES and registry(shop.work).champions == one.became.champions
    if not already:
        again = shop.run(*one.command.arguments)
        faults += [f"the next run ended with {again.code}: {again.said[-1500:]}"] * (again.code != 0)
        faults += [f"the next run was not silent: {again.said[-1500:]}"] * (again.code == 0 and again.said != "")
    faults += broken_registry(registry(shop.work), settled=one.name in STORING and not already)
    if registry(shop.work).champions != one.became.champions:
        faults.append(f"the champions are {registry(shop.work).champions} and not {one.became.champions}")
    if one.name == "backtest":  # says how many seconds it took
        faults += [f"the walk shows {set(shown(shop.work / 'walk'))}"] * (not shown(shop.work / "walk"))
    elif state(shop.work) != one.after:
        faults.append(f"the next run gave another result: {state(shop.work).items() ^ one.after.items()}")
    faults += [f"litter: {found}" for found in litter(shop.work)]
    if state(shop.work).get("current run"):
        faults += [f"report: {text}" for text in [shop.run("report").said] if text]
    event = one.events[number]
    return [f"killed before {event.number} ({event.kind} {event.path}): {fault}" for fault in faults]


@pytest.mark.parametrize("name", SAMPLE)
def test_killed_at_any_write_the_old_or_the_new_stands_and_the_next_run_is_whole(name: str, shop: Shop) -> None:
    """FAULT-S3, S4, S9: mixtures of two runs, edges that were lost, litter that stayed."""
    one = traced(name, shop)
    assert list(broken(one)) == []
    for number in random.Random(f"{SEED} {name}").sample(range(len(one.copies)), SAMPLE[name]):
        assert next_run(one, number, shop) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_from_every_state_that_a_kill_can_leave_the_next_run_is_whole(name: str, shop: Shop) -> None:
    """FAULT-S3, S4, S9, whole: the next run begins from each of them."""
    one = traced(name, shop)
    found = list(broken(one))
    for number in distinct(one):
        found += next_run(one, number, shop)
    assert found == []


@pytest.mark.parametrize(
    "name", ["plan", *(pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS if name != "plan")]
)
def test_a_kill_leaves_what_the_copy_shows(name: str, shop: Shop) -> None:
    """The harness itself: SIGKILL at an event leaves the folder as it was copied at that event."""
    one = traced(name, shop)
    at = random.Random(f"{SEED} {name} killed").randrange(len(one.events))
    shop.put_back(one.command.state)
    ran = shop.run(*one.command.arguments, fault=Fault("kill", one.events[at].number))
    assert ran.code == -9
    assert [(event.number, event.kind) for event in ran.events] == [
        (event.number, event.kind) for event in one.events[: at + 1]
    ]
    assert listing(shop.work) == listing(one.copies[at])
    assert state(shop.work) == state(one.copies[at])
