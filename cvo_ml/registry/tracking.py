"""Runs, registered models and aliases in MLflow. The only importer of mlflow, and lazily."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.errors import BundleError, ModelRefused, NoChampion, UsageError
from cvo_ml.registry import database
from cvo_ml.registry.bundle import Bundle, load_bundle

CHAMPION: Final = "champion"
REFUSED: Final = "refused"
MODEL_NAMES: Final = ("clv", "churn", "icp")


class Run:
    """A tracked run that is open; made by ``Tracker.run``."""

    def __init__(self, mlflow: Any, run_id: str) -> None:
        self._mlflow, self.run_id = mlflow, run_id

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Parameters; nested mappings get dotted names."""
        self._mlflow.log_params(dict(_flat(values)))

    def log_metrics(self, values: Mapping[str, float]) -> None:
        """Finite numbers; others are left out, because MLflow would store infinity as 1.8e308."""
        self._mlflow.log_metrics({name: float(value) for name, value in values.items() if _finite(value)})

    def log_figure(self, figure: Any, name: str) -> None:
        """A matplotlib figure under ``plots/``."""
        self._mlflow.log_figure(figure, f"plots/{name}.png")

    def log_dict(self, value: Mapping[str, Any], name: str) -> None:
        """A JSON artifact."""
        self._mlflow.log_dict(dict(value), f"{name}.json")

    def log_text(self, text: str, name: str) -> None:
        """A Markdown artifact."""
        self._mlflow.log_text(text, f"{name}.md")

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Tags of the run."""
        self._mlflow.set_tags(dict(tags))

    def log_bundle(self, folder: Path) -> str:
        """Log a bundle as a pyfunc model and return its URI."""
        logged = self._mlflow.pyfunc.log_model(
            name="bundle",
            loader_module="cvo_ml.registry.pyfunc",
            data_path=str(folder),
            pip_requirements=["cvo-ml[mlflow]"],
        )
        return str(logged.model_uri)


class Tracker:
    """MLflow on a sqlite file under ``root``, or wherever ``MLFLOW_TRACKING_URI`` points.

    Parameters
    ----------
    root:
        The ``mlruns`` folder: ``mlflow.db`` and ``artifacts/``.

    Raises
    ------
    UsageError
        If mlflow is not installed, or its database is damaged.
    """

    def __init__(self, root: Path = Path("mlruns")) -> None:
        self.root = root.resolve()
        self._mlflow = _import_mlflow()
        self.uri = _elsewhere() or database.ready(self.root, self._create)
        self._mlflow.set_tracking_uri(self.uri)
        self._client = self._mlflow.MlflowClient()
        self._check()

    @classmethod
    def existing(cls, root: Path = Path("mlruns")) -> Tracker | None:
        """The tracker of a folder that holds a database; None where nothing was trained yet."""
        return cls(root) if _elsewhere() or (root / database.NAME).exists() else None

    @contextlib.contextmanager
    def run(self, experiment: str, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """A run that is FINISHED when the block ends and FAILED when it raises; a refusal leaves its reason."""
        self._mlflow.set_experiment(experiment_id=self._experiment(experiment))
        with self._mlflow.start_run(run_name=name, tags=dict(tags or {}), log_system_metrics=False) as started:
            run = Run(self._mlflow, started.info.run_id)
            try:
                yield run
            except ModelRefused as refused:
                run.set_tags({REFUSED: refused.reason_code, "refused_text": str(refused)})
                raise

    def refusal(self, experiment: str, shop: str) -> str | None:
        """Why the latest training for ``shop`` gave no model; None if it gave one or there was none."""
        known = self._client.get_experiment_by_name(experiment)
        if known is None:
            return None
        runs = self._client.search_runs([known.experiment_id], order_by=["attributes.start_time DESC"])
        own = [run for run in runs if run.data.tags.get("shop") == shop]
        return own[0].data.tags.get(REFUSED) if own else None

    def register(self, model_uri: str, name: str, tags: Mapping[str, str], alias: str = CHAMPION) -> int:
        """Make a new version of the registered model and point ``alias`` to it; returns the version."""
        with contextlib.redirect_stderr(io.StringIO()):  # MLflow announces each step there
            version = int(self._mlflow.register_model(model_uri, name, tags=dict(tags)).version)
        self._client.set_registered_model_alias(name, alias, str(version))
        return version

    def champion(self, name: str, alias: str = CHAMPION) -> Bundle:
        """The bundle that an alias points to, checked.

        Raises
        ------
        NoChampion
            If there is no such model or alias.
        BundleError
            If its files are gone, damaged or another job's.
        """
        try:
            version = self._client.get_model_version_by_alias(name, alias)
            folder = self._mlflow.artifacts.download_artifacts(f"models:/{name}/{version.version}")
        except self._mlflow.exceptions.MlflowException as error:
            reason = str(error).splitlines()[0]
            raise NoChampion(f"no {alias} for {name!r} ({reason}): run 'cvo train {name}' first") from None
        except OSError as error:
            raise BundleError(
                f"the files of {name!r} cannot be read ({error}): was mlruns/ moved? Train again"
            ) from None
        bundle = load_bundle(_data_folder(Path(folder)))
        if bundle.name != name:
            raise BundleError(f"{alias} of {name!r} holds a bundle of {bundle.name!r}: run 'cvo train {name}' again")
        return bundle

    def registered(self) -> list[dict[str, Any]]:
        """All versions of all registered models, newest first within a model."""
        rows = []
        for model in self._client.search_registered_models():
            aliases = {str(number): alias for alias, number in model.aliases.items()}
            for version in self._client.search_model_versions(f"name='{model.name}'"):
                alias = aliases.get(str(version.version), "")
                rows.append({"name": model.name, "version": int(version.version), "alias": alias, **version.tags})
        return sorted(rows, key=lambda row: (row["name"], -row["version"]))

    def _create(self, uri: str) -> None:
        self._mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)

    def _check(self) -> None:
        """The first question to the database, so that one that cannot answer is named at once."""
        try:
            self._client.search_experiments(max_results=1)
        except self._mlflow.exceptions.MlflowException as error:
            raise UsageError(f"{_without_password(self.uri)}: MLflow cannot use it: {error}") from None

    def _experiment(self, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        local = self.uri.startswith("sqlite:")
        location = (self.root / "artifacts" / name).as_uri() if local else None
        return str(self._client.create_experiment(name, artifact_location=location))


def _elsewhere() -> str | None:
    """The tracking server or database that the environment names."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def _without_password(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//", uri)


def _data_folder(model_folder: Path) -> Path:
    """The bundle inside a logged pyfunc model: the folder that holds the bundle's manifest."""
    found = [path.parent for path in model_folder.rglob("manifest.json")]
    if len(found) != 1:
        raise BundleError(f"{model_folder}: holds no bundle: train again")
    return found[0]


def _import_mlflow() -> Any:
    # a pickle in a model folder must never be executed, whoever put it there
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    # a run holds the bundle and its numbers, not the checkout's lock file
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
    os.environ.setdefault("MLFLOW_LOG_UV_FILES", "false")
    try:
        import mlflow
        import mlflow.pyfunc
    except ImportError:
        raise UsageError("mlflow is not installed: pip install 'cvo-ml[mlflow]'") from None
    for name in ("mlflow", "alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and value == value and abs(value) != float("inf")
