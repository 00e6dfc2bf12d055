"""The registered models: who is champion and why, what differs, who takes whose place."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.gates import load_gates
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import NoChampion, UsageError
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.result import OPTIONAL, Json, Result, to_json
from cvo_ml.core.run_log import logged
from cvo_ml.core.workspace import Workspace
from cvo_ml.predict.shadow import ShadowComparison
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.card import model_card
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.bundles.export import export
from cvo_ml.registry.bundles.gate import Check, decide
from cvo_ml.registry.tracking import CHALLENGER, CHAMPION, RegisteredModels, Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory, Promotion
from cvo_ml.registry.tracking.migrate import Migrated, migrate
from cvo_ml.registry.tracking.promotion import evidence_of, promote
from cvo_ml.registry.tracking.registered_models import RegisteredVersion
from cvo_ml.registry.tracking.run import flat
from cvo_ml.workflows.score_tables import shadow_scores
from cvo_ml.workflows.serving_models import challengers, open_models, open_tracker, serving_models, shop_of
from cvo_ml.workflows.shops import read_tables

__all__ = [
    "DiffRequest",
    "ExportRequest",
    "ExportResult",
    "Migrated",
    "ModelDetails",
    "ModelDiff",
    "ModelList",
    "ModelRequest",
    "PromoteRequest",
    "Promotion",
    "RollbackRequest",
    "ShadowRequest",
    "ShadowResult",
    "ShopRequest",
    "diff_models",
    "export_model",
    "list_models",
    "migrate_models",
    "promote_model",
    "rollback_model",
    "shadow_models",
    "show_model",
]

LOGGER: Final = logging.getLogger(__name__)

#: Facts that a difference of two versions is about; the rest follows from them.
COMPARED: Final = ("trained_as_of", "shop", "data_hash", "git_commit", "pins_hash", "job", "metrics")


class ShopRequest(FrozenConfig):
    """Whose models are meant.

    Parameters
    ----------
    shop:
        The shop's name; None = the only one with models, where there is one only.
    """

    shop: str | None = None


class ModelRequest(ShopRequest):
    """A model, or one version of it.

    Parameters
    ----------
    version:
        None = see the use case.
    """

    name: str
    version: int | None = None


class DiffRequest(ShopRequest):
    """Two versions of a model; None = the champion, and the challenger."""

    name: str
    first: int | None = None
    second: int | None = None


class PromoteRequest(ShopRequest):
    """Who shall be champion.

    Parameters
    ----------
    version:
        None = the challenger.
    gates:
        A file of thresholds; None = the workspace's, else those that come with the package.
    force:
        Whatever the gates say; needs a ``reason``.
    """

    name: str
    version: int | None = None
    gates: Path | None = None
    force: bool = False
    reason: str = ""


class RollbackRequest(ShopRequest):
    """Whose place is given back, and why."""

    name: str
    reason: str


class ExportRequest(ShopRequest):
    """What to write where.

    Parameters
    ----------
    version:
        None = the champion.
    to:
        Folder of the dossiers.
    """

    name: str
    to: Path
    version: int | None = None


class ShadowRequest(FrozenConfig):
    """On whom, and as of when, champions and challengers are compared."""

    shop: ShopConfig
    as_of: date


@dataclass(frozen=True)
class ModelList(Result):
    """Every registered version, by shop and model, newest first."""

    models: tuple[RegisteredVersion, ...]


@dataclass(frozen=True)
class ModelDetails(Result):
    """One version: its card, its gates against the champion, and the audit of the model.

    Parameters
    ----------
    gates:
        Empty for the champion itself.
    """

    version: int
    champion: int | None
    bundle: Bundle
    evidence: GateEvidence
    gates: tuple[Check, ...]
    audit: tuple[Promotion, ...]

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return model_card(self.bundle, self.evidence)

    def to_json(self) -> dict[str, Json]:
        """What the card is made of, the gates, and the audit."""
        return {
            "version": self.version, "champion": self.champion, "settings": to_json(self.bundle.settings),
            "facts": to_json(self.bundle.facts), "evidence": self.evidence.to_json(), "gates": to_json(self.gates),
            "audit": to_json(self.audit),
        }  # fmt: skip


@dataclass(frozen=True)
class ModelDiff(Result):
    """What differs between two versions, each value of the first beside that of the second."""

    versions: tuple[int, int]
    differences: Mapping[str, tuple[Json, Json]]


@dataclass(frozen=True)
class ExportResult(Result):
    """Where a version lies now, with its card beside it."""

    folder: Path
    version: int
    hash: str


@dataclass(frozen=True)
class ShadowResult(Result):
    """Champion and challenger on the same customers, by model.

    Parameters
    ----------
    notes:
        Who stands in for a damaged champion, if anybody.
    """

    as_of: date
    models: Mapping[str, ShadowComparison]
    notes: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)


def list_models(request: ShopRequest, workspace: Workspace) -> ModelList:
    """Every registered version of the shop, or of all shops; none where nothing was trained.

    Raises
    ------
    UsageError
        If the shop has no models and others have.
    """
    registered = RegisteredModels.existing(workspace.tracking, "", workspace.registry_prefix)
    everything = tuple(registered.registered()) if registered else ()
    if request.shop is None or not everything:
        return ModelList(everything)
    shop = shop_of(workspace, request.shop)
    return ModelList(tuple(version for version in everything if version.shop == shop))


def show_model(request: ModelRequest, workspace: Workspace) -> ModelDetails:
    """One version: the named one, else the challenger, else the champion.

    Raises
    ------
    NoChampion
        If there is none.
    BundleError
        If its files are damaged.
    """
    name, models = request.name, _models(request.name, request.shop, workspace)
    version = request.version or models.version_of(name, CHALLENGER) or _version(models, name, CHAMPION)
    bundle, evidence = models.bundle(name, version), evidence_of(models, name, version)
    champion = models.version_of(name)
    gates = load_gates(name, dossiers=workspace.dossiers)
    checks = () if version == champion else tuple(decide(evidence, gates, champion))
    return ModelDetails(version, champion, bundle, evidence, checks, tuple(ChampionHistory(models).history(name)))


def diff_models(request: DiffRequest, workspace: Workspace) -> ModelDiff:
    """Settings, job, data and metrics that differ.

    Raises
    ------
    NoChampion
        If there is no such version.
    """
    name, models = request.name, _models(request.name, request.shop, workspace)
    first = request.first or _version(models, name, CHAMPION)
    second = request.second or _version(models, name, CHALLENGER)
    left, right = (_described(models.bundle(name, version)) for version in (first, second))
    keys = [key for key in dict.fromkeys([*left, *right]) if left.get(key) != right.get(key)]
    return ModelDiff((first, second), {key: (left.get(key), right.get(key)) for key in keys})


def promote_model(request: PromoteRequest, workspace: Workspace) -> Promotion:
    """Make the challenger, or a named version, champion.

    Raises
    ------
    UsageError
        If the gates are to be overridden without a reason.
    GateClosed
        If a gate is closed.
    """
    if request.force and not request.reason.strip():
        raise UsageError("--force needs --reason: whoever overrides the gates says why, and the audit keeps it")
    tracker = _tracker(request.name, request.shop, workspace)
    gates = load_gates(request.name, request.gates, workspace.dossiers)
    return _said(
        promote(tracker, request.name, gates, version=request.version, force=request.force, why=request.reason)
    )


def rollback_model(request: RollbackRequest, workspace: Workspace) -> Promotion:
    """Make the champion before the present one champion again.

    Raises
    ------
    UsageError
        If there is no reason, or no champion before.
    """
    if not request.reason.strip():
        raise UsageError("--reason is empty: say why, the audit keeps it")
    return _said(
        ChampionHistory(_tracker(request.name, request.shop, workspace)).rollback(request.name, request.reason)
    )


def export_model(request: ExportRequest, workspace: Workspace) -> ExportResult:
    """Write a dossier that scores without MLflow.

    Raises
    ------
    NoChampion
        If there is no such version.
    """
    models = _models(request.name, request.shop, workspace)
    version = request.version or _version(models, request.name, CHAMPION)
    bundle = models.bundle(request.name, version)
    folder = export(bundle, model_card(bundle, evidence_of(models, request.name, version)), request.to)
    return ExportResult(folder, version, bundle.version)


def shadow_models(request: ShadowRequest, workspace: Workspace) -> ShadowResult:
    """Score with the champions and with the challengers, and compare; nothing is stored.

    Raises
    ------
    NoChampion
        If there is nothing to compare.
    """
    with logged(LOGGER, "shadow", shop=request.shop.name):
        behind = challengers(open_models(workspace, request.shop.name))
        serving = serving_models(workspace, request.shop.name)
        tables = read_tables(request.shop, workspace, request.as_of).tables
        compared = shadow_scores(tables, request.as_of, serving, behind, shop=request.shop.name)
    return ShadowResult(request.as_of, compared, (*serving.notes, *behind.notes) or None)


def migrate_models(workspace: Workspace) -> Migrated:
    """Give the models that the first edition registered under one name the names of their shops.

    Raises
    ------
    NoChampion
        If nothing was trained.
    UsageError
        If a shop's name makes no registered name, or two make the same.
    """
    open_models(workspace, "")
    with logged(LOGGER, "migrate models"):
        return migrate(workspace.tracking, workspace.registry_prefix)


def _models(name: str, shop: str | None, workspace: Workspace) -> RegisteredModels:
    """The models of the shop that is meant, to be read."""
    if name not in MODEL_NAMES:
        raise UsageError(f"no model {name!r}: use {', '.join(MODEL_NAMES)}")
    return open_models(workspace, shop_of(workspace, shop))


def _tracker(name: str, shop: str | None, workspace: Workspace) -> Tracker:
    """The same, to be changed."""
    return open_tracker(workspace, _models(name, shop, workspace).shop)


def _version(models: RegisteredModels, name: str, alias: str) -> int:
    version = models.version_of(name, alias)
    if version is None:
        raise NoChampion(f"no {alias} for {name!r} is registered: run 'cvo train {name}' first, or name a version")
    return version


def _described(bundle: Bundle) -> dict[str, Json]:
    about: dict[str, Json] = {"kind": bundle.kind, "hash": bundle.version, "grade": bundle.grade}
    return {**about, **dict(flat(bundle.settings)), **dict(flat({key: bundle.facts.get(key) for key in COMPARED}))}


def _said(moved: Promotion) -> Promotion:
    facts = {"model": moved.name, "kind": moved.kind, "before": moved.before, "version": moved.version}
    LOGGER.info("the champion changes", extra={"facts": facts})
    return moved
