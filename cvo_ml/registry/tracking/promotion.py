"""From a challenger to a champion: by its evidence, by a person's word, or because there was none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from cvo_ml.config.gates import Gates
from cvo_ml.core.errors import BundleError, GateClosed, NoChampion
from cvo_ml.core.files import read_json
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.bundles.first_load import admit
from cvo_ml.registry.bundles.gate import audit_metrics, closed, decide
from cvo_ml.registry.tracking.champions import ChampionHistory, Incumbent, Promotion
from cvo_ml.registry.tracking.tracker import CHALLENGER, Tracker

#: The run's file with the evidence of the gates.
EVIDENCE: Final = "gate.json"
#: What training does with a challenger: nothing, ask the gates, or make it champion whatever they say.
When = Literal["never", "gate", "always"]


@dataclass(frozen=True)
class Placement:
    """Where a new version stands, and why."""

    role: Literal["champion", "challenger"]
    why: str


def place(
    tracker: Tracker,
    bundle: Bundle,
    version: int,
    standing: Incumbent | None,
    evidence: GateEvidence,
    gates: Gates,
    when: When,
) -> Placement:
    """Give a version that was just registered its place.

    The first model of a shop is champion at once: there is nothing to compare it with, and a champion in another
    currency cannot score this one. Any other is a challenger first; of two that train at once, the one that ends first.
    """
    history, name = ChampionHistory(tracker), bundle.name
    numbers = audit_metrics(evidence)
    first = f"the first model of shop {bundle.facts.get('shop')!r}"
    if standing is None and history.appoint_first(name, version, first, numbers) is not None:
        return Placement("champion", first)
    if standing is not None and _is_foreign(standing, bundle):
        why = f"{first} in {bundle.facts.get('currency')}"
        history.appoint(name, version, "first", why, numbers)
        return Placement("champion", why)
    history.challenge(name, version)
    if when == "always":
        why = "trained to be champion, whatever the gates say"
        history.appoint(name, version, "forced", why, numbers)
        return Placement("champion", why)
    reason = closed(decide(evidence, gates, tracker.version_of(name) if standing is None else standing.version))
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
        If there is no challenger.
    BundleError
        If its files are damaged, or it no longer gives its golden scores.
    GateClosed
        If a gate is closed, unless ``force``.
    """
    tracker.require_migrated(name)
    chosen = version if version is not None else tracker.version_of(name, CHALLENGER)
    if chosen is None:
        raise NoChampion(f"no challenger for {name!r} is registered: run 'cvo train {name}' first")
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
    return ChampionHistory(tracker).appoint(name, chosen, kind, said, audit_metrics(evidence))


def evidence_of(tracker: Tracker, name: str, version: int) -> GateEvidence:
    """The evidence that a version's training stored; empty where it stored none."""
    try:
        found = read_json(tracker.artifact(name, version, EVIDENCE))
    except BundleError:
        return GateEvidence()
    return GateEvidence.of(found)


def _is_foreign(standing: Incumbent, bundle: Bundle) -> bool:
    """Whether the champion counts in another currency, so that neither can score what the other does."""
    return standing.bundle is not None and standing.bundle.facts.get("currency") not in (
        None,
        bundle.facts.get("currency"),
    )
