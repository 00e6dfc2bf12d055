"""The functions of ``training.jobs``, each call in a process of its own.

For a server, a night and a backtest: the memory that a fit took is given back, and a fit that kills its process
(LightGBM aborts on some inputs, memory runs out) kills that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Progress, Silent, Workspace
from cvo_ml.predict import LoadedModels
from cvo_ml.workflows.train import (
    RefusedModel,
    StaticModel,
    StaticRequest,
    TrainedModel,
    TrainingSettings,
    TrainRequest,
)
from training import jobs
from training.child_process import call


def train_models(request: TrainRequest, workspace: Workspace) -> Sequence[TrainedModel | RefusedModel]:
    """As ``jobs.train_models``; an error has the class and the sentence that it had there."""
    return call(_train_models, request, replace(workspace, progress=Silent()), progress=workspace.progress)


def train_static(request: StaticRequest, workspace: Workspace) -> StaticModel | RefusedModel:
    """As ``jobs.train_static``."""
    return call(_train_static, request, replace(workspace, progress=Silent()), progress=workspace.progress)


def train_at(tables: Tables, as_of: date, settings: TrainingSettings, progress: Progress) -> LoadedModels:
    """As ``jobs.train_at``; the bundles come as plain data and are parsed here."""
    bundles, refused = call(jobs.bundles_at, tables, as_of, settings, progress=progress)
    return LoadedModels.of(*bundles, refused=refused).trusting(settings.trust)


def _train_models(
    request: TrainRequest, workspace: Workspace, progress: Progress
) -> Sequence[TrainedModel | RefusedModel]:
    return jobs.train_models(request, replace(workspace, progress=progress))


def _train_static(request: StaticRequest, workspace: Workspace, progress: Progress) -> StaticModel | RefusedModel:
    return jobs.train_static(request, replace(workspace, progress=progress))
