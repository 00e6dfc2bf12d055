"""What looks wrong with the current run, said aloud and sent on."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import GateClosed
from cvo_ml.core.result import Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.store import current_run, served_runs
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.monitoring import ledger
from cvo_ml.monitoring.alarms import Alarm, alarms, send
from cvo_ml.workflows.outcomes import same_scores

LOGGER: Final = logging.getLogger(__name__)


class MonitorRequest(FrozenConfig):
    """What to hold the run to.

    Parameters
    ----------
    policy:
        A file of thresholds; None = ``policies/monitoring.yaml``.
    """

    policy: Path | None = None


@dataclass(frozen=True)
class MonitorResult(Result):
    """The findings about a run, alarms first."""

    shop: str
    as_of: str
    run: str
    alarms: tuple[Alarm, ...]

    def failure(self) -> GateClosed | None:
        """What stops whatever a scheduler would run next: an alarm, not a notice."""
        serious = [alarm for alarm in self.alarms if alarm.level == "alarm"]
        if not serious:
            return None
        return GateClosed(f"{len(serious)} alarm{'s' * (len(serious) > 1)} about the run of {self.as_of}")


def monitor(request: MonitorRequest, workspace: Workspace) -> MonitorResult:
    """The current run beside the run before it, the model's training, and the outcomes so far.

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
    return MonitorResult(str(run.manifest["shop"]), str(run.manifest["as_of"]), run.name, tuple(found))


def deliver(result: MonitorResult, webhook: str) -> None:
    """POST the findings as JSON; nothing where there is none.

    Raises
    ------
    NotDelivered
        If the webhook cannot be reached.
    """
    if result.alarms:
        send(list(result.alarms), webhook, {"shop": result.shop, "as_of": result.as_of, "run": result.run})
