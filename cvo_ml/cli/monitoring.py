"""``cvo monitor`` and the ledger's table: whether a night's run looks right, and what became of the scores."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cvo_ml import workflows
from cvo_ml.cli.options import CONFIGS
from cvo_ml.cli.terminal import console, print_json
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import GateClosed
from cvo_ml.monitoring.alarms import send

STYLE: Final = {"alarm": "bold red", "notice": "yellow"}


def monitor(out: Path, policy_file: Path | None, webhook: str | None, as_json: bool) -> None:
    """Say what is worth saying about the current run.

    Raises
    ------
    GateClosed
        If there is an alarm: the exit code stops what a scheduler would run next.
    NotDelivered
        If the webhook cannot be reached.
    """
    policy = load_config(policy_file or default_config("policies/monitoring.yaml", CONFIGS), MonitoringPolicy)
    run, found = workflows.alarms_of(out, policy)
    about = {"shop": run.manifest["shop"], "as_of": run.manifest["as_of"], "run": run.name}
    if as_json:
        print_json({**about, "alarms": [alarm.as_dict() for alarm in found]})
    else:
        for alarm in found:
            console.print(f"[{STYLE[alarm.level]}]{alarm.level}[/] ", end="")
            console.print(f"{alarm.code}: {alarm.text}", highlight=False, markup=False)
        if not found:
            console.print(f"[green]✓[/] {about['shop']}, {about['as_of']}: nothing to report", highlight=False)
    if webhook is not None and found:
        send(found, webhook, about)
    serious = [alarm for alarm in found if alarm.level == "alarm"]
    if serious:
        raise GateClosed(f"{len(serious)} alarm{'s' * (len(serious) > 1)} about the run of {about['as_of']}")
