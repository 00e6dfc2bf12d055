"""The jobs that fit, found beside this package and nowhere else."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Final, cast

import cvo_ml
from cvo_ml.core.errors import UsageError
from cvo_ml.workflows.train import Trainer

_PACKAGE: Final = "training"


def trainer(*, spawned: bool = False) -> Trainer:
    """The jobs of this checkout, in this process or, ``spawned``, each call in a process of its own.

    A folder ``training/`` in the working directory, or elsewhere on Python's path, is never taken for it.

    Raises
    ------
    UsageError
        If this is an installed wheel without a checkout, or the program has another package of that name.
    """
    folder = Path(cvo_ml.__file__).resolve().parent.parent / _PACKAGE
    if not (folder / "jobs.py").is_file():
        raise UsageError(
            "training runs from a checkout of the project, and there is none here: "
            "clone it and run 'uv run cvo train ...' there"
        )
    if _PACKAGE not in sys.modules:
        _load(folder)
    if Path(sys.modules[_PACKAGE].__file__ or "").resolve().parent != folder:
        raise UsageError("another package named 'training' is imported here: train in a Python process without it")
    return cast(Trainer, importlib.import_module(f"{_PACKAGE}.{'spawned' if spawned else 'jobs'}"))


def _load(folder: Path) -> None:
    """Bind the package to its folder; its modules are then found there, whatever Python's path says."""
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise UsageError(f"{folder}: cannot be imported: check the checkout")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    spec.loader.exec_module(package)
