"""A shop's runs and registered versions, in a registry that many shops may share."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cvo_ml.core.errors import BundleError, ModelRefused, NoChampion, UsageError
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.paths import inside
from cvo_ml.core.result import Result
from cvo_ml.registry.bundles.bundle import MANIFEST, Bundle, load_bundle
from cvo_ml.registry.tracking import database
from cvo_ml.registry.tracking.connection import client_of, elsewhere, is_database, reach, said, unusable_address
from cvo_ml.registry.tracking.names import RegisteredNames
from cvo_ml.registry.tracking.owner_process import PROCESS, is_gone
from cvo_ml.registry.tracking.run import Run, opened

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
REFUSED: Final = "refused"
#: Tags of a registered model and of its versions.
SHOP: Final = "shop"
MODEL: Final = "model"
#: MLflow's tag of a logged model that leads to its registered versions.
VERSIONS: Final = "mlflow.modelVersions"


@dataclass(frozen=True)
class RegisteredVersion(Result):
    """A version in the registry.

    Parameters
    ----------
    name:
        The model.
    version:
        Its number, from 1.
    alias:
        ``champion``, else whatever points to it.
    grade, shop, hash, as_of:
        As training said of it.
    """

    name: str
    version: int
    alias: str
    grade: str = ""
    shop: str = ""
    hash: str = ""
    as_of: str = ""


class Tracker:
    """The models of a shop in MLflow: on a sqlite file under ``root``, or wherever ``MLFLOW_TRACKING_URI`` points.

    Models are named as in ``core.models``; what they are called in the registry follows from the shop.

    Parameters
    ----------
    root:
        The ``mlruns`` folder: ``mlflow.db`` and ``artifacts/``. With a database elsewhere it holds the artifacts only;
        a tracking server keeps them where it was told.
    shop:
        Whose models these are. Without one (a table that is nobody's, a list of all shops) names are as written.
    prefix:
        What the registered names begin with.

    Raises
    ------
    UsageError
        If mlflow is not installed, its database is damaged, or the shop's name makes no registered name.
    """

    def __init__(self, root: Path, shop: str = "", prefix: str = "") -> None:
        self.root, self.shop, self.prefix = root.resolve(), shop, prefix
        self._names = RegisteredNames(shop, prefix)
        self.uri = elsewhere() or database.ready(self.root, _create)
        reach(self.uri)
        self.client = client_of(self.uri)
        self._check()
        self._close_what_was_killed()

    @classmethod
    def existing(cls, root: Path, shop: str = "", prefix: str = "") -> Tracker | None:
        """The tracker of a folder that holds a database; None where nothing was trained yet."""
        return cls(root, shop, prefix) if elsewhere() or (root / database.NAME).exists() else None

    def registered_name(self, model: str) -> str:
        """What a model of this shop is called in the registry; also the name of an experiment."""
        return self._names.of(model) if self.shop else model

    # --- runs ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def run(self, experiment: str, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """A run that is FINISHED when the block ends and FAILED when it raises; a refusal leaves its reason.

        Parameters
        ----------
        experiment:
            The model that is trained, or another word for what the run is about.
        name:
            What tells the run from others: the shop, the model, the date.
        """
        own = {SHOP: self.shop} if self.shop else {}
        with opened(
            self.client, self.experiment(self.registered_name(experiment)), name, {**own, **(tags or {})}
        ) as run:
            try:
                yield run
            except ModelRefused as refused:
                run.set_tags({REFUSED: refused.reason_code, "refused_text": str(refused)})
                raise

    def refusal(self, model: str) -> str | None:
        """Why the latest training of the shop gave no model; None if it gave one or there was none."""
        for experiment in (self.registered_name(model), model):  # the first edition had one for all shops
            known = self.client.get_experiment_by_name(experiment)
            if known is None:
                continue
            runs = self.client.search_runs([known.experiment_id], order_by=["attributes.start_time DESC"])
            own = [run for run in runs if run.data.tags.get(SHOP) == self.shop]
            if own:
                found: str | None = own[0].data.tags.get(REFUSED)
                return found
        return None

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made if it is not there."""
        known = self.client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        location = inside(self.root / database.ARTIFACTS, name).as_uri() if is_database(self.uri) else None
        try:
            return str(self.client.create_experiment(name, artifact_location=location))
        except _mlflow_error():  # made by another process meanwhile
            known = self.client.get_experiment_by_name(name)
            if known is None:
                raise
            return str(known.experiment_id)

    # --- versions -----------------------------------------------------------------------------------------------------

    def register(self, model_uri: str, model: str, tags: Mapping[str, str], alias: str | None = None) -> int:
        """Make a new version of a model, with ``alias`` if one is given; returns its number.

        Raises
        ------
        UsageError
            If another shop has this registered name, or the shop's versions still have those of the first edition.
        """
        self.require_migrated(model)
        name = self.claim(model)
        logged = self.client.get_logged_model(model_uri.removeprefix("models:/"))
        version = create_version(
            self.client, name, logged.artifact_location, logged.source_run_id, tags, logged.model_id
        )
        if alias is not None:
            self.client.set_registered_model_alias(name, alias, str(version))
        return version

    def holder(self, model: str) -> str:
        """The registered name that holds the shop's champion: its own, or the first edition's until it is migrated."""
        if self.is_unmigrated(model):
            champion = self._by_alias(model, CHAMPION)
            if champion is not None and champion.tags.get(SHOP) == self.shop:
                return model
        return self.registered_name(model)

    def is_unmigrated(self, model: str) -> bool:
        """Whether versions of this shop stand under the name that the first edition gave to every shop's model."""
        return bool(self.shop) and any(version.tags.get(SHOP) == self.shop for version in self.versions(model))

    def require_migrated(self, model: str) -> None:
        """Refuse to write beside versions that the first edition registered.

        Raises
        ------
        UsageError
            If there are such.
        """
        if self.is_unmigrated(model):
            raise UsageError(
                f"{model}: the models of {self.shop!r} are registered as the first edition did, under one name for all "
                "shops: run 'cvo models migrate' once"
            )

    def version_of(self, model: str, alias: str = CHAMPION) -> int | None:
        """The version of the shop that an alias points to; None without such a model or alias."""
        found = self._by_alias(self.holder(model), alias)
        if found is None or (self.shop and found.tags.get(SHOP, self.shop) != self.shop):
            return None
        return int(found.version)

    def champion(self, model: str, alias: str = CHAMPION) -> Bundle:
        """The bundle that an alias points to, checked.

        Raises
        ------
        NoChampion
            If there is no such model or alias.
        BundleError
            If its files are gone, damaged or another job's.
        """
        version = self.version_of(model, alias)
        if version is None:
            command = "models migrate" if self.is_unmigrated(model) else f"train {model}"
            raise NoChampion(f"no {alias} for {model!r} is registered: run 'cvo {command}' first")
        return self.bundle(model, version)

    def bundle(self, model: str, version: int) -> Bundle:
        """The bundle of a registered version, checked.

        Raises
        ------
        BundleError
            If its files are gone, damaged or another job's.
        """
        what = f"version {version} of {model!r}"
        bundle = load_bundle(_data_folder(self._files(self.holder(model), version, what)))
        if bundle.name != model:
            raise BundleError(f"{what} holds a bundle of {bundle.name!r}: run 'cvo train {model}' again")
        if self.shop and bundle.facts.get(SHOP, self.shop) != self.shop:
            raise BundleError(
                f"{what} is a model of shop {bundle.facts[SHOP]!r} and this is {self.shop!r}: train again"
            )
        return bundle

    def artifact(self, model: str, version: int, path: str) -> Path:
        """A file or folder of the run that made a version.

        Raises
        ------
        BundleError
            If it is not there.
        """
        run_id = self.client.get_model_version(self.holder(model), str(version)).run_id
        stored = self.client.get_run(run_id).info.artifact_uri
        return self._local(f"{stored.rstrip('/')}/{path}", f"{path} of version {version} of {model!r}")

    def registered(self) -> list[RegisteredVersion]:
        """All versions of this shop, or of all shops without one; newest first within a shop's model."""
        rows = [row for model in self.client.search_registered_models() for row in self._rows(model)]
        own = [row for row in rows if not self.shop or row.shop == self.shop]
        return sorted(own, key=lambda row: (row.shop, row.name, -row.version))

    def shops(self) -> list[str]:
        """The shops that have models here, under names with this prefix."""
        return sorted({row.shop for row in self.registered() if row.shop})

    def _rows(self, model: Any) -> Iterator[RegisteredVersion]:
        name = model.tags.get(MODEL, model.name)
        if name not in MODEL_NAMES or not model.name.startswith(self.prefix):
            return  # not ours
        for version in self.versions(model.name):
            own = sorted(alias for alias, number in model.aliases.items() if str(number) == str(version.version))
            tags = {key: version.tags[key] for key in ("grade", SHOP, "hash", "as_of") if key in version.tags}
            shop = tags.pop(SHOP, model.tags.get(SHOP, ""))
            alias = CHAMPION if CHAMPION in own else ", ".join(own)
            yield RegisteredVersion(name, int(version.version), alias, shop=shop, **tags)

    def claim(self, model: str) -> str:
        """The registered name of the shop's model, which is made if it is not there.

        Raises
        ------
        UsageError
            If another shop has it.
        """
        name = self.registered_name(model)
        with contextlib.suppress(_mlflow_error()):
            own = {SHOP: self.shop, MODEL: model} if self.shop else {}
            self.client.create_registered_model(name, tags=own)
            return name
        holder = self.client.get_registered_model(name).tags.get(SHOP, self.shop)
        if holder != self.shop:
            raise UsageError(
                f"shop {self.shop!r} would register its models under {name!r}, which are those of shop {holder!r}: "
                "give one of them another name"
            )
        return name

    def versions(self, name: str) -> list[Any]:
        """MLflow's versions under a registered name; none where there is no such name."""
        return list(self.client.search_model_versions(f"name='{name}'", max_results=10_000))

    def _by_alias(self, name: str, alias: str) -> Any:
        try:
            return self.client.get_model_version_by_alias(name, alias)
        except _mlflow_error():
            return None

    def _files(self, name: str, version: int, what: str) -> Path:
        """The folder with the files of a registered version, on this machine."""
        try:
            place = self.client.get_model_version_download_uri(name, str(version))
            if place.startswith("models:/"):
                place = self.client.get_logged_model(place.removeprefix("models:/")).artifact_location
        except _mlflow_error() as error:
            raise self._unreadable(what, error) from None
        return self._local(place, what)

    def _local(self, place: str, what: str) -> Path:
        """A file or folder of artifacts on this machine, downloaded where it lies elsewhere."""
        from mlflow.artifacts import download_artifacts

        if place.startswith("file:"):
            local = Path(url2pathname(urlsplit(place).path))
            if not local.exists():
                raise BundleError(f"{local}: {what} is missing: put {self.root} back, or train again")
            return local
        try:
            return Path(download_artifacts(artifact_uri=place, tracking_uri=self.uri, registry_uri=self.uri))
        except (_mlflow_error(), OSError) as error:
            raise self._unreadable(what, error) from None

    def _unreadable(self, what: str, error: Exception) -> BundleError:
        return BundleError(
            f"the files of {what} cannot be read ({said(error, self.uri)}): put {self.root} back, or train again"
        )

    # --- the connection -----------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """The first question to the database, so that one that cannot answer is named at once."""
        try:
            self.client.search_experiments(max_results=1)
        except (_mlflow_error(), ValueError, OSError) as error:
            raise unusable_address(self.uri, error) from None

    def _close_what_was_killed(self) -> None:
        """Runs whose process is gone are FAILED, except a promotion that had moved its alias already."""
        experiments = [found.experiment_id for found in self.client.search_experiments()]
        running = self.client.search_runs(experiments, filter_string="attributes.status = 'RUNNING'")
        for run in running:
            tags = run.data.tags
            if is_gone(tags.get(PROCESS, "")):
                champion = self._by_alias(tags[MODEL], CHAMPION) if "to" in tags else None
                moved = champion is not None and str(champion.version) == tags["to"]
                self.client.set_terminated(run.info.run_id, "FINISHED" if moved else "FAILED")


def create_version(
    client: Any, name: str, source: str, run_id: str, tags: Mapping[str, str], model_id: str | None
) -> int:
    """A version of a registered model whose files lie at ``source``; returns its number.

    MLflow's database would ask its global address for a source ``models:/...``, so the place itself is named.
    """
    created = client.create_model_version(name, source, run_id, tags=dict(tags), model_id=model_id)
    if model_id:  # as MLflow's own registration does: its pages lead from the model to its versions
        known = json.loads(client.get_logged_model(model_id).tags.get(VERSIONS, "[]"))
        versions = [*known, {"name": name, "version": created.version}]
        client.set_logged_model_tags(model_id, {VERSIONS: json.dumps(versions)})
    return int(created.version)


def _create(uri: str) -> None:
    client_of(uri).search_experiments(max_results=1)


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    found: type[Exception] = MlflowException
    return found


def _data_folder(model_folder: Path) -> Path:
    """The bundle inside a logged pyfunc model: the folder that holds the bundle's manifest."""
    found = [path.parent for path in model_folder.rglob(MANIFEST)]
    if len(found) != 1:
        raise BundleError(f"{model_folder}: holds no bundle: train again")
    return found[0]
