"""A bundle that was damaged or changed is refused before anything in it is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cvo_ml.core.errors import BundleError
from cvo_ml.registry.bundles.bundle import load_bundle, save_bundle
from tests.registry.bundles import PLAIN, edit_manifest, rehash


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


# --- older formats ----------------------------------------------------------------------------------------------------


def as_format_1(folder: Path) -> Path:
    """What the first format looked like, with the digest that a migration gives it."""
    edit_manifest(folder, lambda manifest: manifest.update(format_version=1))
    return folder


def test_a_sealed_bundle_of_the_first_format_is_read(tmp_path: Path) -> None:
    found = load_bundle(as_format_1(save_bundle(PLAIN, tmp_path / "old")))
    assert (found, found.is_sealed) == (PLAIN, True)


@pytest.mark.parametrize("damage", ["trees truncated", "one bit of the parameters", "extra file", "another kind"])
def test_a_damaged_bundle_of_the_first_format_is_refused(damage: str, folder: Path) -> None:
    as_format_1(folder)
    DAMAGES[damage](folder)
    with pytest.raises(BundleError):
        load_bundle(folder)
