"""Training and scoring a million rows of sixty columns, beside bare LightGBM on the same numbers.

python benchmarks/churn/speed.py [ROWS]
"""

from __future__ import annotations

import sys
from typing import Any, Final

import lightgbm
import numpy as np
import pandas as pd

from benchmarks.measuring import timed
from cvo_ml.config.jobs import ChurnJob
from cvo_ml.core.units import Horizon
from cvo_ml.models.boosting import DEFAULTS
from cvo_ml.models.churn import ChurnClassifier, Season, Stack
from cvo_ml.models.clv import BetaGeoModel
from cvo_ml.registry.bundles.purchase_columns import btyd_columns

ROUNDS: Final = 5


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

    theirs, bare_took = timed(bare)
    ours, took = timed(lambda: ChurnClassifier(list(map(str, X)), (), trees.rounds, trees.parameters).fit(X, y))
    ratio = f"ratio {took.cpu / bare_took.cpu:.2f}"
    print(f"training {rows:,} x {columns}: ours {took.cpu:.1f} s CPU, bare {bare_took.cpu:.1f} s, {ratio}")
    print(f"  wall {took.wall:.1f} s, bare {bare_took.wall:.1f} s")
    ours = ours.calibrate(X[:5000], y[:5000])
    purchases = BetaGeoModel().fit(histories(20_000, generator))
    whole = X.join(histories(rows, generator)).assign(season_sine=0.5, season_cosine=0.8)
    joined = ours.with_calibration(stack=Stack(0.25, 0.0, Season(0.0, 0.2, 0.1)))
    works = {
        "Booster.predict": lambda: theirs.predict(X),
        "ours": lambda: ours.predict_proba(X),
        "with a model of purchases and the season": lambda: joined.predict_proba(
            whole.join(btyd_columns(purchases, whole, Horizon("90D")))
        ),
    }
    # in turns, because the machine is shared: the least of each is what the work takes
    least = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, work in works.items():
            least[name] = min(least[name], timed(work)[1].cpu)
    for name, seconds in least.items():
        print(f"scoring {rows:,}, {name}: {seconds:.2f} s CPU, ratio {seconds / least['Booster.predict']:.2f}")


def histories(rows: int, generator: np.random.Generator) -> pd.DataFrame:
    """Purchase histories: few repeats, up to two years."""
    frequency, T = generator.poisson(2, rows).astype(float), generator.integers(30, 700, rows).astype(float)
    recency = np.where(frequency > 0, np.floor(T * generator.uniform(size=rows)), 0.0)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
