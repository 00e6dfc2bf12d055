"""Churn on a table without dates: cross-validated and calibrated, with a warning that nothing out of time was shown."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from cvo_ml.config.boosted import Trees
from cvo_ml.config.jobs import ChurnJob
from cvo_ml.core.arrays import Flags, Floats, Places
from cvo_ml.core.errors import DataError, UsageError, nearest_name
from cvo_ml.core.input_files import TABLE, NoInput, open_input
from cvo_ml.features.leak_gate import Evidence, GateSample, check
from cvo_ml.models.churn import ChurnClassifier, LogisticChurn, check_outcomes
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.calibrators import METHODS
from cvo_ml.stats.grading import grade_losses
from cvo_ml.stats.ranking import auc
from training.churn.metrics import deciles, intervals, measures
from training.evidence import plots

FOLDS: Final = 5
SEED: Final = 1
#: Maps without steps: ties would take the order away that the recipe was chosen for.
SMOOTH: Final = ("none", "shift", "logistic", "beta")
#: Rows of a table are different customers, so trees may look closer than on many dates of the same ones. One thread: a
#: table without dates is small, and waiting for another thread costs more than it brings.
COMMON: Final = {"learning_rate": 0.03, "feature_fraction": 0.5, "num_threads": 1}
BAGGED: Final = {**COMMON, "min_data_in_leaf": 20, "bagging_fraction": 0.8, "bagging_freq": 1}
RECIPES: Final = {
    "small trees": Trees(rounds=300, parameters={**BAGGED, "num_leaves": 7}),
    "larger trees": Trees(rounds=400, parameters={**BAGGED, "num_leaves": 15}),
    "random cuts": Trees(
        rounds=600,
        parameters={
            **COMMON,
            "learning_rate": 0.05,
            "num_leaves": 15,
            "min_data_in_leaf": 10,
            "feature_fraction": 0.6,
            "extra_trees": True,
        },
    ),
}
WARNING: Final = (
    "this table has no dates: nothing out of time was shown, a column that was filled in after the outcome cannot be "
    "told from a cause, and the model is not registered"
)


def read_table(path: Path, label: str, positive: str | None = None) -> tuple[pd.DataFrame, Flags, tuple[str, ...]]:
    """The columns to learn from, who churned, and the columns left out because each row has its own text.

    Parameters
    ----------
    label, positive:
        The column that says who churned, and its value for yes; where None, one of 1, true, yes, churned in any case.

    Raises
    ------
    UsageError, DataError
        If the file is no table, the label is missing or is not a yes and a no.
    """
    frame = _frame(path)
    if label not in frame:
        raise DataError(
            f"no column {label!r}{nearest_name(label, list(map(str, frame.columns)))}",
            "name the column that says who churned (--label)",
            file=str(path),
        )
    texts = frame[label].astype("str").str.strip().str.lower()
    yes = {positive.strip().lower()} if positive else {"1", "1.0", "true", "yes", "churned"}
    y = texts.isin(yes).to_numpy()
    if frame[label].isna().any() or frame[label].nunique() != 2 or not y.any():
        raise DataError(
            f"the label has the values {', '.join(sorted(texts.unique())[:5])}",
            "give a column of two values without gaps, and its value for yes (--positive)",
            file=str(path),
            column=label,
        )
    X = frame.drop(columns=label)
    names = [str(name) for name in X]
    X.columns = pd.Index(names)
    left_out = tuple(name for name in names if not _is_number(X[name]) and X[name].nunique() > len(X) / 10)
    kept = X.drop(columns=list(left_out))
    numbers = {name: kept[name].astype("float64") for name in kept if _is_number(kept[name])}
    return pd.DataFrame({name: numbers.get(name, kept[name].astype("str")) for name in kept}), y, left_out


def _frame(path: Path) -> pd.DataFrame:
    try:
        with open_input(path) as file:
            file.refuse_larger(TABLE)
            stream = io.BufferedReader(file.stream())
            frame = pd.read_parquet(stream) if path.suffix == ".parquet" else pd.read_csv(stream, keep_default_na=True)
            file.refuse_changed()
    except NoInput as error:
        if error.system is None:
            raise
        raise UsageError(f"{path}: there is no such file: give a CSV or Parquet table to --static") from None
    except ValueError as error:  # pandas' and Arrow's
        problem = f"is no table ({' '.join(str(error).split())[:120]})"
        raise DataError(problem, "give a CSV or Parquet table to --static", file=str(path)) from None
    return frame


def stratified(y: Flags, n: int = FOLDS, seed: int = SEED) -> Places:
    """The fold of each row (n,): shuffled, with the same rate in each."""
    fold = np.empty(len(y), dtype=np.intp)
    generator = np.random.default_rng(seed)
    for outcome in (False, True):
        rows = generator.permutation(np.flatnonzero(y == outcome))
        fold[rows] = np.arange(len(rows)) % n
    return fold


def cross_fitted(X: pd.DataFrame, y: Flags, fold: Places) -> Floats:
    """Calibrated probabilities of each row by models that did not see it, (n,).

    Recipe and map of a fold are chosen on the other folds' rows alone.
    """
    probability = np.empty(len(y))
    for k in range(fold.max() + 1):
        model = chosen(X[fold != k], y[fold != k], SEED + 1 + k)[0]
        probability[fold == k] = model.predict_proba(X[fold == k])[:, 1]
    return probability


def chosen(X: pd.DataFrame, y: Flags, seed: int = SEED) -> tuple[ChurnClassifier, str]:
    """The recipe of the best order out of fold, fitted on all rows and calibrated on the out-of-fold probabilities."""
    fold = stratified(y, seed=seed)
    tried = {name: out_of_fold(X, y, fold, trees) for name, trees in RECIPES.items()}
    name = max(tried, key=lambda each: auc(y, tried[each]))
    model = make(X, RECIPES[name]).fit(X, y)
    return model.with_calibration(calibrator=METHODS[best_method(y, tried[name])](y, tried[name])), name


def out_of_fold(X: pd.DataFrame, y: Flags, fold: Places, trees: Trees) -> Floats:
    """Raw probabilities of each row by a model that did not see its fold, (n,)."""
    return np.asarray(cross_val_predict(make(X, trees), X, y, cv=PredefinedSplit(fold), method="predict_proba")[:, 1])


def best_method(y: Flags, probability: Floats) -> str:
    """The calibration with the least log loss on halves that it was not fitted on."""
    half = stratified(y, 2, SEED)
    losses = {
        name: sum(
            float(log_loss(y[half == k], fit(y[half != k], probability[half != k]).apply(probability[half == k])).sum())
            for k in (0, 1)
        )
        for name, fit in ((name, METHODS[name]) for name in SMOOTH)
    }
    return min(losses, key=lambda name: losses[name])


def make(X: pd.DataFrame, trees: Trees) -> ChurnClassifier:
    """The model before it is fitted; text columns are categories."""
    names = [str(name) for name in X]
    numbers = [name for name in names if _is_number(X[name])]
    return ChurnClassifier(numbers, [name for name in names if name not in numbers], trees.rounds, trees.parameters, 1)


def train_static(
    path: Path, label: str, positive: str | None, job: ChurnJob, fewest: int
) -> tuple[Bundle, dict[str, Any], Evidence, dict[str, Any]]:
    """A calibrated model of a table without dates: the bundle, what judged it, the leak gate's evidence, figures.

    Raises
    ------
    ModelRefused
        With fewer than ``fewest`` of either outcome, or a column that alone tells the outcome.
    """
    X, y, left_out = read_table(path, label, positive)
    check_outcomes(y, fewest)
    columns = list(X.columns)
    found = check(GateSample(X, y), columns, declared=columns, acknowledged=job.leaks.acknowledged)
    probability = cross_fitted(X, y, stratified(y))
    plain = plain_logistic(X, y)
    slope = logistic_recalibration(y, probability).slope_interval()
    verdict = grade_losses(log_loss(y, probability), log_loss(y, plain), slope, {})
    model, recipe = chosen(X, y)
    document = {
        "warning": WARNING,
        "rows": len(y),
        "churn_rate": float(y.mean()),
        "left_out": list(left_out),
        "recipe": recipe,
        "measures": {"model": measures(y, probability), "logistic": measures(y, plain)},
        "intervals": {name: interval.to_json() for name, interval in intervals(y, probability).items()},
        "deciles": deciles(y, probability),
        "calibration": model.calibration_.method,
        "verdict_in_folds": verdict.to_json(),
    }
    # a grade says how a model does on the future, and none was seen
    bundle = bundle_of("churn", model, {"definition": f"static_{label}", "bands": dict(job.bands)}, {"static": WARNING})
    figures = {
        "reliability": partial(plots.reliability_diagram, y, {"model": probability, "logistic": plain}),
        "gains": partial(plots.gains, y.astype(float), {"model": probability, "logistic": plain}),
        "importance": partial(plots.importance, model.trees.importance()),
    }
    return bundle, document, found, figures


def plain_logistic(X: pd.DataFrame, y: Flags) -> Floats:
    """A logistic regression on numbers and the indicators of categories, cross-fitted, (n,)."""
    coded = pd.get_dummies(X, dtype=float)
    fold, probability = stratified(y), np.empty(len(y))
    for k in range(FOLDS):
        model = LogisticChurn([str(name) for name in coded]).fit(coded[fold != k], y[fold != k])
        probability[fold == k] = model.predict_proba(coded[fold == k])[:, 1]
    return probability


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values))
