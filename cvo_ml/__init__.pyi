from typing import Final

from cvo_ml.api import RowsLeftOut as RowsLeftOut
from cvo_ml.api import analyze as analyze
from cvo_ml.api import compare as compare
from cvo_ml.api import explain as explain
from cvo_ml.api import holdout as holdout
from cvo_ml.api import load_models as load_models
from cvo_ml.api import plan as plan
from cvo_ml.api import plot as plot
from cvo_ml.api import read_orders as read_orders
from cvo_ml.api import read_shop as read_shop
from cvo_ml.api import rfm_summary as rfm_summary
from cvo_ml.api import score as score
from cvo_ml.api import snapshot as snapshot
from cvo_ml.config.priorities import PriorityPolicy as PriorityPolicy
from cvo_ml.config.shops import ShopConfig as ShopConfig
from cvo_ml.core.errors import BundleError as BundleError
from cvo_ml.core.errors import ConfigError as ConfigError
from cvo_ml.core.errors import CvoError as CvoError
from cvo_ml.core.errors import DataError as DataError
from cvo_ml.core.errors import ModelRefused as ModelRefused
from cvo_ml.core.errors import NoChampion as NoChampion
from cvo_ml.core.errors import UsageError as UsageError
from cvo_ml.core.tables import Tables as Tables
from cvo_ml.core.units import Horizon as Horizon
from cvo_ml.features import HoldoutWindow as HoldoutWindow
from cvo_ml.features.own import feature as feature
from cvo_ml.ingest import sample_shop as sample_shop
from cvo_ml.models.churn import ChurnClassifier as ChurnClassifier
from cvo_ml.models.clv import BetaGeoBinomialModel as BetaGeoBinomialModel
from cvo_ml.models.clv import BetaGeoModel as BetaGeoModel
from cvo_ml.models.clv import CustomerLifetimeValue as CustomerLifetimeValue
from cvo_ml.models.clv import GammaGammaModel as GammaGammaModel
from cvo_ml.models.clv import ModifiedBetaGeoModel as ModifiedBetaGeoModel
from cvo_ml.models.clv import ParetoNBDModel as ParetoNBDModel
from cvo_ml.models.clv import PurchaseFeatures as PurchaseFeatures
from cvo_ml.models.clv import clv_simple as clv_simple
from cvo_ml.models.icp import LookalikeClassifier as LookalikeClassifier
from cvo_ml.segments import rfm_group as rfm_group

__version__: Final[str]
__all__: list[str]
