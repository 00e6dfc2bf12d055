"""What data must hold before a model is trained on it (``configs/policies/readiness.yaml``).

The readiness report and the training jobs both read it; windows and ages are those of the jobs. Estimators take the
same numbers as defaults where nobody says otherwise.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from cvo_ml.config.base import Days, FrozenConfig, PositiveCount, ProperShare

#: Customers who bought again: fewer cannot carry a buy-till-you-die model or a model of their values.
REPEAT_CUSTOMERS: Final = 100
#: Customers who left, and customers who stayed: fewer of either cannot train a churn model.
CHURN_OUTCOMES: Final = 100
#: Most valuable customers: fewer cannot train a lookalike model.
ICP_POSITIVES: Final = 60
#: Lost leads: with fewer, losses do not count as recorded, and the lost look like those who were never asked.
ICP_LOSSES: Final = 30


class ClvMinima(FrozenConfig):
    """Buy-till-you-die models learn from customers who bought again."""

    repeat_customers: PositiveCount = REPEAT_CUSTOMERS
    total_half_width: ProperShare = 0.2


class ChurnMinima(FrozenConfig):
    """Closed windows to learn from and to test on, and customers of either outcome in each."""

    of_each_outcome: PositiveCount = CHURN_OUTCOMES
    closed_windows: Annotated[int, Field(ge=2)] = 2
    expected_auc: Annotated[float, Field(gt=0.5, lt=1)] = 0.75
    auc_half_width: ProperShare = 0.05


class IcpMinima(FrozenConfig):
    """The most valuable customers among those whose value at a fixed age is known."""

    positives: PositiveCount = ICP_POSITIVES


class Anchor(FrozenConfig):
    """What another product asks for, for comparison; a null is not asked."""

    name: str
    customers: PositiveCount | None = None
    history_days: Days | None = None
    last_order_within_days: Days | None = None
    windows_of_history: Annotated[float, Field(gt=0)] | None = None


class Warnings(FrozenConfig):
    """From where on a finding is worth a sentence."""

    stale_days: Days = 30
    hole_days: Days = 14
    giant_order_times_median: PositiveCount = 100
    giant_order_value_share: ProperShare = 0.01
    refunds_without_order_share: ProperShare = 0.1
    quarantined_share: ProperShare = 0.005


class ReadinessPolicy(FrozenConfig):
    """Minima, the widths that are still useful, and other products' demands."""

    clv: ClvMinima = ClvMinima()
    churn: ChurnMinima = ChurnMinima()
    icp: IcpMinima = IcpMinima()
    warnings: Warnings = Warnings()
    anchors: tuple[Anchor, ...] = (
        Anchor(name="Klaviyo predictive analytics", customers=500, history_days=180, last_order_within_days=30),
        Anchor(name="Dynamics 365 CLV, least", customers=500, windows_of_history=2),
        Anchor(name="Dynamics 365 churn, advised", customers=1000, windows_of_history=2),
    )
