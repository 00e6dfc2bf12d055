"""The job of each registered model, and the plain functions that train by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.jobs import ChurnJob, ClvJob, IcpJob
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.models import CHURN, CLV, ICP
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Progress, Workspace
from cvo_ml.features.own import OwnFeatures
from cvo_ml.features.own.features import PROFILE
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.predict import LoadedModels
from cvo_ml.readiness import verdict
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.run import Run
from cvo_ml.workflows.train import (
    RefusedModel,
    StaticModel,
    StaticRequest,
    TrainedModel,
    TrainingSettings,
    TrainRequest,
    training_settings,
)
from training.churn import static_table
from training.churn.fit import train_churn
from training.churn.tuning import Budget, tune
from training.clv.fit import train_clv
from training.clv.sections import PurchaseSpec
from training.evidence.plots import plain_style
from training.evidence.result import Trained
from training.icp.fit_customers import train_icp
from training.registration import Registration

#: Where searches are kept, beside MLflow's database, so that a killed one goes on.
STUDIES: Final = "optuna.db"
Job = TypeVar("Job", bound=FrozenConfig)


@dataclass(frozen=True)
class TrainingJob(Generic[Job]):
    """What a model is trained with: the kind of its settings, and what fits it."""

    kind: type[Job]
    fit: Callable[[Tables, date, Job, TrainingSettings], Trained]

    def train(self, tables: Tables, as_of: date, settings: TrainingSettings) -> Trained:
        """Fit at ``as_of``.

        Raises
        ------
        ModelRefused
            If the data carry no such model.
        """
        return self.fit(tables, as_of, settings.job(self.kind), settings)


def _clv(tables: Tables, as_of: date, job: ClvJob, settings: TrainingSettings) -> Trained:
    return train_clv(tables, as_of, job, settings.minima.clv)


def _churn(tables: Tables, as_of: date, job: ChurnJob, settings: TrainingSettings) -> Trained:
    return train_churn(tables, as_of, job, settings.minima.churn, _purchases(settings), _own(job, settings))


def _own(job: ChurnJob, settings: TrainingSettings) -> OwnFeatures:
    """The features of the user's own that the job names."""
    profile = tuple(name for name in job.more_features if name.startswith(PROFILE))
    declared = tuple(name.removeprefix(PROFILE) for name in job.leaks.known_at_conversion)
    return OwnFeatures(
        profile, settings.own.get(CHURN.name), settings.trust, declared,
        whose=CHURN.name, acknowledged=job.leaks.acknowledged,
    )  # fmt: skip


def _purchases(settings: TrainingSettings) -> PurchaseSpec:
    """The model of purchases inside churn is fitted as the CLV job says."""
    return PurchaseSpec.of(settings.job(ClvJob))


def _icp(tables: Tables, as_of: date, job: IcpJob, settings: TrainingSettings) -> Trained:
    return train_icp(tables, as_of, job, settings.minima.icp)


#: The jobs by the name of their model, in the order in which they are trained.
TRAINING_JOBS: Final[Mapping[str, TrainingJob[Any]]] = {
    CLV.name: TrainingJob(ClvJob, _clv),
    CHURN.name: TrainingJob(ChurnJob, _churn),
    ICP.name: TrainingJob(IcpJob, _icp),
}


def train_models(request: TrainRequest, workspace: Workspace) -> list[TrainedModel | RefusedModel]:
    """Fit, grade, track and register each model of the request; one that is refused does not stop the others.

    Raises
    ------
    UsageError, ConfigError, DataError
        If the budget, a setting or the shop's data are wrong; then nothing was trained.
    BundleError
        If a model could not be loaded again: it is not registered.
    """
    settings = training_settings(request.names, request.overrides, request.shop.name, workspace, request.trust_code)
    budget = None if request.tune is None else Budget.parse(request.tune)
    workspace.progress.tell("reading the rows before the cut")
    read = read_shop(request.shop, as_of=request.as_of)
    tracker = Tracker(workspace.tracking, request.shop.name, workspace.registry_prefix)
    registration = Registration(tracker, request.shop, request.as_of, read, request.promote, workspace)
    done: list[TrainedModel | RefusedModel] = []
    for name in request.names:
        workspace.progress.tell(f"training {name}")
        fit: Callable[[Run], Trained] = partial(_fit, name, read.tables, request.as_of, settings)
        if budget is not None and name == CHURN.name:
            storage = workspace.tracking.resolve() / STUDIES
            fit = partial(_fit_tuned, read.tables, request.as_of, settings, budget, storage)
        try:
            done.append(
                registration.take(name, settings.jobs[name], _if_ready(name, read, request.as_of, settings, fit))
            )
        except ModelRefused as refused:
            done.append(RefusedModel(name, refused.reason_code, str(refused)))
    return done


def _if_ready(
    name: str, read: ReadResult, as_of: date, settings: TrainingSettings, fit: Callable[[Run], Trained]
) -> Callable[[Run], Trained]:
    """The fit, which refuses what ``cvo check`` says cannot be trained, in its words and with what would help."""

    def ready(run: Run) -> Trained:
        found = verdict(read, as_of, settings.jobs[name], settings.minima)
        if found is not None and found.status == "refused":
            helps = f": {'; '.join(found.helps)} would help" if found.helps else ""
            raise ModelRefused(f"{name}: {'; '.join(found.reasons)}{helps}", reason_code=found.code or "not_ready")
        return fit(run)

    return ready


def train_static(request: StaticRequest, workspace: Workspace) -> StaticModel | RefusedModel:
    """Fit churn on a table without dates in a tracked run; it is not registered.

    Raises
    ------
    UsageError, DataError
        If the file is no such table.
    """
    settings = training_settings([CHURN.name], request.overrides, request.table.name, workspace)
    job, fewest = settings.job(ChurnJob), settings.minima.churn.of_each_outcome
    tracker = Tracker(workspace.tracking)
    try:
        with tracker.run(f"{CHURN.name}_static", request.table.name, {"static": "true"}) as run:
            bundle, document, leaks, figures = static_table.train_static(
                request.table, request.label, request.positive, job, fewest
            )
            run.log_dict({**document, "leaks": leaks.to_json()}, "judging")
            with plain_style():
                for title, draw in figures.items():
                    run.log_figure(draw(), title)
            with scratch_folder() as folder:
                run.log_folder(save_bundle(bundle, folder / "model"), "model")
    except ModelRefused as refused:
        return RefusedModel(CHURN.name, refused.reason_code, str(refused))
    measured = {key: value for key, value in document["measures"]["model"].items() if value == value}
    return StaticModel(CHURN.name, bundle.kind, bundle.version, measured, (static_table.WARNING,))


def train_at(tables: Tables, as_of: date, settings: TrainingSettings, progress: Progress) -> LoadedModels:
    """The champions that training at a cut gives, on tables that end there; a refused model has its reason."""
    bundles, refused = bundles_at(tables, as_of, settings, progress)
    return LoadedModels.of(*bundles, refused=refused).trusting(settings.trust)


def bundles_at(
    tables: Tables, as_of: date, settings: TrainingSettings, progress: Progress
) -> tuple[list[Bundle], dict[str, str]]:
    """What training at a cut gives, as bundles, and why a model is not there; nothing is tracked."""
    bundles: list[Bundle] = []
    refused: dict[str, str] = {}
    for name, job in TRAINING_JOBS.items():
        progress.tell(f"{as_of}: training {name}")
        try:
            trained = job.train(tables, as_of, settings)
        except ModelRefused as error:
            refused[name] = error.reason_code
            continue
        metrics = {key: value for key, value in trained.metrics.items() if np.isfinite(value)}
        facts = {**trained.bundle.facts, "trained_as_of": str(as_of), "shop": settings.shop, "metrics": metrics}
        bundles.append(replace(trained.bundle, facts=facts))
    return bundles, refused


def _fit(name: str, tables: Tables, as_of: date, settings: TrainingSettings, run: Run) -> Trained:
    return TRAINING_JOBS[name].train(tables, as_of, settings)


def _fit_tuned(
    tables: Tables, as_of: date, settings: TrainingSettings, budget: Budget, storage: Path, run: Run
) -> Trained:
    """Churn with the trees of a search that ran below this very run."""
    job, minima = settings.job(ChurnJob), settings.minima.churn
    purchases = _purchases(settings)
    own = _own(job, settings)
    tuned = tune(tables, as_of, job, budget, storage, settings.shop, minima, run, purchases, own)
    trained = train_churn(tables, as_of, tuned.job, minima, purchases, own)
    documents, notes = {**trained.documents, "tuning": tuned.document}, (*trained.notes, tuned.note)
    return replace(trained, documents=documents, notes=notes, job=tuned.job)
