"""Training and scoring a million rows of sixty columns, beside bare LightGBM on the same numbers.

python benchmarks/churn/speed.py [ROWS]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.models.boosting import DEFAULTS
from cvo_ml.models.churn import BoostedChurn


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """The result, wall seconds and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def main(rows: int = 1_000_000, columns: int = 60) -> None:
    """Print both and their ratios."""
    generator = np.random.default_rng(0)
    X = pd.DataFrame(generator.normal(size=(rows, columns)), columns=[f"x{i}" for i in range(columns)])
    y = generator.uniform(size=rows) < 1 / (1 + np.exp(-X["x0"] + X["x1"] * X["x2"]))
    trees = ChurnJob().trees
    parameters = {**DEFAULTS, **trees.parameters}

    def bare() -> Any:
        data = lightgbm.Dataset(X, label=y.astype(float))
        return lightgbm.train(parameters, data, num_boost_round=trees.rounds)

    theirs, wall, cpu = timed(bare)
    ours, our_wall, our_cpu = timed(lambda: BoostedChurn(list(X), (), trees.rounds, trees.parameters).fit(X, y))
    print(f"training {rows:,} x {columns}: ours {our_cpu:.1f} s CPU, bare {cpu:.1f} s, ratio {our_cpu / cpu:.2f}")
    print(f"  wall {our_wall:.1f} s, bare {wall:.1f} s")
    ours.calibrate(X[:5000], y[:5000])
    _, wall, cpu = timed(lambda: theirs.predict(X))
    _, our_wall, our_cpu = timed(lambda: ours.predict_proba(X))
    print(f"scoring {rows:,}: ours {our_cpu:.2f} s CPU, Booster.predict {cpu:.2f} s, ratio {our_cpu / cpu:.2f}")
    print(f"  wall {our_wall:.2f} s, bare {wall:.2f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
