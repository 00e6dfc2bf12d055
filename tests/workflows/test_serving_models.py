"""The models of every use case: the champions, and those who stand in for damaged ones, alike for all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Workspace
from cvo_ml.models.icp import SourceRate
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle, save_bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory
from cvo_ml.workflows.models import ShadowRequest, shadow_models
from cvo_ml.workflows.prospects import ProspectsRequest, prospects
from cvo_ml.workflows.score import ScoreRequest, score
from cvo_ml.workflows.segment import SegmentRequest, segment
from cvo_ml.workflows.serving_models import serving_models
from tests.builders import SHOP_CUT
from tests.registry.conftest import empty

__all__ = ["empty"]

GOLDEN = Path(__file__).parent.parent / "golden" / "bundles"
COLUMNS = {name: name for name in ("order_id", "customer_id", "ordered_at", "net")}
FACTS = {"shop": "seeded", "currency": "EUR", "trained_as_of": "2023-10-01"}
MODELS = ("clv", "icp")


def bundles(number: int) -> list[Bundle]:
    """A CLV model and a model of leads; what tells the versions apart moves their scores."""
    clv = load_bundle(GOLDEN / "clv")
    X = pd.DataFrame({"source": ["web"] * 50 + ["fair"] * 50})
    leads = SourceRate("source").fit(X, (pd.Series(range(100)) < 10 * number).to_numpy())
    return [
        replace(clv, settings={**clv.settings, "horizon_days": 30.0 * number}, facts=FACTS, golden={}),
        bundle_of("icp", leads, {"setting": "leads", "known_within_days": 1.0}, FACTS),
    ]


@pytest.fixture
def place(shop: Tables, tracker: Tracker, tmp_path: Path) -> Workspace:
    """Version 1 was champion, version 2 is, version 3 is challenger."""
    shop.orders[list(COLUMNS)].to_csv(tmp_path / "orders.csv", index=False)
    listed = {"lead_id": ["p1", "p2"], "created_at": "2023-09-01", "source": ["web", "fair"]}
    pd.DataFrame(listed).to_csv(tmp_path / "list.csv", index=False)
    history = ChampionHistory(tracker)
    for number in (1, 2, 3):
        for bundle in bundles(number):
            with tracker.run(bundle.name, "a training") as run:
                uri = run.log_bundle(save_bundle(bundle, tmp_path / "new"))
            version = tracker.register(uri, bundle.name, {"shop": "seeded"})
            if number < 3:
                history.appoint(bundle.name, version, "first" if number == 1 else "promotion", "why")
            else:
                history.challenge(bundle.name, version)
    return Workspace(tmp_path / "out", tracker.root)


@pytest.fixture
def tracker(empty: Path, tmp_path: Path) -> Tracker:
    import shutil

    shutil.copytree(empty, tmp_path / "mlruns")
    return Tracker(tmp_path / "mlruns", "seeded")


def seeded(place: Workspace) -> ShopConfig:
    source = {"path": str(place.tracking.parent / "orders.csv")}
    return ShopConfig.model_validate({"name": "seeded", "currency": "EUR", "source": source, "columns": COLUMNS})


def damage(tracker: Tracker, how: str) -> None:
    """Spoil the files of the champions: changed, or whole and no model of their kind."""
    for name in MODELS:
        where = tracker.client.get_model_version_download_uri(f"seeded-{name}", "2")
        folder = Path(where.removeprefix("file://")) / "data" / "new"
        bundle = load_bundle(folder)
        if how == "changed":
            (folder / "parameters.json").write_text("{}")
        else:
            save_bundle(replace(bundle, parameters={"features": []}), folder)


@pytest.mark.parametrize("how", ["changed", "no model"])
def test_score_prospects_segment_and_shadow_fall_back_to_the_champion_before(
    how: str, place: Workspace, tracker: Tracker
) -> None:
    damage(tracker, how)
    shop, tables = seeded(place), place.tracking.parent
    scored = score(ScoreRequest(shop=shop, as_of=SHOP_CUT, with_report=False), place)
    assert set(scored.scores["clv_horizon_days"].dropna()) == {30.0}
    listed = prospects(ProspectsRequest(shop=shop, prospects=tables / "list.csv", as_of=date(2023, 10, 15)), place)
    segmented = segment(SegmentRequest(shop=shop, as_of=SHOP_CUT, months=0, dry_run=True), place)
    shadow = shadow_models(ShadowRequest(shop=shop, as_of=SHOP_CUT), place)
    compared = shadow.models["clv"]
    assert compared.champion_mean == pytest.approx(scored.scores["predicted_clv"].mean())
    said = "scored with version 1, the champion before, because"
    notes = [*scored.run.manifest["notes"], *listed.notes, *segmented.notes, *(shadow.notes or ())]
    assert [note.partition(" because")[0] + " because" for note in notes if said in note] == [
        f"{name}: {said}" for name in ("clv", "icp", "icp", "clv", "clv", "icp")
    ]
    assert segmented.no_window == ""


def test_only_what_a_use_case_needs_is_loaded(place: Workspace, tracker: Tracker) -> None:
    for name in MODELS:
        assert list(serving_models(place, "seeded", only=(name,)).models) == [name]
    whole = serving_models(place, "seeded")
    assert (list(whole.models), whole.reason("churn"), whole.notes) == (["clv", "icp"], "not_trained", ())
