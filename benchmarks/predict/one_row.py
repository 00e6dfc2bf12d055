"""What scoring one customer costs, and a hundred thousand, with the features ready and the champions loaded.

``uv run python benchmarks/predict/one_row.py [--before COMMIT] [--rows N] [--rounds N] [--demo FOLDER]``. The champions
are those of ``cvo demo``, made here or found where it was run; the rows are the sample's customers, each scored alone,
another one every time. Each tree is
measured in processes of its own; with ``--before`` an earlier commit on the same champions, in turns with this one.
Milliseconds of the clock and of the processor: on a machine that others use, only the latter can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
AS_OF: Final = "2011-12-09"
MANY: Final = 100_000
WARM: Final = 20
#: as one core serves a request: how two share the trees is no matter of this comparison
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": ""}


def demo(folder: Path) -> None:
    """Champions of the sample, in ``folder``."""
    command = [sys.executable, "-c", "from cvo_ml.cli import main; main()", "demo"]
    subprocess.run(command, cwd=folder, env={**os.environ, **ONE_THREAD}, check=True, capture_output=True)


def measured(folder: Path, rows: int) -> dict[str, list[float]]:
    """By name the milliseconds of each row alone, of the clock and of the processor; and of the many together."""
    import pandas as pd

    from cvo_ml.core.units import parse_as_of
    from cvo_ml.core.workspace import Workspace
    from cvo_ml.features.customer import scored_features
    from cvo_ml.ingest import read_shop, sample_shop
    from cvo_ml.predict import score
    from cvo_ml.workflows.serving_models import serving_models

    day, shop = parse_as_of(AS_OF), sample_shop()
    models = serving_models(Workspace(folder / "demo", folder / "mlruns"), shop.name)
    tables = read_shop(shop, as_of=day).tables
    everybody = scored_features(tables, day)
    alone = [everybody.iloc[[place * 37 % len(everybody)]] for place in range(rows)]
    present = [row for row in alone if row["number_of_orders"].notna().all()]
    found: dict[str, list[float]] = {}
    for name, model in models.models.items():
        found |= _each(f"{name}: {model.kind}", model.predict, present)
    found |= _each("all Scores", lambda row: score(row, models, as_of=day, currency=tables.currency), alone)
    found |= _from_arrays(models, present, day, tables.currency)
    many = pd.concat([everybody] * (MANY // len(everybody) + 1)).iloc[:MANY]
    many.index = pd.Index([f"c{place}" for place in range(MANY)], dtype="str", name=everybody.index.name)
    found |= _each(f"all Scores of {MANY:,}", lambda rows: score(rows, models, as_of=day, currency=""), [many] * 2, 1)
    return found


def _from_arrays(models: Any, rows: list[Any], day: Any, currency: str) -> dict[str, list[float]]:
    """The same for a server, which holds a customer's features as arrays; nothing of a tree that cannot."""
    try:
        from cvo_ml.core.columns import Columns
        from cvo_ml.predict import score
    except ImportError:
        return {}
    held = [Columns.from_arrays(row.index, {name: row[name].to_numpy() for name in row}) for row in rows]
    found: dict[str, list[float]] = {}
    for name, model in models.models.items():
        answer = model.value_columns if name == "clv" else model.probability
        found |= _each(f"{name}: {model.kind}, arrays", answer, held)
    work = _each("all Scores, arrays", lambda row: score(row, models, as_of=day, currency=currency), held)
    return found | work


def _each(name: str, work: Callable[[Any], object], rows: list[Any], warm: int = WARM) -> dict[str, list[float]]:
    for row in rows[:warm]:
        work(row)
    clock, processor = [], []
    for row in rows[warm:]:
        began, used = time.perf_counter(), time.thread_time()
        work(row)
        clock.append(1e3 * (time.perf_counter() - began))
        processor.append(1e3 * (time.thread_time() - used))
    return {f"{name}|clock": clock, f"{name}|CPU": processor}


def in_a_process(tree: Path, folder: Path, rows: int) -> dict[str, list[float]]:
    """What ``measured`` says of the code in ``tree``."""
    program = "import sys, json, runpy; sys.path.insert(0, sys.argv[1]); " + (
        "found = runpy.run_path(sys.argv[2])['measured']; from pathlib import Path; "
        "print(json.dumps(found(Path(sys.argv[3]), int(sys.argv[4]))))"
    )
    command = [sys.executable, "-P", "-c", program, str(tree), __file__, str(folder), str(rows)]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **ONE_THREAD}, check=True, stdout=subprocess.PIPE)
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def quantile(values: list[float], level: float) -> float:
    """The value that a share ``level`` does not exceed."""
    return sorted(values)[min(len(values) - 1, int(level * len(values)))]


def main() -> None:
    """Print milliseconds per row, and the ratio to the commit before."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--before", default=None)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--demo", type=Path, default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = asked.demo.resolve() if asked.demo else Path(place)
        if not asked.demo:
            demo(folder)
        trees = {"this tree": ROOT}
        if asked.before:
            trees[asked.before] = Path(place, "before")
            _git("worktree", "add", "-q", "--detach", str(trees[asked.before]), asked.before)
        taken: dict[str, dict[str, list[float]]] = {name: {} for name in trees}
        try:
            for _ in range(asked.rounds):
                for name, tree in trees.items():
                    for what, values in in_a_process(tree, folder, asked.rows).items():
                        taken[name].setdefault(what, []).extend(values)
        finally:
            if asked.before:
                _git("worktree", "remove", "--force", str(trees[asked.before]))
        report(taken)


def report(taken: Mapping[str, Mapping[str, list[float]]]) -> None:
    """A line per tree and work."""
    ours, *others = taken
    print(f"{'milliseconds':44} {'p50':>9} {'p95':>9} {'CPU p50':>9}")
    for what in [name.removesuffix("|clock") for name in taken[ours] if name.endswith("|clock")]:
        for tree in (ours, *others):
            clock, processor = taken[tree].get(f"{what}|clock"), taken[tree].get(f"{what}|CPU")
            if clock and processor:
                numbers = quantile(clock, 0.5), quantile(clock, 0.95), quantile(processor, 0.5)
                print(f"{what + ', ' + tree:44} " + " ".join(f"{number:9.2f}" for number in numbers))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
