"""Who is champion, who was, and why: one alias that moves in one transaction, and a line for every move.

A line is a run of the experiment ``appointments``: MLflow keeps its user and time, its tags say from which version to
which and why, its metrics are the evidence. It is written before the alias moves and finished after it, so that no move
lacks a line; a process that dies between leaves an open run, which the next start settles by where the alias points.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from cvo_ml.core.errors import BundleError, GateClosed, NoChampion, UsageError
from cvo_ml.core.files import locked
from cvo_ml.core.result import Result
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle
from cvo_ml.registry.bundles.loaded import LoadedModel, load_model
from cvo_ml.registry.tracking.run import Run, start
from cvo_ml.registry.tracking.tracker import CHALLENGER, CHAMPION, MODEL, SHOP, Tracker

EXPERIMENT: Final = "appointments"
#: Folder of the run that holds the model which was judged.
JUDGED: Final = "judged"
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
    """The champions of a shop's registered models."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker, self._client = tracker, tracker.client

    def incumbent(self, name: str) -> Incumbent | None:
        """The champion with what a comparison needs; None if there is none.

        Raises
        ------
        UsageError
            If the shop's versions still have the names of the first edition, beside which nothing is registered.
        """
        self._tracker.require_migrated(name)
        version = self._tracker.version_of(name)
        if version is None:
            return None
        try:
            bundle = self._tracker.bundle(name, version)
        except BundleError as error:
            return Incumbent(version, None, fault=str(error))
        try:
            return Incumbent(version, bundle, load_bundle(self._tracker.artifact(name, version, JUDGED)))
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
            return load_model(self._tracker.champion(name)), ""
        except NoChampion:
            raise
        except BundleError as error:
            for version in reversed(self.line(name)[:-1]):
                with contextlib.suppress(BundleError):
                    model = load_model(self._tracker.bundle(name, version))
                    return model, f"{name}: scored with version {version}, the champion before, because {error}"
            raise

    def challenge(self, name: str, version: int) -> None:
        """Point the alias ``challenger`` to a version."""
        self._tracker.require_migrated(name)
        self._client.set_registered_model_alias(self._tracker.registered_name(name), CHALLENGER, str(version))

    def appoint(
        self, name: str, version: int, kind: Kind, why: str, metrics: Mapping[str, float] | None = None
    ) -> Promotion:
        """Make a version champion.

        Raises
        ------
        UsageError
            If it is champion already.
        GateClosed
            If another process moved the alias meanwhile.
        """
        self._tracker.require_migrated(name)
        with self._alone():
            self._move(name, version, kind, why, metrics or {})
        return self.history(name)[-1]

    def appoint_first(self, name: str, version: int, why: str, metrics: Mapping[str, float]) -> Promotion | None:
        """Make a version champion where there is none yet; None if another training was first."""
        self._tracker.require_migrated(name)
        with self._alone():
            if self._tracker.version_of(name) is not None:
                return None
            self._move(name, version, "first", why, metrics)
        return self.history(name)[-1]

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
        self._tracker.require_migrated(name)
        if self._tracker.version_of(name) is None:
            raise NoChampion(f"no champion for {name!r} is registered: run 'cvo train {name}' first")
        line = self.line(name)
        if len(line) < 2:
            raise UsageError(f"{name}: no champion before version {line[-1]} is on record: train again")
        self._tracker.bundle(name, line[-2])
        return self.appoint(name, line[-2], "rollback", why)

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
        present = self._tracker.version_of(name)
        return line if present is None or line[-1:] == [present] else [*line, present]

    def history(self, name: str) -> list[Promotion]:
        """The audit of a model, oldest first: only moves that happened."""
        runs = moves_of(self._client, self._tracker.holder(name))
        return [_promotion(name, run) for run in runs if _is_of(run, self._tracker.shop)]

    def _move(self, name: str, version: int, kind: Kind, why: str, metrics: Mapping[str, float]) -> None:
        registered, before = self._tracker.registered_name(name), self._tracker.version_of(name)
        if before == version:
            raise UsageError(f"version {version} of {name!r} is champion already")
        run = self._open(name, kind, before, version, why)
        run.log_metrics(metrics)
        if self._tracker.version_of(name) != before:
            self._client.set_terminated(run.run_id, "FAILED")
            raise GateClosed(f"{name}: another process has just made another champion: look, and decide again")
        self._client.set_registered_model_alias(registered, CHAMPION, str(version))
        self._client.set_terminated(run.run_id, "FINISHED")
        if self._tracker.version_of(name, CHALLENGER) == version:
            self._client.delete_registered_model_alias(registered, CHALLENGER)

    def _open(self, name: str, kind: Kind, before: int | None, version: int, why: str) -> Run:
        registered = self._tracker.registered_name(name)
        tags = {
            MODEL: registered,
            "kind": kind,
            "number": str(len(self.history(name)) + 1),
            "to": str(version),
            "why": why,
        }
        tags |= {} if before is None else {"from": str(before)}
        tags |= {SHOP: self._tracker.shop} if self._tracker.shop else {}
        experiment = self._tracker.experiment(EXPERIMENT)
        title = f"{registered}: {'none' if before is None else before} to {version}"
        return start(self._client, experiment, title, tags)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes on one folder take turns; over a database elsewhere the second look decides."""
        self._tracker.root.mkdir(parents=True, exist_ok=True)
        with locked(self._tracker.root):
            yield


def moves_of(client: Any, registered: str) -> list[Any]:
    """The lines of a registered model as MLflow's runs, oldest first: only moves that happened."""
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is None:
        return []
    chosen = f"tags.{MODEL} = '{registered}' and attributes.status = 'FINISHED'"
    runs = client.search_runs([known.experiment_id], chosen, max_results=10_000, order_by=["attributes.start_time ASC"])
    return sorted(runs, key=lambda run: int(run.data.tags["number"]))


def _is_of(run: Any, shop: str) -> bool:
    """Whether a line is of this shop, or says of none, as those of the first edition."""
    return not shop or run.data.tags.get(SHOP, shop) == shop


def _promotion(name: str, run: Any) -> Promotion:
    tags = run.data.tags
    before = int(tags["from"]) if tags.get("from") else None
    who, at = tags.get("mlflow.user", ""), int(run.info.start_time)
    return Promotion(
        name, tags["kind"], before, int(tags["to"]), tags["why"], who, at, run.data.metrics, tags.get(SHOP, "")
    )
