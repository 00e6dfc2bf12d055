"""Customer lifetime value: BG/NBD and Gamma-Gamma, their composition, and the formula they must beat."""

from cvo_ml.models.clv.baselines import clv_formula, clv_simple, last_period_repeated
from cvo_ml.models.clv.bg_bb import BetaGeoBinomialModel
from cvo_ml.models.clv.bg_nbd import BetaGeoModel, ModifiedBetaGeoModel
from cvo_ml.models.clv.comparison import ComparedModel, Comparison, ParameterEstimate, compare
from cvo_ml.models.clv.draws import TotalDraws, totals_by_segment
from cvo_ml.models.clv.fallbacks import LadderFit, fit_lifetime_value, fit_purchases, pooled_prior
from cvo_ml.models.clv.fit import FitStatus
from cvo_ml.models.clv.gamma_gamma import GammaGammaModel, Independence, SpendHistories
from cvo_ml.models.clv.histories import PurchaseHistories, group_histories
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.pareto_nbd import ParetoNBDModel
from cvo_ml.models.clv.purchase_features import PurchaseFeatures

__all__ = [
    "BetaGeoBinomialModel",
    "BetaGeoModel",
    "ComparedModel",
    "Comparison",
    "CustomerLifetimeValue",
    "FitStatus",
    "GammaGammaModel",
    "Independence",
    "LadderFit",
    "ModifiedBetaGeoModel",
    "ParameterEstimate",
    "ParetoNBDModel",
    "PurchaseFeatures",
    "PurchaseHistories",
    "SpendHistories",
    "TotalDraws",
    "clv_formula",
    "clv_simple",
    "compare",
    "fit_lifetime_value",
    "fit_purchases",
    "group_histories",
    "last_period_repeated",
    "pooled_prior",
    "totals_by_segment",
]
