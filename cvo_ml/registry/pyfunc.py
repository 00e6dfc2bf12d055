"""MLflow's loader module: ``mlflow.pyfunc.load_model("models:/SHOP-churn@champion")`` comes here.

It maps a bundle's columns to that model's own outputs, not to Scores. Every version that was ever registered names this
module, so it keeps its path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from cvo_ml.registry.bundles.bundle import Bundle, load_bundle
from cvo_ml.registry.bundles.loaded import load_model


class BundleModel:
    """A bundle behind MLflow's ``predict``."""

    def __init__(self, bundle: Bundle) -> None:
        self._loaded = load_model(bundle)

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The model's own outputs for each row: a probability, or the CLV columns."""
        return self._loaded.predict(model_input)


def _load_pyfunc(path: str) -> BundleModel:
    return BundleModel(load_bundle(Path(path)))
