"""From a challenger to a champion: by its evidence, by a person's word, or because there was none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cvo_ml.config.gates import Gates
from cvo_ml.core.errors import GateClosed
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.card import grade_sentence
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.bundles.first_load import admit
from cvo_ml.registry.bundles.gate import audit_metrics, closed, decide
from cvo_ml.registry.tracking.champions import PLACING, ChampionHistory, Incumbent, Promotion
from cvo_ml.registry.tracking.owner_process import this_process
from cvo_ml.registry.tracking.registered_models import CHALLENGER, EVIDENCE, RegisteredModels
from cvo_ml.registry.tracking.tracker import Tracker

__all__ = ["EVIDENCE", "Placement", "When", "evidence_of", "place", "promote", "register"]

#: What training does with a challenger: nothing, ask the gates, or make it champion whatever they say.
When = Literal["never", "gate", "always"]


@dataclass(frozen=True)
class Placement:
    """Where a new version stands, and why."""

    role: Literal["champion", "challenger"]
    why: str


def register(
    history: ChampionHistory,
    tracker: Tracker,
    uri: str,
    bundle: Bundle,
    tags: Mapping[str, str],
    evidence: GateEvidence,
    gates: Gates,
    when: When,
) -> tuple[int, Placement] | None:
    """Register a model that was logged and give it its place, as one who is alone; None if the evidence is outdated.

    A process that dies in between leaves a version that says that it has no place: the next one alone gives it one.

    Returns
    -------
    tuple or None
        The version and its place; None where the champion is another than the evidence is against: judge again.
    """
    name = bundle.name
    with history.alone(name):
        standing = history.incumbent(name)
        if (None if standing is None else standing.version) != against(evidence):
            return None
        if standing is not None and standing.bundle is not None and _is_same(bundle, standing.bundle):
            return standing.version, Placement("champion", "it is the champion already, to the bit")
        said = grade_sentence(bundle, evidence.measure)
        version = tracker.register(uri, name, {**tags, PLACING: this_process()}, description=said)
        placed = place(tracker, bundle, version, standing, evidence, gates, when, history)
        tracker.client.delete_model_version_tag(tracker.registered_name(name), str(version), PLACING)
        return version, placed


def place(
    tracker: Tracker,
    bundle: Bundle,
    version: int,
    standing: Incumbent | None,
    evidence: GateEvidence,
    gates: Gates,
    when: When,
    history: ChampionHistory | None = None,
) -> Placement:
    """Give a version that was just registered its place.

    The first model of a shop is champion at once: there is nothing to compare it with, and a champion in another
    currency cannot score this one. Any other is a challenger first; of two that train at once, the one that ends first.

    Parameters
    ----------
    standing:
        The champion that the version was trained beside; another one closes the gates.
    history:
        Of whoever is alone already.
    """
    history, name = history or ChampionHistory(tracker), bundle.name
    numbers = audit_metrics(evidence)
    first = f"the first model of shop {bundle.facts.get('shop')!r}"
    with history.alone(name):
        if history.is_first(name):
            history.appoint(name, version, "first", first, numbers)
            return Placement("champion", first)
        if standing is not None and standing.version == tracker.version_of(name) and _is_foreign(standing, bundle):
            why = f"{first} in {bundle.facts.get('currency')}"
            history.appoint(name, version, "first", why, numbers)
            return Placement("champion", why)
        history.challenge(name, version)
        if when == "always":
            why = "trained to be champion, whatever the gates say"
            history.appoint(name, version, "forced", why, numbers)
            return Placement("champion", why)
        reason = closed(decide(evidence, gates, tracker.version_of(name)))
        if when == "gate" and not reason:
            history.appoint(name, version, "promotion", "all gates open", numbers)
            return Placement("champion", "all gates open")
        return Placement("challenger", reason or f"all gates open: 'cvo models promote {name}' makes it champion")


def promote(
    tracker: Tracker, name: str, gates: Gates, *, version: int | None = None, force: bool = False, why: str = ""
) -> Promotion:
    """Make the challenger (or a named version) champion, if its evidence opens every gate or a person says so.

    Raises
    ------
    NoChampion
        If there is no challenger, or no such version.
    BundleError
        If its files are damaged, or it no longer gives its golden scores.
    GateClosed
        If a gate is closed, unless ``force``.
    """
    history = ChampionHistory(tracker)
    with history.alone(name):
        chosen = version if version is not None else tracker.version_of(name, CHALLENGER)
        if chosen is None:
            raise tracker.none_of(name, CHALLENGER)
        bundle = tracker.bundle(name, chosen)
        with scratch_folder() as folder:
            admit(save_bundle(bundle, folder / name))
        evidence = evidence_of(tracker, name, chosen)
        reason = closed(decide(evidence, gates, tracker.version_of(name)))
        if reason and not force:
            raise GateClosed(
                f"{name}: version {chosen} may not become champion: {reason}. "
                f"Train again, or take the responsibility: cvo models promote {name} --force --reason '...'"
            )
        kind: Literal["forced", "promotion"] = "forced" if reason else "promotion"
        said = " although ".join(filter(None, [why, reason])) if reason else why or "all gates open"
        return history.appoint(name, chosen, kind, said, audit_metrics(evidence))


def evidence_of(models: RegisteredModels, name: str, version: int) -> GateEvidence:
    """The evidence that a version's training stored; empty where it stored none."""
    return models.evidence(name, version)


def against(evidence: GateEvidence) -> int | None:
    """The version that the evidence is against; None where there was no champion."""
    return None if evidence.champion is None else evidence.champion.version


def _is_foreign(standing: Incumbent, bundle: Bundle) -> bool:
    """Whether the champion counts in another currency, so that neither can score what the other does."""
    return standing.bundle is not None and standing.bundle.facts.get("currency") not in (
        None,
        bundle.facts.get("currency"),
    )


def _is_same(one: Bundle, other: Bundle) -> bool:
    known = "trained_as_of"
    return one.model_hash == other.model_hash and one.facts.get(known) == other.facts.get(known)
