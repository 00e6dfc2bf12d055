"""Bundles: what is loaded is what was saved, to the byte, and its hash is of all that decides a score."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.core.errors import BundleError
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle, save_bundle
from cvo_ml.registry.bundles.kinds import KINDS, bundle_of, model_of
from tests.registry.bundles import PLAIN


def test_a_bundle_comes_back_as_it_went_in(folder: Path, churn_bundle: Bundle) -> None:
    back = load_bundle(folder)
    assert back == churn_bundle
    assert (back.version, back.grade) == (churn_bundle.version, "B")


@pytest.mark.parametrize("name", ["churn_bundle", "recency_bundle", "icp_bundle"])
def test_a_loaded_model_predicts_the_same_bits(
    name: str, tmp_path: Path, shop_features: pd.DataFrame, request: pytest.FixtureRequest
) -> None:
    bundle: Bundle = request.getfixturevalue(name)
    back = load_bundle(save_bundle(bundle, tmp_path / name))
    for bits in zip(
        model_of(back).predict_proba(shop_features), model_of(bundle).predict_proba(shop_features), strict=True
    ):
        assert bits[0].tobytes() == bits[1].tobytes()
    again = bundle_of(back.name, model_of(back), back.settings)
    assert again.model_hash == bundle.model_hash


def test_the_manifest_names_format_model_versions_and_every_file(folder: Path, churn_bundle: Bundle) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["format_version"] == 2
    assert manifest["model_hash"] == churn_bundle.model_hash
    assert manifest["model_hash"].startswith(manifest["version"])
    assert sorted(manifest["files"]) == ["parameters.json", "trees.txt"]
    assert {"python", "lightgbm", "numpy"} <= set(manifest["libraries"])


def test_no_customer_stands_in_a_bundle(folder: Path, shop_features: pd.DataFrame) -> None:
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert not [customer for customer in shop_features.index if f'"{customer}"'.encode() in content]


def test_saving_replaces_the_folder_whole(folder: Path) -> None:
    save_bundle(PLAIN, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "parameters.json"]
    assert load_bundle(folder) == PLAIN


# --- the hash ---------------------------------------------------------------------------------------------------------


def test_facts_and_lightgbms_parameter_block_are_outside_the_hash(churn_bundle: Bundle) -> None:
    trees = churn_bundle.files["trees.txt"]
    head, _, tail = trees.partition("\nparameters:")
    assert tail, "LightGBM writes a parameters block"
    other = {"trees.txt": head + "\nparameters:" + tail.replace("num_threads: 2", "num_threads: 7")}
    assert other["trees.txt"] != trees
    assert replace(churn_bundle, files=other).model_hash == churn_bundle.model_hash
    assert replace(churn_bundle, facts={"git": "abc"}, golden={"scores": {}}).model_hash == churn_bundle.model_hash


@pytest.mark.parametrize(
    "change",
    [
        {"name": "icp"},
        {"kind": "churn.other"},
        {"parameters": {**PLAIN.parameters, "slope": 2.0000000000000004}},
        {"settings": {"horizon_days": 91}},
        {"files": {"trees.txt": "tree"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_all_that_decides_a_score_is_in_the_hash(change: dict) -> None:
    assert replace(PLAIN, **change).model_hash != PLAIN.model_hash


def test_a_tree_is_in_the_hash(churn_bundle: Bundle) -> None:
    trees = churn_bundle.files["trees.txt"]
    place = trees.index("leaf_value=") + len("leaf_value=")
    digit = next(i for i in range(place, len(trees)) if trees[i].isdigit())
    changed = trees[:digit] + str((int(trees[digit]) + 1) % 10) + trees[digit + 1 :]
    assert replace(churn_bundle, files={"trees.txt": changed}).model_hash != churn_bundle.model_hash


@given(st.permutations(["b", "a", "c", "é"]))
def test_the_order_of_keys_is_outside_the_hash(names: list[str]) -> None:
    ordered = replace(PLAIN, parameters=dict.fromkeys(sorted(names), 1.0), files=dict.fromkeys(sorted(names), "x"))
    other = replace(PLAIN, parameters=dict.fromkeys(names, 1.0), files=dict.fromkeys(names, "x"))
    assert other.model_hash == ordered.model_hash


def test_the_hash_is_the_same_in_another_process(folder: Path, churn_bundle: Bundle) -> None:
    code = "import sys, pathlib; from cvo_ml.registry.bundles.bundle import load_bundle; " + (
        "print(load_bundle(pathlib.Path(sys.argv[1])).model_hash)"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == churn_bundle.model_hash


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["churn.pickle", "os.system", "", "cvo_ml.models.churn:ChurnClassifier"])
def test_only_kinds_on_the_list_are_built(kind: str) -> None:
    with pytest.raises(BundleError, match="is unknown: update cvo-ml or train again"):
        model_of(replace(PLAIN, kind=kind))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"clv.formula"}))
def test_parameters_of_another_kind_do_not_make_a_model(kind: str) -> None:
    with pytest.raises(BundleError, match=f"do not make a {kind}"):
        model_of(Bundle("x", kind, {"something": "else"}))


def test_trees_of_other_columns_are_refused(churn_bundle: Bundle) -> None:
    features = [*churn_bundle.parameters["features"][1:], churn_bundle.parameters["features"][0]]
    with pytest.raises(BundleError, match="other columns"):
        model_of(replace(churn_bundle, parameters={**churn_bundle.parameters, "features": features}))


def test_a_model_without_trees_is_refused(churn_bundle: Bundle) -> None:
    head, _, tail = churn_bundle.files["trees.txt"].partition("Tree=0")
    head = "\n".join("tree_sizes=" if line.startswith("tree_sizes=") else line for line in head.splitlines())
    none = head + "\n\nend of trees" + tail.partition("end of trees")[2]
    with pytest.raises(BundleError, match="no trees"):
        model_of(replace(churn_bundle, files={"trees.txt": none}))


def test_trees_with_a_leaf_that_is_no_number_are_refused(churn_bundle: Bundle) -> None:
    trees = churn_bundle.files["trees.txt"]
    place = trees.index("leaf_value=") + len("leaf_value=")
    changed = trees[:place] + "nan" + trees[trees.index(" ", place) :]
    with pytest.raises(BundleError, match="not a finite number"):
        model_of(replace(churn_bundle, files={"trees.txt": changed}))
