"""Who is champion, who was, and why: one alias that moves in one transaction, and a line for every move.

A line is a run of the experiment ``appointments``: MLflow keeps its user and time, its tags say from which version to
which and why, its metrics are the evidence. Whoever moves a champion holds the registry alone (``turns``) from the look
at who is champion to the end of the line. The line is written before the alias moves and finished after it, so that no
move lacks one; a process that dies between leaves an open line, which is read as what the alias says of it, and which
the next one that holds the registry finishes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, cast

from cvo_ml.core.errors import BundleError, GateClosed, NoChampion, UsageError
from cvo_ml.core.result import Result
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.gate import audit_metrics
from cvo_ml.registry.bundles.loaded import LoadedModel, load_model
from cvo_ml.registry.tracking import turns
from cvo_ml.registry.tracking.owner_process import PROCESS, is_gone
from cvo_ml.registry.tracking.registered_models import CHALLENGER, CHAMPION, JUDGED, MODEL, SHOP, RegisteredModels
from cvo_ml.registry.tracking.run import Run, start
from cvo_ml.registry.tracking.stored import TrackedRun
from cvo_ml.registry.tracking.tracker import TO, Tracker

__all__ = ["EXPERIMENT", "JUDGED", "ChampionHistory", "Incumbent", "Promotion", "moves_of"]

EXPERIMENT: Final = "appointments"
#: Tag of a version that has no place yet: the process that registers it takes the tag away, or dies before.
PLACING: Final = "cvo.placing"
#: Tags of a line that was moved from a name of the first edition: what it said there.
EARLIER: Final[Mapping[str, str]] = {
    TO: "earlier_to",
    "from": "earlier_from",
    "number": "earlier_number",
    SHOP: "earlier_shop",
}
EARLIER_NAME: Final = "earlier_name"
Kind = Literal["first", "promotion", "forced", "rollback"]


@dataclass(frozen=True)
class Promotion(Result):
    """A line of the audit: ``version`` took the place of ``before`` (None: there was no champion).

    Parameters
    ----------
    at:
        In milliseconds since 1970, as MLflow recorded it.
    metrics:
        The evidence.
    """

    name: str
    kind: Kind
    before: int | None
    version: int
    why: str
    who: str
    at: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    shop: str = ""


@dataclass(frozen=True)
class Incumbent:
    """The champion as a challenger meets it.

    Parameters
    ----------
    bundle:
        What scores now; None if its files cannot be trusted, and then ``fault`` says why.
    judged:
        The same kind of model, fitted on what was known before its own last window; None if the run holds none.
    """

    version: int
    bundle: Bundle | None
    judged: Bundle | None = None
    fault: str = ""


class ChampionHistory:
    """The champions of a shop's registered models; what moves them needs a ``Tracker``."""

    def __init__(self, models: RegisteredModels) -> None:
        self._models = models
        self._held = False

    # --- read ---------------------------------------------------------------------------------------------------------

    def incumbent(self, name: str) -> Incumbent | None:
        """The champion with what a comparison needs; None if there is none.

        Raises
        ------
        UsageError
            If the shop's versions still have the names of the first edition, beside which nothing is registered.
        """
        self._models.require_migrated(name)
        version = self._models.version_of(name)
        if version is None:
            return None
        try:
            bundle = self._models.bundle(name, version)
        except BundleError as error:
            return Incumbent(version, None, fault=str(error))
        try:
            return Incumbent(version, bundle, self._models.judged(name, version))
        except BundleError:
            return Incumbent(version, bundle)

    def serving(self, name: str) -> tuple[LoadedModel, str]:
        """The champion, or the champion before it where its files are damaged or make no model, and a note then.

        Raises
        ------
        NoChampion
            If none is registered.
        BundleError
            If no champion of the past can be read either.
        """
        try:
            return load_model(self._models.champion(name)), ""
        except NoChampion:
            raise
        except BundleError as error:
            for version in reversed(self.line(name)[:-1]):
                with contextlib.suppress(BundleError):
                    model = load_model(self._models.bundle(name, version))
                    return model, f"{name}: scored with version {version}, the champion before, because {error}"
            raise

    def line(self, name: str) -> list[int]:
        """The champions that led to the present one, oldest first; who was rolled back is not among them."""
        line: list[int] = []
        for past in self.history(name):
            if past.before is not None and (not line or line[-1] != past.before):
                line.append(past.before)  # an alias that was moved by other means
            if past.kind == "rollback" and past.version in line:
                del line[line.index(past.version) + 1 :]
            else:
                line.append(past.version)
        present = self._models.version_of(name)
        return line if present is None or line[-1:] == [present] else [*line, present]

    def history(self, name: str) -> list[Promotion]:
        """The audit of a model, oldest first: only moves that happened."""
        holder = self._models.holder(name)
        runs = moves_of(self._models, holder)
        if holder != self._models.registered_name(name):  # a migration may have begun to move the lines
            told = [_as_before(run) for run in self._models.runs(EXPERIMENT, EARLIER_NAME, holder)]
            runs = _in_order([*runs, *told])
        return [_promotion(name, run) for run in runs if _is_of(run, self._models.shop)]

    # --- move ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold the model's place until the block ends, after what a dead process left is in order.

        Raises
        ------
        UsageError
            If the shop's versions still have the names of the first edition.
        """
        if self._held:
            yield
            return
        tracker = self._tracker()
        tracker.require_migrated(name)
        with turns.alone(tracker.root, tracker.uri, tracker.registered_name(name)):
            self._held = True
            try:
                self._settle(name)
                yield
            finally:
                self._held = False

    def challenge(self, name: str, version: int) -> None:
        """Point the alias ``challenger`` to a version."""
        with self.alone(name):
            tracker = self._tracker()
            tracker.client.set_registered_model_alias(tracker.registered_name(name), CHALLENGER, str(version))

    def appoint(
        self, name: str, version: int, kind: Kind, why: str, metrics: Mapping[str, float] | None = None
    ) -> Promotion:
        """Make a version champion.

        Raises
        ------
        UsageError
            If it is champion already.
        GateClosed
            If another process moved the alias meanwhile, where a server gives no lock.
        """
        with self.alone(name):
            self._move(name, version, kind, why, metrics or {})
            return self.history(name)[-1]

    def is_first(self, name: str) -> bool:
        """Whether the model has no champion and never had one; to be asked by whoever is alone."""
        return self._models.version_of(name) is None and not self.history(name)

    def rollback(self, name: str, why: str) -> Promotion:
        """Make the champion before the present one champion again.

        Raises
        ------
        NoChampion
            If there is no champion.
        UsageError
            If the audit knows none before it.
        BundleError
            If the files of the one before are damaged: then nothing changes.
        """
        with self.alone(name):
            if self._models.version_of(name) is None:
                raise self._models.none_of(name, CHAMPION)
            line = self.line(name)
            if len(line) < 2:
                raise UsageError(f"{name}: no champion before version {line[-1]} is on record: train again")
            self._models.bundle(name, line[-2])
            return self.appoint(name, line[-2], "rollback", why)

    def _tracker(self) -> Tracker:
        """The registry that may be written."""
        if not isinstance(self._models, Tracker):
            raise UsageError(f"{self._models.root}: was opened to be read only, and a champion is to be moved")
        return self._models

    def _move(self, name: str, version: int, kind: Kind, why: str, metrics: Mapping[str, float]) -> None:
        tracker = self._tracker()
        client, registered = tracker.client, tracker.registered_name(name)
        before = tracker.version_of(name)
        if before == version:
            raise UsageError(f"version {version} of {name!r} is champion already")
        run = self._open(name, kind, before, version, why)
        run.log_metrics(metrics)
        if tracker.version_of(name) != before:
            client.set_terminated(run.run_id, "FAILED")
            raise GateClosed(f"{name}: another process has just made another champion: look, and decide again")
        client.set_registered_model_alias(registered, CHAMPION, str(version))
        client.set_terminated(run.run_id, "FINISHED")
        self._tidy(name)

    def _open(self, name: str, kind: Kind, before: int | None, version: int, why: str) -> Run:
        tracker = self._tracker()
        registered = tracker.registered_name(name)
        tags = {
            MODEL: registered,
            "kind": kind,
            "number": str(len(self.history(name)) + 1),
            TO: str(version),
            "why": why,
        }
        tags |= {} if before is None else {"from": str(before)}
        tags |= {SHOP: tracker.shop} if tracker.shop else {}
        title = f"{registered}: {'none' if before is None else before} to {version}"
        return start(tracker.client, tracker.experiment(EXPERIMENT), title, tags)

    def _settle(self, name: str) -> None:
        """Finish what a dead process left: its line, the alias of the challenger, a version without a place.

        Whoever holds the registry is the only one who moves: an open line is of somebody who has died. Where nobody can
        hold it, it is of a process that is seen to be gone.
        """
        tracker = self._tracker()
        registered = tracker.registered_name(name)
        is_held = turns.is_exclusive(tracker.uri)
        for run in tracker.runs(EXPERIMENT, MODEL, registered):
            if run.status == "RUNNING" and (is_held or is_gone(run.tags.get(PROCESS, ""))):
                tracker.settle_line(run.run_id)
        self._tidy(name)
        for stored in sorted(tracker.versions(registered), key=lambda stored: stored.version):
            if PLACING in stored.tags and (is_held or is_gone(stored.tags[PLACING])):
                self._place(name, stored.version)
                tracker.client.delete_model_version_tag(registered, str(stored.version), PLACING)

    def _place(self, name: str, version: int) -> None:
        """A place for a version whose training died before it gave it one: as if nobody had asked for a promotion."""
        if self.is_first(name):
            why = f"the first model of shop {self._models.shop!r}; its training was stopped before it had a place"
            self._move(name, version, "first", why, audit_metrics(self._models.evidence(name, version)))
        elif version not in {past.version for past in self.history(name)}:
            tracker = self._tracker()
            tracker.client.set_registered_model_alias(tracker.registered_name(name), CHALLENGER, str(version))

    def _tidy(self, name: str) -> None:
        """The champion is no challenger."""
        tracker = self._tracker()
        found = tracker.reader.model(tracker.registered_name(name))
        aliases = {} if found is None else found.aliases
        if CHALLENGER in aliases and aliases[CHALLENGER] == aliases.get(CHAMPION):
            tracker.client.delete_registered_model_alias(tracker.registered_name(name), CHALLENGER)


def moves_of(models: RegisteredModels, registered: str) -> list[TrackedRun]:
    """The lines of a registered name, oldest first: only moves that happened.

    An open line of a process that is gone happened if the alias is where the line leads.
    """
    champion = _champion(models, registered)
    return _in_order([run for run in models.runs(EXPERIMENT, MODEL, registered) if _happened(run, champion)])


def _champion(models: RegisteredModels, registered: str) -> int | None:
    found = models.reader.model(registered)
    return None if found is None else found.aliases.get(CHAMPION)


def _happened(run: TrackedRun, champion: int | None) -> bool:
    if run.status == "RUNNING":
        return run.tags.get(TO) == str(champion) and is_gone(run.tags.get(PROCESS, ""))
    return run.status == "FINISHED"


def _in_order(runs: list[TrackedRun]) -> list[TrackedRun]:
    return sorted(runs, key=lambda run: (int(run.tags["number"]), run.started))


def _as_before(run: TrackedRun) -> TrackedRun:
    """A line that a migration has moved, as it was under the name of the first edition."""
    return replace(run, tags={**run.tags, **{now: run.tags[then] for now, then in EARLIER.items()}})


def _is_of(run: TrackedRun, shop: str) -> bool:
    """Whether a line is of this shop, or says of none, as those of the first edition."""
    return not shop or (run.tags.get(SHOP) or shop) == shop


def _promotion(name: str, run: TrackedRun) -> Promotion:
    tags = run.tags
    before = int(tags["from"]) if tags.get("from") else None
    who, at = tags.get("mlflow.user", ""), run.started
    kind = cast(Kind, tags["kind"])
    return Promotion(name, kind, before, int(tags[TO]), tags["why"], who, at, run.metrics, tags.get(SHOP, ""))
