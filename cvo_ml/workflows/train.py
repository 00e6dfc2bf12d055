"""Train and register models: what is asked, what became of it, and who does it.

The jobs that fit are no part of the wheel. Whoever calls ``train`` hands them in as a ``Trainer``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Protocol, TypeVar

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.jobs import load_job
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.readiness import ReadinessPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import CvoError, GateClosed, ModelRefused, UsageError
from cvo_ml.core.models import CHURN, CLV, MODEL_NAMES
from cvo_ml.core.result import Json, Result
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Progress, Workspace
from cvo_ml.features.own import NOBODY, FeatureFile, Trust
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.trusted_code import trust_file, trust_of
from cvo_ml.registry.tracking.promotion import When

Job = TypeVar("Job", bound=FrozenConfig)

#: Jobs whose settings another one reads too: the model of purchases inside churn is fitted as the CLV job says.
READS: Final[Mapping[str, tuple[str, ...]]] = {CHURN.name: (CLV.name,)}


class TrainRequest(FrozenConfig):
    """What to train.

    Parameters
    ----------
    names:
        Of the models, each once or more.
    as_of:
        The cut: nothing later is known.
    overrides:
        Such as ``churn.horizon=60D``.
    promote:
        What becomes of a challenger.
    tune:
        Budget of a search for better churn trees: trials, or minutes such as ``10min``.
    trust_code:
        Run the features of the user's own that a job's file names, and put them on the list of trusted code. Those
        that an override names are the user's word already.
    """

    names: tuple[str, ...]
    shop: ShopConfig
    as_of: date
    overrides: tuple[str, ...] = ()
    promote: When = "never"
    tune: str | None = None
    trust_code: bool = False


class StaticRequest(FrozenConfig):
    """Churn on a table without dates.

    Parameters
    ----------
    label, positive:
        The column that says who churned, and its value for yes.
    """

    table: Path
    label: str
    positive: str | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainedModel(Result):
    """A registered version.

    Parameters
    ----------
    registered:
        Its number.
    role, why:
        Champion or challenger, and the reason.
    """

    name: str
    kind: str
    grade: str
    version: str
    registered: int
    role: str
    why: str
    metrics: Mapping[str, float]
    parameters: Mapping[str, Json]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """As ``cvo train --json`` prints it."""
        return {"event": "trained", **super().to_json()}


@dataclass(frozen=True)
class StaticModel(Result):
    """A tracked model of a table without dates, which is not registered."""

    name: str
    kind: str
    version: str
    metrics: Mapping[str, float]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """As ``cvo train --static --json`` prints it."""
        return {"event": "trained", **super().to_json()}


@dataclass(frozen=True)
class RefusedModel(Result):
    """Why there is no model: a short code, and a sentence."""

    name: str
    reason: str
    text: str

    def to_json(self) -> dict[str, Json]:
        """As ``cvo train --json`` prints it."""
        return {"event": "refused", **super().to_json()}


@dataclass(frozen=True)
class TrainResult(Result):
    """What became of each model, in the order in which they were trained."""

    models: tuple[TrainedModel | StaticModel | RefusedModel, ...]

    @property
    def refused(self) -> dict[str, str]:
        """The reason code of each model that was refused."""
        return {model.name: model.reason for model in self.models if isinstance(model, RefusedModel)}

    def refusal(self) -> ModelRefused | None:
        """The refusal of the one model that was to be trained."""
        refused = [model for model in self.models if isinstance(model, RefusedModel)]
        return ModelRefused(refused[0].text, reason_code=refused[0].reason) if refused else None

    def failure(self, promote: When) -> CvoError | None:
        """What the command ends with although each model has been told of; None where all is well.

        Parameters
        ----------
        promote:
            As it was asked for: a challenger is then no success.
        """
        if len(self.refused) == len(self.models):
            return ModelRefused("no model was trained: each was refused for the reason given, and the champions stay")
        trained = [model for model in self.models if isinstance(model, TrainedModel)]
        behind = [model.name for model in trained if model.role == "challenger"]
        if promote == "gate" and behind:
            return GateClosed(
                f"{', '.join(behind)}: the champion stays, because a gate is closed: cvo models show {behind[0]}"
            )
        return None


@dataclass(frozen=True)
class TrainingSettings:
    """What the jobs of one call are told.

    Parameters
    ----------
    shop:
        Its name, which goes into each bundle.
    jobs:
        Settings by model; also those of jobs that another one reads.
    minima:
        What the data must hold.
    own:
        Files of the user's own features by model, each read once.
    trust:
        Whose code may run: theirs, and the workspace's list.
    """

    shop: str
    jobs: Mapping[str, FrozenConfig]
    minima: ReadinessPolicy
    own: Mapping[str, FeatureFile] = field(default_factory=dict)
    trust: Trust = NOBODY

    def job(self, kind: type[Job]) -> Job:
        """The settings of one job.

        Raises
        ------
        UsageError
            If they were not loaded.
        """
        for job in self.jobs.values():
            if isinstance(job, kind):
                return job
        raise UsageError(f"no settings of {kind.__name__} were loaded: name its model among those to train")


class TrainAt(Protocol):
    """Fits every model on tables that end at a cut; nothing is tracked."""

    def __call__(self, tables: Tables, as_of: date, settings: TrainingSettings, progress: Progress) -> LoadedModels:
        """The champions that training at the cut gives; a refused model has its reason."""


class Trainer(Protocol):
    """Who trains: the jobs in this process, or the same in a process of their own."""

    def train_models(self, request: TrainRequest, workspace: Workspace) -> Sequence[TrainedModel | RefusedModel]:
        """Fit, grade, track and register each model of the request."""

    def train_static(self, request: StaticRequest, workspace: Workspace) -> StaticModel | RefusedModel:
        """Fit and track churn on a table without dates."""

    def train_at(self, tables: Tables, as_of: date, settings: TrainingSettings, progress: Progress) -> LoadedModels:
        """Fit every model on tables that end at a cut."""


def train(request: TrainRequest, workspace: Workspace, trainer: Trainer) -> TrainResult:
    """Train the named models as of the cut; a model that is refused does not stop the others.

    Raises
    ------
    UsageError
        If a name or an override is unknown, or there is nothing for the search to search.
    ConfigError
        If a job has no such key, or the key not such a value.
    """
    names = tuple(dict.fromkeys(request.names))
    unknown = [name for name in names if name not in MODEL_NAMES]
    if unknown:
        raise UsageError(f"no model {unknown[0]!r}: use {', '.join(MODEL_NAMES)}")
    if request.tune is not None and CHURN.name not in names:
        raise UsageError("--tune searches churn trees, and churn is not among the models: add churn, or leave it out")
    check_overrides(names, request.overrides, workspace.configs)
    with workspace.progress.step(f"Training {', '.join(names)}"):
        return TrainResult(tuple(trainer.train_models(request.model_copy(update={"names": names}), workspace)))


def train_static(request: StaticRequest, workspace: Workspace, trainer: Trainer) -> TrainResult:
    """Train churn on a table without dates.

    Raises
    ------
    UsageError, ConfigError
        If an override is unknown.
    """
    check_overrides((CHURN.name,), request.overrides, workspace.configs)
    with workspace.progress.step(f"Training {CHURN.name} on {request.table.name}"):
        return TrainResult((trainer.train_static(request, workspace),))


def training_settings(
    names: Sequence[str], overrides: Sequence[str], shop: str, workspace: Workspace, trust_code: bool = False
) -> TrainingSettings:
    """The settings of the named jobs, and of those that they read.

    Raises
    ------
    ConfigError
        If a file or an override is wrong.
    ModelRefused
        If a job's file names code that neither the user nor the workspace trusts.
    """
    configs = workspace.configs
    read = dict.fromkeys([*names, *(other for name in names for other in READS.get(name, ()))])
    minima = load_config(default_config("policies/readiness.yaml", configs), ReadinessPolicy)
    jobs = {name: load_job(name, overrides, configs) for name in read}
    trust = trust_of(workspace.tracking)
    own: dict[str, FeatureFile] = {}
    for name, named in {name: getattr(job, "features", None) for name, job in jobs.items()}.items():
        if named is None:
            continue
        typed = any(text.partition("=")[0].strip() == f"{name}.features" for text in overrides)
        job_file = default_config(f"jobs/{name}.yaml", configs)
        path = Path(named) if typed else job_file.parent / named
        own[name] = FeatureFile.read(path)
        if typed or trust_code:  # the user's word
            trust_file(workspace.tracking, own[name], path)
            trust = trust.joined([own[name]])
        trust.check(own[name], str(job_file))
    return TrainingSettings(shop, jobs, minima, own, trust)


def check_overrides(names: Sequence[str], overrides: Sequence[str], configs: Path | None) -> None:
    """Refuse a --set that would change nothing or cannot be, before anything is written.

    Raises
    ------
    UsageError
        If it is not job.key=value, or of a job that is not trained here, nor read by one that is.
    ConfigError
        If the job has no such key, or the key not such a value.
    """
    read = dict.fromkeys([*names, *(other for name in names for other in READS.get(name, ()))])
    for text in overrides:
        job, dot, _ = text.partition("=")[0].partition(".")
        if not dot or "=" not in text:
            raise UsageError(f"--set {text!r} is not job.key=value, such as churn.horizon=60D")
        if job not in read:
            raise UsageError(f"--set {text!r} is for {job!r}, which is not trained here: use {', '.join(read)}")
    for name in read:
        load_job(name, overrides, configs)
