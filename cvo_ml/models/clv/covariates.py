"""Covariates of customers that act on the parameters of a model: names, design, parameters of each customer."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.models.clv.customer_table import covariates
from cvo_ml.models.clv.fitting import LogNormalPrior
from cvo_ml.models.clv.parametric_model import ParametricModel
from cvo_ml.models.clv.row_likelihood import Design

Array = NDArray[np.float64]


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

    def _design(self, X: pd.DataFrame) -> Design:
        names, table = self._coefficients(), covariates(X, self._covariate_names())
        columns: dict[int, tuple[Array, NDArray[np.intp], float]] = {}
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

    def _row_parameters(self, values: Array, X: pd.DataFrame) -> Array:
        """Parameters of each customer (4, n), with the covariates' factors."""
        parameters = np.repeat(values[:4, None], len(X), axis=1)
        for parameter, (columns, positions, sign) in self._design(X).columns.items():
            parameters[parameter] *= np.exp(np.clip(sign * columns @ values[positions], -300.0, 300.0))
        return parameters


def has_covariates(model: CovariateModel) -> bool:
    """Whether customers of one history may differ."""
    return bool(model._coefficients())
