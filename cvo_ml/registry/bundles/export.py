"""A dossier of a champion: its card, and a copy that scores where MLflow is not installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cvo_ml.core.errors import NoChampion
from cvo_ml.core.files import put_in_place, write_text
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.paths import inside
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.registry.bundles.bundle import MANIFEST, Bundle, save_bundle
from cvo_ml.registry.bundles.first_load import admit

CARD: Final = "MODEL_CARD.md"
EXPORT: Final = "export"


def export(bundle: Bundle, card: str, root: Path) -> Path:
    """Write ``<root>/<name>/export/`` and the card beside it, each in one step; returns the folder of the bundle.

    An export that is killed leaves a folder that the next one removes; killed between the two steps, it leaves the
    card of the model before, which names its version, beside the new one.
    """
    folder, paper = inside(root, bundle.name, EXPORT), inside(root, bundle.name, CARD)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent) as staging:
        new = save_bundle(bundle, staging / EXPORT)
        write_text(staging / CARD, card)
        put_in_place(new, folder)
        os.replace(staging / CARD, paper)
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
