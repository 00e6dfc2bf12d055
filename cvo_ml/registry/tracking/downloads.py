"""Artifacts that lie elsewhere: asked for their sizes first, fetched into a folder that goes with its owner."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.errors import BundleError
from cvo_ml.core.scratch import Scratch
from cvo_ml.registry.bundles.bundle_files import MEBIBYTE, MOST_ALTOGETHER
from cvo_ml.registry.tracking.connection import said

#: A model's own files beside its bundle are few and small.
MOST_BYTES: Final = MOST_ALTOGETHER + 4 * MEBIBYTE
MOST_FILES: Final = 64


class Downloads:
    """Fetches through MLflow from wherever a server keeps its artifacts; what was fetched is gone with this object."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._scratch: Scratch | None = None

    def fetch(self, place: str, what: str) -> Path:
        """A file or folder of artifacts, on this machine.

        Raises
        ------
        BundleError
            If it is not there, cannot be fetched or is larger than a model is.
        """
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException

        if self._scratch is None:
            self._scratch = Scratch()
        into = self._scratch.folder / secrets.token_hex(8)
        try:
            self._check(place, what)
            found = download_artifacts(
                artifact_uri=place, dst_path=str(into), tracking_uri=self._uri, registry_uri=self._uri
            )
        except (MlflowException, ImportError, OSError, ValueError) as error:
            reason = said(error, self._uri)
            raise BundleError(f"the files of {what} cannot be read ({reason}): put them back, or train again") from None
        return Path(found)

    def _check(self, place: str, what: str) -> None:
        """Refuse by what the store says of sizes, before a byte is fetched."""
        from mlflow.artifacts import list_artifacts

        around, _, name = place.rstrip("/").rpartition("/")
        folders, files = [place], list[Any]()
        while folders and len(files) <= MOST_FILES:
            for found in list_artifacts(artifact_uri=folders.pop(), tracking_uri=self._uri):
                if found.is_dir:
                    folders.append(f"{around}/{found.path}")
                else:
                    files.append(found)
        if not files:  # it is a file itself, which its folder tells of
            there = list_artifacts(artifact_uri=around, tracking_uri=self._uri)
            files = [found for found in there if found.path.rpartition("/")[2] == name and not found.is_dir]
        if len(files) > MOST_FILES or sum(int(found.file_size or 0) for found in files) > MOST_BYTES:
            raise BundleError(f"the files of {what} are more than a model has: refuse this version")
