"""Made-up inputs for the golden scores that each new model takes along (``models/<name>/golden.csv``)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.core.errors import UsageError

MODELS: Final = Path(__file__).resolve().parents[2] / "models"


def golden_inputs(name: str) -> pd.DataFrame:
    """The inputs of a model's golden rows: made up, so that no bundle holds a customer.

    Raises
    ------
    UsageError
        If the dossier has no such file.
    """
    path = MODELS / name / "golden.csv"
    if not path.is_file():
        raise UsageError(f"{path}: is missing: take it from the repository, every model is checked with it")
    rows = pd.read_csv(path, dtype={"country": "str", "case": "str"}, comment="#")
    return rows[[column for column in rows.columns if column != "case" and not column.startswith("score:")]]
