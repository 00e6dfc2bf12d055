"""The features of the user's own that a bundle carries: the file itself, and which of its columns the model reads.

The file travels as a text among the bundle's others, its digest in the settings, so that the model's hash changes with
it. Nothing here runs it: ``OwnFeatures`` does, if somebody trusts it (``cvo_ml.registry.bundles.trusted_code``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cvo_ml.core.errors import BundleError
from cvo_ml.core.result import Json
from cvo_ml.features.own import NOBODY, FeatureFile, OwnFeatures, Trust
from cvo_ml.features.own.features import PROFILE
from cvo_ml.registry.bundles.bundle import Bundle

#: The setting that names them, and the file in the bundle.
OWN: Final = "own_features"
OWN_FILE: Final = "own_features.txt"


def with_own_features(bundle: Bundle, own: OwnFeatures) -> Bundle:
    """The bundle with those of the features that its model reads; as it is where it reads none."""
    read = own.reads([str(name) for name in bundle.facts.get("features", ())]) if own else own
    if not read:
        return bundle
    said: dict[str, Json] = {"columns": dict(read.kinds), "declared": list(read.declared)}
    files = dict(bundle.files)
    if read.file is not None:
        said |= {"file": read.file.name, "sha256": read.file.sha256}
        files[OWN_FILE] = read.file.text
    return replace(bundle, settings={**bundle.settings, OWN: said}, files=files)


def own_features_of(bundle: Bundle, trust: Trust = NOBODY) -> OwnFeatures:
    """The features of the user's own that a bundle's model reads.

    Raises
    ------
    BundleError
        If the file is not the one that the settings name.
    """
    said = bundle.settings.get(OWN)
    if said is None:
        return OwnFeatures(trust=trust)
    try:
        text, digest = bundle.files.get(OWN_FILE), said.get("sha256")
        file = None if text is None else FeatureFile(str(said["file"]), text)
        kinds = {str(name): kind for name, kind in said["columns"].items()}
        declared = tuple(map(str, said["declared"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{bundle.name}: its own features are not readable ({error!r}): train again") from None
    if digest != (None if file is None else file.sha256):
        raise BundleError(f"{bundle.name}: carries another file of features than it names: train again")
    profile = tuple(name for name in kinds if name.startswith(PROFILE))
    return OwnFeatures(profile, file, trust, declared, kinds, f"{bundle.name} {bundle.version}")
