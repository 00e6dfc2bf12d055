"""When a run of scores is worth an alarm (``configs/policies/monitoring.yaml``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cvo_ml.config.addresses import AllowedHosts
from cvo_ml.config.base import Days, FrozenConfig, PositiveCount, ProperShare


class MonitoringPolicy(FrozenConfig):
    """Thresholds of the alarms; the meaning of each stands in the file."""

    score_psi: Annotated[float, Field(gt=0)] = 0.2
    feature_psi: Annotated[float, Field(gt=0)] = 0.25
    volume_drop: ProperShare = 0.1
    stale_days: Days = 30
    least_scored: ProperShare = 0.999
    fewest_customers: PositiveCount = 50
    parameter_bound: Annotated[float, Field(gt=1)] = 1e6
    retrain_excess: Annotated[float, Field(ge=0)] = 0.05
    webhooks: AllowedHosts = AllowedHosts()
