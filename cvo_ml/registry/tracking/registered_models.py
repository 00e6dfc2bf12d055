"""A shop's registered models, read: who is champion, and the files of each version. Nothing here writes.

The database of a folder is read without MLflow (``sqlite_reader``), so that a store may be mounted read-only, belong to
another user, and be scored from where there is no home; a server or a database elsewhere is asked through MLflow.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cvo_ml.core.errors import BundleError, NoChampion, UsageError
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.result import Result
from cvo_ml.core.secrets import redacted
from cvo_ml.registry.bundles.bundle import WITNESSED, Bundle, load_bundle
from cvo_ml.registry.bundles.bundle_files import MANIFEST, read_json_file
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.tracking import database
from cvo_ml.registry.tracking.connection import answering, elsewhere, reach
from cvo_ml.registry.tracking.downloads import Downloads
from cvo_ml.registry.tracking.names import RegisteredNames
from cvo_ml.registry.tracking.sqlite_reader import SqliteReader
from cvo_ml.registry.tracking.stored import MlflowReader, RegistryReader, StoredModel, StoredVersion, TrackedRun

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
REFUSED: Final = "refused"
#: Tags of a registered model and of its versions.
SHOP: Final = "shop"
MODEL: Final = "model"
#: The run's file with the evidence of the gates.
EVIDENCE: Final = "gate.json"
#: Folder of the run that holds the model which was judged.
JUDGED: Final = "judged"
#: Where artifacts of a server or of a database elsewhere may lie; those of a folder's own database lie in the folder.
SCHEMES: Final = frozenset({"file", "mlflow-artifacts", "s3", "gs", "wasbs", "abfss", "dbfs"})
SQLITE: Final = "sqlite:///"


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


class RegisteredModels:
    """The models of a shop in a registry that many shops may share; made by ``existing``.

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
    uri:
        Where the registry is.
    """

    def __init__(self, root: Path, shop: str, prefix: str, uri: str) -> None:
        self.root, self.shop, self.prefix, self.uri = root.resolve(), shop, prefix, uri
        self._names, self._downloads = RegisteredNames(shop, prefix), Downloads(uri)
        self.reader: RegistryReader
        if uri.startswith(SQLITE):
            self.reader = SqliteReader(sqlite_file(uri))
        else:
            self.reader = MlflowReader(answering(uri))

    @classmethod
    def existing(cls, root: Path, shop: str = "", prefix: str = "") -> RegisteredModels | None:
        """The models in a folder that holds a database, or wherever the environment points; None where there is none.

        Raises
        ------
        UsageError
            If the database cannot be read, or the shop's name makes no registered name.
        """
        named = elsewhere()
        if named is not None and named.startswith(SQLITE) and not sqlite_file(named).exists():
            return None
        if named is not None:
            reach(named)
            return cls(root, shop, prefix, named)
        path = database.there(root.resolve())
        return None if path is None else cls(root, shop, prefix, database.uri(path))

    @property
    def is_folder(self) -> bool:
        """Whether the registry is the folder's own database, whose artifacts lie beside it."""
        return self.uri == database.uri(self.root / database.NAME)

    def registered_name(self, model: str) -> str:
        """What a model of this shop is called in the registry; also the name of an experiment."""
        return self._names.of(model) if self.shop else model

    def named(self, model: str) -> str:
        """The model as a sentence names it."""
        return f"{model!r} of shop {self.shop!r}" if self.shop else repr(model)

    # --- versions -----------------------------------------------------------------------------------------------------

    def versions(self, name: str) -> list[StoredVersion]:
        """What stands under a registered name; nothing where there is no such name."""
        return self.reader.versions(name)

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
        """The version of the shop that an alias points to; None without such a model or alias.

        Who is champion is no challenger, although the second alias may outlive the process that moved the first.
        """
        holder = self.holder(model)
        found = self._by_alias(holder, alias)
        if found is None or (self.shop and found.tags.get(SHOP, self.shop) != self.shop):
            return None
        if alias == CHALLENGER and found == self._by_alias(holder, CHAMPION):
            return None
        return found.version

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
            raise self.none_of(model, alias)
        return self.bundle(model, version)

    def none_of(self, model: str, alias: str) -> NoChampion:
        """The sentence where an alias points to nothing."""
        command = "models migrate" if self.is_unmigrated(model) else f"train {model}"
        whose = f"shop {self.shop!r}: " if self.shop else ""
        return NoChampion(f"{whose}no {alias} for {model!r} is registered: run 'cvo {command}' first")

    def version(self, model: str, number: int) -> StoredVersion:
        """A version of the shop's model.

        Raises
        ------
        NoChampion
            If there is no such version.
        """
        known = self.versions(self.holder(model))
        for version in known:
            if version.version == number:
                return version
        numbers = ", ".join(str(version.version) for version in reversed(known))
        there = f"those registered are {numbers}" if known else "none is registered"
        raise NoChampion(f"{self.named(model)} has no version {number}: {there}")

    def bundle(self, model: str, version: int) -> Bundle:
        """The bundle of a registered version, checked.

        Raises
        ------
        NoChampion
            If there is no such version.
        BundleError
            If its files are gone, damaged, another job's or another model's than was registered.
        """
        what = f"version {version} of {model!r}"
        stored = self.version(model, version)
        bundle = load_bundle(self.folder_of(stored, what), witness_of(stored))
        if bundle.name != model:
            raise BundleError(f"{what} holds a bundle of {bundle.name!r}: run 'cvo train {model}' again")
        if self.shop and bundle.facts.get(SHOP, self.shop) != self.shop:
            raise BundleError(
                f"{what} is a model of shop {bundle.facts[SHOP]!r} and this is {self.shop!r}: train again"
            )
        if stored.tags.get("hash", bundle.version) != bundle.version:
            raise BundleError(
                f"{what} holds model {bundle.version}, and {stored.tags['hash']} was registered: restore {self.root} "
                "from a backup, or train again"
            )
        return bundle

    def folder_of(self, stored: StoredVersion, what: str) -> Path:
        """The folder on this machine with the bundle of a version."""
        return _bundle_folder(self._local(self.reader.files_of(stored.name, stored.version), what))

    def is_here(self, stored: StoredVersion) -> bool:
        """Whether the files of a version lie on this machine."""
        return self.reader.files_of(stored.name, stored.version).startswith("file:")

    def judged(self, model: str, version: int) -> Bundle:
        """What was judged when a version was trained.

        Raises
        ------
        BundleError
            If the run holds none, or a damaged one.
        """
        own = {SHOP: shop} if (shop := self.version(model, version).tags.get(SHOP)) else {}
        return load_bundle(self.artifact(model, version, JUDGED), own)

    def evidence(self, model: str, version: int) -> GateEvidence:
        """The evidence that a version's training stored; empty where it stored none.

        Raises
        ------
        BundleError
            If it is there and damaged.
        """
        try:
            path = self.artifact(model, version, EVIDENCE)
        except BundleError:
            return GateEvidence()
        try:
            return GateEvidence.of(read_json_file(path))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BundleError(f"{path}: is no evidence of gates ({error!r}): train again") from None

    def artifact(self, model: str, version: int, path: str) -> Path:
        """A file or folder of the run that made a version.

        Raises
        ------
        BundleError
            If it is not there.
        """
        return self.run_file(self.version(model, version), path)

    def run_file(self, stored: StoredVersion, path: str) -> Path:
        """The same of a version under whatever name it stands."""
        place = self.reader.artifacts_of(stored.run_id).rstrip("/")
        return self._local(f"{place}/{path}", f"{path} of version {stored.version} of {stored.name!r}")

    # --- lists --------------------------------------------------------------------------------------------------------

    def registered(self) -> list[RegisteredVersion]:
        """All versions of this shop, or of all shops without one; newest first within a shop's model."""
        rows = [row for model in self.reader.models() for row in self._rows(model)]
        own = [row for row in rows if not self.shop or row.shop == self.shop]
        return sorted(own, key=lambda row: (row.shop, row.name, -row.version))

    def shops(self) -> list[str]:
        """The shops that have models here, under names with this prefix."""
        return sorted({row.shop for row in self.registered() if row.shop})

    def refusal(self, model: str) -> str | None:
        """Why the latest training of the shop gave no model; None if it gave one or there was none."""
        for experiment in (self.registered_name(model), model):  # the first edition had one for all shops
            own = self.reader.runs(experiment, SHOP, self.shop)
            if own:
                return own[0].tags.get(REFUSED)
        return None

    def runs(self, experiment: str, tag: str, value: str) -> list[TrackedRun]:
        """The runs of an experiment whose tag has that value, newest first."""
        return self.reader.runs(experiment, tag, value)

    def _rows(self, model: StoredModel) -> Iterator[RegisteredVersion]:
        name = model.tags.get(MODEL, model.name)
        if name not in MODEL_NAMES or not model.name.startswith(self.prefix):
            return  # not ours
        for version in self.versions(model.name):
            own = sorted(alias for alias, number in model.aliases.items() if number == version.version)
            tags = {key: version.tags[key] for key in ("grade", SHOP, "hash", "as_of") if key in version.tags}
            shop = tags.pop(SHOP, model.tags.get(SHOP, ""))
            alias = CHAMPION if CHAMPION in own else ", ".join(own)
            yield RegisteredVersion(name, version.version, alias, shop=shop, **tags)

    def _by_alias(self, name: str, alias: str) -> StoredVersion | None:
        model = self.reader.model(name)
        number = None if model is None else model.aliases.get(alias)
        return next((version for version in self.versions(name) if version.version == number), None)

    # --- files --------------------------------------------------------------------------------------------------------

    def _local(self, place: str, what: str) -> Path:
        """A file or folder of artifacts on this machine, downloaded where it lies elsewhere.

        Raises
        ------
        BundleError
            If it is not there, or lies where no artifact of this registry lies.
        """
        scheme = urlsplit(place).scheme
        if scheme not in SCHEMES or (self.is_folder and scheme != "file"):
            raise BundleError(
                f"{what} is registered at {redacted(place)}, where no model of this registry lies: train again"
            )
        if scheme == "file":
            return self._inside(place, what)
        return self._downloads.fetch(place, what)

    def _inside(self, place: str, what: str) -> Path:
        local = Path(url2pathname(urlsplit(place).path))
        if self.is_folder:
            own = self.root / database.ARTIFACTS
            for old in database.moved(self.root / database.NAME):  # a copy that this user may not repair
                if place.startswith(f"{old}/"):
                    local = own / url2pathname(urlsplit(place.removeprefix(f"{old}/")).path)
            if not local.resolve().is_relative_to(own.resolve()):
                raise BundleError(f"{what} is registered at {local}, outside of {own}: train again")
        try:
            local.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise BundleError(f"{local}: {what} is missing: put {self.root} back, or train again") from None
        except OSError as error:
            raise BundleError(f"{local}: {what} cannot be read ({error.strerror}): let this user read it") from None
        return local


def sqlite_file(uri: str) -> Path:
    """The file of a sqlite database's address."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0])


def witness_of(stored: StoredVersion) -> Mapping[str, str]:
    """What the registry says of a version's bundle."""
    return {key: stored.tags[key] for key in WITNESSED if key in stored.tags}


def _bundle_folder(model_folder: Path) -> Path:
    """The bundle inside a logged pyfunc model: the folder under its ``data`` that holds the bundle's manifest."""
    data = model_folder / "data"
    try:
        with os.scandir(data) as entries:
            found = [data / entry.name for entry, _ in zip(entries, range(3), strict=False)]
        found = [folder for folder in found if (folder / MANIFEST).exists() and not folder.is_symlink()]
    except (FileNotFoundError, NotADirectoryError):
        found = []
    except OSError as error:
        raise BundleError(f"{data}: cannot be read ({error.strerror}): let this user read it") from None
    if len(found) != 1:
        raise BundleError(f"{model_folder}: holds no bundle: put it back, or train again")
    return found[0]
