"""A model as a folder of plain files that is checked before anything in it is used.

``manifest.json`` names every file with its SHA-256, and itself; ``parameters.json`` holds the model; trees are
LightGBM's text; ``golden.json`` holds made-up inputs and the scores that the model gives them. No pickle of any kind is
written or read (docs/models.md). Every file is read once: the bytes that are hashed are the bytes that are parsed.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.errors import BundleError
from cvo_ml.core.files import canonical_json, staged_folder, write_json, write_text
from cvo_ml.core.result import Json
from cvo_ml.registry.bundles.bundle_files import (
    AGAIN,
    GOLDEN,
    MANIFEST,
    PARAMETERS,
    check_name,
    check_size,
    check_total,
    is_text_name,
    most_bytes,
    parse_json,
    read_bundle_files,
)

#: 1: facts in a manifest that nothing guarded. 2: the manifest has a digest of itself; golden scores may come along.
FORMAT_VERSION: Final = 2
READABLE: Final = (1, 2)
#: What a model and a kind may be called.
NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)
#: What a registry's version says of a bundle, and the manifest of the first format, which nothing guards, says too.
WITNESSED: Final = ("hash", "shop", "as_of", "grade")
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
    is_sealed:
        Whether a digest guards the facts, as in every bundle but those of the first format.
    """

    name: str
    kind: str
    parameters: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    golden: Mapping[str, Any] = field(default_factory=dict)
    is_sealed: bool = field(default=True, compare=False)

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
        If a parameter or metric is NaN or infinite, a file's name is not a plain one that ends in .txt, or a file is
        larger than whoever reads it takes.
    """
    for name in bundle.files:
        if not is_text_name(name):
            raise BundleError(f"{folder}: {name!r} is not a plain file name that ends in .txt: not saved")
    try:
        texts = {PARAMETERS: canonical_json({"parameters": bundle.parameters, "settings": bundle.settings})}
        texts |= {GOLDEN: canonical_json(bundle.golden)} if bundle.golden else {}
        facts = json.loads(canonical_json(bundle.facts))
    except ValueError as error:
        raise BundleError(f"{bundle.name}: holds a value that is not a finite number ({error}): not saved") from None
    files = {name: text.encode() for name, text in (texts | dict(sorted(bundle.files.items()))).items()}
    manifest = {
        "format_version": FORMAT_VERSION,
        "name": bundle.name,
        "kind": bundle.kind,
        "model_hash": bundle.model_hash,
        "version": bundle.version,
        "facts": facts,
        "libraries": library_versions(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    last = canonical_json(sealed(manifest))
    for name, content in (files | {MANIFEST: last.encode()}).items():
        check_size(folder / name, len(content), most_bytes(name))
    check_total(sum(map(len, files.values())), folder)
    with staged_folder(folder) as staging:
        for name, content in files.items():
            (staging / name).write_bytes(content)
        write_text(staging / MANIFEST, last)
    return folder


def sealed(manifest: Mapping[str, Json]) -> dict[str, Json]:
    """A manifest with the digest of its content."""
    return {**manifest, "digest": manifest_digest(manifest)}


def manifest_digest(manifest: Mapping[str, Json]) -> str:
    """The SHA-256 of a manifest's content without its own digest."""
    content = {key: value for key, value in manifest.items() if key != "digest"}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def seal(folder: Path) -> None:
    """Give a bundle of the first format the digest that it lacks, in one step; whoever calls knows whose it is."""
    manifest = parse_json(read_bundle_files(folder)[MANIFEST], folder / MANIFEST)
    write_json(folder / MANIFEST, sealed(manifest))


def load_bundle(folder: Path, witness: Mapping[str, str] | None = None) -> Bundle:
    """Read a bundle whose every byte is what its manifest says.

    Parameters
    ----------
    witness:
        What the registry's version says of the bundle (``WITNESSED``): where the manifest is of the first format and
        has no digest, it must say the same. Without a witness such a bundle is refused.

    Raises
    ------
    BundleError
        If the manifest is missing, damaged or of a newer format, or a file is missing, changed, too large,
        a link, not named, or of a kind that no bundle holds.
    """
    return parse_bundle(read_bundle_files(folder), folder, witness)


def parse_bundle(files: Mapping[str, bytes], folder: Path, witness: Mapping[str, str] | None = None) -> Bundle:
    """The bundle of bytes that were read from ``folder``; as ``load_bundle``."""
    manifest = check_bundle(files, folder, witness)
    content = parse_json(files[PARAMETERS], folder / PARAMETERS)
    golden = parse_json(files[GOLDEN], folder / GOLDEN) if GOLDEN in files else {}
    try:
        texts = {name: files[name].decode("utf-8") for name in manifest["files"] if is_text_name(name)}
        bundle = Bundle(
            manifest["name"],
            manifest["kind"],
            dict(content["parameters"]),
            dict(content["settings"]),
            texts,
            dict(manifest["facts"]),
            dict(golden),
            is_sealed="digest" in manifest,
        )
        is_named = bundle.model_hash == manifest["model_hash"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{folder}: its files do not make a bundle ({error!r}): {AGAIN}") from None
    if not is_named:
        raise BundleError(f"{folder}: the model is not the one that its manifest names: {AGAIN}")
    return bundle


def check_bundle(
    files: Mapping[str, bytes], folder: Path, witness: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    """The manifest, if its digest and that of every other file are right; nothing else is parsed.

    Raises
    ------
    BundleError
        If one is not.
    """
    manifest = parse_json(files[MANIFEST], folder / MANIFEST)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise BundleError(f"{folder}: the manifest is not a bundle's: {AGAIN}")
    found = manifest.get("format_version")
    if type(found) is not int or found not in READABLE:
        raise BundleError(
            f"{folder}: has format {found!r}, and this version reads {READABLE[0]} to {READABLE[-1]}: "
            f"update cvo-ml, or {AGAIN}"
        )
    if "digest" in manifest or found > 1:
        if manifest.get("digest") != manifest_digest(manifest):
            raise BundleError(f"{folder / MANIFEST}: is damaged or was changed (digest differs): {AGAIN}")
    else:
        _check_witness(manifest, folder, witness)
    for key in ("name", "kind"):
        if not isinstance(manifest.get(key), str) or NAME.fullmatch(manifest[key]) is None:
            raise BundleError(f"{folder}: the {key} in its manifest is none: {AGAIN}")
    _check_digests(files, folder, manifest["files"])
    return manifest


def _check_witness(manifest: Mapping[str, Any], folder: Path, witness: Mapping[str, str] | None) -> None:
    """Facts that no digest guards must be those that the registry was told when the version was made."""
    if not witness:
        raise BundleError(
            f"{folder}: is of format 1 and has no digest, so that nothing guards its shop and dates: export it again "
            "from its registry, after 'cvo models migrate' there"
        )
    facts = manifest.get("facts")
    known = facts if isinstance(facts, dict) else {}
    verdict = known.get("verdict")
    said = {
        "hash": manifest.get("version"),
        "shop": known.get("shop"),
        "as_of": known.get("trained_as_of"),
        "grade": verdict.get("grade") if isinstance(verdict, dict) else None,
    }
    differs = [key for key in WITNESSED if key in witness and str(said[key] or "") != witness[key]]
    if differs:
        raise BundleError(
            f"{folder}: its manifest, which is of format 1 and has no digest, says another {', '.join(differs)} than "
            "the registry: train again, or restore the folder from a backup"
        )


def _check_digests(files: Mapping[str, bytes], folder: Path, expected: Mapping[str, str]) -> None:
    for name in expected:
        check_name(name, folder)
    if PARAMETERS not in expected or set(files) - {MANIFEST} != set(expected):
        raise BundleError(f"{folder}: files differ from the manifest's list: {AGAIN}")
    for name, digest in expected.items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BundleError(f"{folder / name}: is damaged or was changed (SHA-256 differs): {AGAIN}")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide numbers, and of Python."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found
