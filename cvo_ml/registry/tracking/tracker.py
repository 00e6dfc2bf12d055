"""Runs and registered versions in MLflow, whose only importer this folder is."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cvo_ml.core.errors import BundleError, ModelRefused, NoChampion, UsageError
from cvo_ml.registry.bundles.bundle import MANIFEST, Bundle, load_bundle
from cvo_ml.registry.tracking import database
from cvo_ml.registry.tracking.connection import elsewhere, import_mlflow, is_database, point_to, reach, without_password
from cvo_ml.registry.tracking.owner_process import PROCESS, is_gone, this_process
from cvo_ml.registry.tracking.run import Run

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
REFUSED: Final = "refused"


class Tracker:
    """MLflow on a sqlite file under ``root``, or wherever ``MLFLOW_TRACKING_URI`` points.

    Parameters
    ----------
    root:
        The ``mlruns`` folder: ``mlflow.db`` and ``artifacts/``. With a database elsewhere it holds the artifacts only;
        a tracking server keeps them where it was told.

    Raises
    ------
    UsageError
        If mlflow is not installed, or its database is damaged.
    """

    def __init__(self, root: Path = Path("mlruns")) -> None:
        self.root = root.resolve()
        self.mlflow = import_mlflow()
        self.uri = elsewhere() or database.ready(self.root, self._create)
        reach(self.uri)
        point_to(self.mlflow, self.uri)
        self.client = self.mlflow.MlflowClient()
        self._check()
        self._close_what_was_killed()

    @classmethod
    def existing(cls, root: Path = Path("mlruns")) -> Tracker | None:
        """The tracker of a folder that holds a database; None where nothing was trained yet."""
        return cls(root) if elsewhere() or (root / database.NAME).exists() else None

    @contextlib.contextmanager
    def run(self, experiment: str, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """A run that is FINISHED when the block ends and FAILED when it raises; a refusal leaves its reason."""
        self.mlflow.set_experiment(experiment_id=self.experiment(experiment))
        tags = {PROCESS: this_process(), **(tags or {})}
        with self.mlflow.start_run(run_name=name, tags=tags, log_system_metrics=False) as started:
            run = Run(self.mlflow, started.info.run_id)
            try:
                yield run
            except ModelRefused as refused:
                run.set_tags({REFUSED: refused.reason_code, "refused_text": str(refused)})
                raise

    def refusal(self, experiment: str, shop: str) -> str | None:
        """Why the latest training for ``shop`` gave no model; None if it gave one or there was none."""
        known = self.client.get_experiment_by_name(experiment)
        if known is None:
            return None
        runs = self.client.search_runs([known.experiment_id], order_by=["attributes.start_time DESC"])
        own = [run for run in runs if run.data.tags.get("shop") == shop]
        return own[0].data.tags.get(REFUSED) if own else None

    def register(self, model_uri: str, name: str, tags: Mapping[str, str], alias: str | None = None) -> int:
        """Make a new version of the registered model, with ``alias`` if one is given; returns its number."""
        with contextlib.redirect_stderr(io.StringIO()):  # MLflow announces each step there
            version = int(self.mlflow.register_model(model_uri, name, tags=dict(tags)).version)
        if alias is not None:
            self.client.set_registered_model_alias(name, alias, str(version))
        return version

    def version_of(self, name: str, alias: str = CHAMPION) -> int | None:
        """The version that an alias points to; None without such a model or alias."""
        try:
            return int(self.client.get_model_version_by_alias(name, alias).version)
        except self.mlflow.exceptions.MlflowException:
            return None

    def champion(self, name: str, alias: str = CHAMPION) -> Bundle:
        """The bundle that an alias points to, checked.

        Raises
        ------
        NoChampion
            If there is no such model or alias.
        BundleError
            If its files are gone, damaged or another job's.
        """
        version = self.version_of(name, alias)
        if version is None:
            raise NoChampion(f"no {alias} for {name!r} is registered: run 'cvo train {name}' first")
        return self.bundle(name, version)

    def bundle(self, name: str, version: int) -> Bundle:
        """The bundle of a registered version, checked.

        Raises
        ------
        BundleError
            If its files are gone, damaged or another job's.
        """
        logged = self._downloaded(f"models:/{name}/{version}", f"version {version} of {name!r}")
        bundle = load_bundle(_data_folder(logged))
        if bundle.name != name:
            raise BundleError(
                f"version {version} of {name!r} holds a bundle of {bundle.name!r}: run 'cvo train {name}' again"
            )
        return bundle

    def artifact(self, name: str, version: int, path: str) -> Path:
        """A file or folder of the run that made a version.

        Raises
        ------
        BundleError
            If it is not there.
        """
        run_id = self.client.get_model_version(name, str(version)).run_id
        what, stored = f"{path} of version {version} of {name!r}", self.client.get_run(run_id).info.artifact_uri
        if not stored.startswith("file:"):
            return self._downloaded(f"runs:/{run_id}/{path}", what)
        local = Path(url2pathname(urlsplit(stored).path)) / path
        if not local.exists():
            raise BundleError(f"{local}: {what} is missing: put {self.root} back, or train again")
        return local

    def registered(self) -> list[dict[str, Any]]:
        """All versions of all registered models, newest first within a model."""
        rows = []
        for model in self.client.search_registered_models():
            for version in self.client.search_model_versions(f"name='{model.name}'"):
                own = sorted(alias for alias, number in model.aliases.items() if str(number) == str(version.version))
                alias = CHAMPION if CHAMPION in own else ", ".join(own)
                rows.append({"name": model.name, "version": int(version.version), "alias": alias, **version.tags})
        return sorted(rows, key=lambda row: (row["name"], -row["version"]))

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made if it is not there."""
        known = self.client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        location = (self.root / database.ARTIFACTS / name).as_uri() if is_database(self.uri) else None
        try:
            return str(self.client.create_experiment(name, artifact_location=location))
        except self.mlflow.exceptions.MlflowException:  # made by another process meanwhile
            known = self.client.get_experiment_by_name(name)
            if known is None:
                raise
            return str(known.experiment_id)

    def _downloaded(self, uri: str, what: str) -> Path:
        try:
            return Path(self.mlflow.artifacts.download_artifacts(uri))
        except (self.mlflow.exceptions.MlflowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise BundleError(
                f"the files of {what} cannot be read ({reason}): put {self.root} back, or train again"
            ) from None

    def _create(self, uri: str) -> None:
        self.mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)

    def _check(self) -> None:
        """The first question to the database, so that one that cannot answer is named at once."""
        try:
            self.client.search_experiments(max_results=1)
        except self.mlflow.exceptions.MlflowException as error:
            raise UsageError(f"{without_password(self.uri)}: MLflow cannot use it: {error}") from None

    def _close_what_was_killed(self) -> None:
        """Runs whose process is gone are FAILED, except an appointment that had moved its alias already."""
        experiments = {found.experiment_id: found.name for found in self.client.search_experiments()}
        running = self.client.search_runs(list(experiments), filter_string="attributes.status = 'RUNNING'")
        for run in running:
            tags = run.data.tags
            if is_gone(tags.get(PROCESS, "")):
                moved = "to" in tags and self.version_of(tags.get("model", "")) == int(tags["to"])
                self.client.set_terminated(run.info.run_id, "FINISHED" if moved else "FAILED")


def _data_folder(model_folder: Path) -> Path:
    """The bundle inside a logged pyfunc model: the folder that holds the bundle's manifest."""
    found = [path.parent for path in model_folder.rglob(MANIFEST)]
    if len(found) != 1:
        raise BundleError(f"{model_folder}: holds no bundle: train again")
    return found[0]
