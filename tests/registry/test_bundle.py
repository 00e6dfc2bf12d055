"""Bundles: what is loaded is what was saved, to the byte, or nothing is loaded (ROBUSTNESS.md §3)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.core.errors import BundleError
from cvo_ml.core.files import sha256_of
from cvo_ml.registry.bundle import Bundle, load_bundle, manifest_digest, save_bundle
from cvo_ml.registry.models import KINDS, bundle_of, model_of

PLAIN = Bundle(
    "churn", "churn.recency_logistic", {"intercept": 0.1, "slope": 2.0, "features": ["é"]}, {"horizon_days": 90}
)


@pytest.fixture
def folder(tmp_path: Path, churn_bundle: Bundle) -> Path:
    """A saved bundle with trees."""
    return save_bundle(churn_bundle, tmp_path / "churn")


def edit_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    """Change the manifest and sign it again, as an attacker would."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    content["digest"] = manifest_digest(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def rehash(folder: Path) -> None:
    """Make the manifest agree with the files again."""
    names = {"parameters.json"} | {path.name for path in folder.iterdir()} - {"manifest.json"}
    edit_manifest(folder, lambda m: m.update(files={name: sha256_of(folder / name) for name in names}))


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
    code = "import sys, pathlib; from cvo_ml.registry.bundle import load_bundle; " + (
        "print(load_bundle(pathlib.Path(sys.argv[1])).model_hash)"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == churn_bundle.model_hash


# --- refusals ---------------------------------------------------------------------------------------------------------


def change_text(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def strip_digest(folder: Path) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["digest"]
    path.write_text(json.dumps(content), encoding="utf-8")


def replace_by_link(folder: Path, name: str) -> None:
    target = folder.parent / f"elsewhere-{name}"
    (folder / name).rename(target)
    (folder / name).symlink_to(target)


def flip(path: Path, place: float = 0.5) -> None:
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def add_name(folder: Path, name: str) -> None:
    edit_manifest(folder, lambda manifest: manifest["files"].update({name: "0" * 64}))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "manifest missing": lambda f: (f / "manifest.json").unlink(),
    "manifest not JSON": lambda f: cut(f / "manifest.json"),
    "manifest of something else": lambda f: (f / "manifest.json").write_text("[1, 2]"),
    "manifest nested too deep": lambda f: (f / "manifest.json").write_text("[" * 100_000),
    "manifest not UTF-8": lambda f: (f / "manifest.json").write_bytes(b'{"name": "\xff"}'),
    "manifest a link": lambda f: replace_by_link(f, "manifest.json"),
    "parameters missing": lambda f: (f / "parameters.json").unlink(),
    "trees missing": lambda f: (f / "trees.txt").unlink(),
    "trees truncated": lambda f: cut(f / "trees.txt"),
    "trees empty": lambda f: (f / "trees.txt").write_text(""),
    "one bit of the trees": lambda f: flip(f / "trees.txt"),
    "one bit of the parameters": lambda f: flip(f / "parameters.json"),
    "extra file": lambda f: (f / "model.pkl").write_bytes(b"\x80\x04."),
    "extra folder": lambda f: (f / "code").mkdir(),
    "trees a link": lambda f: replace_by_link(f, "trees.txt"),
    "trees a folder": lambda f: ((f / "trees.txt").unlink(), (f / "trees.txt").mkdir()),
    "newer format": lambda f: edit_manifest(f, lambda m: m.update(format_version=3)),
    "no format": lambda f: edit_manifest(f, lambda m: m.pop("format_version")),
    "name of a parent folder": lambda f: add_name(f, "../other"),
    "absolute name": lambda f: add_name(f, "/etc/passwd"),
    "hidden name": lambda f: ((f / ".hidden").write_text("x"), add_name(f, ".hidden")),
    "parameters not listed": lambda f: edit_manifest(f, lambda m: m["files"].pop("parameters.json")),
    "no list of files": lambda f: edit_manifest(f, lambda m: m.pop("files")),
    "a fact changed without the digest": lambda f: change_text(f / "manifest.json", '"grade": "B"', '"grade": "A"'),
    "one bit of the manifest": lambda f: flip(f / "manifest.json"),
    "no digest": lambda f: strip_digest(f),
    "a pickle on the list": lambda f: ((f / "model.pkl").write_bytes(b"\x80\x04."), rehash(f)),
    "a text pickle on the list": lambda f: ((f / "model.pkl").write_text("cos\nsystem\n."), rehash(f)),
    "a library on the list": lambda f: ((f / "model.so").write_bytes(b"ELF"), rehash(f)),
    "golden scores that are no mapping": lambda f: ((f / "golden.json").write_text("[1]"), rehash(f)),
    "golden scores of NaN": lambda f: ((f / "golden.json").write_text('{"scores": NaN}'), rehash(f)),
    "no name": lambda f: edit_manifest(f, lambda m: m.pop("name")),
    "no facts": lambda f: edit_manifest(f, lambda m: m.pop("facts")),
    "another model's hash": lambda f: edit_manifest(f, lambda m: m.update(model_hash="0" * 64)),
    "another kind": lambda f: edit_manifest(f, lambda m: m.update(kind="icp.lightgbm")),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_bundle_is_refused(damage: str, folder: Path) -> None:
    DAMAGES[damage](folder)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("place", [0.01, 0.2, 0.4, 0.6, 0.8, 0.99])
def test_one_flipped_bit_anywhere_in_the_trees_is_refused(place: float, folder: Path) -> None:
    flip(folder / "trees.txt", place)
    with pytest.raises(BundleError, match=r"trees\.txt: is damaged or was changed \(SHA-256 differs\)"):
        load_bundle(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="missing or cannot be read"):
        load_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new"),
    [('"slope": 2.0', '"slope": NaN'), ('"slope": 2.0', '"slope": -Infinity'), ('"slope": 2.0', '"slope": 1e400')],
)
def test_a_parameter_that_is_no_finite_number_is_refused_even_with_the_right_digest(
    old: str, new: str, tmp_path: Path
) -> None:
    folder = save_bundle(PLAIN, tmp_path / "plain")
    text = (folder / "parameters.json").read_text(encoding="utf-8")
    assert old in text
    (folder / "parameters.json").write_text(text.replace(old, new), encoding="utf-8")
    rehash(folder)
    with pytest.raises(BundleError):
        load_bundle(folder)


@pytest.mark.parametrize("content", ["[]", "{}", '{"parameters": {}}', "nul"])
def test_parameters_of_another_shape_are_refused_even_with_the_right_digest(content: str, tmp_path: Path) -> None:
    folder = save_bundle(PLAIN, tmp_path / "plain")
    (folder / "parameters.json").write_text(content)
    rehash(folder)
    with pytest.raises(BundleError):
        load_bundle(folder)


def test_a_file_that_is_no_text_is_refused_even_with_the_right_digest(folder: Path) -> None:
    (folder / "trees.txt").write_bytes(b"tree\xff\xfe")
    rehash(folder)
    with pytest.raises(BundleError):
        load_bundle(folder)


@pytest.mark.parametrize("where", ["parameters", "settings", "facts", "golden"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bundle_with_nan_is_not_saved(where: str, value: float, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a finite number"):
        save_bundle(replace(PLAIN, **{where: {"slope": value}}), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../x.txt", "a/b.txt", "/etc/passwd", ".hidden.txt", "", "..", "x.pkl", "manifest.json", "golden.json"]
)
def test_a_file_name_that_is_a_path_or_taken_is_not_saved(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a plain file name"):
        save_bundle(replace(PLAIN, files={name: "x"}), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["churn.pickle", "os.system", "", "cvo_ml.models.churn:BoostedChurn"])
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


# --- older formats ----------------------------------------------------------------------------------------------------


def as_format_1(folder: Path) -> Path:
    """What the first format looked like: no digest of the manifest."""
    strip_digest(folder)
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 2', '"format_version": 1'))
    return folder


def test_a_bundle_of_the_first_format_is_read(tmp_path: Path) -> None:
    assert load_bundle(as_format_1(save_bundle(PLAIN, tmp_path / "old"))) == PLAIN


@pytest.mark.parametrize("damage", ["trees truncated", "one bit of the parameters", "extra file", "another kind"])
def test_a_damaged_bundle_of_the_first_format_is_refused(damage: str, folder: Path) -> None:
    as_format_1(folder)
    DAMAGES[damage](folder)
    with pytest.raises(BundleError):
        load_bundle(folder)
