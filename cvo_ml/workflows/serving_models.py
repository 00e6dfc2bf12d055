"""The models that a use case works with: the champions of a shop, its challengers, or exported folders.

Every use case takes its models from here, so that a damaged champion means the same to all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cvo_ml.core.errors import NoChampion, UsageError
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.workspace import Workspace
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.export import load_exported
from cvo_ml.registry.bundles.loaded import LoadedModel
from cvo_ml.registry.bundles.trusted_code import changed_since, trust_of
from cvo_ml.registry.tracking import CHALLENGER, RegisteredModels, Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory

LOGGER: Final = logging.getLogger(__name__)

_OLD_NAME: Final = (
    "{name}: its versions are registered as the first edition did, under one name for all shops: run 'cvo models "
    "migrate' once"
)
_UNSEALED: Final = (
    "{name}: its bundle is of the first format, in which no digest guards shop and dates; they are those of the "
    "registry: run 'cvo models migrate' once"
)

_OTHER_FILE: Final = (
    "{name}: {file} has changed since version {version} was trained: the copy in its bundle scored; run 'cvo train "
    "{name}' to learn with the new one"
)


def open_models(workspace: Workspace, shop: str, names: Sequence[str] = MODEL_NAMES) -> RegisteredModels:
    """A shop's models in a workspace where something was trained, to be read: nothing is written there.

    Raises
    ------
    NoChampion
        If nothing was trained.
    """
    models = RegisteredModels.existing(workspace.tracking, shop, workspace.registry_prefix)
    if models is None:
        raise NoChampion(f"{workspace.tracking}: holds no models: run 'cvo train {' '.join(names)}' first")
    return models


def open_tracker(workspace: Workspace, shop: str) -> Tracker:
    """The same, to be changed.

    Raises
    ------
    NoChampion
        If nothing was trained.
    """
    open_models(workspace, shop)  # says what is missing
    return Tracker(workspace.tracking, shop, workspace.registry_prefix)


def shop_of(workspace: Workspace, shop: str | None) -> str:
    """The shop whose models are meant: the one that is named, else the only one that has models.

    Parameters
    ----------
    shop:
        Its name; None = the only one.

    Raises
    ------
    NoChampion
        If nothing was trained.
    UsageError
        If there is no such shop, or there are several and none is named.
    """
    shops = open_models(workspace, "").shops()
    known = ", ".join(shops)
    if shop is not None:
        if shop not in shops:
            raise UsageError(f"shop {shop!r} has no models in {workspace.tracking}: those with models are {known}")
        return shop
    if not shops:
        raise NoChampion(f"{workspace.tracking}: holds no models: run 'cvo train {' '.join(MODEL_NAMES)}' first")
    if len(shops) > 1:
        raise UsageError(f"{workspace.tracking} holds the models of {len(shops)} shops: name one with --shop ({known})")
    return shops[0]


def serving_models(
    workspace: Workspace,
    shop: str,
    *,
    only: Sequence[str] = MODEL_NAMES,
    refused: Mapping[str, str] | None = None,
    exported: Path | None = None,
    trust_code: bool = False,
) -> LoadedModels:
    """The champions, each parsed once; a model that this shop's data could not carry has the reason of its refusal.

    Where a champion's files are damaged, or make no model, the champion before it serves, and a note says so.

    Parameters
    ----------
    only:
        The models that the use case needs.
    refused:
        Why a training that has just ended gave no model, by name: these are not looked for.
    exported:
        A folder of exported models that serve in the champions' place, without MLflow.
    trust_code:
        Run the features of the user's own that the models carry, whoever wrote them; else only those on the
        workspace's list of trusted code.

    Raises
    ------
    ModelRefused
        If a model carries code that is not trusted here.
    NoChampion
        If there is none at all, and no training said why.
    BundleError
        If one cannot be trusted, nor any before it.
    """
    trust = trust_of(workspace.tracking, trust_code)
    if exported is not None:
        return _exported(exported, only).trusting(trust)
    registered = open_models(workspace, shop, only)
    history = ChampionHistory(registered)
    models: dict[str, LoadedModel] = {}
    reasons, notes = dict(refused or {}), list[str]()
    missing: list[NoChampion] = []
    for name in only:
        if name in reasons:
            continue
        try:
            models[name], note = history.serving(name)
            if note:
                LOGGER.warning("%s", note, extra={"facts": {"model": name}})
                notes.append(note)
            notes += [_OLD_NAME.format(name=name)] if registered.is_unmigrated(name) else []
            notes += [] if models[name].bundle.is_sealed else [_UNSEALED.format(name=name)]
        except NoChampion as none:
            missing.append(none)
            reasons[name] = registered.refusal(name) or "not_trained"
    if len(missing) == len(only) and set(reasons.values()) == {"not_trained"}:
        raise missing[0]
    LOGGER.info(
        "the models are loaded",
        extra={"facts": {"shop": shop, "models": {name: model.version for name, model in models.items()}}},
    )
    loaded = LoadedModels(models, reasons, tuple(notes)).trusting(trust)
    return replace(loaded, notes=(*loaded.notes, *_changed_files(workspace, loaded)))


def _changed_files(workspace: Workspace, models: LoadedModels) -> list[str]:
    """What to say where the file of own features is another now than the copy that a bundle scores with."""
    return [
        _OTHER_FILE.format(name=name, file=changed, version=model.version)
        for name, model in models.models.items()
        if model.own.file is not None and (changed := changed_since(workspace.tracking, model.own.file))
    ]


def challengers(registered: RegisteredModels) -> LoadedModels:
    """What stands in the champions' shadow.

    Raises
    ------
    NoChampion
        If there is no challenger.
    BundleError
        If one cannot be trusted.
    """
    names = [name for name in MODEL_NAMES if registered.version_of(name, CHALLENGER) is not None]
    if not names:
        raise NoChampion(f"no challenger is registered: run 'cvo train {' '.join(MODEL_NAMES)}' on later data first")
    models = LoadedModels.of(*(registered.champion(name, CHALLENGER) for name in names))
    return models.trusting(trust_of(registered.root))


def _exported(folder: Path, only: Sequence[str]) -> LoadedModels:
    found = load_exported(folder)
    chosen = [found[name] for name in only if name in found]
    if not chosen:
        raise NoChampion(f"{folder}: holds no exported {only[0]}: run 'cvo models export {only[0]}'")
    return LoadedModels.of(*chosen)
