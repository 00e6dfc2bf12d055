"""Search for better trees; what is found replaces the default only if it surely wins in a window that no trial saw."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import optuna

from cvo_ml.config.boosted import Trees
from cvo_ml.config.jobs import ChurnJob
from cvo_ml.config.loader import as_mapping
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import ModelRefused, UsageError
from cvo_ml.core.files import canonical_json
from cvo_ml.core.tables import Tables
from cvo_ml.features.own import OwnFeatures
from cvo_ml.report.text.models import gained
from cvo_ml.stats.calibration import log_loss
from cvo_ml.stats.intervals import Interval, mean_interval
from training.churn.dataset import ChurnWindow, closed, closed_dates, raw_of, stacked, windows_of
from training.churn.recipe import MINIMA, grown
from training.churn.sections import ChurnSections, sections_of
from training.clv.sections import PurchaseSpec

SEED: Final = 7
#: Parts of the customers where no earlier window can judge a later one.
PARTS: Final = 3


@dataclass(frozen=True)
class Budget:
    """How long to search: so many trials in all, or so many minutes in this call."""

    trials: int | None = None
    minutes: float | None = None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """``30`` is trials, ``10min`` minutes.

        Raises
        ------
        UsageError
            If it is neither.

        Examples
        --------
        >>> Budget.parse("30"), Budget.parse("2.5min")
        (Budget(trials=30, minutes=None), Budget(trials=None, minutes=2.5))
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(min)?", text.strip())
        if match and match[2] and float(match[1]) > 0:
            return cls(minutes=float(match[1]))
        if match and not match[2] and match[1].isdigit() and int(match[1]) > 0:
            return cls(trials=int(match[1]))
        raise UsageError(f"--tune {text!r} is no budget: give a number of trials such as 30, or minutes such as 10min")


@dataclass(frozen=True)
class Tuned:
    """The job to train with, and how it was found.

    Parameters
    ----------
    advantage:
        Of the best trial over the job's own trees in the last closed window, in log loss.
    """

    job: ChurnJob
    replaced: bool
    advantage: Interval
    document: Mapping[str, Any]

    @property
    def note(self) -> str:
        """One sentence for people."""
        taken = "replaces the default" if self.replaced else "does not replace the default, which may be as good"
        return f"tuning: the best of {self.document['trials']} trials {taken}: log loss {gained(self.advantage)}"


class Parent(Protocol):
    """A tracked run that opens runs below itself."""

    def nested(self, name: str, tags: Mapping[str, str] | None = None) -> AbstractContextManager[Any]:
        """A run below."""


def tune(
    tables: Tables,
    as_of: date,
    job: ChurnJob,
    budget: Budget,
    storage: Path,
    name: str,
    minima: ChurnMinima = MINIMA,
    run: Parent | None = None,
    purchases: PurchaseSpec | None = None,
    own: OwnFeatures | None = None,
) -> Tuned:
    """Search the trees' settings by TPE with median pruning, on windows that were closed before the last one.

    A study that was killed goes on where it stopped: its trials are in ``storage``, under a name made of ``name``, the
    date, the job and the rows.

    Raises
    ------
    ModelRefused
        As ``train_churn``.
    """
    sections = sections_of(job, purchases, own)
    dates = closed_dates(tables, as_of, sections.dataset, minima)
    windows = windows_of(tables, dates, sections.dataset)
    past = closed(windows, dates[-1], sections.dataset)
    score, how = objective(past, sections, minima)
    study = resumed(storage, study_name(name, as_of, job, past))
    left = None if budget.trials is None else max(0, budget.trials - len(finished(study)))
    if left != 0:
        study.optimize(
            lambda trial: tracked(trial, run, lambda: score(trial, suggested(trial, job.trees))),
            n_trials=left,
            timeout=None if budget.minutes is None else 60 * budget.minutes,
        )
    return decided(study, past, windows[-1], job, sections, minima, how)


def objective(
    past: list[ChurnWindow], sections: ChurnSections, minima: ChurnMinima
) -> tuple[Callable[[optuna.Trial, Trees], float], str]:
    """The mean log loss over folds, and what the folds are.

    A fold is a later window with the windows closed before it; where there is none, a third of the customers with all
    windows of the others.
    """
    data = sections.dataset
    pairs = [(closed(past, window.day, data), window) for window in past[-sections.calibration.windows :]]
    pairs, how = [(learn, window) for learn, window in pairs if learn], "later windows"
    if not pairs:
        pairs, how = by_customer(past), "other customers"

    def score(trial: optuna.Trial, trees: Trees) -> float:
        losses: list[float] = []
        few = ChurnMinima(of_each_outcome=min(20, minima.of_each_outcome))
        for place, (learn, window) in enumerate(pairs):
            try:
                model = grown(learn, data, sections.with_trees(trees).trees, few)
            except ModelRefused:
                continue
            losses.append(float(log_loss(window.churned, raw_of(model, window)).mean()))
            trial.report(float(np.mean(losses)), place)
            if trial.should_prune():
                raise optuna.TrialPruned
        if not losses:
            raise optuna.TrialPruned
        return float(np.mean(losses))

    return score, how


def by_customer(past: list[ChurnWindow]) -> list[tuple[list[ChurnWindow], ChurnWindow]]:
    """Each third of the customers in the latest window, with the windows of the other customers."""
    found = []
    for part in range(PARTS):
        inside = [np.array([_part(customer) == part for customer in window.X.index]) for window in past]
        learn = [_some(window, ~own) for window, own in zip(past, inside, strict=True)]
        found.append((learn, _some(past[-1], inside[-1])))
    return found


def suggested(trial: optuna.Trial, default: Trees) -> Trees:
    """The trial's trees; what is not searched is as in the default."""
    parameters = {
        **default.parameters,
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 3, 31, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 20, 400, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 1.0),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 30.0, log=True),
    }
    rounds = trial.suggest_int("rounds", 20, 300, log=True)
    return Trees(rounds=rounds, parameters=parameters)


def tracked(trial: optuna.Trial, run: Parent | None, work: Callable[[], float]) -> float:
    """Run a trial inside a run of its own below ``run``; a pruned one says so."""
    if run is None:
        return work()
    with run.nested(f"trial {trial.number}") as own:
        try:
            value = work()
        except optuna.TrialPruned:
            own.log_params(trial.params)
            own.set_tags({"pruned": "true"})
            raised = True
        else:
            own.log_params(trial.params)
            own.log_metrics({"log_loss": value})
            raised = False
    if raised:
        raise optuna.TrialPruned
    return value


def resumed(storage: Path, name: str) -> optuna.Study:
    """The study in the sqlite file, made if it is not there; trials of a killed process count as failed."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=name, storage=f"sqlite:///{storage}", load_if_exists=True, direction="minimize"
    )
    for trial in study.trials:
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    # a resumed search must not draw the same first points again
    study.sampler = optuna.samplers.TPESampler(seed=SEED + len(study.trials))
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=5)
    return study


def study_name(name: str, as_of: date, job: ChurnJob, past: list[ChurnWindow]) -> str:
    """The same data and job find their trials again; others begin anew."""
    X, y = stacked(past)
    rows = hashlib.sha256(y.tobytes() + np.ascontiguousarray(X.select_dtypes("number").to_numpy()).tobytes())
    own = hashlib.sha256(canonical_json(as_mapping(job)).encode())
    return f"{name} {as_of} {own.hexdigest()[:8]} {rows.hexdigest()[:8]}"


def finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that ended, pruned or not."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return [trial for trial in study.trials if trial.state in ended]


def decided(
    study: optuna.Study,
    past: list[ChurnWindow],
    last: ChurnWindow,
    job: ChurnJob,
    sections: ChurnSections,
    minima: ChurnMinima,
    how: str,
) -> Tuned:
    """The best trial beside the job's own trees in the last window, which no trial saw."""
    done = finished(study)
    complete = [trial for trial in done if trial.value is not None and trial.state.name != "PRUNED"]
    if not complete:
        raise ModelRefused("churn: no trial of the tuning came to an end: give a larger budget", reason_code="untuned")
    best = min(complete, key=lambda trial: (float(trial.value or 0.0), trial.number))
    # a fixed trial answers as a trial does, but Optuna derives it from a private base
    trees = suggested(optuna.trial.FixedTrial(best.params), job.trees)  # type: ignore[arg-type]
    both = (sections.with_trees(trees).trees, sections.trees)
    ours, theirs = (raw_of(grown(past, sections.dataset, each, minima), last) for each in both)
    advantage = mean_interval(log_loss(last.churned, theirs) - log_loss(last.churned, ours))
    replaced = advantage.lower > 0
    document = {
        "study": study.study_name,
        "trials": len(done),
        "pruned": len(done) - len(complete),
        "folds": how,
        "best": {"log_loss": best.value, **best.params},
        "advantage_in_the_last_window": advantage.to_json(),
        "replaces_the_default": replaced,
    }
    tuned = job.model_copy(update={"trees": trees}) if replaced else job
    return Tuned(tuned, replaced, advantage, document)


def _part(customer: str) -> int:
    return hashlib.sha256(str(customer).encode()).digest()[0] % PARTS


def _some(window: ChurnWindow, rows: Flags) -> ChurnWindow:
    return ChurnWindow(window.day, window.X[rows], window.churned[rows], window.days_to_event[rows])
