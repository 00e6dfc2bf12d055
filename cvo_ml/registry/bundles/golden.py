"""Made-up inputs that a model must answer today as it did when it was trained.

A new version of a library, another processor or a change of the code that scores can move scores without any error.
A bundle carries a few rows that belong to nobody and its own answers to them; whoever loads it first asks again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import BundleError
from cvo_ml.core.models import ModelSpec, model_spec
from cvo_ml.core.result import Json
from cvo_ml.features.own.features import CATEGORY
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.loaded import LoadedModel, load_model

RELATIVE: Final = 1e-9
ABSOLUTE: Final = 1e-12


def golden_of(bundle: Bundle, inputs: pd.DataFrame) -> dict[str, Json]:
    """What a bundle carries as golden: the inputs that its model reads, and its answers.

    Parameters
    ----------
    inputs:
        Made-up rows; columns that the model reads and that are not here are null, and those of the user's own features
        are made up here.
    """
    loaded = load_model(bundle)
    rows = inputs.reindex(columns=loaded.input_columns).reset_index(drop=True)
    rows = rows.assign(**{name: _made_up(name, loaded, len(rows)) for name in loaded.own.kinds})
    return {"inputs": _columns(rows), "scores": _columns(loaded.predict(rows))}


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
    found = {str(name): _numbers(values) for name, values in load_model(bundle).predict(rows).items()}
    if not _sound(model_spec(bundle.name), found):
        raise BundleError(f"{bundle.name}: gives scores that are no numbers or no probabilities: train again")
    for name, wanted in expected.items():
        if name not in found or not np.allclose(found[name], wanted, RELATIVE, ABSOLUTE, equal_nan=True):
            raise BundleError(
                f"{bundle.name}: {name} of its golden rows is not what it was at training "
                f"(libraries or code have changed what it scores): train again, or install {bundle.name}'s versions"
            )


def _made_up(name: str, loaded: LoadedModel, rows: int) -> pd.Series:
    """Values for a feature that only the user knows: each level that the model has learnt and another, or 0, 1, 2, …"""
    if loaded.own.kinds[name] == CATEGORY:
        levels = [*loaded.bundle.parameters.get("levels", {}).get(name, ()), "another level"]
        return pd.Series([levels[place % len(levels)] for place in range(rows)], dtype="str")
    return pd.Series(range(rows), dtype="float64")


def _sound(spec: ModelSpec, found: Mapping[str, Floats]) -> bool:
    """Whether the score is a number for every row, and a probability lies in [0, 1]."""
    main = found.get(spec.score)
    if main is None or not np.isfinite(main).all():
        return False
    return not spec.is_probability or bool(((main >= 0) & (main <= 1)).all())


def _columns(frame: pd.DataFrame) -> dict[str, Json]:
    """Columns as JSON-ready lists; a missing value is null."""
    return {
        str(name): [None if pd.isna(value) else value if isinstance(value, str) else float(value) for value in column]
        for name, column in frame.items()
    }


def _values(values: list[Any]) -> pd.Series:
    is_text = any(isinstance(value, str) for value in values)
    return pd.Series(values, dtype="str" if is_text else "float64")


def _numbers(values: Any) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
