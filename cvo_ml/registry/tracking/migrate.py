"""From one name for all shops' models, as the first edition registered them, to a name for each shop's.

Everything moves: versions with their tags, aliases, the audit. Each step can be done twice, so that a migration that
was interrupted is completed by the next; until its end the shop is read under the old name. Bundles of the first
format, whose facts no digest guards, get one where the registry bears them out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cvo_ml.core.errors import BundleError
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.result import OPTIONAL, Result
from cvo_ml.registry.bundles.bundle import load_bundle, seal
from cvo_ml.registry.tracking import turns
from cvo_ml.registry.tracking.champions import EARLIER, EARLIER_NAME, moves_of
from cvo_ml.registry.tracking.registered_models import CHAMPION, JUDGED, MODEL, SHOP, witness_of
from cvo_ml.registry.tracking.run import Run
from cvo_ml.registry.tracking.tracker import TO, Tracker, create_version

#: Tag of a version that came from a name of the first edition: that name and its number there.
ORIGIN: Final = "migrated_from"


@dataclass(frozen=True)
class Moved(Result):
    """A version that has a name of its shop now.

    Parameters
    ----------
    name, shop:
        The model, and whose it is.
    before, version:
        Its number under the old name, and under the new one.
    registered_name:
        The new name.
    """

    name: str
    shop: str
    before: int
    version: int
    registered_name: str


@dataclass(frozen=True)
class Migrated(Result):
    """What a migration moved; what it left, because neither tags nor files say whose it is.

    Parameters
    ----------
    sealed:
        Bundles of the first format that have a digest now; None where there were none.
    """

    moved: tuple[Moved, ...]
    left: tuple[str, ...]
    sealed: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)


def migrate(root: Path, prefix: str = "") -> Migrated:
    """Give every shop its own registered names, in a folder or wherever ``MLFLOW_TRACKING_URI`` points.

    A champion whose place another shop's first model took gets it back.

    Raises
    ------
    UsageError
        If a shop's name makes no registered name, or two shops' names make the same.
    """
    everything = Tracker(root, "", prefix)
    moved, left = list[Moved](), list[str]()
    for model in MODEL_NAMES:
        with turns.alone(everything.root, everything.uri, model):
            gone, stays = _migrate(everything, model)
        moved += gone
        left += stays
    return Migrated(tuple(moved), tuple(left), tuple(_sealed(everything)) or None)


def _migrate(everything: Tracker, model: str) -> tuple[list[Moved], list[str]]:
    """What stood under one name of the first edition: what has moved, and sentences of what stays."""
    shops = _shops(everything, model)
    moved = list[Moved]()
    for shop in dict.fromkeys(shops.values()):
        if shop is not None:
            own = {number for number, of in shops.items() if of == shop}
            moved += _move(everything, everything.of_shop(shop), model, own)
    unknown = [number for number, of in shops.items() if of is None]
    left = [f"version {number} of {model!r}: neither its tags nor its files name its shop" for number in unknown]
    _remove(everything, model, {number for number, of in shops.items() if of is not None}, whole=not unknown)
    return moved, left


def _sealed(everything: Tracker) -> Iterator[str]:
    """The bundles that get a digest: those of the first format that say what the registry says of them."""
    for model in everything.reader.models():
        if model.tags.get(MODEL, model.name) not in MODEL_NAMES or not model.name.startswith(everything.prefix):
            continue
        for stored in everything.versions(model.name):
            what = f"version {stored.version} of {model.name!r}"
            own = {key: value for key, value in witness_of(stored).items() if key == SHOP}
            with contextlib.suppress(BundleError):
                if not everything.is_here(stored):
                    continue
                folder = everything.folder_of(stored, what)
                if not load_bundle(folder, witness_of(stored)).is_sealed:
                    seal(folder)
                    yield what
                judged = everything.run_file(stored, JUDGED)
                if not load_bundle(judged, own).is_sealed:
                    seal(judged)


def _shops(everything: Tracker, model: str) -> dict[int, str | None]:
    """Whose each version under the old name is, by number, oldest first."""
    shops: dict[int, str | None] = {}
    for version in sorted(everything.versions(model), key=lambda version: version.version):
        number = version.version
        try:
            shops[number] = version.tags.get(SHOP) or str(everything.bundle(model, number).facts[SHOP])
        except (BundleError, KeyError):
            shops[number] = None
    return shops


def _move(everything: Tracker, tracker: Tracker, model: str, own: set[int]) -> Iterator[Moved]:
    """One shop's versions of a model, then what points to them, then what is told of them."""
    name = tracker.claim(model)
    numbers = dict(_copied(everything, name, model, own))
    _point(everything, name, model, numbers)
    _retell(tracker, name, model, numbers)
    for before, version in numbers.items():
        yield Moved(model, tracker.shop, before, version, name)


def _copied(everything: Tracker, name: str, model: str, own: set[int]) -> Iterator[tuple[int, int]]:
    """The versions under the new name, in their order; those that were copied already are found by their tag."""
    there = {version.tags.get(ORIGIN, ""): version.version for version in everything.versions(name)}
    for number in sorted(own):
        origin = f"{model}/{number}"
        if origin not in there:
            client = everything.client
            old = client.get_model_version(model, str(number))
            source = client.get_model_version_download_uri(model, str(number))
            tags = {**old.tags, ORIGIN: origin}
            logged = old.source.removeprefix("models:/") if old.source.startswith("models:/") else old.model_id
            there[origin] = create_version(client, name, source, old.run_id, tags, logged)
        yield number, there[origin]


def _point(everything: Tracker, name: str, model: str, numbers: Mapping[int, int]) -> None:
    """The aliases of the shop's versions, unless the new name has them already."""
    wanted = {alias: numbers[number] for alias, number in _aliases(everything, model).items() if number in numbers}
    if CHAMPION not in wanted:
        past = [int(run.tags[TO]) for run in moves_of(everything, model)]
        served = [number for number in past if number in numbers]
        wanted |= {CHAMPION: numbers[served[-1]]} if served else {}
    there = _aliases(everything, name)
    for alias, version in wanted.items():
        if alias not in there:
            everything.client.set_registered_model_alias(name, alias, str(version))


def _aliases(everything: Tracker, name: str) -> Mapping[str, int]:
    found = everything.reader.model(name)
    return {} if found is None else found.aliases


def _retell(tracker: Tracker, name: str, model: str, numbers: Mapping[int, int]) -> None:
    """The audit lines of the shop, each in one write: under the new name, with the new numbers.

    A line keeps what it said before: until the old name is gone the audit is read as it was.
    """
    told = len(moves_of(tracker, name))
    for run in moves_of(tracker, model):
        tags = run.tags
        if int(tags[TO]) not in numbers:
            continue
        told += 1
        before = numbers.get(int(tags["from"])) if tags.get("from") else None
        earlier = {then: tags.get(now, "") for now, then in EARLIER.items()}
        moved = {
            MODEL: name,
            SHOP: tracker.shop,
            TO: str(numbers[int(tags[TO])]),
            "from": "" if before is None else str(before),
            "number": str(told),
        }
        Run(tracker.client, run.run_id).set_tags({**earlier, EARLIER_NAME: model, **moved})


def _remove(everything: Tracker, model: str, moved: set[int], *, whole: bool) -> None:
    """What has moved, from the old name; the name itself, when nothing is left under it."""
    if not moved:
        return
    if whole:
        everything.client.delete_registered_model(model)
        return
    for number in moved:
        everything.client.delete_model_version(model, str(number))
