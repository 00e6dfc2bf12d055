"""What a registry holds, as plain values, and who reads it: MLflow's client, or its sqlite file without MLflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from cvo_ml.core.errors import BundleError

#: The address of files that a logged model has: the registry says where they lie.
LOGGED: Final = "models:/"


@dataclass(frozen=True)
class StoredVersion:
    """A version of a registered model; ``run_id`` is the run that made it."""

    name: str
    version: int
    tags: Mapping[str, str]
    run_id: str


@dataclass(frozen=True)
class StoredModel:
    """A registered name, and the version of each alias."""

    name: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]


@dataclass(frozen=True)
class TrackedRun:
    """A run; ``started`` in milliseconds since 1970."""

    run_id: str
    status: str
    started: int
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


class RegistryReader(Protocol):
    """Reads a registry and changes nothing in it."""

    def models(self) -> list[StoredModel]:
        """Every registered name."""

    def model(self, name: str) -> StoredModel | None:
        """One of them; None where it is not there."""

    def versions(self, name: str) -> list[StoredVersion]:
        """The versions under a name; none where there is no such name."""

    def files_of(self, name: str, version: int) -> str:
        """The address of a version's files.

        Raises
        ------
        BundleError
            If the registry knows none.
        """

    def artifacts_of(self, run_id: str) -> str:
        """The address of a run's artifacts.

        Raises
        ------
        BundleError
            If there is no such run.
        """

    def runs(self, experiment: str, tag: str, value: str) -> list[TrackedRun]:
        """The runs of an experiment whose tag has that value, newest first; none where there is no such experiment."""


class MlflowReader:
    """Through MLflow's client, which asks a server or a database that is not a file of ours."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def models(self) -> list[StoredModel]:
        """Every registered name."""
        return [_model(found) for found in _every(partial(self._client.search_registered_models, max_results=1_000))]

    def model(self, name: str) -> StoredModel | None:
        """One of them; None where it is not there."""
        from mlflow.exceptions import MlflowException

        try:
            return _model(self._client.get_registered_model(name))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def versions(self, name: str) -> list[StoredVersion]:
        """The versions under a name; none where there is no such name."""
        found = _every(partial(self._client.search_model_versions, f"name='{name}'", max_results=10_000))
        return [StoredVersion(name, int(one.version), dict(one.tags), str(one.run_id or "")) for one in found]

    def files_of(self, name: str, version: int) -> str:
        """The address of a version's files."""
        from mlflow.exceptions import MlflowException

        try:
            place = str(self._client.get_model_version_download_uri(name, str(version)))
            if place.startswith(LOGGED):
                return str(self._client.get_logged_model(place.removeprefix(LOGGED)).artifact_location)
        except MlflowException as error:
            raise unknown_files(name, version, str(error).splitlines()[0]) from None
        return place

    def artifacts_of(self, run_id: str) -> str:
        """The address of a run's artifacts."""
        from mlflow.exceptions import MlflowException

        try:
            return str(self._client.get_run(run_id).info.artifact_uri)
        except MlflowException:
            raise gone_run(run_id) from None

    def runs(self, experiment: str, tag: str, value: str) -> list[TrackedRun]:
        """The runs of an experiment whose tag has that value, newest first; none where there is no such experiment."""
        known = self._client.get_experiment_by_name(experiment)
        if known is None:
            return []
        newest = ["attributes.start_time DESC"]
        found = _every(partial(self._client.search_runs, [known.experiment_id], max_results=1_000, order_by=newest))
        return [
            TrackedRun(
                run.info.run_id, run.info.status, int(run.info.start_time), dict(run.data.tags), dict(run.data.metrics)
            )
            for run in found
            if run.data.tags.get(tag) == value
        ]


def unknown_files(name: str, version: int, reason: str) -> BundleError:
    """The refusal of a version whose files the registry cannot place."""
    return BundleError(f"the files of version {version} of {name!r} are not on record ({reason}): restore the registry")


def gone_run(run_id: str) -> BundleError:
    """The refusal where a version names a run that is not there."""
    return BundleError(f"run {run_id!r} is not on record: restore the registry from a backup")


def _every(asked: Callable[..., Any]) -> Iterator[Any]:
    """What a search of MLflow's client finds, page after page."""
    page = asked()
    yield from page
    while page.token:
        page = asked(page_token=page.token)
        yield from page


def _model(found: Any) -> StoredModel:
    aliases = {alias: int(version) for alias, version in dict(found.aliases).items()}
    return StoredModel(str(found.name), dict(found.tags), aliases)
