"""A tracked run that is open."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cvo_ml.registry.tracking.owner_process import PROCESS, this_process


class Run:
    """Writes to one run, whichever other is active; made by ``Tracker.run``."""

    def __init__(self, mlflow: Any, run_id: str) -> None:
        self._mlflow, self._client, self.run_id = mlflow, mlflow.MlflowClient(), run_id

    def log_params(self, values: Mapping[str, Any]) -> None:
        """Parameters; nested mappings get dotted names."""
        self._mlflow.log_params(dict(flat(values)), run_id=self.run_id)

    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Finite numbers; others are left out, because MLflow would store infinity as 1.8e308."""
        finite = {name: float(value) for name, value in values.items() if _finite(value)}
        self._mlflow.log_metrics(finite, step=step, run_id=self.run_id)

    def log_figure(self, figure: Any, name: str) -> None:
        """A matplotlib figure under ``plots/``."""
        self._client.log_figure(self.run_id, figure, f"plots/{name}.png")

    def log_dict(self, value: Mapping[str, Any], name: str) -> None:
        """A JSON artifact."""
        self._client.log_dict(self.run_id, dict(value), f"{name}.json")

    def log_text(self, text: str, name: str) -> None:
        """A Markdown artifact."""
        self._client.log_text(self.run_id, text, f"{name}.md")

    def log_folder(self, folder: Path, name: str) -> None:
        """A folder of plain files as it is."""
        self._client.log_artifacts(self.run_id, str(folder), name)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Tags of the run."""
        for name, value in tags.items():
            self._client.set_tag(self.run_id, name, value)

    def log_bundle(self, folder: Path) -> str:
        """Log a bundle as a pyfunc model of the active run and return its URI."""
        logged = self._mlflow.pyfunc.log_model(
            name="bundle",
            loader_module="cvo_ml.registry.pyfunc",
            data_path=str(folder),
            pip_requirements=["cvo-ml[mlflow]"],
        )
        return str(logged.model_uri)

    @contextlib.contextmanager
    def nested(self, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """A run below this one, such as one trial of a tuning; FAILED when its block raises."""
        tags = {PROCESS: this_process(), **(tags or {})}
        with self._mlflow.start_run(
            run_name=name, nested=True, parent_run_id=self.run_id, tags=tags, log_system_metrics=False
        ) as started:
            yield Run(self._mlflow, started.info.run_id)


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
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
