"""Four public churn tables without dates, and five stratified folds of each: the same rows for everybody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

#: Floors: AUC of LightGBM's defaults (Telco: of a logistic regression .845).
FLOORS = {"telco": 0.845, "bank_churn": 0.867, "mlc": 0.921, "ifood": 0.914}


def tables(data: Path) -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """Name to (columns, label)."""
    telco = pd.read_csv(data / "telco_churn/telco_churn.csv.gz")
    telco["TotalCharges"] = pd.to_numeric(telco["TotalCharges"], errors="coerce")
    bank = pd.read_csv(data / "bank_churn/bank_churn.csv.gz")
    mlc = pd.read_csv(data / "mlc_churn/mlc_churn.csv.gz")
    ifood = pd.read_csv(data / "ifood_marketing/marketing_campaign_2240.csv.gz")
    joined = pd.to_datetime(ifood["Dt_Customer"], format="%d-%m-%Y")
    ifood["days_a_customer"] = (joined.max() - joined).dt.days
    return {
        "telco": (telco.drop(columns=["customerID", "Churn"]), (telco["Churn"] == "Yes").to_numpy()),
        "bank_churn": (
            bank.drop(columns=["RowNumber", "CustomerId", "Surname", "Exited"]),
            (bank["Exited"] == 1).to_numpy(),
        ),
        "mlc": (mlc.drop(columns="churn"), (mlc["churn"] == "yes").to_numpy()),
        "ifood": (
            ifood.drop(columns=["ID", "Dt_Customer", "Z_CostContact", "Z_Revenue", "Response"]),
            (ifood["Response"] == 1).to_numpy(),
        ),
    }


def folds(y: np.ndarray, seed: int = 1, n: int = 5) -> np.ndarray:
    """The fold of each row: stratified by label, shuffled."""
    fold = np.empty(len(y), dtype=int)
    generator = np.random.default_rng(seed)
    for label in (False, True):
        rows = generator.permutation(np.flatnonzero(y == label))
        fold[rows] = np.arange(len(rows)) % n
    return fold
