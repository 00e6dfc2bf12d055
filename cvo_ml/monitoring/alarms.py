"""Silent failures said aloud: a run beside the run before it, the model's training, and its outcomes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import PartlyDone, UsageError
from cvo_ml.monitoring.ledger import Closed
from cvo_ml.monitoring.outcome_summary import loss_beside_promise

#: seconds after which a webhook counts as unreachable
PATIENCE: Final = 10.0


class NotDelivered(PartlyDone):
    """The alarms were found and could not be sent."""


@dataclass(frozen=True)
class Alarm:
    """One finding: an alarm needs somebody today, a notice does not."""

    level: Literal["alarm", "notice"]
    code: str
    text: str

    def as_dict(self) -> dict[str, str]:
        """JSON-ready."""
        return asdict(self)


def alarms(
    manifest: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    ledger: Sequence[Closed],
    policy: MonitoringPolicy,
    unchanged: bool = False,
) -> list[Alarm]:
    """Everything worth saying about a run, alarms first.

    Parameters
    ----------
    manifest:
        Of the run, with its ``health``.
    before:
        Of the run served for an earlier date, if there is one.
    ledger:
        The outcome ledger; of each model that still scores, the latest closed part speaks about retraining.
    unchanged:
        Whether every score equals that of the run before, although the date is another.

    Raises
    ------
    UsageError
        If the run was stored by a version that kept no health.
    """
    if "health" not in manifest:
        raise UsageError("the current run keeps nothing about its health: score again with this version")
    health = manifest["health"]
    found = [*_volume(manifest, before, policy), *_freshness(health, policy)]
    if unchanged and before is not None:
        found.append(
            Alarm(
                "alarm",
                "unchanged_output",
                f"every score equals that of {before['as_of']}: is the extract the old one?",
            )
        )
    for name, model in health["models"].items():
        for rule in MODEL_RULES:
            found += rule(name, model, policy)
    versions = {name: model.get("version") for name, model in manifest["models"].items()}
    found += _performance([closed for closed in ledger if closed.facts["version"] in versions.values()], policy)
    return sorted(found, key=lambda alarm: alarm.level)


def _volume(manifest: Mapping[str, Any], before: Mapping[str, Any] | None, policy: MonitoringPolicy) -> Iterator[Alarm]:
    if before is None:
        return
    now_held, then_held = manifest["health"], before.get("health", {})
    pairs = {what: (now_held[what], then_held.get(what, 0)) for what in ("customers", "orders")}
    for what, (now, then) in pairs.items():
        if now < then * (1 - policy.volume_drop):
            yield Alarm(
                "alarm",
                "volume_drop",
                f"{now:,} {what}, {then:,} on {before['as_of']} ({now / then - 1:.0%}): was the extract cut?",
            )


def _freshness(health: Mapping[str, Any], policy: MonitoringPolicy) -> Iterator[Alarm]:
    days = health["days_since_last_order"]
    if days is not None and days > policy.stale_days:
        yield Alarm("alarm", "stale_input", f"the last order is {days:,} days older than the run: give a newer extract")


def _scored(name: str, model: Mapping[str, Any], policy: MonitoringPolicy) -> Iterator[Alarm]:
    if not model["eligible"]:
        return
    share = model["scored"] / model["eligible"]
    if share < policy.least_scored:
        yield Alarm(
            "alarm",
            "customers_left_out",
            f"{name}: only {share:.1%} of {model['eligible']:,} eligible customers have a score",
        )


def _constant(name: str, model: Mapping[str, Any], policy: MonitoringPolicy) -> Iterator[Alarm]:
    if model["scored"] >= policy.fewest_customers and model["different_scores"] == 1:
        yield Alarm("alarm", "constant_scores", f"{name}: all {model['scored']:,} customers have the same score")


def _bounds(name: str, model: Mapping[str, Any], policy: MonitoringPolicy) -> Iterator[Alarm]:
    for parameter, value in model["parameters"].items():
        if not 1 / policy.parameter_bound < value < policy.parameter_bound:
            yield Alarm(
                "alarm",
                "parameter_on_bound",
                f"{name}: {parameter} = {value:.3g} lies on a bound: train again, or on more data",
            )
    if model["parameters"].get("q", 2.0) <= 1:
        yield Alarm(
            "alarm",
            "no_mean_value",
            f"{name}: Gamma-Gamma q = {model['parameters']['q']:.3g} has no mean: values are pooled",
        )


def _drift(name: str, model: Mapping[str, Any], policy: MonitoringPolicy) -> Iterator[Alarm]:
    moved = model.get("drift")
    if moved is None or moved["rows"] < policy.fewest_customers:
        return
    score = moved["score"]
    if score["psi"] > max(policy.score_psi, score["chance"]):
        features = [feature for feature, shift in moved["features"].items() if shift["psi"] > policy.feature_psi][:3]
        because = f"; most moved: {', '.join(features)}" if features else ""
        yield Alarm(
            "alarm", "score_drift", f"{name}: scores have moved from those in training, PSI {score['psi']:.2f}{because}"
        )
    for feature, shift in list(moved["features"].items())[:5]:
        if shift["psi"] > max(policy.feature_psi, shift["chance"]):
            yield Alarm("notice", "feature_drift", f"{name}: {feature} has moved, PSI {shift['psi']:.2f}")


MODEL_RULES: Final[tuple[Callable[[str, Mapping[str, Any], MonitoringPolicy], Iterator[Alarm]], ...]] = (
    _scored,
    _constant,
    _bounds,
    _drift,
)


def _performance(ledger: Sequence[Closed], policy: MonitoringPolicy) -> Iterator[Alarm]:
    """Retrain when outcomes are surely worse than training promised: loss that was measured, not the calendar."""
    latest = {closed.facts["part"]: closed for closed in ledger}
    for part, closed in latest.items():
        found = loss_beside_promise(closed)
        if found is None or found["excess"]["lower"] <= policy.retrain_excess * found["promised"]:
            continue
        yield Alarm(
            "alarm",
            "retrain",
            f"{part}: {found['measure']} of {closed.facts['as_of']} was {found['realised']:.3g}, training promised "
            f"{found['promised']:.3g} (excess {found['excess']['lower']:+.2g} to {found['excess']['upper']:+.2g}): "
            f"run 'cvo train {part}'",
        )


def send(found: Sequence[Alarm], url: str, about: Mapping[str, Any]) -> None:
    """POST the alarms as JSON, without anything about customers.

    Raises
    ------
    UsageError
        If the address is not http(s).
    NotDelivered
        If the receiver cannot be reached or refuses.
    """
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"--webhook {url!r} is not an http(s) address")
    body = json.dumps({**about, "alarms": [alarm.as_dict() for alarm in found]}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 (checked above)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310 (checked above)
            pass
    except OSError as error:  # URLError and timeouts among them
        raise NotDelivered(f"{url}: the alarms could not be delivered ({error}): they stand above") from None
