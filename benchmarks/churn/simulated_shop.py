"""Churn probabilities of a simulated shop against the true ones that no model saw.

python benchmarks/churn/simulated_shop.py [CUSTOMERS]
"""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.features.customer import customer_features
from cvo_ml.predict import ModelSet, score
from cvo_ml.simulate import read_shop, write_shop
from cvo_ml.stats.calibration import reliability
from cvo_ml.stats.retention_profit import Campaign
from training.churn import train_churn


def main(customers: int = 8000) -> None:
    """Print calibration error and regret."""
    with tempfile.TemporaryDirectory() as folder:
        write_shop(Path(folder) / "world", "shop", customers, 1)
        world = read_shop(Path(folder) / "world")
    job = ChurnJob()
    cut = world.tables.orders["ordered_at"].max().date() - timedelta(days=job.horizon.whole_days)
    trained = train_churn(world.tables, cut, job)
    features = customer_features(world.tables, cut)
    scores = score(features, ModelSet({"churn": trained.bundle}), as_of=cut, currency="EUR")
    scores = scores.dropna(subset=["churn_probability"])
    p = scores["churn_probability"].to_numpy()
    true = world.truth.churn_probability(cut, job.horizon).reindex(scores.index).to_numpy()
    value = world.truth.expected_value(cut, job.horizon, "revenue").reindex(scores.index).to_numpy() / (1.01 - true)
    mean, observed, size = reliability(true, p)
    error = float((np.abs(mean - observed) * size).sum() / size.sum())
    offer = Campaign(0.05 * value.mean(), 0.005 * value.mean())
    worth = offer.expected_profit(true, value)
    best, ours = (worth[np.argsort(-by)[: len(p) // 10]].sum() for by in (worth, offer.expected_profit(p, value)))
    print(f"{len(p):,} eligible at {cut}, {trained.bundle.kind} grade {trained.bundle.grade}, {trained.parameters}")
    print(f"mean {p.mean():.3f}, true {true.mean():.3f}; calibration error against the truth {error:.4f}; ")
    print(f"mean absolute error {np.abs(p - true).mean():.4f}, correlation {np.corrcoef(p, true)[0, 1]:.3f}")
    print(f"regret of the top tenth's expected profit {1 - ours / best:.3f} of {best:,.0f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
