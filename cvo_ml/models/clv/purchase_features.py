"""What a model of purchases knows of each customer, as features of another model in a scikit-learn pipeline."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from cvo_ml.core.arrays import Floats, Numbers
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.bg_nbd import BetaGeoModel
from cvo_ml.models.clv.histories import as_table
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.estimator import NotFitted, TransformerEstimator, unfitted


class PurchaseFeatures(TransformerEstimator):
    """Expected purchases, P(alive) and P(no purchase) of each customer, from ``frequency, recency, T``.

    Fitted inside a pipeline, so that a fold that judges teaches the model of purchases nothing.

    Parameters
    ----------
    model:
        Model of purchases, not fitted; a ``BetaGeoModel`` in days if None.
    horizon:
        The window of expected purchases and of P(no purchase), such as "90D".

    Attributes
    ----------
    model_ : PurchaseModel
        The fitted model.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(1.2, 3000), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> PurchaseFeatures(horizon="90D").set_output(transform="pandas").fit_transform(X).columns.tolist()
    ['expected_purchases', 'probability_alive', 'probability_of_no_purchase']
    """

    NAMES: ClassVar[tuple[str, ...]] = ("expected_purchases", "probability_alive", "probability_of_no_purchase")
    model_: PurchaseModel

    def __init__(self, model: PurchaseModel | None = None, horizon: Horizon | str = "90D") -> None:
        self.model = model
        self.horizon = horizon

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the model of purchases; raises as its own ``fit``, and ``UsageError`` where the horizon is none."""
        Horizon(self.horizon)
        self._remember(X)
        model: PurchaseModel = unfitted(self.model, PurchaseModel, "model", BetaGeoModel)
        self.model_ = model.fit(X)
        return self

    def transform(self, X: Any) -> Floats:
        """The three columns (n, 3), or the frame that ``set_output`` asks for."""
        table = self.model_.predict(as_table(X), horizon=Horizon(self.horizon))
        return np.asarray(table[list(self.NAMES)].to_numpy(dtype=np.float64))

    def get_feature_names_out(self, input_features: Any = None) -> Numbers:
        """The names of the three columns."""
        if not hasattr(self, "model_"):
            raise NotFitted.of(self)
        return np.asarray(self.NAMES, dtype=object)
