"""The window on which a CLV model meets the champion: what a prediction is, and how good it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cvo_ml.core.models import CLV
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.hybrid import HybridLifetimeValue
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.models.protocol import Bundled
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.stats.calibration import decile_slope
from training.clv.validation import Validation
from training.evidence.slices import slices
from training.evidence.window import EvaluationWindow


def clv_window(
    champion: Bundled, validation: Validation, customers: pd.DataFrame, horizon: Horizon
) -> EvaluationWindow:
    """The window of validation: the model of the champion's kind that did not see it, and what was brought.

    Parameters
    ----------
    champion:
        A rule that learns nothing is evaluated itself.
    customers:
        The snapshot of the day of training: who is to be scored.
    horizon:
        Of the window of validation.
    """
    evaluated: Bundled = champion
    if isinstance(champion, HybridLifetimeValue) and validation.hybrid is not None:
        evaluated = validation.hybrid
    elif isinstance(champion, BuyTillYouDie) and validation.fitted.scorer is not None:
        evaluated = validation.fitted.scorer
    actual = validation.actual
    return EvaluationWindow(
        bundle_of(CLV.name, evaluated, {"horizon_days": horizon.days, "discount_rate": 0.0}),
        validation.cut,
        validation.features,
        predict=lambda bundle, X: load_model(bundle).value_columns(X, horizon=horizon, discount_rate=0.0)[CLV.score],
        measure="mean_squared_error",
        skill=lambda predicted, rows: -float(np.mean((actual[rows] - predicted[rows]) ** 2)),
        stake=lambda predicted: predicted,
        actual=actual,
        eligible=customers,
        slope=lambda predicted: decile_slope(actual, predicted),
        slices=slices(validation.features),
    )
