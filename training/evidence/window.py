"""The window that judges a model of a job: what was known before it, and what came in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from cvo_ml.core.arrays import Flags, Floats, Places
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.stats.intervals import Interval


@dataclass(frozen=True)
class EvaluationWindow:
    """Rows whose outcome is known and that neither side has learned from.

    Parameters
    ----------
    evaluated:
        The champion's kind of model, fitted on what was known when the window opened.
    opened:
        First day of the window.
    features:
        What was known then, (n, ...).
    predict:
        From a bundle and the features to its prediction, (n,).
    measure, skill:
        The name of the measure, and from a prediction (n,) and the numbers of some rows to its value there; higher is
        better, and never 0 for all models.
    stake, actual:
        From a prediction to what it says there is to gain or save by an action (n,), and what there was, currency.
    slope:
        From a prediction to its calibration slope; None where a model has none.
    slices:
        Rows on which no challenger may be clearly worse.
    eligible:
        Who is to be scored on the day of training.
    own_of:
        From a bundle, features (by customer) and their date to the same with the features of the user's own that the
        bundle carries; None where no model of this job carries any.
    as_of:
        The day of training; None where nothing depends on it.
    """

    evaluated: Bundle
    opened: date
    features: pd.DataFrame
    predict: Callable[[Bundle, pd.DataFrame], Floats]
    measure: str
    skill: Callable[[Floats, Places], float]
    stake: Callable[[Floats], Floats]
    actual: Floats
    eligible: pd.DataFrame
    slope: Callable[[Floats], Interval] | None = None
    slices: Mapping[str, Flags] = field(default_factory=dict)
    own_of: Callable[[Bundle, pd.DataFrame, date], pd.DataFrame] | None = None
    as_of: date | None = None

    def features_for(self, bundle: Bundle) -> pd.DataFrame:
        """What was known when the window opened, as the bundle's own features say it."""
        return self.features if self.own_of is None else self.own_of(bundle, self.features, self.opened)

    def eligible_for(self, bundle: Bundle) -> pd.DataFrame:
        """Who is to be scored on the day of training, as the bundle's own features say it."""
        day = self.as_of or self.opened
        return self.eligible if self.own_of is None else self.own_of(bundle, self.eligible, day)
