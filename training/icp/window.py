"""The people on whom a lookalike model meets the champion: how well it orders them, and what the best ones brought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.core.models import ICP
from cvo_ml.models.protocol import Bundled
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.stats.ranking import lift
from training.evidence.slices import by_country
from training.evidence.window import EvaluationWindow


def icp_window(
    evaluated: Bundled,
    train: pd.DataFrame,
    test: pd.DataFrame,
    moment: str,
    settings: Mapping[str, Any],
    people: pd.DataFrame,
) -> EvaluationWindow:
    """The people who came last, and what they brought by the fixed age.

    A score of 1 promises the mean value of the most valuable people to learn from.

    Parameters
    ----------
    moment:
        The column that says when each came: the first order, or the lead.
    settings:
        Those of the bundle.
    people:
        Who is to be scored on the day of training.
    """
    is_top = test["is_top"].to_numpy(dtype=bool)
    typical = float(train.loc[train["is_top"], "value"].mean())
    return EvaluationWindow(
        bundle_of(ICP.name, evaluated, settings),
        pd.Timestamp(test[moment].min()).date(),
        test,
        predict=lambda bundle, X: load_model(bundle).probability(X),
        measure="lift_in_the_top_decile",
        skill=lambda predicted, rows: lift(is_top[rows], predicted[rows]),
        stake=lambda predicted: predicted * typical,
        actual=is_top * test["value"].to_numpy(dtype=np.float64),
        eligible=people,
        slices=by_country(test),
    )
