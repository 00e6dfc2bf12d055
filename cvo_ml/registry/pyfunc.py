"""MLflow's loader module: ``mlflow.pyfunc.load_model("models:/churn@champion")`` comes here.

It maps a bundle's columns to that model's own outputs, not to Scores.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from cvo_ml.core.units import Horizon
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle
from cvo_ml.registry.bundles.kinds import model_of
from cvo_ml.registry.bundles.purchase_columns import completed


class BundleModel:
    """A bundle behind MLflow's ``predict``."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.model = bundle, model_of(bundle)

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The model's own outputs for each row: a probability, or the CLV columns."""
        if self.bundle.name == "clv":
            horizon = Horizon.of_days(self.bundle.settings["horizon_days"])
            rate = float(self.bundle.settings.get("discount_rate", 0.0))
            frame: pd.DataFrame = self.model.predict(model_input, horizon=horizon, discount_rate=rate)
            return frame
        rows = completed(model_input, self.bundle)
        probability = self.model.predict_proba(rows)[:, 1]
        column = "churn_probability" if self.bundle.name == "churn" else "icp_score"
        return pd.DataFrame({column: probability}, index=model_input.index)


def _load_pyfunc(path: str) -> BundleModel:
    return BundleModel(load_bundle(Path(path)))
