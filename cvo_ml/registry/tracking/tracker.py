"""A shop's runs and registered versions, written through MLflow."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.errors import ModelRefused, UsageError
from cvo_ml.core.paths import inside
from cvo_ml.registry.tracking import database, turns
from cvo_ml.registry.tracking.connection import answering, elsewhere, is_database, reach
from cvo_ml.registry.tracking.names import RegisteredNames
from cvo_ml.registry.tracking.owner_process import PROCESS, is_gone
from cvo_ml.registry.tracking.registered_models import CHAMPION, MODEL, REFUSED, SHOP, RegisteredModels
from cvo_ml.registry.tracking.run import Run, opened

#: MLflow's tag of a logged model that leads to its registered versions.
VERSIONS: Final = "mlflow.modelVersions"
#: MLflow's tag of an experiment in which models are trained, as opposed to prompts and agents.
TRAINING: Final = {"mlflow.experimentKind": "custom_model_development"}
#: Tag of an audit line: the version that it makes champion.
TO: Final = "to"


class Tracker(RegisteredModels):
    """The models of a shop in MLflow: on a sqlite file under ``root``, or wherever ``MLFLOW_TRACKING_URI`` points.

    It makes what is not there, and marks what dead processes left. Whoever only reads takes ``RegisteredModels``.

    Raises
    ------
    UsageError
        If mlflow is not installed, its database is damaged, or the shop's name makes no registered name.
    """

    def __init__(self, root: Path, shop: str = "", prefix: str = "") -> None:
        uri = elsewhere() or database.ready(root.resolve(), _create)
        reach(uri)
        super().__init__(root, shop, prefix, uri)
        self.client = answering(uri)
        self._close_what_was_killed()

    @classmethod
    def existing(cls, root: Path, shop: str = "", prefix: str = "") -> Tracker | None:
        """The tracker of a folder that holds a database, or wherever the environment points; None where there is none.

        Raises
        ------
        UsageError
            If the database cannot be used, or the shop's name makes no registered name.
        """
        found = RegisteredModels.existing(root, shop, prefix)
        return None if found is None else cls(root, shop, prefix)

    def of_shop(self, shop: str) -> Tracker:
        """The same registry, for another shop's models."""
        other = copy.copy(self)
        other.shop, other._names = shop, RegisteredNames(shop, self.prefix)
        return other

    # --- runs ---------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def run(self, experiment: str, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """A run that is FINISHED when the block ends and FAILED when it raises; a refusal leaves its reason.

        Parameters
        ----------
        experiment:
            The model that is trained, or another word for what the run is about.
        name:
            What tells the run from others: the shop, the model, the date.
        """
        own = {SHOP: self.shop} if self.shop else {}
        with opened(
            self.client, self.experiment(self.registered_name(experiment)), name, {**own, **(tags or {})}
        ) as run:
            try:
                yield run
            except ModelRefused as refused:
                run.set_tags({REFUSED: refused.reason_code, "refused_text": str(refused)})
                raise

    def experiment(self, name: str) -> str:
        """The id of an experiment, which is made if it is not there."""
        known = self.client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        location = inside(self.root / database.ARTIFACTS, name).as_uri() if is_database(self.uri) else None
        try:
            return str(self.client.create_experiment(name, artifact_location=location, tags=dict(TRAINING)))
        except _mlflow_error():  # made by another process meanwhile
            known = self.client.get_experiment_by_name(name)
            if known is None:
                raise
            return str(known.experiment_id)

    # --- versions -----------------------------------------------------------------------------------------------------

    def register(
        self, model_uri: str, model: str, tags: Mapping[str, str], alias: str | None = None, description: str = ""
    ) -> int:
        """Make a new version of a model, with ``alias`` if one is given; returns its number.

        Parameters
        ----------
        description:
            What MLflow's page of the version says first, Markdown.

        Raises
        ------
        UsageError
            If another shop has this registered name, or the shop's versions still have those of the first edition.
        """
        self.require_migrated(model)
        name = self.claim(model)
        logged = self.client.get_logged_model(model_uri.removeprefix("models:/"))
        version = create_version(
            self.client, name, logged.artifact_location, logged.source_run_id, tags, logged.model_id, description
        )
        if alias is not None:
            self.client.set_registered_model_alias(name, alias, str(version))
        return version

    def claim(self, model: str) -> str:
        """The registered name of the shop's model, which is made if it is not there.

        Raises
        ------
        UsageError
            If another shop has it.
        """
        name = self.registered_name(model)
        with contextlib.suppress(_mlflow_error()):
            own = {SHOP: self.shop, MODEL: model} if self.shop else {}
            self.client.create_registered_model(name, tags=own)
            return name
        holder = self.client.get_registered_model(name).tags.get(SHOP, self.shop)
        if holder != self.shop:
            raise UsageError(
                f"shop {self.shop!r} would register its models under {name!r}, which are those of shop {holder!r}: "
                "give one of them another name"
            )
        return name

    # --- the connection -----------------------------------------------------------------------------------------------

    def _close_what_was_killed(self) -> None:
        """Runs whose process is gone are FAILED, and open lines of the audit what the alias says of them."""
        experiments = [found.experiment_id for found in self.client.search_experiments()]
        for run in self.client.search_runs(experiments, filter_string="attributes.status = 'RUNNING'"):
            if not is_gone(run.data.tags.get(PROCESS, "")):
                continue
            if TO not in run.data.tags:
                self.client.set_terminated(run.info.run_id, "FAILED")
            else:
                with turns.alone(self.root, self.uri, run.data.tags[MODEL]):
                    self.settle_line(run.info.run_id)

    def settle_line(self, run_id: str) -> None:
        """End a line whose process is gone, by where the alias is; for whoever is alone (``turns``)."""
        run = self.client.get_run(run_id)
        if run.info.status == "RUNNING":
            found = self.reader.model(run.data.tags[MODEL])
            champion = None if found is None else found.aliases.get(CHAMPION)
            self.client.set_terminated(run_id, "FINISHED" if run.data.tags[TO] == str(champion) else "FAILED")


def create_version(
    client: Any,
    name: str,
    source: str,
    run_id: str,
    tags: Mapping[str, str],
    model_id: str | None,
    description: str = "",
) -> int:
    """A version of a registered model whose files lie at ``source``; returns its number.

    MLflow's database would ask its global address for a source ``models:/...``, so the place itself is named.
    """
    created = client.create_model_version(
        name, source, run_id, tags=dict(tags), model_id=model_id, description=description or None
    )
    if model_id:  # as MLflow's own registration does: its pages lead from the model to its versions
        known = json.loads(client.get_logged_model(model_id).tags.get(VERSIONS, "[]"))
        versions = [*known, {"name": name, "version": created.version}]
        client.set_logged_model_tags(model_id, {VERSIONS: json.dumps(versions)})
    return int(created.version)


def _create(uri: str) -> None:
    answering(uri)


def _mlflow_error() -> type[Exception]:
    from mlflow.exceptions import MlflowException

    found: type[Exception] = MlflowException
    return found
