"""What MLflow's pages show of a training: runs that are told apart, their data sets, and nobody's data."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.scores import model_columns
from cvo_ml.core.workspace import Workspace
from cvo_ml.workflows.score import ScoreRequest, score
from cvo_ml.workflows.serving_models import serving_models
from tests.e2e.conftest import Command, cvo
from tests.howto.shop import AS_OF, trained_folder

__all__ = ["cvo"]
NAMES = ("clv", "churn", "icp")


@pytest.fixture(scope="module")
def folder(cvo: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The trained folder of the pages; nothing is written there."""
    with pytest.MonkeyPatch.context() as patch:
        found = trained_folder(cvo, tmp_path_factory.getbasetemp().parent)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{found / 'mlruns' / 'mlflow.db'}")
        yield found


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, Any]:
    """The run of each champion."""
    client = MlflowClient()
    versions = {name: client.get_model_version_by_alias(f"corner_shop-{name}", "champion") for name in NAMES}
    return {name: client.get_run(version.run_id) for name, version in versions.items()}


def test_a_run_is_called_by_what_tells_it_apart(runs: dict[str, Any]) -> None:
    assert {name: run.info.run_name for name, run in runs.items()} == {
        "clv": f"{AS_OF} bg_nbd_gamma_gamma 90D (corner-shop clv)",
        "churn": f"{AS_OF} lightgbm 60D (corner-shop churn)",
        "icp": f"{AS_OF} lightgbm 60D (corner-shop icp)",
    }


def test_runs_and_logged_models_can_be_searched_by_their_tags(runs: dict[str, Any]) -> None:
    for name, run in runs.items():
        tags = run.data.tags
        expected = {"shop": "corner-shop", "model": name, "as_of": AS_OF, "grade": tags["grade"], "kind": tags["kind"]}
        assert expected.items() <= tags.items()
        assert tags["horizon"] == ("90D" if name == "clv" else "60D")
        assert len(tags["feature_hash"]) == 12
        assert tags["mlflow.note.content"].startswith(f"Grade **{tags['grade']}** against")
        client = MlflowClient()
        assert client.get_experiment(run.info.experiment_id).tags["mlflow.experimentKind"] == "custom_model_development"
        found = client.search_runs([run.info.experiment_id], f"tags.horizon = '{tags['horizon']}'")
        assert run.info.run_id in {one.info.run_id for one in found}
        logged = client.get_logged_model(run.outputs.model_outputs[0].model_id)
        assert logged.name == f"{name}-{AS_OF}-{tags['kind'].partition('.')[2]}"
        assert {metric.key for metric in logged.metrics} == set(run.data.metrics)


def test_a_data_set_says_what_was_learnt_from_and_of_nobody(runs: dict[str, Any], folder: Path) -> None:
    known = [run.inputs.dataset_inputs[0] for run in runs.values()]
    assert len({one.dataset.digest for one in known}) == 1
    found = known[0]
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    assert (found.dataset.name, len(found.dataset.digest)) == ("corner-shop", 12)
    assert json.loads(found.dataset.source)["before"] == AS_OF
    columns = {column["name"]: column["type"] for column in json.loads(found.dataset.schema)["mlflow_colspec"]}
    assert (columns["orders.net"], columns["orders.ordered_at"]) == ("double", "datetime")
    orders = pd.read_csv(folder / "orders.csv", parse_dates=["ordered_at"])
    counts = json.loads(found.dataset.profile)
    assert counts["num_rows"] == counts["rows of orders"] == int((orders["ordered_at"] < AS_OF).sum())
    people = set(orders["customer_id"])
    said = json.dumps([found.dataset.source, found.dataset.schema, found.dataset.profile])
    assert not [who for who in people if str(who) in said]


def test_batch_and_mlflow_give_the_same_scores(folder: Path, tmp_path: Path) -> None:
    """A published run of the orders alone, and the champions in MLflow's hands."""
    declared = yaml.safe_load((folder / "shop.yaml").read_text())
    declared |= {"tables": {}, "source": {"path": str(folder / "orders.csv")}}
    declared["columns"].pop("cost")
    workspace = Workspace(tmp_path, folder / "mlruns")
    models = serving_models(workspace, "corner-shop", only=NAMES[:2])
    request = ScoreRequest(shop=ShopConfig(**declared), as_of=date.fromisoformat(AS_OF), with_report=False)
    batch = score(request, workspace, models).scores.set_index("customer_id", drop=False)
    orders = pd.read_csv(folder / "orders.csv", usecols=["order_id", "customer_id", "ordered_at", "net"])
    for name in NAMES[:2]:
        found = asked(name, orders)
        own = [column for column in model_columns(name) if not column.startswith("reasons") or name == "churn"]
        pd.testing.assert_frame_equal(
            found[own].sort_index(), batch.loc[found.index, own].sort_index(),
            rtol=1e-9, atol=1e-9, check_names=False, check_dtype=False, check_index_type=False,
        )  # fmt: skip
        assert len(found) == len(batch)


def test_a_model_that_reads_columns_of_customers_scores_orders_alone(folder: Path) -> None:
    """``cvo score`` refuses a shop that has lost a table; whoever has orders alone gets nulls there, and is told."""
    orders = pd.read_csv(folder / "orders.csv", usecols=["order_id", "customer_id", "ordered_at", "net"])
    champion = mlflow.pyfunc.load_model("models:/corner_shop-icp@champion")
    with pytest.warns(UserWarning, match="icp also reads .*engagement_score"):
        found = champion.predict(orders, params={"as_of": AS_OF})
    assert found["icp_score"].between(0, 1).all()


def asked(name: str, orders: pd.DataFrame) -> pd.DataFrame:
    champion = mlflow.pyfunc.load_model(f"models:/corner_shop-{name}@champion")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.DataFrame(champion.predict(orders, params={"as_of": AS_OF}))
