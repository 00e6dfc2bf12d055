"""MLflow's sqlite database, read without MLflow, which writes into a database whenever it opens it.

So a store may be mounted read-only, or belong to another user; and whoever scores imports no MLflow. The tables are
those of MLflow 3, whose names and columns its migrations have kept.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cvo_ml.registry.tracking import database
from cvo_ml.registry.tracking.stored import LOGGED, StoredModel, StoredVersion, TrackedRun, gone_run, unknown_files

#: The stage of a version that MLflow has deleted and keeps.
DELETED: Final = "Deleted_Internal"
#: Metrics as MLflow answers them: the last of each, and no number where none was logged.
METRICS: Final = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?"
RUNS: Final = (
    "SELECT r.run_uuid, r.status, r.start_time FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id "
    "JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = ? AND t.value = ? "
    "WHERE e.name = ? AND r.lifecycle_stage = 'active' ORDER BY r.start_time DESC, r.run_uuid"
)


class SqliteReader:
    """Reads MLflow's database in a file; each question is a connection of its own, so threads may share the reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def models(self) -> list[StoredModel]:
        """Every registered name."""
        with self._rows() as ask:
            return [self._model(ask, name) for (name,) in ask("SELECT name FROM registered_models ORDER BY name")]

    def model(self, name: str) -> StoredModel | None:
        """One of them; None where it is not there."""
        with self._rows() as ask:
            found = list(ask("SELECT name FROM registered_models WHERE name = ?", name))
            return self._model(ask, name) if found else None

    def versions(self, name: str) -> list[StoredVersion]:
        """The versions under a name; none where there is no such name."""
        known = (
            "SELECT version, run_id FROM model_versions WHERE name = ? AND coalesce(current_stage, '') <> ? "
            "ORDER BY version DESC"
        )
        of_version = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
        with self._rows() as ask:
            return [
                StoredVersion(name, int(version), dict(ask(of_version, name, version)), run_id or "")
                for version, run_id in ask(known, name, DELETED)
            ]

    def files_of(self, name: str, version: int) -> str:
        """The address of a version's files."""
        known = "SELECT storage_location, source FROM model_versions WHERE name = ? AND version = ?"
        logged = "SELECT artifact_location FROM logged_models WHERE model_id = ?"
        with self._rows() as ask:
            places = [stored or source for stored, source in ask(known, name, version)]
            place = str(places[0] or "") if places else ""
            if place.startswith(LOGGED):
                place = next((str(found) for (found,) in ask(logged, place.removeprefix(LOGGED))), "")
        if not place:
            raise unknown_files(name, version, "no place is named")
        return place

    def artifacts_of(self, run_id: str) -> str:
        """The address of a run's artifacts."""
        with self._rows() as ask:
            for (place,) in ask("SELECT artifact_uri FROM runs WHERE run_uuid = ?", run_id):
                return str(place)
        raise gone_run(run_id)

    def runs(self, experiment: str, tag: str, value: str) -> list[TrackedRun]:
        """The runs of an experiment whose tag has that value, newest first; none where there is no such experiment."""
        tags = "SELECT key, value FROM tags WHERE run_uuid = ?"
        with self._rows() as ask:
            return [
                TrackedRun(
                    run_id,
                    status,
                    int(started),
                    dict(ask(tags, run_id)),
                    {key: math.nan if is_nan else number for key, number, is_nan in ask(METRICS, run_id)},
                )
                for run_id, status, started in ask(RUNS, tag, value, experiment)
            ]

    @contextlib.contextmanager
    def _rows(self) -> Iterator[Any]:
        """A function that asks, for as long as the block lasts: one look at the database, whoever writes meanwhile."""
        with contextlib.closing(database.opened_to_read(self.path)) as connection, database.told(self.path):
            connection.execute("BEGIN")

            def ask(statement: str, *values: object) -> list[tuple[Any, ...]]:
                return connection.execute(statement, values).fetchall()

            yield ask

    @staticmethod
    def _model(ask: Any, name: str) -> StoredModel:
        tags = dict(ask("SELECT key, value FROM registered_model_tags WHERE name = ?", name))
        aliases = dict(ask("SELECT alias, version FROM registered_model_aliases WHERE name = ?", name))
        return StoredModel(name, tags, {alias: int(version) for alias, version in aliases.items()})
