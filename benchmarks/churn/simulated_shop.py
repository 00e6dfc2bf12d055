"""Churn probabilities of a simulated shop against the true ones that no model saw, and against what can be seen at all.

python benchmarks/churn/simulated_shop.py [CUSTOMERS [SEED]]

Who has dropped out is hidden, and his true probability is 1: no observer can reach it. What an observer can reach at
best is learnt from another shop of the same law, many times larger, whose true probabilities of the same day are shown
to trees that read the same columns.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from typing import Final

import lightgbm
import numpy as np
import pandas as pd

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.core.tables import Tables
from cvo_ml.features import FEATURES
from cvo_ml.features.churn_outcomes import ineligible
from cvo_ml.features.customer import customer_features
from cvo_ml.predict import LoadedModels, score
from cvo_ml.simulate import SimulatedShop, simulate_shop
from cvo_ml.stats.calibration import clip_probability, reliability
from cvo_ml.stats.retention_profit import Campaign
from training.churn.fit import train_churn

TABLES: Final = ("orders", "customers", "refunds")
OBSERVED: Final = 40_000
NUMBERS: Final = [name for name in FEATURES if name != "country"]


def eligible(tables: Tables, cut: date, job: ChurnJob) -> pd.DataFrame:
    """The features of who is scored."""
    features = customer_features(tables, cut)
    features = features[features["number_of_orders"].notna()]
    return features[ineligible(features, job.definition, job.horizon).isna()]


def truth(shop: SimulatedShop, cut: date, job: ChurnJob, customers: pd.Index) -> np.ndarray:
    """The true probability of churn, (n,)."""
    return shop.truth.churn_probability(cut, job.horizon).reindex(customers).to_numpy()


def observer(cut: date, job: ChurnJob, rows: pd.DataFrame, seed: int) -> np.ndarray:
    """The expected true probability given the columns, (n,): learnt from the truth of another, larger shop."""
    other = simulate_shop("shop", OBSERVED, seed=seed, tables=TABLES)
    features = eligible(other.tables, cut, job)
    data = lightgbm.Dataset(features[NUMBERS].to_numpy(dtype=float), label=truth(other, cut, job, features.index))
    parameters = {
        "objective": "cross_entropy", "num_leaves": 31, "learning_rate": 0.04, "min_data_in_leaf": 60,
        "num_threads": 2, "verbosity": -1,
    }  # fmt: skip
    return np.asarray(lightgbm.train(parameters, data, 300).predict(rows[NUMBERS].to_numpy(dtype=float)))


def main(customers: int = 6000, seed: int = 1) -> None:
    """Print calibration error and regret, of the model and of the best observer."""
    job = ChurnJob()
    shop = simulate_shop("shop", customers, seed=seed, tables=TABLES)
    cut = shop.tables.orders["ordered_at"].max().date() - timedelta(days=job.horizon.whole_days)
    trained = train_churn(shop.tables, cut, job)
    features = customer_features(shop.tables, cut)
    scores = score(features, LoadedModels.of(trained.bundle), as_of=cut, currency="EUR")
    scores = scores.dropna(subset=["churn_probability"])
    true = truth(shop, cut, job, scores.index)
    expected = shop.truth.expected_value(cut, job.horizon, "revenue").reindex(scores.index).to_numpy()
    value = expected / (1.01 - true)
    offer = Campaign(0.05 * value.mean(), 0.005 * value.mean())
    worth, tenth = offer.expected_profit(true, value), len(true) // 10
    best = worth[np.argsort(-worth)[:tenth]].sum()
    print(f"{len(true):,} eligible at {cut}, {trained.bundle.kind} grade {trained.bundle.grade}, {trained.parameters}")
    predictions = {
        "model": scores["churn_probability"].to_numpy(),
        "best observer": observer(cut, job, features.loc[scores.index], seed + 76),
    }
    earned = {}
    for name, p in predictions.items():
        mean, rate, size = reliability(true, p)
        error = float((np.abs(mean - rate) * size).sum() / size.sum())
        q = clip_probability(p)
        loss = -(true * np.log(q) + (1 - true) * np.log1p(-q)).mean()
        earned[name] = worth[np.argsort(-offer.expected_profit(p, value))[:tenth]].sum()
        print(
            f"  {name:13} mean {p.mean():.3f} (true {true.mean():.3f}), calibration error {error:.4f}, mean absolute "
            f"error {np.abs(p - true).mean():.4f}, correlation {np.corrcoef(p, true)[0, 1]:.3f}, expected log loss "
            f"{loss:.4f}, regret of the top tenth {1 - earned[name] / best:.3f}"
        )
    print(f"  regret against the best observer {1 - earned['model'] / earned['best observer']:.3f}")
    low, high = (scores[f"churn_probability_{end}"].to_numpy() for end in ("p05", "p95"))
    seen = predictions["best observer"]
    print(
        f"  interval of the mean {low.mean():.3f} to {high.mean():.3f}; mean width {(high - low).mean():.3f}; the best "
        f"observer's probability lies inside for {((low <= seen) & (seen <= high)).mean():.2f} of the customers"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
