"""Four public churn tables, stratified 5-fold: AUC and calibration beside CatBoost, XGBoost, LightGBM and logistic.

python benchmarks/churn/static.py DATA --peers-python ENVIRONMENT/bin/python

The peers (catboost, xgboost) live in an environment of their own and predict the same folds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.churn.tables import FLOORS, folds, tables
from cvo_ml.stats.calibration import logistic_recalibration
from cvo_ml.stats.ranking import auc
from training.churn.static_table import cross_fitted


def peers(python: str, data: Path) -> dict[str, np.ndarray]:
    """``table/peer`` to out-of-fold probability, by the other environment."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "peers.npz"
        script, root = Path(__file__).with_name("peers.py"), Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        subprocess.run([python, str(script), str(data), str(found)], env=environment, check=True)
        return dict(np.load(found))


def main() -> None:
    """Print one line a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--peers-python")
    options.add_argument("--peers-file", type=Path, help="what peers.py wrote before")
    given = options.parse_args()
    others = dict(np.load(given.peers_file)) if given.peers_file else {}
    others = others or (peers(given.peers_python, given.data) if given.peers_python else {})
    for name, (X, y) in tables(given.data).items():
        text = {str(column): X[column].astype("str") for column in X if not pd.api.types.is_numeric_dtype(X[column])}
        p = cross_fitted(X.assign(**text), y, folds(y))
        theirs = {key.split("/")[1]: auc(y, q) for key, q in others.items() if key.startswith(f"{name}/")}
        best = max(theirs.values(), default=float("nan"))
        line = logistic_recalibration(y, p)
        print(
            f"{name}: ours {auc(y, p):.4f}, floor {FLOORS[name]}, best peer {best:.4f} (lead {auc(y, p) - best:+.4f}), "
            f"slope {line.slope_interval()}, intercept {line.intercept_interval()}; "
            + ", ".join(f"{peer} {value:.4f}" for peer, value in theirs.items()),
            flush=True,
        )


if __name__ == "__main__":
    main()
