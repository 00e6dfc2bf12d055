"""Many shops in one registry: each has its own names, champions and history, in a folder and on a server."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest

from cvo_ml.config.gates import Gates
from cvo_ml.core.errors import NoChampion, UsageError
from cvo_ml.core.workspace import Workspace
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory
from cvo_ml.registry.tracking.promotion import promote
from cvo_ml.workflows.models import ShopRequest, list_models
from cvo_ml.workflows.serving_models import serving_models, shop_of
from tests.registry.test_promotion import against, made, trained

OTHERS = {"clv": "refused", "icp": "refused"}


@pytest.fixture(params=["folder", "server"])
def root(request: pytest.FixtureRequest, tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where two shops train: a folder, or a database that the environment names."""
    if request.param == "folder":
        return tracker.root
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    return tmp_path / "elsewhere"


@pytest.fixture
def both(root: Path) -> Path:
    """Shop a has two versions, the second its challenger; shop b has trained once since."""
    first = Tracker(root, "a")
    trained(first, made(1.0), {})
    trained(first, made(2.0), against(1))
    trained(Tracker(root, "b"), made(7.0, shop="b"), {})
    return root


def slope(root: Path, shop: str) -> float:
    """Which model scores a shop."""
    models = serving_models(Workspace(root.parent / "out", root), shop, refused=OTHERS)
    (model,) = models.models.values()
    assert not models.notes
    return float(model.bundle.parameters["slope"])


def test_each_shops_first_model_is_its_champion_and_scores_it(both: Path) -> None:
    assert (slope(both, "a"), slope(both, "b")) == (1.0, 7.0)
    assert Tracker(both, "a").registered_name("churn") == "a-churn"


def test_a_promotion_and_a_rollback_touch_one_shop_alone(both: Path) -> None:
    a, b = Tracker(both, "a"), Tracker(both, "b")
    assert promote(a, "churn", Gates()).version == 2
    assert (slope(both, "a"), slope(both, "b")) == (2.0, 7.0)
    with pytest.raises(UsageError, match="no champion before version 1 is on record"):
        ChampionHistory(b).rollback("churn", "why")
    with pytest.raises(NoChampion, match="no challenger for 'churn'"):
        promote(b, "churn", Gates())
    assert ChampionHistory(a).rollback("churn", "worse").version == 1
    assert (slope(both, "a"), slope(both, "b")) == (1.0, 7.0)
    kinds = [[past.kind for past in ChampionHistory(tracker).history("churn")] for tracker in (a, b)]
    assert kinds == [["first", "promotion", "rollback"], ["first"]]


def test_a_list_is_of_all_shops_or_of_one(both: Path) -> None:
    everything = [(row.shop, row.name, row.version, row.alias) for row in Tracker(both).registered()]
    assert everything == [
        ("a", "churn", 2, "challenger"),
        ("a", "churn", 1, "champion"),
        ("b", "churn", 1, "champion"),
    ]
    assert [row.shop for row in Tracker(both, "b").registered()] == ["b"]


def test_a_shop_is_named_where_there_are_several(both: Path, tmp_path: Path) -> None:
    place = Workspace(tmp_path / "out", both)
    with pytest.raises(UsageError, match=r"holds the models of 2 shops: name one with --shop \(a, b\)"):
        shop_of(place, None)
    with pytest.raises(UsageError, match=r"shop 'c' has no models in .*: those with models are a, b"):
        shop_of(place, "c")
    assert shop_of(place, "b") == "b"
    with pytest.raises(UsageError, match=r"shop 'c' has no models in .*: those with models are a, b"):
        list_models(ShopRequest(shop="c"), place)


def test_the_only_shop_need_not_be_named(tracker: Tracker, tmp_path: Path) -> None:
    place = Workspace(tmp_path / "out", tracker.root)
    with pytest.raises(NoChampion, match="holds no models"):
        shop_of(place, None)
    trained(tracker, made(1.0), {})
    assert shop_of(place, None) == "a"


def test_two_names_that_make_one_registered_name_do_not_share_it(tracker: Tracker) -> None:
    trained(Tracker(tracker.root, "My Shop"), made(1.0, shop="My Shop"), {})
    with pytest.raises(UsageError, match=r"'my-shop' would .* under 'my_shop-churn', which are those of shop 'My"):
        trained(Tracker(tracker.root, "my-shop"), made(2.0, shop="my-shop"), {})
    with pytest.raises(UsageError, match="'店' has no letter a-z"):
        trained(Tracker(tracker.root, "店"), made(2.0, shop="店"), {})


def test_a_prefix_stands_before_the_names_and_hides_what_has_none(tracker: Tracker) -> None:
    trained(tracker, made(1.0), {})
    prefixed = Tracker(tracker.root, "a", "prod.")
    trained(prefixed, made(2.0), {})
    assert prefixed.registered_name("churn") == "prod.a-churn"
    assert (tracker.champion("churn"), prefixed.champion("churn")) == (made(1.0), made(2.0))
    assert [row.version for row in Tracker(tracker.root, "", "prod.").registered()] == [1]


def test_nothing_of_the_process_is_changed(both: Path) -> None:
    before, address = dict(os.environ), mlflow.get_tracking_uri()
    trained(Tracker(both, "a"), made(3.0), against(1))
    slope(both, "b")
    assert (dict(os.environ), mlflow.get_tracking_uri(), mlflow.active_run()) == (before, address, None)


def test_two_folders_are_served_in_one_process_by_many_threads(tracker: Tracker, empty: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(empty, tmp_path / "second")
    trained(tracker, made(1.0), {})
    trained(Tracker(tmp_path / "second", "a"), made(2.0), {})
    folders = [tracker.root, tmp_path / "second"] * 4
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda folder: slope(folder, "a"), folders)) == [1.0, 2.0] * 4
