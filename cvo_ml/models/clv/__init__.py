"""Customer lifetime value: BG/NBD and Gamma-Gamma, their composition, and the formula they must beat."""

from cvo_ml.models.clv.beta_geo import BetaGeoModel, ModifiedBetaGeoModel
from cvo_ml.models.clv.beta_geo_binomial import BetaGeoBinomialModel
from cvo_ml.models.clv.fitting import FitStatus
from cvo_ml.models.clv.formula import clv_formula, clv_simple, last_period_repeated
from cvo_ml.models.clv.gamma_gamma import GammaGammaModel
from cvo_ml.models.clv.ladder import LadderFit, fit_lifetime_value, fit_purchases, pooled_prior
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.pareto_nbd import ParetoNBDModel
from cvo_ml.models.clv.purchase_histories import PurchaseHistories, group_histories
from cvo_ml.models.clv.spend_histories import Independence, SpendHistories
from cvo_ml.models.clv.totals import totals_by_segment

__all__ = [
    "BetaGeoBinomialModel",
    "BetaGeoModel",
    "CustomerLifetimeValue",
    "FitStatus",
    "GammaGammaModel",
    "Independence",
    "LadderFit",
    "ModifiedBetaGeoModel",
    "ParetoNBDModel",
    "PurchaseHistories",
    "SpendHistories",
    "clv_formula",
    "clv_simple",
    "fit_lifetime_value",
    "fit_purchases",
    "group_histories",
    "last_period_repeated",
    "pooled_prior",
    "totals_by_segment",
]
