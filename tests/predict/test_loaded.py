"""Models that were parsed once: however often and from however many threads they score."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import lightgbm
import pandas as pd
import pytest

from cvo_ml.core.errors import BundleError
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.predict import LoadedModels, score
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle
from cvo_ml.registry.bundles.kinds import model_of
from cvo_ml.registry.bundles.purchase_columns import embed_purchase_model
from tests.builders import SHOP_CUT

BUNDLES = Path(__file__).parent.parent / "golden" / "bundles"


@pytest.fixture(scope="module")
def bundles(churn_bundle: Bundle, icp_bundle: Bundle) -> tuple[Bundle, ...]:
    """A model of purchases, churn trees that carry it, and lookalike trees."""
    clv = load_bundle(BUNDLES / "clv")
    embedded = {"btyd": embed_purchase_model(model_of(clv))}
    return clv, replace(churn_bundle, settings={**churn_bundle.settings, **embedded}), icp_bundle


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was parsed since: a name for each text of trees and each model of purchases."""
    calls: list[str] = []

    def counting(name: str, parse: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            calls.append(name)
            return parse(*given, **named)

        return call

    monkeypatch.setattr(lightgbm, "Booster", counting("trees", lightgbm.Booster))
    monkeypatch.setattr(BuyTillYouDie, "from_parts", counting("purchases", BuyTillYouDie.from_parts))
    return calls


def one_row(features: pd.DataFrame, models: LoadedModels, place: int) -> pd.DataFrame:
    """The scores of one customer alone."""
    return score(features.iloc[[place]], models, as_of=SHOP_CUT, currency="EUR")


def test_a_hundred_customers_one_by_one_parse_each_bundle_once(
    bundles: tuple[Bundle, ...], parsed: list[str], shop_features: pd.DataFrame
) -> None:
    models = LoadedModels.of(*bundles)
    assert sorted(parsed) == ["purchases", "purchases", "trees", "trees"]  # clv, in churn; churn, icp
    for place in range(100):
        one_row(shop_features, models, place)
    assert len(parsed) == 4


def test_eight_threads_at_once_score_as_one_does(bundles: tuple[Bundle, ...], shop_features: pd.DataFrame) -> None:
    alone = [one_row(shop_features, LoadedModels.of(*bundles), place) for place in range(24)]
    shared = LoadedModels.of(*bundles)  # its first scores of all are asked for by eight threads
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda place: one_row(shop_features, shared, place % 24), range(96)))
    for place, scores in enumerate(together):
        pd.testing.assert_frame_equal(scores, alone[place % 24], check_exact=True)


def test_what_threads_share_cannot_be_changed(bundles: tuple[Bundle, ...]) -> None:
    models = LoadedModels.of(*bundles)
    with pytest.raises(TypeError):
        models.models["churn"] = models.models["icp"]
    with pytest.raises(FrozenInstanceError):
        models.models["churn"].bundle = bundles[0]


def test_a_bundle_of_another_question_is_refused_by_name(bundles: tuple[Bundle, ...], shop_features) -> None:
    models = LoadedModels.of(replace(bundles[0], name="churn"))
    with pytest.raises(BundleError, match=r"churn: clv\.\w+ is no model of churn"):
        score(shop_features, models, as_of=SHOP_CUT, currency="EUR")
    with pytest.raises(BundleError, match="no model of values"):
        LoadedModels.of(bundles[2]).models["icp"].lifetime_values(shop_features)
