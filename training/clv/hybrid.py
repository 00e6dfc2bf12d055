"""The hybrid of the CLV job: trained on windows that were closed before its date, and chosen only if surely better."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import HybridJob
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import FEATURES, snapshot, window_outcome
from cvo_ml.features.engine import engine
from cvo_ml.models.clv.hybrid import HybridLifetimeValue, with_purchase_columns
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.stats.intervals import Interval, mean_interval
from training.evidence.dates import training_dates

Floats = NDArray[np.float64]
FitBase = Callable[[pd.DataFrame], BuyTillYouDie | None]


def fit_hybrid(
    tables: Tables, as_of: date, horizon: Horizon, options: HybridJob, base: BuyTillYouDie, fit_base: FitBase
) -> HybridLifetimeValue:
    """Trees on all windows closed at ``as_of``, on top of ``base``, which was fitted at ``as_of``.

    Parameters
    ----------
    fit_base:
        From a snapshot to the model beneath, fitted on that snapshot; None where its data carry none. Each window gets
        the model of its own date, so no column knows what came after.

    Raises
    ------
    ModelRefused
        If no window is long enough before ``as_of``, or there are too few rows.
    """
    last = as_of - horizon.delta
    frames, values = [], []
    days = training_dates(tables, last, options.snapshots_every, options.most_snapshots, options.shortest_history)
    with engine(tables) as shop:
        for day in days:
            features = snapshot(shop, day)
            beneath = fit_base(features) if len(features) else None
            if beneath is not None:
                frames.append(with_purchase_columns(features, beneath, horizon))
                values.append(window_outcome(shop, day, horizon, features.index)["value"].to_numpy(dtype=np.float64))
    if not frames:
        raise ModelRefused(
            f"no closed window of {horizon} with {options.shortest_history} of history before {as_of}",
            reason_code="too_short_history",
        )
    X = pd.concat(frames)
    model = HybridLifetimeValue(base, horizon, FEATURES, options.trees.rounds, options.trees.parameters)
    return model.fit(X.reset_index(drop=True), np.concatenate(values), X.index.to_numpy())


def surely_better(actual: Floats, hybrid: Floats, other: Floats) -> Interval:
    """Mean squared error of ``other`` less that of the hybrid, paired: it is chosen if the lower bound is > 0."""
    return mean_interval((actual - other) ** 2 - (actual - hybrid) ** 2)
