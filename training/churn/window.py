"""The window on which a churn model meets the champion: how good a probability is, and what a decision by it saves."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from cvo_ml.config.churn import ChurnOutcome
from cvo_ml.core.models import CHURN
from cvo_ml.core.tables import Tables
from cvo_ml.features import snapshot
from cvo_ml.features.churn_outcomes import ineligible
from cvo_ml.features.customer import with_own_on
from cvo_ml.features.own import OwnFeatures
from cvo_ml.models.clv import clv_formula
from cvo_ml.models.protocol import Bundled
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.registry.bundles.purchase_columns import BTYD, EMBEDDED
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from training.churn.dataset import ChurnWindow
from training.evidence.slices import slices
from training.evidence.window import EvaluationWindow


def churn_window(
    evaluated: Bundled,
    window: ChurnWindow,
    tables: Tables,
    as_of: date,
    outcome: ChurnOutcome,
    definition: str,
    own: OwnFeatures,
) -> EvaluationWindow:
    """The last closed window: who was eligible when it opened, and who was lost in it.

    What a customer brings while active is the own average value and rate of orders over the horizon, as then known.

    Parameters
    ----------
    definition:
        The name that travels with the scores.
    own:
        What the evaluated model reads of the user's own features, with whose trust earlier models' are computed.
    """
    customers, test, churned = snapshot(tables, as_of), window.X, window.churned
    counts = test["number_of_orders"].to_numpy(), test["net_value"].to_numpy().clip(min=0)
    value = clv_formula(*counts, test["days_since_first_order"].to_numpy(), outcome.horizon)
    settings: dict[str, Any] = {"horizon_days": outcome.horizon.days, "definition": definition}
    if window.purchases is not None and set(BTYD) & set(evaluated.columns):
        settings[EMBEDDED] = window.purchases

    def own_of(bundle: Bundle, features: pd.DataFrame, day: date) -> pd.DataFrame:
        theirs = load_model(bundle).trusting(own.trust).own
        return with_own_on(features, tables, day, [theirs]) if theirs else features

    return EvaluationWindow(
        bundle_of(CHURN.name, evaluated, settings, own=own),
        as_of - outcome.horizon.delta,
        test,
        predict=lambda bundle, X: load_model(bundle).probability(X),
        measure="log_loss",
        skill=lambda predicted, rows: -float(log_loss(churned[rows], predicted[rows]).mean()),
        stake=lambda predicted: predicted * value,
        actual=churned * value,
        eligible=customers[ineligible(customers, outcome.definition, outcome.horizon).isna()],
        slope=lambda predicted: logistic_recalibration(churned, predicted).slope_interval(),
        slices=slices(test),
        own_of=own_of,
        as_of=as_of,
    )
