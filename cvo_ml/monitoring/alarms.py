"""Silent failures said aloud: a run against the run before it, the model's training, and its outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import UsageError
from cvo_ml.core.result import Result
from cvo_ml.core.store import StoredRun
from cvo_ml.monitoring.health import Health, ModelHealth, stored_health
from cvo_ml.monitoring.ledger import Closed
from cvo_ml.monitoring.outcome_summary import excess_loss


@dataclass(frozen=True)
class Alarm(Result):
    """One finding: an alarm needs somebody today, a notice does not."""

    level: Literal["alarm", "notice"]
    code: str
    text: str


@dataclass(frozen=True)
class RunState:
    """What the alarms look at: the date of a run, its health, and the versions of the models that scored it."""

    as_of: str
    health: Health
    versions: frozenset[str]

    @classmethod
    def of(cls, run: StoredRun) -> RunState:
        """From what the run keeps; a run without health counts as empty.

        Raises
        ------
        DamagedFile
            If its health is none.
        """
        versions = {model.get("version") for model in run.manifest["models"].values()}
        return cls(str(run.manifest["as_of"]), stored_health(run) or Health(), frozenset(versions - {None}))


def alarms(
    run: StoredRun,
    before: StoredRun | None,
    ledger: Sequence[Closed],
    policy: MonitoringPolicy,
    unchanged: bool = False,
) -> list[Alarm]:
    """Everything worth saying about a run, alarms first.

    Parameters
    ----------
    run:
        With its health.
    before:
        The run served for an earlier date, if there is one.
    ledger:
        The outcome ledger; of each model that still scores, the latest closed part speaks about retraining.
    unchanged:
        Whether every score equals that of the run before, although the date is another.

    Raises
    ------
    UsageError
        If the run was stored by a version that kept no health.
    """
    if stored_health(run) is None:
        raise UsageError("the current run keeps nothing about its health: score again with this version")
    now, then = RunState.of(run), None if before is None else RunState.of(before)
    findings = [*_volume(now, then, policy), *_freshness(now.health, policy)]
    if unchanged and then is not None:
        text = f"every score equals that of {then.as_of}: is the extract the old one?"
        findings.append(Alarm("alarm", "unchanged_output", text))
    for name, model in now.health.models.items():
        for rule in MODEL_RULES:
            findings += rule(name, model, policy)
    findings += _performance([closed for closed in ledger if closed.facts.version in now.versions], policy)
    return sorted(findings, key=lambda alarm: alarm.level)


def _volume(now: RunState, then: RunState | None, policy: MonitoringPolicy) -> Iterator[Alarm]:
    if then is None:
        return
    for what in ("customers", "orders"):
        count, earlier = getattr(now.health, what), getattr(then.health, what)
        if count < earlier * (1 - policy.volume_drop):
            yield Alarm(
                "alarm",
                "volume_drop",
                f"{count:,} {what}, {earlier:,} on {then.as_of} ({count / earlier - 1:.0%}): was the extract cut?",
            )


def _freshness(health: Health, policy: MonitoringPolicy) -> Iterator[Alarm]:
    days = health.days_since_last_order
    if days is not None and days > policy.stale_days:
        yield Alarm("alarm", "stale_input", f"the last order is {days:,} days older than the run: give a newer extract")


def _scored(name: str, model: ModelHealth, policy: MonitoringPolicy) -> Iterator[Alarm]:
    if not model.eligible:
        return
    share = model.scored / model.eligible
    if share < policy.least_scored:
        yield Alarm(
            "alarm",
            "customers_left_out",
            f"{name}: only {share:.1%} of {model.eligible:,} eligible customers have a score",
        )


def _constant(name: str, model: ModelHealth, policy: MonitoringPolicy) -> Iterator[Alarm]:
    if model.scored >= policy.fewest_customers and model.different_scores == 1:
        yield Alarm("alarm", "constant_scores", f"{name}: all {model.scored:,} customers have the same score")


def _bounds(name: str, model: ModelHealth, policy: MonitoringPolicy) -> Iterator[Alarm]:
    for parameter, value in model.parameters.items():
        if not 1 / policy.parameter_bound < value < policy.parameter_bound:
            yield Alarm(
                "alarm",
                "parameter_on_bound",
                f"{name}: {parameter} = {value:.3g} lies on a bound: train again, or on more data",
            )
    if (q := model.parameters.get("q", 2.0)) <= 1:
        yield Alarm(
            "alarm",
            "no_mean_value",
            f"{name}: Gamma-Gamma q = {q:.3g} has no mean: values are pooled",
        )


def _drift(name: str, model: ModelHealth, policy: MonitoringPolicy) -> Iterator[Alarm]:
    moved = model.drift
    if moved is None or moved.rows < policy.fewest_customers:
        return
    if moved.score.psi > max(policy.score_psi, moved.score.chance):
        features = [feature for feature, shift in moved.features.items() if shift.psi > policy.feature_psi][:3]
        because = f"; most moved: {', '.join(features)}" if features else ""
        text = f"{name}: scores have moved from those in training, PSI {moved.score.psi:.2f}{because}"
        yield Alarm("alarm", "score_drift", text)
    for feature, shift in list(moved.features.items())[:5]:
        if shift.psi > max(policy.feature_psi, shift.chance):
            yield Alarm("notice", "feature_drift", f"{name}: {feature} has moved, PSI {shift.psi:.2f}")


MODEL_RULES: Final[tuple[Callable[[str, ModelHealth, MonitoringPolicy], Iterator[Alarm]], ...]] = (
    _scored,
    _constant,
    _bounds,
    _drift,
)


def _performance(ledger: Sequence[Closed], policy: MonitoringPolicy) -> Iterator[Alarm]:
    """Retrain when outcomes are surely worse than training promised: loss that was measured, not the calendar."""
    latest = {closed.facts.part: closed for closed in ledger}
    for part, closed in latest.items():
        loss = excess_loss(closed)
        if loss is None or loss.excess.lower <= policy.retrain_excess * loss.promised:
            continue
        yield Alarm(
            "alarm",
            "retrain",
            f"{part}: {loss.measure} of {closed.facts.as_of} was {loss.actual:.3g}, training promised "
            f"{loss.promised:.3g} (excess {loss.excess.lower:+.2g} to {loss.excess.upper:+.2g}): "
            f"run 'cvo train {part}'",
        )
