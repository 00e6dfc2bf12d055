"""Gamma-Gamma: what a customer's purchases are worth."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.minima import REPEAT_CUSTOMERS
from cvo_ml.models.clv.customer_table import numbers, weights
from cvo_ml.models.clv.fitting import FitStatus, LogNormalPrior, fit_parameters
from cvo_ml.models.clv.gamma_gamma_likelihood import PARAMETERS, GammaGammaLikelihood, expected_average_value
from cvo_ml.models.clv.parametric_model import ParametricModel, check_penalty
from cvo_ml.models.clv.spend_histories import Independence, SpendHistories, independence_of

Array = NDArray[np.float64]
CREDIBILITY: Final = "credibility with the observed mean"
_FAR: Final = 3.0  # a population mean this many times the observed one is an artefact of the tail


class GammaGammaModel(ParametricModel):
    """The Gamma-Gamma model of Fader & Hardie (2013): mean value per purchase, independent of frequency.

    A customer's purchase values are Gamma(p, ν) with ν ~ Gamma(q, v). "Value" is what the caller puts into
    ``monetary_value``: revenue, or gross margin if the CLV is to be a margin.

    Parameters
    ----------
    penalty:
        Strength of the prior on log p and log q in pseudo-observations (see ``LogNormalPrior``); 0 = none.
        If the data do not determine the parameters, 1 is used and ``status_`` says so.
    minimum_repeat_customers:
        With fewer customers to learn from, ``fit`` refuses.

    Attributes
    ----------
    population_mean_ : float
        Expected value per purchase of a customer without known purchases (currency).
    independence_ : Independence
        Test of the assumption that the value of a purchase does not depend on their number.
    status_ : FitStatus
        Rung ``credibility with the observed mean`` where q <= 1 (the model's population mean p v / (q − 1) does not
        exist) or that mean exceeds three times the observed one. Then ``population_mean_`` is the observed mean value
        of a purchase, and a customer's expected value moves from it to the own mean by the weight p x / (p x + q).

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.integers(1, 6, 2000)})
    >>> X["monetary_value"] = rng.gamma(6 * X["frequency"]) / (X["frequency"] * rng.gamma(4, 1 / 15, 2000))
    >>> model = GammaGammaModel().fit(X)
    >>> str(model.status_), bool(25 < model.population_mean_ < 35)  # 6 * 15 / (4 - 1) = 30
    ('converged', True)
    """

    prior: ClassVar = LogNormalPrior(PARAMETERS, (2.0, 3.5, float("nan")))
    population_mean_: float
    independence_: Independence

    def __init__(self, penalty: float = 0.0, minimum_repeat_customers: int = REPEAT_CUSTOMERS) -> None:
        self.penalty = penalty
        self.minimum_repeat_customers = minimum_repeat_customers

    def fit(self, X: pd.DataFrame, y: Any = None, *, sample_weight: Any = None) -> Self:
        """Fit to the customers with ``frequency`` > 0 and ``monetary_value`` > 0; others are left out.

        Parameters
        ----------
        X:
            Columns ``frequency`` and ``monetary_value`` (mean value of the repeat purchases, currency); (n, >= 2).
        sample_weight:
            Customers per row (n,), >= 0.

        Raises
        ------
        ContractError
            If X breaks its contract (negative or infinite values).
        ModelRefused
            If there are too few such customers.
        """
        frequency, value = numbers(X, "frequency"), numbers(X, "monetary_value", nan_allowed=True)
        given = weights(sample_weight, len(X))
        weight = np.ones(len(X)) if given is None else given
        used = (frequency > 0) & (value > 0) & (weight > 0)
        return self.fit_histories(SpendHistories(frequency[used], value[used], weight[used]))

    def fit_histories(self, spend: SpendHistories, *, prior: LogNormalPrior | None = None) -> Self:
        """Fit to grouped counts, such as one ``GROUP BY`` over a cluster gives."""
        check_penalty(self.penalty)
        self._refuse_few(spend.n_customers)
        observed = float(np.average(spend.monetary_value, weights=spend.count * spend.frequency))
        start = np.array([2.0, 3.5, 1.25 * observed])
        likelihood = GammaGammaLikelihood(spend.frequency, spend.monetary_value, spend.count)
        self._keep(fit_parameters(likelihood, start, prior or self.prior, self.penalty), spend.n_customers)
        self._settle_population_mean(observed)
        self.independence_ = independence_of(spend)
        return self

    def expected_average_value(self, X: pd.DataFrame) -> Array:
        """Expected value per purchase (n,), currency, given the customer's own mean. Eq. (5).

        Customers without repeat purchase or without a known value get ``population_mean_``. Never negative.
        """
        parameters = self._parameters()
        frequency, value = numbers(X, "frequency"), numbers(X, "monetary_value", nan_allowed=True)
        known = np.where(np.isnan(value), 0.0, frequency)
        own = np.where(known > 0, value, 0.0)
        if self.status_.rung != CREDIBILITY:
            return expected_average_value(parameters, known, own)
        p, q, _ = parameters
        share = p * known / (p * known + q)
        return np.asarray((1.0 - share) * self.population_mean_ + share * own)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """``expected_average_value`` per customer, indexed as X."""
        return pd.DataFrame({"expected_average_value": self.expected_average_value(X)}, index=X.index)

    def _refuse_few(self, n: float) -> None:
        if n < self.minimum_repeat_customers:
            raise ModelRefused(
                f"only {n:g} customers have a repeat purchase of positive value and at least "
                f"{self.minimum_repeat_customers} are needed: give a longer order history or more customers, "
                "pool similar shops, or use the average order value",
                reason_code="too_few_repeat_customers",
            )

    def _settle_population_mean(self, observed: float) -> None:
        p, q, v = self._parameters()
        self.population_mean_ = float(p * v / (q - 1.0)) if q > 1 else math.inf
        if self.population_mean_ > _FAR * observed:
            times = self.population_mean_ / observed
            why = f"q = {q:.3g} puts the population mean at {times:.1f} times the observed one"
            if q <= 1:
                why = f"q = {q:.3g} <= 1, so the population mean does not exist"
            earlier = "" if self.status_.converged else f"{self.status_}; "
            self.status_ = FitStatus(CREDIBILITY, earlier + why)
            self.population_mean_ = observed

    def _more_json(self) -> dict[str, Any]:
        return {"population_mean": self.population_mean_, "independence": asdict(self.independence_)}

    def _read_more_json(self, content: dict[str, Any]) -> None:
        self.population_mean_ = float(content["population_mean"])
        unknown = dict.fromkeys(("correlation", "elasticity", "standard_error", "p_value"))
        self.independence_ = Independence(**content.get("independence", unknown))
