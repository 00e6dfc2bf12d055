"""MLflow behind one door: runs, versions, the champion, and the same bundle through ``mlflow.pyfunc``."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import BundleError
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.kinds import model_of
from cvo_ml.registry.tracking import Tracker
from tests.registry.conftest import SHOP


@pytest.fixture(scope="module")
def tracker(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    """One sqlite database for all tests here."""
    root = tmp_path_factory.mktemp("mlflow") / "mlruns"
    shutil.copytree(empty, root)
    return Tracker(root, SHOP)


def registered(tracker: Tracker, bundle: Bundle, folder: Path, alias: str = "champion") -> int:
    with tracker.run("tests", bundle.name) as run:
        uri = run.log_bundle(save_bundle(bundle, folder))
    return tracker.register(uri, bundle.name, {"grade": "B"}, alias)


@pytest.fixture(scope="module")
def champion(tracker: Tracker, churn_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The boosted churn model, registered as champion."""
    registered(tracker, churn_bundle, tmp_path_factory.mktemp("bundle") / "churn")
    return churn_bundle


def test_the_champion_is_the_bundle_that_was_registered(tracker: Tracker, champion: Bundle) -> None:
    assert tracker.champion("churn") == champion


def test_everything_lies_under_the_given_folder(tracker: Tracker, champion: Bundle) -> None:
    assert {path.name for path in tracker.root.iterdir()} == {"mlflow.db", "artifacts", ".lock"}
    assert len(list((tracker.root / "artifacts").rglob("trees.txt"))) >= 1


def test_no_model_in_the_store_travels_as_a_pickle(tracker: Tracker, champion: Bundle) -> None:
    names = {path.name for path in (tracker.root / "artifacts").rglob("*") if path.is_file()}
    assert not {name for name in names if name.endswith((".pkl", ".pickle", ".joblib", ".skops", ".cloudpickle"))}


def test_a_pyfunc_gives_the_models_own_probabilities_to_who_can_churn(
    tracker: Tracker, champion: Bundle, shop_features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    loaded = mlflow.pyfunc.load_model("models:/a-churn@champion").predict(shop_features)
    direct = model_of(champion).predict_proba(shop_features)[:, 1]
    assert loaded.index.equals(shop_features.index)
    scored = loaded["churn_reason"].isna().to_numpy()
    assert 0.3 < scored.mean() < 1
    assert np.array_equal(loaded["churn_probability"][scored], direct[scored])
    assert loaded["churn_probability"][~scored].isna().all()


def test_a_lookalike_has_a_column_of_its_own(
    tracker: Tracker, icp_bundle: Bundle, shop_features: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(tracker, icp_bundle, tmp_path / "icp")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    loaded = mlflow.pyfunc.load_model("models:/a-icp@champion").predict(shop_features)
    assert np.array_equal(loaded["icp_score"], model_of(icp_bundle).predict_proba(shop_features)[:, 1])


def test_another_alias_leaves_the_champion_and_the_same_alias_moves_it(
    tracker: Tracker, champion: Bundle, recency_bundle: Bundle, tmp_path: Path
) -> None:
    first = registered(tracker, recency_bundle, tmp_path / "one", alias="challenger")
    assert tracker.champion("churn") == champion
    assert tracker.champion("churn", "challenger") == recency_bundle
    second = registered(tracker, champion, tmp_path / "two", alias="challenger")
    assert second == first + 1
    assert tracker.champion("churn", "challenger") == champion
    versions = [row for row in tracker.registered() if row.name == "churn"]
    assert [row.version for row in versions] == sorted((row.version for row in versions), reverse=True)
    assert [row.alias for row in versions][:2] == ["challenger", ""]
    assert versions[0].grade == "B"


@pytest.mark.parametrize(("name", "alias"), [("clv", "champion"), ("churn", "nobody")])
def test_a_missing_champion_says_what_to_run(tracker: Tracker, champion: Bundle, name: str, alias: str) -> None:
    with pytest.raises(BundleError, match=f"no {alias} for '{name}' is registered: run 'cvo train {name}' first"):
        tracker.champion(name, alias)


def test_a_champion_changed_on_disk_is_refused(tracker: Tracker, recency_bundle: Bundle, tmp_path: Path) -> None:
    registered(tracker, recency_bundle, tmp_path / "x", alias="damaged")
    path = max((tracker.root / "artifacts").rglob("parameters.json"), key=lambda path: path.stat().st_mtime_ns)
    path.write_text(path.read_text().replace('"slope": ', '"slope": 1'))
    with pytest.raises(BundleError, match="SHA-256 differs"):
        tracker.champion("churn", "damaged")


def test_a_champion_of_another_job_is_refused(tracker: Tracker, icp_bundle: Bundle, tmp_path: Path) -> None:
    with tracker.run("tests", "wrong") as run:
        uri = run.log_bundle(save_bundle(icp_bundle, tmp_path / "icp"))
    tracker.register(uri, "churn", {}, alias="wrong")
    with pytest.raises(BundleError, match="of 'churn' holds a bundle of 'icp'"):
        tracker.champion("churn", "wrong")


def test_a_run_ends_finished_and_a_broken_one_failed(tracker: Tracker) -> None:
    with tracker.run("tests", "good") as run:
        run.log_params({"a": 1, "b": {"c": {"d": "x"}}})
        run.log_metrics({"auc": 0.7, "bad": float("nan"), "worse": float("inf")})
        run.set_tags({"grade": "A"})
        run.log_dict({"k": 1}, "verdict")
    found = tracker.client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"a": "1", "b.c.d": "x"}
    assert found.data.metrics == {"auc": 0.7}
    assert found.data.tags["grade"] == "A"
    with pytest.raises(RuntimeError), tracker.run("tests", "bad") as broken:
        raise RuntimeError
    assert tracker.client.get_run(broken.run_id).info.status == "FAILED"


def test_nested_runs_stand_below_their_parent_and_each_gets_its_own_numbers(tracker: Tracker) -> None:
    with tracker.run("tests", "tuning") as run:
        for depth in (3, 5):
            with run.nested(f"depth {depth}") as trial:
                trial.log_params({"depth": depth})
                trial.log_metrics({"loss": 1 / depth})
                run.log_metrics({"best": 1 / depth}, step=depth)
        with pytest.raises(RuntimeError), run.nested("broken") as broken:
            raise RuntimeError
    found = tracker.client.search_runs(
        [tracker.experiment("a-tests")], f"tags.`mlflow.parentRunId` = '{run.run_id}'", order_by=["params.depth"]
    )
    assert [(r.data.params.get("depth"), r.info.status) for r in found if r.data.params] == [
        ("3", "FINISHED"),
        ("5", "FINISHED"),
    ]
    assert tracker.client.get_run(broken.run_id).info.status == "FAILED"
    parent = tracker.client.get_run(run.run_id)
    assert (parent.data.metrics, parent.data.params, parent.info.status) == ({"best": 0.2}, {}, "FINISHED")


def test_two_trackers_on_one_folder_share_it(tracker: Tracker, champion: Bundle) -> None:
    assert Tracker(tracker.root, SHOP).champion("churn") == champion


def test_mlflow_stays_quiet(tracker: Tracker) -> None:
    assert logging.getLogger("mlflow").getEffectiveLevel() >= logging.ERROR
