"""A dossier of a champion: its card, and a copy that scores where MLflow is not installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cvo_ml.core.errors import BundleError, NoChampion, UsageError
from cvo_ml.core.files import put_in_place, write_text
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.paths import inside
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.registry.bundles.bundle import Bundle, parse_bundle, save_bundle
from cvo_ml.registry.bundles.bundle_files import MANIFEST, read_bundle_files
from cvo_ml.registry.bundles.first_load import admit

CARD: Final = "MODEL_CARD.md"
EXPORT: Final = "export"
#: The fact of a bundle that says whose model it is.
SHOP: Final = "shop"


def export(bundle: Bundle, card: str, root: Path) -> Path:
    """Write ``<root>/<name>/export/`` and the card beside it, each in one step; returns the folder of the bundle.

    An export that is killed leaves a folder that the next one removes; killed between the two steps, it leaves the
    card of the model before, which names its version, beside the new one.

    Raises
    ------
    UsageError
        If another shop's model lies there: an export scores one shop.
    """
    folder, paper = inside(root, bundle.name, EXPORT), inside(root, bundle.name, CARD)
    own, other = bundle.facts.get(SHOP), _shop_of(folder)
    if other is not None and own is not None and own != other:
        raise UsageError(f"{folder}: holds the model of shop {other!r}: name another folder with --to for {own!r}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent) as staging:
        new = save_bundle(bundle, staging / EXPORT)
        write_text(staging / CARD, card)
        put_in_place(new, folder)
        os.replace(staging / CARD, paper)
    return folder


def _shop_of(folder: Path) -> str | None:
    """Whose model lies in a folder of an export; None where none does, or nobody can tell."""
    try:
        shop = parse_bundle(read_bundle_files(folder), folder).facts.get(SHOP)
    except BundleError:
        return None
    return None if shop is None else str(shop)


def load_exported(root: Path) -> dict[str, Bundle]:
    """The exported bundles under ``root`` by name, each loaded in a child process first.

    Raises
    ------
    NoChampion
        If there is none.
    BundleError
        If one is damaged, or does not give its golden scores here.
    """
    folders = _exports(root)
    if not folders:
        first, rest = MODEL_NAMES[0], ", ".join(MODEL_NAMES[1:])
        raise NoChampion(f"{root}: holds no exported models: run 'cvo models export {first}' ({rest}) first")
    found = [admit(folder) for folder in folders]
    return {bundle.name: bundle for bundle in found}


def is_export(root: Path) -> bool:
    """Whether exported bundles lie under ``root``."""
    return bool(_exports(root))


def _exports(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob(f"*/{EXPORT}/{MANIFEST}"))
