"""The window that judges, job by job: what a prediction is, how good it is, and what a decision by it earns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.config.jobs import ChurnJob, ClvJob
from cvo_ml.core.models import CLV
from cvo_ml.core.tables import Tables
from cvo_ml.features import snapshot
from cvo_ml.features.churn_outcomes import ineligible
from cvo_ml.models.clv import clv_formula
from cvo_ml.models.clv.hybrid import HybridLifetimeValue
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.models.protocol import Bundled
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.registry.bundles.purchase_columns import BTYD
from cvo_ml.stats.calibration import decile_slope, log_loss, logistic_recalibration
from cvo_ml.stats.ranking import lift
from training.churn.dataset import Window
from training.clv.validation import Validation
from training.evidence.slices import by_country, slices
from training.evidence.window import EvaluationWindow


def clv_trial(champion: Bundled, validation: Validation, customers: pd.DataFrame, job: ClvJob) -> EvaluationWindow:
    """The window of validation: the model of the champion's kind that did not see it, and what came.

    Parameters
    ----------
    champion:
        A rule that learns nothing is judged itself.
    customers:
        The snapshot of the day of training: who is to be scored.
    """
    judged: Bundled = champion
    if isinstance(champion, HybridLifetimeValue) and validation.hybrid is not None:
        judged = validation.hybrid
    elif isinstance(champion, BuyTillYouDie) and validation.fitted.scorer is not None:
        judged = validation.fitted.scorer
    horizon, actual = job.validation_horizon, validation.actual
    return EvaluationWindow(
        bundle_of("clv", judged, {"horizon_days": horizon.days, "discount_rate": 0.0}),
        validation.cut,
        validation.features,
        predict=lambda bundle, X: (
            load_model(bundle).lifetime_values(X, horizon=horizon, discount_rate=0.0)[CLV.score].to_numpy()
        ),
        measure="mean_squared_error",
        skill=lambda predicted, rows: -float(np.mean((actual[rows] - predicted[rows]) ** 2)),
        stake=lambda predicted: predicted,
        came=actual,
        eligible=customers,
        slope=lambda predicted: decile_slope(actual, predicted),
        slices=slices(validation.features),
    )


def churn_trial(judged: Bundled, window: Window, tables: Tables, as_of: date, job: ChurnJob) -> EvaluationWindow:
    """The last closed window: who was eligible when it opened, and who was lost in it.

    What a customer brings while active is the own average value and rate of orders over the horizon, as then known.
    """
    customers, test, churned = snapshot(tables, as_of), window.X, window.churned
    counts = test["number_of_orders"].to_numpy(), test["net_value"].to_numpy().clip(min=0)
    value = clv_formula(*counts, test["days_since_first_order"].to_numpy(), job.horizon)
    settings: dict[str, Any] = {"horizon_days": job.horizon.days, "definition": job.definition_name}
    if window.purchases is not None and set(BTYD) & set(judged.columns):
        settings["btyd"] = window.purchases
    return EvaluationWindow(
        bundle_of("churn", judged, settings),
        as_of - job.horizon.delta,
        test,
        predict=lambda bundle, X: load_model(bundle).probability(X),
        measure="log_loss",
        skill=lambda predicted, rows: -float(log_loss(churned[rows], predicted[rows]).mean()),
        stake=lambda predicted: predicted * value,
        came=churned * value,
        eligible=customers[ineligible(customers, job.definition, job.horizon).isna()],
        slope=lambda predicted: logistic_recalibration(churned, predicted).slope_interval(),
        slices=slices(test),
    )


def icp_trial(
    judged: Bundled,
    train: pd.DataFrame,
    test: pd.DataFrame,
    came: str,
    settings: Mapping[str, Any],
    people: pd.DataFrame,
) -> EvaluationWindow:
    """The people who came last, and what they brought by the fixed age.

    A score of 1 promises the mean value of the most valuable people to learn from.

    Parameters
    ----------
    came:
        The column that says when each came: the first order, or the lead.
    settings:
        Those of the bundle.
    people:
        Who is to be scored on the day of training.
    """
    is_top = test["is_top"].to_numpy(dtype=bool)
    typical = float(train.loc[train["is_top"], "value"].mean())
    return EvaluationWindow(
        bundle_of("icp", judged, settings),
        pd.Timestamp(test[came].min()).date(),
        test,
        predict=lambda bundle, X: load_model(bundle).probability(X),
        measure="lift_in_the_top_decile",
        skill=lambda predicted, rows: lift(is_top[rows], predicted[rows]),
        stake=lambda predicted: predicted * typical,
        came=is_top * test["value"].to_numpy(dtype=np.float64),
        eligible=people,
        slices=by_country(test),
    )
