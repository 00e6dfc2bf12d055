"""Challengers are scored as everybody is: a model of leads gets its leads."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.tables import Tables
from cvo_ml.models.icp import SourceRate
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.workflows.score_tables import score_customers, shadow_scores
from tests.builders import SHOP_CUT, frame
from tests.priorities.makers import action

SETTINGS = {"setting": "leads", "known_within_days": 1.0}


@pytest.fixture(scope="module")
def vendor(shop: Tables) -> Tables:
    """The seeded shop, of whose customers the first hundred were leads."""
    people = [f"c{number:03}" for number in range(100)]
    leads = [(f"l{name}", "2022-12-20", ("web", "fair")[place % 2]) for place, name in enumerate(people)]
    deals = [(f"d{name}", f"l{name}", name, True, "2022-12-28") for name in people]
    return Tables(
        {
            **shop.frames,
            "leads": frame("leads", ["lead_id", "created_at", "source"], leads),
            "deals": frame("deals", ["deal_id", "lead_id", "customer_id", "is_won", "closed_at"], deals),
        },
        shop.currency,
    )


def of_leads(won: int) -> Bundle:
    X = pd.DataFrame({"source": ["web"] * 50 + ["fair"] * 50})
    return bundle_of("icp", SourceRate("source").fit(X, np.arange(100) < won), SETTINGS)


def test_a_shadow_scores_a_model_of_leads_as_a_score_does(vendor: Tables) -> None:
    serving, behind = LoadedModels.of(of_leads(30)), LoadedModels.of(of_leads(40))
    (compared,) = shadow_scores(vendor, SHOP_CUT, serving, behind, shop="seeded").values()
    policy = PriorityPolicy(actions=(action("call", effect=0.05),))
    means = []
    for models in (serving, behind):
        scores = score_customers(vendor, SHOP_CUT, models, SegmentPolicy(), policy, shop="seeded").scores
        assert scores["icp_score"].notna().sum() > 80
        means.append(scores["icp_score"].mean())
        assert compared.champion_scored == compared.challenger_scored == scores["icp_score"].notna().sum()
    assert [compared.champion_mean, compared.challenger_mean] == pytest.approx(means, rel=1e-12)


def test_a_lead_that_came_later_is_nobody_yet(vendor: Tables) -> None:
    models = LoadedModels.of(of_leads(30))
    (compared,) = shadow_scores(vendor, date(2022, 12, 1), models, models, shop="seeded").values()
    assert compared.champion_scored == 0
