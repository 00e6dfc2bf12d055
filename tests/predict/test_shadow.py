"""The shadow: two model sets on the same customers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.result import to_json
from cvo_ml.predict import LoadedModels
from cvo_ml.predict.shadow import shadow
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import model_of
from tests.builders import SHOP_CUT

RUN = {"as_of": SHOP_CUT, "currency": "EUR"}


def test_a_model_in_its_own_shadow_does_not_differ(shop_features: pd.DataFrame, churn_bundle: Bundle) -> None:
    models = LoadedModels.of(churn_bundle)
    (found,) = shadow(shop_features, models, models, **RUN).values()
    assert (found.psi, found.ks, found.mean_absolute_difference, found.other_label) == (0, 0, 0, 0)
    assert (found.same_top_decile, found.rank_correlation) == (1, pytest.approx(1))


def test_another_model_differs_by_what_its_scores_do(
    shop_features: pd.DataFrame, churn_bundle: Bundle, recency_bundle: Bundle, icp_bundle: Bundle
) -> None:
    first = LoadedModels.of(churn_bundle, icp_bundle)
    found = shadow(shop_features, first, LoadedModels.of(recency_bundle), **RUN)
    assert list(found) == ["churn"]  # only what both hold
    from cvo_ml.core.units import Horizon
    from cvo_ml.features.snapshot import is_gone

    rows = shop_features[~is_gone(shop_features, Horizon("90D"))]
    a, b = (model_of(bundle).predict_proba(rows)[:, 1] for bundle in (churn_bundle, recency_bundle))
    numbers = found["churn"]
    assert numbers.champion_scored == numbers.challenger_scored == len(rows)
    assert numbers.mean_absolute_difference == pytest.approx(np.abs(a - b).mean(), rel=1e-12)
    assert numbers.rank_correlation == pytest.approx(pd.Series(a).corr(pd.Series(b), method="spearman"))
    assert numbers.psi > 0


def test_nobody_to_score_is_no_crash(shop_features: pd.DataFrame, churn_bundle: Bundle) -> None:
    none = shop_features.assign(days_since_last_order=5000.0)
    models = LoadedModels.of(churn_bundle)
    found = shadow(none, models, LoadedModels.of(replace(churn_bundle)), **RUN)
    assert to_json(found) == {"churn": {"champion_scored": 0, "challenger_scored": 0}}
