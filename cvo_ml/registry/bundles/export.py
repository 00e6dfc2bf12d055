"""A dossier of a champion: its card, and a copy that scores where MLflow is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cvo_ml.core.errors import NoChampion
from cvo_ml.core.files import write_text
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.paths import inside
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.bundle_files import MANIFEST
from cvo_ml.registry.bundles.first_load import admit

CARD: Final = "MODEL_CARD.md"
EXPORT: Final = "export"


def export(bundle: Bundle, card: str, root: Path) -> Path:
    """Write ``<root>/<name>/export/`` and the card beside it, each in one step; returns the folder of the bundle."""
    folder = save_bundle(bundle, inside(root, bundle.name, EXPORT))
    write_text(inside(root, bundle.name, CARD), card)
    return folder


def load_exported(root: Path) -> dict[str, Bundle]:
    """The exported bundles under ``root`` by name, each loaded in a child process first.

    Raises
    ------
    NoChampion
        If there is none.
    BundleError
        If one is damaged, or does not give its golden scores here.
    """
    folders = sorted(path.parent for path in root.glob(f"*/{EXPORT}/{MANIFEST}"))
    if not folders:
        first, rest = MODEL_NAMES[0], ", ".join(MODEL_NAMES[1:])
        raise NoChampion(f"{root}: holds no exported models: run 'cvo models export {first}' ({rest}) first")
    found = [admit(folder) for folder in folders]
    return {bundle.name: bundle for bundle in found}
