"""What a software vendor has beside leads, deals and accounts: payments, parents, stages, features, research."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, PositiveCount, Share
from cvo_ml.config.simulation.laws import Nonnegative, Positive


class Payments(FrozenConfig):
    """Invoices that fail: some are paid after reminders, the rest end the account (involuntary churn)."""

    fail_share: Share
    recover_share: Share = 0.7
    mean_days: Positive = 5.0


class Parents(FrozenConfig):
    """Accounts that belong to a group: a share of them, in groups of ``size`` on average (at least 2).

    That is the size where sales contact by chance: a group has more accounts where sales find those who buy.
    """

    share: Share
    size: Annotated[float, Field(ge=2)] = 3.0


class LeadStages(FrozenConfig):
    """When marketing called a lead qualified and sales accepted it, and since when such things are written down.

    Whom sales contact has passed both. Of the others ``mql_share`` are called qualified, and never accepted.

    Parameters
    ----------
    slope:
        How strongly marketing's call depends on the true index of winning; 0 = by chance.
    recorded_from:
        Stages, contacts and deals before this day were never written down; the customers that came of them
        are there.
    """

    mql_share: Share = 0.3
    slope: Nonnegative = 0.8
    recorded_from: date | None = None


class LeadTouch(FrozenConfig):
    """A channel before the sale, with its true effect.

    ``causes`` = share of won deals that would not have been won without it; ``follows`` = share of all
    other leads that have it too.
    """

    channel: str
    kind: str
    causes: Share = 0.0
    follows: Share = 0.0
    cost: Nonnegative = 0.0
    is_offline: bool = False


class ProductFeature(FrozenConfig):
    """A feature of the product: who adopts it, what it keeps, how often those without it ask for it.

    Parameters
    ----------
    adopted:
        Share of accounts that use it; 0 for a planned one.
    keeps:
        An account that uses it leaves with 1 - keeps times the probability: the true effect.
    asked_per_month:
        Requests per month of an account without it and of mean size; rises with seats^``by_size``.
    """

    name: str
    status: Literal["existing", "planned"] = "existing"
    persona: str | None = None
    adopted: Share = 0.0
    keeps: Annotated[float, Field(ge=0, lt=1)] = 0.0
    asked_per_month: Nonnegative = 0.0
    by_size: Nonnegative = 0.0

    @model_validator(mode="after")
    def _planned(self) -> ProductFeature:
        if self.status == "planned" and self.adopted:
            raise ValueError(f"feature {self.name!r} is planned, so nobody can have adopted it: set adopted to 0")
        return self


class Conjoint(FrozenConfig):
    """A choice experiment: tasks of alternatives, answered by a multinomial logit with these part-worths.

    Parameters
    ----------
    part_worths:
        Utility of each level, by attribute; the first level's is usually 0.
    price:
        Utility per unit of money, below 0; ``prices`` are the levels shown.
    """

    respondents: PositiveCount
    tasks: PositiveCount = 8
    alternatives: Annotated[int, Field(ge=2, le=6)] = 3
    part_worths: dict[str, dict[str, float]]
    prices: Annotated[tuple[Positive, ...], Field(min_length=2)]
    price: Annotated[float, Field(lt=0)]


class PriceSensitivity(FrozenConfig):
    """Four prices per respondent (van Westendorp) around a known willingness to pay, log-normal over people.

    The answers are willingness times ``ratios`` (too cheap, cheap, expensive, too expensive; ascending),
    each times exp(noise x normal) and put in order.
    """

    respondents: PositiveCount
    median: Positive
    sigma: Nonnegative = 0.3
    ratios: tuple[Positive, Positive, Positive, Positive] = (0.5, 0.75, 1.1, 1.4)
    noise: Nonnegative = 0.05

    @model_validator(mode="after")
    def _ascending(self) -> PriceSensitivity:
        if list(self.ratios) != sorted(set(self.ratios)):
            raise ValueError("ratios must ascend: too cheap, cheap, expensive, too expensive")
        return self


class Initiative(FrozenConfig):
    """A candidate for work: what was said of its effort and yearly value, and its true value."""

    name: str
    effort: Positive
    value_low: float
    value_high: float
    true_value: float
    review_due: date | None = None


class KeyResult(FrozenConfig):
    """A key result, measured monthly on its straight way from base to ``true_value``.

    ``noise``: standard deviation of a measure, as a share of the way from base to target.
    """

    objective: str
    key_result: str
    base: float
    target: float
    true_value: float
    starts_at: date
    ends_at: date
    segment: str | None = None
    noise: Nonnegative = 0.05

    @property
    def is_reached(self) -> bool:
        """Whether it ends at its target or beyond."""
        return (self.true_value - self.target) * (self.target - self.base) >= 0

    @model_validator(mode="after")
    def _a_way(self) -> KeyResult:
        if self.base == self.target or self.starts_at >= self.ends_at:
            raise ValueError("a key result needs a target other than its base, and an end after its start")
        return self
