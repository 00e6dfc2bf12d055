"""Out-of-fold probabilities of CatBoost, XGBoost, LightGBM and logistic regression; needs their own environment.

All have their defaults.

PYTHONPATH=. python benchmarks/churn/peers.py DATA FILE.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier

from benchmarks.churn.tables import folds, tables


def logistic(X: pd.DataFrame, text: list[str]) -> Pipeline:
    """One-hot and standardised."""
    numbers = [name for name in X if name not in text]
    prepared = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), text),
    )
    return make_pipeline(prepared, LogisticRegression(max_iter=2000))


def out_of_fold(X: pd.DataFrame, y: np.ndarray, fold: np.ndarray) -> dict[str, np.ndarray]:
    """Name to probability (n,)."""
    text = [str(name) for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    coded = X.assign(**{name: X[name].astype("category") for name in text})
    words = X.assign(**{name: X[name].astype(str) for name in text})
    found = {name: np.empty(len(y)) for name in ("lightgbm", "catboost", "xgboost", "logistic")}
    for k in range(fold.max() + 1):
        a, b = fold != k, fold == k
        found["lightgbm"][b] = LGBMClassifier(verbosity=-1).fit(coded[a], y[a]).predict_proba(coded[b])[:, 1]
        model = CatBoostClassifier(verbose=False, cat_features=text, allow_writing_files=False, thread_count=2)
        found["catboost"][b] = model.fit(words[a], y[a]).predict_proba(words[b])[:, 1]
        found["xgboost"][b] = XGBClassifier(enable_categorical=True).fit(coded[a], y[a]).predict_proba(coded[b])[:, 1]
        found["logistic"][b] = logistic(X, text).fit(words[a], y[a]).predict_proba(words[b])[:, 1]
    return found


if __name__ == "__main__":
    content = {}
    for name, (X, y) in tables(Path(sys.argv[1])).items():
        for peer, p in out_of_fold(X, y, folds(y)).items():
            content[f"{name}/{peer}"] = p
    np.savez(sys.argv[2], allow_pickle=False, **content)
