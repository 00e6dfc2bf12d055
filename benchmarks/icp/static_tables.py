"""Public tables without dates, in stratified folds: leads without what sales write later, calls without their length.

    CVO_DATA=… python benchmarks/icp/static_tables.py

AUC of the boosted trees on ten stratified folds, beside logistic regression and positive-unlabelled bagging where two
winners in three are hidden completely at random.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from cvo_ml.features.leads import as_numbers
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.icp import PositiveUnlabelled
from cvo_ml.stats.ranking import auc
from training.icp.metrics import logistic

DATA = Path(os.environ.get("CVO_DATA", "data"))
#: What the owners of the data fill in after the contact.
WRITTEN_LATER = {
    "x_education": (
        "Tags", "Lead Quality", "Last Activity", "Last Notable Activity", "Asymmetrique Activity Index",
        "Asymmetrique Profile Index", "Asymmetrique Activity Score", "Asymmetrique Profile Score",
    ),
    "bank_marketing": ("duration",),
}  # fmt: skip
SOURCES = {
    "x_education": ("x_education_leads/lead_scoring.csv.gz", "Converted", 1, ("Prospect ID", "Lead Number")),
    "bank_marketing": ("bank_marketing/bank_marketing.csv.gz", "y", "yes", ("Cust_num",)),
}
TREES = {
    "x_education": (150, {}),
    "bank_marketing": (200, {"num_leaves": 31, "cat_smooth": 30.0, "max_bin": 511}),
}
HIDDEN, FOLDS = 2 / 3, 10


def table(name: str) -> tuple[pd.DataFrame, np.ndarray, list[str], list[str]]:
    """Fields known before the outcome, the outcome, number fields and text fields."""
    file, outcome, positive, ids = SOURCES[name]
    rows = pd.read_csv(DATA / file).replace("Select", np.nan)
    y = (rows.pop(outcome) == positive).to_numpy()
    rows = rows.drop(columns=[*ids, *WRITTEN_LATER[name]])
    names = [str(column).replace(" ", "_").replace(",", "") for column in rows]
    rows.columns = pd.Index(names)
    numbers = list(as_numbers(rows, map(str, rows.select_dtypes("number"))))
    return rows, y, numbers, [name for name in names if name not in numbers and rows[name].nunique() > 1]


def main() -> None:
    """Print a table of mean AUC over the folds."""
    print("| data | trees | logistic | trees, 2/3 hidden | bagged, 2/3 hidden |\n|---|---|---|---|---|")
    for name in SOURCES:
        X, y, numbers, texts = table(name)
        rounds, parameters = TREES[name]
        found: dict[str, list[float]] = {"trees": [], "logistic": [], "plain": [], "bagged": []}
        hidden = np.random.default_rng(0).random(len(y)) < HIDDEN
        for place, (train, test) in enumerate(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y)):
            rows, later = X.iloc[train], X.iloc[test]
            trees = BoostedClassifier(numbers, texts, rounds, parameters).fit(rows, y[train])
            found["trees"].append(auc(y[test], trees.predict_positive(later)))
            if place >= 3:  # the others cost more and decide nothing
                continue
            known = y[train] & ~hidden[train]
            found["logistic"].append(auc(y[test], logistic(rows, y[train], later, numbers, texts)))
            plain = BoostedClassifier(numbers, texts, rounds, parameters).fit(rows, known)
            found["plain"].append(auc(y[test], plain.predict_positive(later)))
            bagged = PositiveUnlabelled(numbers, texts, rounds, parameters, bags=5).fit(rows, known)
            found["bagged"].append(auc(y[test], bagged.predict_proba(later)[:, 1]))
        print(f"| {name} | " + " | ".join(f"{np.mean(values):.4f}" for values in found.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
