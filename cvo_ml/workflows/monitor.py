"""What looks wrong with the current run, said aloud and sent on."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import CvoError, GateClosed, PartlyDone, UsageError
from cvo_ml.core.result import OPTIONAL, Json, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.secrets import Secret
from cvo_ml.core.store import current_run, served_runs
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.crm.http import HttpClient, NotAnswered, target_of
from cvo_ml.monitoring import ledger
from cvo_ml.monitoring.alarms import Alarm, alarms
from cvo_ml.workflows.outcomes import same_scores

LOGGER: Final = logging.getLogger(__name__)


class NotDelivered(PartlyDone):
    """The alarms were found and could not be sent."""


class MonitorRequest(FrozenConfig):
    """What to hold the run to, and whom to tell.

    Parameters
    ----------
    policy:
        A file of thresholds; None = ``policies/monitoring.yaml``.
    webhook:
        An address that the alarms are sent to, of a host that the policy allows.
    """

    policy: Path | None = None
    webhook: Secret | None = None


@dataclass(frozen=True)
class Delivery(Result):
    """Whether the alarms reached a webhook: a 2xx to the POST itself, and nothing else.

    Parameters
    ----------
    to:
        The host, without the path that is its key.
    why:
        Why they did not; empty where they did, or where there were none.
    is_refused:
        Nothing was tried: the address is not one that may be sent to.
    """

    delivered: bool
    to: str = ""
    why: str = ""
    is_refused: bool = False


@dataclass(frozen=True)
class MonitorResult(Result):
    """The findings about a run, alarms first; they stand here whether or not they were sent."""

    shop: str
    as_of: str
    run: str
    alarms: tuple[Alarm, ...]
    delivery: Delivery | None = field(default=None, metadata=OPTIONAL)

    def failure(self) -> CvoError | None:
        """What stops whatever a scheduler would run next: news that did not arrive, or an alarm; not a notice."""
        if self.delivery is not None and self.delivery.why:
            if self.delivery.is_refused:
                return UsageError(self.delivery.why)
            return NotDelivered(f"the alarms could not be delivered, they stand above: {self.delivery.why}")
        serious = [alarm for alarm in self.alarms if alarm.level == "alarm"]
        if not serious:
            return None
        return GateClosed(f"{len(serious)} alarm{'s' * (len(serious) > 1)} about the run of {self.as_of}")


def monitor(request: MonitorRequest, workspace: Workspace) -> MonitorResult:
    """The current run beside the run before it, the model's training, and the outcomes so far; sent on if asked.

    Raises
    ------
    StoreError
        If nothing was scored.
    ConfigError
        If the policy is wrong.
    """
    policy = load_config(
        request.policy or default_config("policies/monitoring.yaml", workspace.configs), MonitoringPolicy
    )
    with logged(LOGGER, "monitor") as facts:
        workspace = workspace.as_published()
        run = current_run(workspace.scores)
        earlier = served_runs(workspace.scores, before=parse_as_of(str(run.manifest["as_of"])))
        before = next((served for _, served in earlier), None)
        unchanged = before is not None and same_scores(run, before)
        closed = ledger.read(workspace.outcome_ledger)
        found = alarms(run, before, closed, policy, unchanged)
        facts["alarms"] = sum(alarm.level == "alarm" for alarm in found)
    for alarm in found:
        LOGGER.info("%s: %s", alarm.code, alarm.text, extra={"facts": {"finding": alarm.level, "code": alarm.code}})
    result = MonitorResult(str(run.manifest["shop"]), str(run.manifest["as_of"]), run.name, tuple(found))
    return result if request.webhook is None else replace(result, delivery=_deliver(result, request.webhook, policy))


def _deliver(result: MonitorResult, webhook: Secret, policy: MonitoringPolicy) -> Delivery:
    """POST the findings, where there are any; the address is looked at all the same."""
    try:
        target = target_of(webhook, policy.webhooks, "--webhook", "webhooks of the monitoring policy")
        client = HttpClient()
    except UsageError as refused:
        return Delivery(False, "", str(refused), is_refused=True)
    if not result.alarms:
        return Delivery(False, target.shown)
    about: dict[str, Json] = {"shop": result.shop, "as_of": result.as_of, "run": result.run}
    body = {**about, "alarms": [alarm.to_json() for alarm in result.alarms]}
    try:
        answer = client.post_json(target, body, read=False)
    except NotAnswered as unanswered:
        return Delivery(False, target.shown, str(unanswered))
    except UsageError as refused:
        return Delivery(False, target.shown, str(refused), is_refused=True)
    if answer.is_success:
        return Delivery(True, target.shown)
    points = f" and points to {answer.points_to}, where nothing was sent" if answer.points_to else ""
    return Delivery(False, target.shown, f"{target.shown}: answered {answer.status}{points}: look at the webhook")
