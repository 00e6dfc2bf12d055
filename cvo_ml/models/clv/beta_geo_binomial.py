"""BG/BB: when customers buy again at yearly, monthly … opportunities, and whether they have left."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import UsageError
from cvo_ml.core.minima import REPEAT_CUSTOMERS
from cvo_ml.models.clv.beta_geo_binomial_distribution import (
    BetaBinomialLaw,
    beta_geo_binomial_kernel,
    probability_alive,
)
from cvo_ml.models.clv.customer_table import purchase_history, refuse
from cvo_ml.models.clv.fitting import Likelihood, LogNormalPrior
from cvo_ml.models.clv.purchase_histories import PurchaseHistories
from cvo_ml.models.clv.purchase_law import PurchaseLaw
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.row_likelihood import Kernel, RowLikelihood

Array = NDArray[np.float64]
PARAMETERS: Final = ("alpha", "beta", "gamma", "delta")
_MOST: Final = 2000  # discounting an endless horizon ends after so many opportunities


class BetaGeoBinomialModel(PurchaseModel):
    """The BG/BB model of Fader, Hardie & Shang (2010), fitted by maximum likelihood.

    At each opportunity (a yearly appeal, a weekly auction) an active customer buys with probability p ~ Beta(α, β) and
    leaves before it with probability θ ~ Beta(γ, δ).

    Parameters
    ----------
    time_unit:
        Time between opportunities: D, W, M or Y. ``T`` counts opportunities, ``frequency`` those used, ``recency`` the
        last one used; a horizon holds the whole opportunities in it.
    penalty:
        Strength of the prior on the log-parameters in pseudo-observations (see ``LogNormalPrior``); 0 = none.
        If the data do not determine the parameters, 1 is used and ``status_`` says so.
    minimum_repeat_customers:
        With fewer customers who bought again, ``fit`` refuses.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> there = np.minimum(rng.geometric(rng.beta(0.7, 2.8, 2000)) - 1, 6)
    >>> bought = (rng.random((2000, 6)) < rng.beta(1.2, 0.8, (2000, 1))) & (np.arange(6) < there[:, None])
    >>> X = pd.DataFrame({"frequency": bought.sum(axis=1), "recency": (bought * np.arange(1, 7)).max(axis=1), "T": 6})
    >>> list(BetaGeoBinomialModel().fit(X).params_)
    ['alpha', 'beta', 'gamma', 'delta']
    """

    prior: ClassVar = LogNormalPrior(PARAMETERS, (1.0, 1.0, 1.0, 2.5))
    covariate_actions: ClassVar = ()
    _start_values: ClassVar = (1.0, 1.0, 1.0, 2.5)

    def __init__(
        self, time_unit: str = "Y", penalty: float = 0.0, minimum_repeat_customers: int = REPEAT_CUSTOMERS
    ) -> None:
        self.time_unit = time_unit
        self.penalty = penalty
        self.minimum_repeat_customers = minimum_repeat_customers

    def _law(self, parameters: Array, x: Array, T: Array) -> BetaBinomialLaw:
        alpha, beta, gamma, delta = parameters[:4]
        return BetaBinomialLaw(alpha + x, beta + T - x, gamma + 0.0 * x, delta + T)

    def _alive(self, parameters: Array, x: Array, recency: Array, T: Array) -> Array:
        return probability_alive(parameters, x, recency, T)

    def _likelihood(self, histories: PurchaseHistories) -> Likelihood:
        return RowLikelihood(beta_geo_binomial_kernel, histories)

    def _kernel(self) -> Kernel:
        return beta_geo_binomial_kernel

    def _history(self, X: pd.DataFrame) -> tuple[Array, Array, Array]:
        frequency, recency, T = purchase_history(X)
        for name, values in (("recency", recency), ("T", T)):
            refuse(values != np.floor(values), name, "opportunities are not whole numbers", "count opportunities")
        refuse(frequency > recency, "frequency", "more purchases than opportunities up to the last", "recount them")
        return frequency, recency, T

    def _discounted(self, law: PurchaseLaw, span: float, force: float) -> Array:
        if not isinstance(law, BetaBinomialLaw):
            raise UsageError("BG/BB discounts its own law only")
        return law.discounted(min(span, _MOST), force)
