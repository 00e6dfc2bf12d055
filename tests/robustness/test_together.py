"""Two to four commands at once in one folder, with random starts and pauses: as if one had followed the other."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from functools import cache
from typing import Final

import pytest

from tests.robustness.driving import Call, Ran
from tests.robustness.published import broken_registry, broken_results, litter, registry, state
from tests.robustness.shop import FIRST, LATER, PLAIN, Shop, succeeded
from tests.robustness.write_events import Fault

SEED: Final = 16
STATE: Final = "challenged"
#: quick ones, of which two to four run at once in the gate
PUBLISHING: Final = (
    f"score --shop shop.yaml --as-of {FIRST}",
    f"score --shop shop.yaml --as-of {LATER}",
    f"segment --shop shop.yaml --as-of {FIRST} --months 0",
    f"segment --shop shop.yaml --as-of {LATER} --months 1 --recut",
    "plan --shop shop.yaml --budget 100",
    "plan --shop shop.yaml --budget 200 --set holdout.share=0.3",
    "outcomes --shop shop.yaml --horizon 30D",
    "report",
    "audience --shop people.yaml --format google --top 0.5",
)
#: what changes the model store too; a move that another one has made already is refused in words
STORING: Final = (
    f"train clv --shop shop.yaml --as-of {LATER} {PLAIN}",
    f"train clv --shop shop.yaml --as-of 2023-12-10 {PLAIN} --promote",
    "models promote clv --force --reason better",
    "models rollback clv --reason worse",
    "models export clv --to dossiers",
)
#: exit codes that are no fault: of a move that cannot be made any more, of a gate that is closed
REFUSED: Final = (2, 4)


def calls(lines: tuple[str, ...], moments: random.Random) -> list[Call]:
    """The commands with their starts and pauses."""
    return [
        Call(
            tuple(line.split()),
            Fault("pause", seed=moments.randrange(10**6), most=moments.choice((0.02, 0.2, 1.0))),
            after=moments.choice((0.0, moments.uniform(0, 2.5))),
        )
        for line in lines
    ]


def wrong(lines: tuple[str, ...], ran: list[Ran], shop: Shop) -> list[str]:
    """What does not hold after the commands."""
    faults = []
    for line, one in zip(lines, ran, strict=True):
        refused = line in STORING and one.code in REFUSED and one.said.count("\n") == 1
        if one.code != 0 and not refused:
            faults.append(f"{line}: ended with {one.code}: {one.said[-1500:]}")
        if "Traceback" in one.said:
            faults.append(f"{line}: {one.said[-1500:]}")
    succeeded(shop.run("models", "list"), "models list")
    faults += broken_registry(registry(shop.work), settled=True)
    faults += broken_results(shop.work)
    return faults + [f"litter: {found}" for found in litter(shop.work)]


def at_once(lines: tuple[str, ...], seed: str, shop: Shop) -> list[str]:
    """The faults of an interleaving."""
    shop.begin(STATE)
    ran = shop.together(*calls(lines, random.Random(seed)))
    return [f"{seed} {lines}: {fault}" for fault in wrong(lines, ran, shop)]


def chosen(number: int, commands: tuple[str, ...]) -> tuple[str, ...]:
    """Two to four of the commands, by the number of an interleaving."""
    moments = random.Random(f"{SEED} {number}")
    return tuple(moments.choices(commands, k=moments.choice((2, 2, 3, 4))))


@pytest.mark.parametrize("number", range(2))
def test_commands_at_once_leave_one_consistent_set(number: int, shop: Shop) -> None:
    """FAULT-S3: two scores at once left a list of one date over the scores of another."""
    assert at_once(chosen(number, PUBLISHING), f"gate {number}", shop) == []


@pytest.mark.slow
@pytest.mark.parametrize("tenth", range(20))
def test_two_hundred_interleavings_leave_one_consistent_set(tenth: int, shop: Shop) -> None:
    """FAULT-S2, S3, whole."""
    found = []
    for number in range(10 * tenth, 10 * tenth + 10):
        found += at_once(chosen(number, PUBLISHING + STORING), f"slow {number}", shop)
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12))
def test_two_at_once_are_as_one_after_the_other(number: int, shop: Shop) -> None:
    """FAULT-S3: nothing that one of them published is lost."""
    moments = random.Random(f"{SEED} pair {number}")
    pair = tuple(sorted(moments.sample(PUBLISHING, 2)))
    orders = [one_after_the_other(order, shop) for order in itertools.permutations(pair)]
    shop.begin(STATE)
    ran = shop.together(*[replace(call, after=call.after / 2) for call in calls(pair, moments)])
    assert [one.code for one in ran] == [0, 0], [one.said for one in ran]
    assert state(shop.work) in orders


@cache
def one_after_the_other(lines: tuple[str, ...], shop: Shop) -> dict[str, str]:
    """The state after commands in their order."""
    shop.begin(STATE)
    for line in lines:
        succeeded(shop.run(*line.split()), line)
    return state(shop.work)
