"""Covariates of a model of purchases: from columns that never change for a customer to factors of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import UsageError, nearest_name
from cvo_ml.core.result import Result
from cvo_ml.models.clv.base import ParametricModel
from cvo_ml.models.clv.fit import LogNormalPrior
from cvo_ml.models.clv.histories import covariate_columns
from cvo_ml.models.clv.likelihood import Design

#: Columns of a snapshot that are settled by the first order or before it.
STATIC: Final = (
    "country", "first_order_net", "first_basket_lines", "first_basket_quantity", "first_basket_products",
    "first_basket_categories", "first_basket_mean_price",
)  # fmt: skip
#: A level of fewer customers shares the base level's parameters.
FEWEST: Final = 100


class CovariateModel(ParametricModel):
    """A model of four parameters, on whose scales covariates may act as factors exp(± z'γ)."""

    covariate_actions: ClassVar[tuple[tuple[str, str, int, float], ...]]
    """(prefix of the coefficient, setting that lists the columns, position of the parameter, sign)."""

    def _prior(self) -> LogNormalPrior:
        return self.prior.with_coefficients(self._coefficients())

    def _covariate_names(self) -> tuple[str, ...]:
        listed = (name for _, setting, _, _ in self.covariate_actions for name in getattr(self, setting))
        return tuple(dict.fromkeys(listed))

    def _coefficients(self) -> tuple[str, ...]:
        """Names of the covariates' coefficients, in order."""
        listed = (
            f"{prefix}_{name}" for prefix, setting, _, _ in self.covariate_actions for name in getattr(self, setting)
        )
        return tuple(dict.fromkeys(listed))

    def _design(self, X: Table) -> Design:
        names, table = self._coefficients(), covariate_columns(X, self._covariate_names())
        columns: dict[int, tuple[Floats, Places, float]] = {}
        for prefix, setting, parameter, sign in self.covariate_actions:
            listed = tuple(getattr(self, setting))
            if listed:
                values = np.column_stack([table[name] for name in listed])
                positions = np.array([4 + names.index(f"{prefix}_{name}") for name in listed])
                if parameter in columns:
                    before = columns[parameter]
                    values, positions = np.hstack([before[0], values]), np.append(before[1], positions)
                columns[parameter] = (values, positions, sign)
        return Design(4 + len(names), columns)

    def _row_parameters(self, values: Floats, X: Table) -> Floats:
        """Parameters of each customer (4, n), with the covariates' factors."""
        parameters = np.repeat(values[:4, None], len(X), axis=1)
        for parameter, (columns, positions, sign) in self._design(X).columns.items():
            parameters[parameter] *= np.exp(np.clip(sign * columns @ values[positions], -300.0, 300.0))
        return parameters


def has_covariates(model: CovariateModel) -> bool:
    """Whether customers of one history may differ."""
    return bool(model._coefficients())


@dataclass(frozen=True)
class CovariateCoding(Result):
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
            *(f"{column}: {level}" for column, levels in self.levels.items() for level in levels),
            *(f"log {column}" for column in self.scales),
        )

    def coded(self, X: pd.DataFrame) -> pd.DataFrame:
        """X with the coded columns."""
        return X.assign(**self.codes(Columns(X)))

    def codes(self, X: Columns) -> dict[str, Floats]:
        """The coded columns of each row (n,)."""
        coded: dict[str, Floats] = {}
        for column, levels in self.levels.items():
            texts = X.texts(column)
            coded |= {f"{column}: {level}": (texts == level).astype(np.float64) for level in levels}
        for column, (mean, deviation) in self.scales.items():
            standard = (np.log1p(np.maximum(X.numbers(column), 0.0)) - mean) / deviation
            coded[f"log {column}"] = np.where(np.isnan(standard), 0.0, standard)
        return coded
