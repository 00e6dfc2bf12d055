"""From columns of a snapshot that never change for a customer to covariates of a model of purchases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from cvo_ml.core.errors import UsageError, nearest_name

#: Columns of a snapshot that are settled by the first order or before it.
STATIC: Final = (
    "country", "first_order_net", "first_basket_lines", "first_basket_quantity", "first_basket_products",
    "first_basket_categories", "first_basket_mean_price",
)  # fmt: skip
#: A level of fewer customers shares the base level's parameters.
FEWEST: Final = 100


@dataclass(frozen=True)
class CovariateCoding:
    """Names become indicators of their levels, numbers standardised logarithms; what is not known counts as usual.

    Attributes
    ----------
    levels:
        Column of names to the levels that have an indicator: all of at least 100 customers but the commonest.
    scales:
        Column of numbers >= 0 to mean and standard deviation of log(1 + number).
    """

    levels: Mapping[str, tuple[str, ...]]
    scales: Mapping[str, tuple[float, float]]

    @classmethod
    def fit(cls, X: pd.DataFrame, columns: Sequence[str]) -> Self:
        """The coding of ``columns`` for the customers X.

        Raises
        ------
        UsageError
            If a column is not one of ``STATIC``, or the shop does not have it.
        """
        levels, scales = {}, {}
        for column in columns:
            if column not in STATIC:
                hint = nearest_name(column, list(STATIC))
                raise UsageError(
                    f"clv.covariates: {column!r} is not settled at the first order{hint}; give some of "
                    f"{', '.join(STATIC)}"
                )
            if column not in X or X[column].isna().all():
                raise UsageError(f"clv.covariates: the shop has no {column!r}: leave it out, or give its table")
            if column == "country":
                counts = X[column].value_counts()
                levels[column] = tuple(sorted(counts.index[1:][counts.iloc[1:] >= FEWEST]))
            else:
                logs = np.log1p(X[column].clip(lower=0)).dropna()
                scales[column] = float(logs.mean()), float(logs.std(ddof=0)) or 1.0
        return cls(levels, scales)

    @property
    def columns(self) -> tuple[str, ...]:
        """What a frame to code must have."""
        return (*self.levels, *self.scales)

    @property
    def names(self) -> tuple[str, ...]:
        """The coded columns."""
        return (
            *(f"{column}: {level}" for column, found in self.levels.items() for level in found),
            *(f"log {column}" for column in self.scales),
        )

    def coded(self, X: pd.DataFrame) -> pd.DataFrame:
        """X with the coded columns."""
        added: dict[str, Any] = {}
        for column, found in self.levels.items():
            added |= {f"{column}: {level}": (X[column] == level).fillna(False).astype(float) for level in found}
        for column, (mean, deviation) in self.scales.items():
            logs = np.log1p(X[column].clip(lower=0))
            added[f"log {column}"] = ((logs - mean) / deviation).fillna(0.0).astype(float)
        return X.assign(**added)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "levels": {k: list(v) for k, v in self.levels.items()},
            "scales": {k: list(v) for k, v in self.scales.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What ``to_json`` wrote."""
        scales = {column: (float(mean), float(deviation)) for column, (mean, deviation) in document["scales"].items()}
        return cls({column: tuple(found) for column, found in document["levels"].items()}, scales)
