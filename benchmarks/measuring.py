"""Seconds, memory, and rounds in which candidates take turns.

It imports nothing beyond the standard library, because what is imported counts as memory of who is measured.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Seconds(NamedTuple):
    """Wall seconds, and CPU seconds of this process."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Seconds:
        """Readings of both clocks."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, start: Seconds) -> Seconds:
        """What went by."""
        return Seconds(self.wall - start.wall, self.cpu - start.cpu)


def timed(work: Callable[[], T]) -> tuple[T, Seconds]:
    """The result and what it took."""
    start = Seconds.now()
    result = work()
    return result, Seconds.now().since(start)


def median_cpu(work: Callable[[], T], repeats: int) -> tuple[float, T]:
    """Median CPU seconds of ``work``, and its last result."""
    result, taken = timed(work)
    seconds = [taken.cpu]
    for _ in range(repeats - 1):
        result, taken = timed(work)
        seconds.append(taken.cpu)
    return median(seconds), result


def peak_memory() -> int:
    """Peak resident memory of this process, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, kibibytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(frozen=True)
class Rounds:
    """Seconds of each candidate in each round."""

    seconds: Mapping[str, list[Seconds]]

    def report(self, base: str) -> None:
        """Print one line per candidate, as multiples of ``base`` in the same round."""
        print(f"{'':32} {'wall s':>8} {'CPU s':>8}   x {base}: wall (least-greatest), CPU (least-greatest)")
        for name, taken in self.seconds.items():
            pairs = list(zip(taken, self.seconds[base], strict=True))
            wall = _spread([own.wall / other.wall for own, other in pairs])
            cpu = _spread([own.cpu / other.cpu for own, other in pairs])
            middle = Seconds(median(own.wall for own in taken), median(own.cpu for own in taken))
            print(f"{name:32} {middle.wall:8.2f} {middle.cpu:8.2f}   {wall}, {cpu}")


def measured(candidates: Mapping[str, Callable[[], object]], rounds: int) -> Rounds:
    """Each candidate once per round; the first round does not count."""
    taken: dict[str, list[Seconds]] = {name: [] for name in candidates}
    for turn in range(rounds + 1):
        for name, run in candidates.items():
            seconds = timed(run)[1]
            if turn > 0:
                taken[name].append(seconds)
    return Rounds(taken)


def _spread(ratios: list[float]) -> str:
    return f"{median(ratios):5.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
