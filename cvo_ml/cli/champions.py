"""The models that a command scores with: registered ones, or exported folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cvo_ml.core.errors import NoChampion
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.predict import ModelSet
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.export import exported
from cvo_ml.registry.tracking import CHALLENGER, Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory


def opened(mlruns: Path) -> Tracker:
    """The tracker of a folder where something was trained.

    Raises
    ------
    NoChampion
        If nothing was.
    """
    tracker = Tracker.existing(mlruns)
    if tracker is None:
        raise NoChampion(f"{mlruns}: holds no models: run 'cvo train clv churn icp' first")
    return tracker


def champions(mlruns: Path, shop: str, refused: Mapping[str, str]) -> ModelSet:
    """The champions; a model that this shop's data could not carry has the reason of its refusal instead.

    Where a champion's files are damaged the champion before it scores, and a note says so.

    Raises
    ------
    NoChampion
        If there is none at all, and no training said why.
    BundleError
        If one cannot be trusted, nor any before it.
    """
    tracker = opened(mlruns)
    succession = ChampionHistory(tracker)
    bundles: dict[str, Bundle] = {}
    reasons, notes = dict(refused), list[str]()
    missing: list[NoChampion] = []
    for name in MODEL_NAMES:
        if name in refused:
            continue
        try:
            bundles[name], note = succession.serving(name)
            notes += [note] if note else []
        except NoChampion as none:
            missing.append(none)
            reasons[name] = tracker.refusal(name, shop) or "not_trained"
    if len(missing) == len(MODEL_NAMES) and set(reasons.values()) == {"not_trained"}:
        raise missing[0]
    return ModelSet(bundles, reasons, tuple(notes))


def challengers(tracker: Tracker) -> ModelSet:
    """What stands in the champions' shadow.

    Raises
    ------
    NoChampion
        If there is no challenger.
    """
    names = [name for name in MODEL_NAMES if tracker.version_of(name, CHALLENGER) is not None]
    if not names:
        raise NoChampion("no challenger is registered: run 'cvo train clv churn icp' on later data first")
    return ModelSet({name: tracker.champion(name, CHALLENGER) for name in names})


def from_folder(folder: Path) -> ModelSet:
    """Exported models, without MLflow.

    Raises
    ------
    NoChampion
        If the folder holds none.
    BundleError
        If one cannot be trusted.
    """
    return ModelSet(exported(folder))
