"""Maximum likelihood for the models of purchases: from one row per customer, or from grouped histories."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import days_per
from cvo_ml.models.clv.covariates import CovariateModel
from cvo_ml.models.clv.customer_table import purchase_history, weights
from cvo_ml.models.clv.fitting import Likelihood, LogNormalPrior, fit_parameters, search, weakness
from cvo_ml.models.clv.parametric_model import check_penalty
from cvo_ml.models.clv.purchase_histories import PurchaseHistories, group_histories, refuse_few_repeaters
from cvo_ml.models.clv.row_likelihood import Kernel, RowLikelihood

Array = NDArray[np.float64]
_THIN: Final = 4_000  # distinct histories of the first, cheap fit


class PurchaseFitter(CovariateModel):
    """Fits the parameters of a model of purchases; subclasses give its likelihood and what covariates act on."""

    _start_values: ClassVar[tuple[float, ...]]
    """Typical parameters; NaN = the mean of T."""

    time_unit: str
    penalty: float
    minimum_repeat_customers: int

    def fit(self, X: pd.DataFrame, y: Any = None, *, sample_weight: Any = None) -> Self:
        """Fit to one row per customer, or to grouped rows with their count as the weight.

        Parameters
        ----------
        X:
            Columns ``frequency`` (repeat purchase periods), ``recency`` and ``T`` in ``time_unit``, and the
            covariates; (n, >= 3).
        sample_weight:
            Customers per row (n,), >= 0.

        Raises
        ------
        ContractError
            If X breaks its contract.
        ModelRefused
            If there are too few repeat customers, or the data determine nothing.
        """
        frequency, recency, T = self._history(X)
        weight = weights(sample_weight, len(X))
        plain = group_histories(frequency, recency, T, weight)
        if not self._coefficients():
            return self.fit_histories(plain)
        self._check(plain)
        rows = PurchaseHistories(frequency, recency, T, np.ones(len(X)) if weight is None else weight)
        likelihood = RowLikelihood(self._kernel(), rows, self._design(X))
        start = np.concatenate([self._start(plain), np.zeros(len(self._coefficients()))])
        self._keep(fit_parameters(likelihood, start, self._prior(), self.penalty), rows.n_customers)
        return self

    def fit_histories(self, histories: PurchaseHistories, *, prior: LogNormalPrior | None = None) -> Self:
        """Fit to grouped counts, such as one ``GROUP BY`` over a cluster gives; without covariates.

        Parameters
        ----------
        prior:
            A prior to use instead of the model's own, such as ``pooled_prior`` of similar shops gives.

        Raises
        ------
        UsageError
            If the model has covariates.
        ModelRefused
            If there are too few repeat customers, or the data determine nothing.
        """
        if self._coefficients():
            raise UsageError("covariates need one row per customer: use fit")
        self._check(histories)
        start, likelihood = self._start(histories), self._likelihood(histories)
        self._keep(fit_parameters(likelihood, start, prior or self._prior(), self.penalty), histories.n_customers)
        return self

    @abstractmethod
    def _likelihood(self, histories: PurchaseHistories) -> Likelihood:
        """The log-likelihood without covariates."""

    @abstractmethod
    def _kernel(self) -> Kernel:
        """The log-likelihood row by row."""

    def _history(self, X: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Frequency, recency and T (n,), checked."""
        return purchase_history(X)

    def _check(self, histories: PurchaseHistories) -> None:
        days_per(self.time_unit)
        check_penalty(self.penalty)
        refuse_few_repeaters(histories, self.minimum_repeat_customers)

    def _start(self, histories: PurchaseHistories) -> Array:
        """A first point: typical shape parameters and the data's time scale, refined on a sample of a large shop."""
        mean_age = float(np.average(histories.T, weights=histories.count))
        typical = np.array(self._start_values)
        start = np.where(np.isnan(typical), mean_age, typical)
        if len(histories) < 3 * _THIN:
            return start
        found = search(self._likelihood(histories.thinned(_THIN)), start, self.prior, self.penalty)
        return start if weakness(found, self.prior.names) else np.exp(found.point)
