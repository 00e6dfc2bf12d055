"""Pareto/NBD: customers may leave at any time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.core.minima import REPEAT_CUSTOMERS
from cvo_ml.models.clv.fitting import Likelihood, LogNormalPrior
from cvo_ml.models.clv.pareto_nbd_distribution import ParetoLaw, probability_alive
from cvo_ml.models.clv.purchase_histories import PurchaseHistories
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.row_likelihood import Kernel, RowLikelihood, pareto_nbd_kernel

Array = NDArray[np.float64]
PARAMETERS: Final = ("r", "alpha", "s", "beta")
_ROWS: Final = 2**15


class ParetoNBDModel(PurchaseModel):
    """The Pareto/NBD model of Schmittlein, Morrison & Colombo (1987), fitted by maximum likelihood.

    While active a customer buys at rate λ ~ Gamma(r, α); the time until the customer leaves is exponential with rate
    μ ~ Gamma(s, β), independent of purchases.

    Parameters
    ----------
    time_unit:
        Unit of ``recency`` and ``T``: D, W, M (30.4375 days) or Y (365.25 days).
    penalty:
        Strength of the prior on log r, log s and log β/α in pseudo-observations (see ``LogNormalPrior``); 0 = none.
        If the data do not determine the parameters, 1 is used and ``status_`` says so.
    minimum_repeat_customers:
        With fewer customers who bought again, ``fit`` refuses.
    purchase_covariates, dropout_covariates:
        Numeric columns that act on the two rates: α_i = α exp(−z'γ), β_i = β exp(−z'γ); a positive coefficient means
        more purchases, or an earlier departure (Fader & Hardie 2007).
    equal_covariates:
        Numeric columns with the same coefficient in both rates.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(rng.gamma(0.7, 1.2, 3000)), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> list(ParetoNBDModel().fit(X).params_)
    ['r', 'alpha', 's', 'beta']
    """

    prior: ClassVar = LogNormalPrior(PARAMETERS, (1.0, float("nan"), 1.0, float("nan")), ratio=("beta", "alpha"))
    covariate_actions: ClassVar = (
        ("purchase", "purchase_covariates", 1, -1.0),
        ("dropout", "dropout_covariates", 3, -1.0),
        ("both", "equal_covariates", 1, -1.0),
        ("both", "equal_covariates", 3, -1.0),
    )
    _start_values: ClassVar = (1.0, float("nan"), 1.0, float("nan"))

    def __init__(
        self,
        time_unit: str = "D",
        penalty: float = 0.0,
        minimum_repeat_customers: int = REPEAT_CUSTOMERS,
        purchase_covariates: Sequence[str] = (),
        dropout_covariates: Sequence[str] = (),
        equal_covariates: Sequence[str] = (),
    ) -> None:
        self.time_unit = time_unit
        self.penalty = penalty
        self.minimum_repeat_customers = minimum_repeat_customers
        self.purchase_covariates = purchase_covariates
        self.dropout_covariates = dropout_covariates
        self.equal_covariates = equal_covariates

    def _law(self, parameters: Array, x: Array, T: Array) -> ParetoLaw:
        r, alpha, s, beta = parameters[:4]
        return ParetoLaw(r + x, alpha + T, s + 0.0 * x, beta + T)

    def _alive(self, parameters: Array, x: Array, recency: Array, T: Array) -> Array:
        full = np.broadcast_to(parameters[:4], (4, len(x)))
        columns = [*full, x, recency, T]
        blocks = [[column[i : i + _ROWS] for column in columns] for i in range(0, len(x), _ROWS)]
        return np.concatenate([np.zeros(0), *(probability_alive(*block) for block in blocks)])

    def _likelihood(self, histories: PurchaseHistories) -> Likelihood:
        return RowLikelihood(pareto_nbd_kernel, histories)

    def _kernel(self) -> Kernel:
        return pareto_nbd_kernel
