"""A bundle that needs no training, and what somebody does who changes a saved one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cvo_ml.core.files import sha256_of
from cvo_ml.registry.bundles.bundle import Bundle, manifest_digest

PLAIN = Bundle(
    "churn",
    "churn.recency_logistic",
    {"intercept": 0.1, "slope": 2.0, "reference": 0.5, "features": ["é"]},
    {"horizon_days": 90},
)


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
