"""The churn job: what counts as churned, what is learnt from, how it is calibrated and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, ProperShare, Repeats
from cvo_ml.config.boosted import LeakPolicy, Trees
from cvo_ml.core.units import Horizon

Definition = Literal[
    "no_order_within_horizon", "no_order_within_own_gaps", "subscription_ended", "mrr_down", "condition"
]
Calibration = Literal["auto", "none", "shift", "logistic", "beta", "isotonic"]


class OwnGaps(FrozenConfig):
    """``no_order_within_own_gaps``: so many of the customer's own median gaps, never beyond the job's horizon."""

    multiple: Annotated[float, Field(gt=0)] = 3.0
    shortest: Horizon = Horizon("14D")


class MrrDown(FrozenConfig):
    """``mrr_down``: the monthly recurring revenue at the end of the window is lower by at least this share."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.2


class Condition(FrozenConfig):
    """``condition``: a sentence about the rows of a table in the window; it holds for who has churned.

    Parameters
    ----------
    name:
        Travels with the scores.
    table:
        A table with an event time and a customer, such as events or orders.
    where:
        Column to value: only rows that have it count.
    sum_of:
        A number column whose sum is compared; None compares the number of rows.
    below, at_least:
        Exactly one of them: churned if the amount is below, or at least, this.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    table: str
    where: dict[str, str] = {}
    sum_of: str | None = None
    below: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Condition:
        if (self.below is None) == (self.at_least is None):
            raise ValueError("a condition needs exactly one of below and at_least")
        return self


Use = Literal["auto", "always", "never"]


class ChurnCalibration(FrozenConfig):
    """The map from the trees' probabilities to calibrated ones, fitted on windows later than the trees'."""

    method: Calibration = "auto"
    windows: Repeats = 6


class Hazard(FrozenConfig):
    """The time-to-event variant: periods of equal length inside the horizon."""

    enabled: bool = True
    periods: Annotated[int, Field(ge=2, le=24)] = 3


class Offer(FrozenConfig):
    """What keeping a customer costs and achieves, for profit: an assumption until a holdout measures it.

    Parameters
    ----------
    accepts:
        alpha, beta of the Beta law of the share of leaving customers who stay when offered something (Verbraken,
        Verbeke & Baesens 2013).
    incentive, contact:
        Cost of the offer to who takes it, and of the contact, as shares of the customers' mean value in the horizon.
    """

    accepts: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (6.0, 14.0)
    incentive: Annotated[float, Field(ge=0, lt=1)] = 0.05
    contact: Annotated[float, Field(ge=0, lt=1)] = 0.005


@dataclass(frozen=True)
class ChurnOutcome:
    """The section of the job that says what counts as churned."""

    definition: Definition
    horizon: Horizon
    own_gaps: OwnGaps
    mrr_down: MrrDown
    condition: Condition | None


class ChurnJob(FrozenConfig):
    """Churn: who leaves within the horizon.

    Parameters
    ----------
    more_features:
        Further features of the catalogue, and columns of customers as ``profile.<column>``.
    features:
        A Python file of functions with ``@feature``, all of which are read; beside this job's file if it is relative,
        or where the command was started if ``--set`` names it.
    """

    horizon: Horizon = Horizon("90D")
    definition: Definition = "no_order_within_horizon"
    own_gaps: OwnGaps = OwnGaps()
    mrr_down: MrrDown = MrrDown()
    condition: Condition | None = None
    snapshots_every: Horizon = Horizon("30D")
    most_snapshots: Repeats = 12
    shortest_history: Horizon = Horizon("30D")
    model: Literal["horizon", "hazard"] = "horizon"
    trees: Trees = Trees(rounds=60, parameters={"num_leaves": 7, "min_data_in_leaf": 100})
    monotone: dict[str, Literal[-1, 1]] = {}
    more_features: tuple[str, ...] = ()
    features: str | None = None
    btyd_features: bool = False
    stack: Use = "auto"
    season_level: Use = "auto"
    calibration: ChurnCalibration = ChurnCalibration()
    hazard: Hazard = Hazard()
    offer: Offer = Offer()
    bands: dict[str, ProperShare] = {"low": 0.33, "medium": 0.66}
    season: bool = False
    leaks: LeakPolicy = LeakPolicy(known_at_conversion=("country",))

    @model_validator(mode="after")
    def _bands_differ(self) -> ChurnJob:
        if not self.bands or "high" in self.bands or len(set(self.bands.values())) < len(self.bands):
            raise ValueError("bands need different upper edges, and what lies above them is called high")
        return self

    @model_validator(mode="after")
    def _condition_given(self) -> ChurnJob:
        if self.definition == "condition" and self.condition is None:
            raise ValueError("definition 'condition' needs a condition: name, table, and below or at_least")
        return self

    @property
    def outcome(self) -> ChurnOutcome:
        """What counts as churned."""
        return ChurnOutcome(self.definition, self.horizon, self.own_gaps, self.mrr_down, self.condition)

    @property
    def definition_name(self) -> str:
        """The name that travels with the scores.

        Examples
        --------
        >>> ChurnJob(definition="mrr_down").definition_name
        'mrr_down_20pct'
        """
        if self.definition == "no_order_within_own_gaps":
            return f"no_order_within_{self.own_gaps.multiple:g}_own_gaps"
        if self.definition == "mrr_down":
            return f"mrr_down_{100 * self.mrr_down.share:g}pct"
        if self.definition == "condition" and self.condition is not None:
            return self.condition.name
        return self.definition
