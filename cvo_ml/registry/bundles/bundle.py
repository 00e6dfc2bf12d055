"""A model as a folder of plain files that is checked before anything in it is used.

``manifest.json`` names every file with its SHA-256, and itself; ``parameters.json`` holds the model; trees are
LightGBM's text; ``golden.json`` holds made-up inputs and the scores that the model gives them. No pickle of any kind is
written or read (docs/models.md).
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.errors import BundleError
from cvo_ml.core.files import canonical_json, sha256_of, staged_folder, write_json
from cvo_ml.core.result import Json

#: 1: facts in a manifest that nothing guarded. 2: the manifest has a digest of itself; golden scores may come along.
FORMAT_VERSION: Final = 2
READABLE: Final = (1, 2)
MANIFEST: Final = "manifest.json"
PARAMETERS: Final = "parameters.json"
GOLDEN: Final = "golden.json"
LIBRARIES: Final = ("cvo-ml", "lightgbm", "numpy", "pandas", "scipy", "duckdb", "ibis-framework")


@dataclass(frozen=True)
class Bundle:
    """A model's parts and what is known about it.

    Parameters
    ----------
    name:
        The registered model: clv, churn, icp or segments.
    kind:
        Which class rebuilds it, such as ``churn.lightgbm``.
    parameters:
        The model itself, JSON-ready.
    settings:
        What gives its scores their meaning: horizon, definition, bands, reference. Part of the hash.
    files:
        Text files by name, such as trees.
    facts:
        What describes the training: dates, data hash, metrics, grade. Not part of the hash.
    golden:
        Made-up inputs and what the model answers (``cvo_ml.registry.bundles.golden``). Not part of the hash.
    """

    name: str
    kind: str
    parameters: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    golden: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model_hash(self) -> str:
        """SHA-256 of all that decides a score: the same model has the same hash anywhere."""
        digest = hashlib.sha256(
            canonical_json(
                {"name": self.name, "kind": self.kind, "parameters": self.parameters, "settings": self.settings}
            ).encode()
        )
        for name, text in sorted(self.files.items()):
            # LightGBM writes thread counts and the like after the trees; they decide nothing
            digest.update(name.encode() + b"\0" + text.split("\nparameters:", 1)[0].encode() + b"\0")
        return digest.hexdigest()

    @property
    def version(self) -> str:
        """The first twelve digits of the hash: what Scores carry."""
        return self.model_hash[:12]

    @property
    def grade(self) -> str:
        """The letter earned out of time, or an empty text."""
        return str(self.facts.get("verdict", {}).get("grade", ""))


def save_bundle(bundle: Bundle, folder: Path) -> Path:
    """Write a bundle in one step; ``folder`` is replaced if it exists.

    Raises
    ------
    BundleError
        If a parameter or metric is NaN or infinite, or a file's name is not a plain one that ends in .txt.
    """
    for name in bundle.files:
        _check_text_name(name, folder)
    try:
        texts = {PARAMETERS: canonical_json({"parameters": bundle.parameters, "settings": bundle.settings})}
        texts |= {GOLDEN: canonical_json(bundle.golden)} if bundle.golden else {}
        facts = json.loads(canonical_json(bundle.facts))
    except ValueError as error:
        raise BundleError(f"{bundle.name}: holds a value that is not a finite number ({error}): not saved") from None
    texts |= dict(sorted(bundle.files.items()))
    with staged_folder(folder) as staging:
        for name, text in texts.items():
            (staging / name).write_text(text, encoding="utf-8", newline="")
        manifest = {
            "format_version": FORMAT_VERSION,
            "name": bundle.name,
            "kind": bundle.kind,
            "model_hash": bundle.model_hash,
            "version": bundle.version,
            "facts": facts,
            "libraries": library_versions(),
            "files": {name: sha256_of(staging / name) for name in texts},
        }
        write_json(staging / MANIFEST, {**manifest, "digest": manifest_digest(manifest)})
    return folder


def manifest_digest(manifest: Mapping[str, Json]) -> str:
    """The SHA-256 of a manifest's content without its own digest."""
    content = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle whose every byte is what its manifest says.

    Raises
    ------
    BundleError
        If the manifest is missing, damaged or of a newer format, or a file is missing, changed,
        a link, not named, or of a kind that no bundle holds.
    """
    manifest = _manifest(folder)
    _check_files(folder, manifest["files"])
    content = _read_strict(folder / PARAMETERS)
    golden = _read_strict(folder / GOLDEN) if GOLDEN in manifest["files"] else {}
    try:
        files = {
            name: (folder / name).read_bytes().decode("utf-8")
            for name in manifest["files"]
            if name not in (PARAMETERS, GOLDEN)
        }
        parameters, settings = dict(content["parameters"]), dict(content["settings"])
        bundle = Bundle(
            manifest["name"], manifest["kind"], parameters, settings, files, dict(manifest["facts"]), dict(golden)
        )
        is_named = bundle.model_hash == manifest["model_hash"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{folder}: its files do not make a bundle ({error!r}): train or export it again") from None
    if not is_named:
        raise BundleError(f"{folder}: the model is not the one that its manifest names: train or export it again")
    return bundle


def _manifest(folder: Path) -> dict[str, Any]:
    if (folder / MANIFEST).is_symlink():
        raise BundleError(f"{folder}: the manifest is a link: train or export it again")
    manifest = _read_strict(folder / MANIFEST)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BundleError(f"{folder}: the manifest is not a bundle's: train or export it again")
    found = manifest.get("format_version")
    if found not in READABLE:
        raise BundleError(
            f"{folder}: has format {found!r}, and this version reads {READABLE[0]} to {READABLE[-1]}: "
            "update cvo-ml, or train or export it again"
        )
    if found > 1 and manifest.get("digest") != manifest_digest(manifest):
        raise BundleError(f"{folder / MANIFEST}: is damaged or was changed (digest differs): train or export it again")
    return manifest


def _check_files(folder: Path, expected: Mapping[str, str]) -> None:
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    if PARAMETERS not in expected or present != set(expected):
        raise BundleError(f"{folder}: files differ from the manifest's list: train or export it again")
    for name, digest in expected.items():
        if name not in (PARAMETERS, GOLDEN):
            _check_text_name(name, folder)
        path = folder / name
        if path.is_symlink() or not path.is_file() or sha256_of(path) != digest:
            raise BundleError(f"{path}: is damaged or was changed (SHA-256 differs): train or export it again")


def _check_text_name(name: str, folder: Path) -> None:
    """Only plain names of texts: a pickle or a library has no place, whatever digest it comes with."""
    if Path(name).name != name or name.startswith(".") or not name.endswith(".txt"):
        raise BundleError(f"{folder}: {name!r} is not a plain file name that ends in .txt: refuse this bundle")


def _read_strict(path: Path) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a number")

    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except OSError:
        raise BundleError(f"{path}: is missing or cannot be read: train or export it again") from None
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: is not valid JSON ({error}): train or export it again") from None


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide numbers, and of Python."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
