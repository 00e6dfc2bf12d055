"""A tracked run that is open, and a model that is logged by it."""

from __future__ import annotations

import contextlib
import getpass
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.result import Json
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.registry.tracking.logged_model import write_logged_model
from cvo_ml.registry.tracking.owner_process import PROCESS, this_process

PARENT: Final = "mlflow.parentRunId"
#: What the URI of a logged model begins with.
MODELS: Final = "models:/"
#: MLflow's tag of a data set that says what it was for.
CONTEXT: Final = "mlflow.data.context"


@dataclass(frozen=True)
class TrackedDataset:
    """What a run learnt from, without a row of it.

    Parameters
    ----------
    name, digest:
        The shop, and what tells one state of its data from another.
    source:
        Where it comes from.
    columns:
        Column to MLflow's name of its type, such as ``orders.net`` to ``double``.
    counts:
        Numbers of rows, by table.
    """

    name: str
    digest: str
    source: Mapping[str, str]
    columns: Mapping[str, str]
    counts: Mapping[str, int]


class Run:
    """Writes to one run, whichever others are open; made by ``Tracker.run``."""

    def __init__(self, client: Any, run_id: str) -> None:
        self._client, self.run_id = client, run_id

    def log_params(self, values: Mapping[str, Json]) -> None:
        """Parameters; nested mappings get dotted names."""
        from mlflow.entities import Param

        self._client.log_batch(self.run_id, params=[Param(name, str(value)) for name, value in flat(values)])

    def log_metrics(self, values: Mapping[str, float], step: int | None = None, model: str | None = None) -> None:
        """Finite numbers; others are left out, because MLflow would store infinity as 1.8e308.

        Parameters
        ----------
        model:
            The URI of the logged model that they are of: its page shows them too.
        """
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        of = {} if model is None else {"model_id": model.removeprefix(MODELS), "run_id": self.run_id}
        finite = [Metric(name, float(value), now, step or 0, **of) for name, value in values.items() if _finite(value)]
        self._client.log_batch(self.run_id, metrics=finite)

    def log_figure(self, figure: Any, name: str) -> None:
        """A matplotlib figure under ``plots/``."""
        self._client.log_figure(self.run_id, figure, f"plots/{name}.png")

    def log_dict(self, value: Mapping[str, Json], name: str) -> None:
        """A JSON artifact."""
        self._client.log_dict(self.run_id, dict(value), f"{name}.json")

    def log_text(self, text: str, name: str) -> None:
        """A Markdown artifact."""
        self._client.log_text(self.run_id, text, f"{name}.md")

    def log_folder(self, folder: Path, name: str) -> None:
        """A folder of plain files as it is."""
        self._client.log_artifacts(self.run_id, str(folder), name)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Tags of the run, all at once."""
        from mlflow.entities import RunTag

        self._client.log_batch(self.run_id, tags=[RunTag(name, str(value)) for name, value in tags.items()])

    def rename(self, name: str) -> None:
        """Another name, once it is known what tells the run from others."""
        self._client.update_run(self.run_id, name=name)

    def log_dataset(self, data: TrackedDataset) -> None:
        """What the run learnt from, as MLflow's pages show and compare it."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        columns = [{"name": name, "type": kind, "required": False} for name, kind in data.columns.items()]
        known = Dataset(
            name=data.name,
            digest=data.digest,
            source_type="shop",
            source=json.dumps(dict(data.source)),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps(dict(data.counts)),
        )
        self._client.log_inputs(self.run_id, [DatasetInput(known, [InputTag(CONTEXT, "training")])])

    def log_bundle(self, folder: Path, name: str = "bundle", tags: Mapping[str, str] | None = None) -> str:
        """Log a bundle as a pyfunc model of this run, with the run's numbers, and return its URI."""
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        run = self._client.get_run(self.run_id)
        model = self._client.create_logged_model(
            run.info.experiment_id, name=name, source_run_id=self.run_id, tags=dict(tags or {})
        )
        with scratch_folder() as staging:
            self._client.log_model_artifacts(model.model_id, str(write_logged_model(folder, staging, model)))
        self._client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
        self._client.log_outputs(self.run_id, [LoggedModelOutput(model.model_id, step=0)])
        return f"{MODELS}{model.model_id}"

    @contextlib.contextmanager
    def nested(self, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """A run below this one, such as one trial of a tuning; FAILED when its block raises."""
        experiment = self._client.get_run(self.run_id).info.experiment_id
        with opened(self._client, experiment, name, {PARENT: self.run_id, **(tags or {})}) as run:
            yield run


@contextlib.contextmanager
def opened(client: Any, experiment_id: str, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
    """A run that is FINISHED when the block ends and FAILED when it raises."""
    run = start(client, experiment_id, name, tags)
    try:
        yield run
    except BaseException:
        client.set_terminated(run.run_id, "FAILED")
        raise
    client.set_terminated(run.run_id, "FINISHED")


def start(client: Any, experiment_id: str, name: str, tags: Mapping[str, str] | None = None) -> Run:
    """A run that names its process, so that the next start can tell whether it was killed."""
    own = {"mlflow.user": user(), PROCESS: this_process(), **(tags or {})}
    return Run(client, str(client.create_run(experiment_id, tags=own, run_name=name).info.run_id))


def user() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


def flat(values: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Nested settings as MLflow shows them: one dotted name each.

    Examples
    --------
    >>> dict(flat({"horizon": "90D", "trees": {"leaves": 31}}))
    {'horizon': '90D', 'trees.leaves': 31}
    """
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and value == value and abs(value) != float("inf")
