"""What locking, hashing and escaping cost ``cvo score``: this tree against the commit before, in turns, in one run.

``uv run python benchmarks/robustness/overhead.py [--before COMMIT] [--rounds N]``. Each tree trains on the sample once,
in a folder of its own. Then they score it in turns, each command in a process of its own, two dates after each other
into one folder: what a night does. The ratio of a round is that of the processes' seconds of the processor; the clock's
are shown beside. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
#: the last commit before sets, locks and escaping
BEFORE: Final = "a4d3973"
#: the most that it may cost
LIMIT: Final = 0.03
TRAINED: Final = "2011-06-10"
DATES: Final = ("2011-08-10", "2011-09-10")
MODELS: Final = ("clv", "churn")
PROGRAM: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); from cvo_ml.cli import main; main()"
#: one thread: how two share a core is no matter of this comparison
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": ""}


class Contender:
    """A tree, and the folder that it works in."""

    def __init__(self, name: str, tree: Path, folder: Path) -> None:
        self.name, self._tree, self._folder = name, tree, folder
        self.work: list[float] = []
        self.clock: list[float] = []
        folder.mkdir()

    def train(self) -> None:
        """Make the champions."""
        self._cvo("train", *MODELS, "--as-of", TRAINED)

    def score(self, *, counts: bool) -> None:
        """Score each date once; remember what it took."""
        taken = [self._cvo("score", "--as-of", day) for day in DATES]
        if counts:
            self.work.append(sum(work for work, _ in taken))
            self.clock.append(sum(clock for _, clock in taken))

    def _cvo(self, *arguments: str) -> tuple[float, float]:
        command = [sys.executable, "-P", "-c", PROGRAM, str(self._tree), *arguments]
        environment = {**os.environ, **ONE_THREAD}
        began, before = time.perf_counter(), os.times()
        ended = subprocess.run(command, cwd=self._folder, env=environment, capture_output=True, text=True, check=False)
        clock, after = time.perf_counter() - began, os.times()
        if ended.returncode != 0:
            raise SystemExit(f"{self.name}: {' '.join(arguments)}: {ended.stderr}")
        used = after.children_user + after.children_system - before.children_user - before.children_system
        return used, clock


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Mean of the logarithms and its 95 % interval, as ratios; Student's t."""
    from scipy.stats import t

    logs = [math.log(ratio) for ratio in ratios]
    middle, spread = statistics.mean(logs), statistics.stdev(logs) / math.sqrt(len(logs))
    reach = float(t.ppf(0.975, len(logs) - 1)) * spread
    return math.exp(middle), math.exp(middle - reach), math.exp(middle + reach)


def main() -> None:
    """Print seconds, ratios, and whether the limit holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--before", default=BEFORE)
    parser.add_argument("--rounds", type=int, default=12)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        old = Path(place, "before")
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(old), asked.before], cwd=ROOT, check=True)
        try:
            contenders = [
                Contender(asked.before, old, Path(place, "work-before")),
                Contender("this tree", ROOT, Path(place, "work-after")),
            ]
            compare(contenders, asked.rounds)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(old)], cwd=ROOT, check=True)


def compare(contenders: list[Contender], rounds: int) -> None:
    """Train, score in turns, who begins changes from round to round; the first round does not count."""
    for contender in contenders:
        contender.train()
    for number in range(rounds + 1):
        for contender in contenders[:: 1 if number % 2 else -1]:
            contender.score(counts=number > 0)
    before, after = contenders
    for contender in contenders:
        print(
            f"{contender.name:>10}: {statistics.median(contender.work) / len(DATES):.3f} s CPU, "
            f"{statistics.median(contender.clock) / len(DATES):.3f} s by the clock, per score"
        )
    for what, ours, theirs in (("CPU", after.work, before.work), ("clock", after.clock, before.clock)):
        middle, low, high = interval([one / other for one, other in zip(ours, theirs, strict=True)])
        print(f"{what:>10}: {middle:.3f} times (95 % {low:.3f} to {high:.3f}), {rounds} rounds")
        if what == "CPU":
            print(f"{'limit':>10}: {1 + LIMIT:.2f} times: {'holds' if middle <= 1 + LIMIT else 'is broken'}")


if __name__ == "__main__":
    main()
