"""Made-up inputs that a model must answer today as it did when it was trained.

A new version of a library, another processor or a change of the code that scores can move scores without any error.
A bundle carries a few rows that belong to nobody and its own answers to them; whoever loads it first asks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.errors import BundleError
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.purchase_columns import columns_to_score
from cvo_ml.registry.pyfunc import BundleModel

#: The column that must be a number for every row, by model; probabilities lie in [0, 1].
MAIN: Final[Mapping[str, str]] = {"clv": "predicted_clv", "churn": "churn_probability", "icp": "icp_score"}
RELATIVE: Final = 1e-9
ABSOLUTE: Final = 1e-12


def golden_of(bundle: Bundle, inputs: pd.DataFrame) -> dict[str, Any]:
    """What a bundle carries as golden: the inputs that its model reads, and its answers.

    Parameters
    ----------
    inputs:
        Made-up rows; columns that the model reads and that are not here are null.
    """
    wrapped = BundleModel(bundle)
    rows = inputs.reindex(columns=columns_to_score(bundle, wrapped.model.columns)).reset_index(drop=True)
    return {"inputs": _columns(rows), "scores": _columns(wrapped.predict(rows))}


def check_golden(bundle: Bundle) -> None:
    """Refuse a model that no longer gives the answers that it came with.

    Raises
    ------
    BundleError
        If an answer differs by more than 1e-9 (relative), or the main score is no number or no probability.
    """
    if not bundle.golden:
        return
    try:
        rows = pd.DataFrame({name: _values(values) for name, values in bundle.golden["inputs"].items()})
        expected = {str(name): _numbers(values) for name, values in bundle.golden["scores"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{bundle.name}: its golden rows are not readable ({error!r}): train again") from None
    found = {str(name): _numbers(values) for name, values in BundleModel(bundle).predict(rows).items()}
    main = found.get(MAIN.get(bundle.name, ""))
    if main is not None and not _sound(bundle.name, main):
        raise BundleError(f"{bundle.name}: gives scores that are no numbers or no probabilities: train again")
    for name, wanted in expected.items():
        if name not in found or not np.allclose(found[name], wanted, RELATIVE, ABSOLUTE, equal_nan=True):
            raise BundleError(
                f"{bundle.name}: {name} of its golden rows is not what it was at training "
                f"(libraries or code have changed what it scores): train again, or install {bundle.name}'s versions"
            )


def _sound(name: str, main: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    return bool(np.isfinite(main).all() and (name == "clv" or ((main >= 0) & (main <= 1)).all()))


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns as JSON-ready lists; a missing value is null."""
    return {
        str(name): [None if pd.isna(value) else value if isinstance(value, str) else float(value) for value in column]
        for name, column in frame.items()
    }


def _values(values: list[Any]) -> pd.Series:
    is_text = any(isinstance(value, str) for value in values)
    return pd.Series(values, dtype="str" if is_text else "float64")


def _numbers(values: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
