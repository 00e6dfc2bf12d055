"""BG/NBD and MBG/NBD: when customers buy again, and whether they have left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cvo_ml.core.errors import UsageError
from cvo_ml.core.minima import REPEAT_CUSTOMERS
from cvo_ml.models.clv.age_interpolation import over_ages
from cvo_ml.models.clv.bg_nbd_distribution import BetaGeoLaw, log_odds_gone
from cvo_ml.models.clv.bg_nbd_likelihood import PARAMETERS, BetaGeoLikelihood
from cvo_ml.models.clv.fitting import Likelihood, LogNormalPrior
from cvo_ml.models.clv.purchase_histories import PurchaseHistories
from cvo_ml.models.clv.purchase_law import PurchaseLaw
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.row_likelihood import Kernel, beta_geo_kernel

Array = NDArray[np.float64]


class BetaGeoModel(PurchaseModel):
    """The BG/NBD model of Fader, Hardie & Lee (2005), fitted by maximum likelihood.

    While active a customer buys at rate λ ~ Gamma(r, α); after each repeat purchase the customer leaves with
    probability p ~ Beta(a, b).

    Parameters
    ----------
    time_unit:
        Unit of ``recency`` and ``T``: D, W, M (30.4375 days) or Y (365.25 days).
    penalty:
        Strength of the prior on log r, log a, log b in pseudo-observations (see ``LogNormalPrior``); 0 = none.
        If the data do not determine the parameters, 1 is used and ``status_`` says so.
    minimum_repeat_customers:
        With fewer customers who bought again, ``fit`` refuses.
    purchase_covariates:
        Numeric columns that act on the purchase rate: α_i = α exp(−z'γ); a positive coefficient means more purchases.
    dropout_covariates:
        Numeric columns that act on departure: a_i = a exp(z'γ_a), b_i = b exp(z'γ_b) (Fader & Hardie 2007).

    Examples
    --------
    >>> import pandas as pd
    >>> from cvo_ml.core.units import Horizon
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(1.2, 3000), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> model = BetaGeoModel().fit(X)
    >>> list(model.params_), len(model.expected_purchases(X, Horizon("90D")))
    (['r', 'alpha', 'a', 'b'], 3000)
    """

    prior: ClassVar = LogNormalPrior(PARAMETERS, (1.0, float("nan"), 1.0, 2.5))
    covariate_actions: ClassVar = (
        ("purchase", "purchase_covariates", 1, -1.0),
        ("dropout_a", "dropout_covariates", 2, 1.0),
        ("dropout_b", "dropout_covariates", 3, 1.0),
    )
    _start_values: ClassVar = (1.0, float("nan"), 1.0, 2.5)
    _first_counts: ClassVar[bool] = False

    def __init__(
        self,
        time_unit: str = "D",
        penalty: float = 0.0,
        minimum_repeat_customers: int = REPEAT_CUSTOMERS,
        purchase_covariates: Sequence[str] = (),
        dropout_covariates: Sequence[str] = (),
    ) -> None:
        self.time_unit = time_unit
        self.penalty = penalty
        self.minimum_repeat_customers = minimum_repeat_customers
        self.purchase_covariates = purchase_covariates
        self.dropout_covariates = dropout_covariates

    def _law(self, parameters: Array, x: Array, T: Array) -> BetaGeoLaw:
        r, alpha, a, b = parameters[:4]
        return BetaGeoLaw(r + x, alpha + T, a + 0.0 * x, b + x + float(self._first_counts))

    def _alive(self, parameters: Array, x: Array, recency: Array, T: Array) -> Array:
        r, alpha, a, b = parameters[:4]
        last = b + np.maximum(x - 1.0 + float(self._first_counts), 0.0)
        alive = expit(-log_odds_gone(r + x, alpha + T, alpha + recency, a, last))
        return np.asarray(alive if self._first_counts else np.where(x == 0, 1.0, alive))

    def _discounted(self, law: PurchaseLaw, span: float, force: float) -> Array:
        if not isinstance(law, BetaGeoLaw):
            raise UsageError("BG/NBD discounts its own law only")
        return over_ages(law, lambda some: super(BetaGeoModel, self)._discounted(some, span, force))

    def _likelihood(self, histories: PurchaseHistories) -> Likelihood:
        return BetaGeoLikelihood(histories, first_counts=self._first_counts)

    def _kernel(self) -> Kernel:
        return beta_geo_kernel(self._first_counts)


class ModifiedBetaGeoModel(BetaGeoModel):
    """MBG/NBD of Batislam, Denizel & Filiztekin (2007) and Hoppe & Wagner (2007).

    As BG/NBD, but the customer may leave after the first purchase as well, so a customer with one purchase is not
    taken to be alive for ever. Parameters, fitted attributes and methods are those of ``BetaGeoModel``.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(1.2, 3000), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> model = ModifiedBetaGeoModel().fit(X)
    >>> bool(model.probability_alive(X).max() < 1)
    True
    """

    _first_counts: ClassVar = True
