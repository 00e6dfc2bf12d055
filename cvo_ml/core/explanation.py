"""What is said of one customer: history, P(alive) day by day, scores with intervals, reasons, the action, the changes.

The parts fill it where they stand: ``predict`` what the models say, ``priorities`` the actions, ``workflows`` both
together; ``report`` has the words and the charts. Whatever is not known has a reason instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cvo_ml.core.models import Unit
from cvo_ml.core.result import Json, Result


@dataclass(frozen=True)
class OrderFact(Result):
    """An order, what was refunded of it by the date, and whether it still counts: wholly refunded ones do not."""

    day: date
    net: float
    refunded: float
    counts: bool


@dataclass(frozen=True)
class SideFact(Result):
    """A further table's rows of the customer; ``details`` are counts and sums by name, such as ``open`` tickets."""

    table: str
    rows: int
    first: date | None
    last: date | None
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CustomerHistory(Result):
    """What happened until the date; money in the shop's currency, gaps in days.

    Parameters
    ----------
    orders:
        In time, wholly refunded ones among them.
    number_of_orders, net_value, average_order_value, mean_gap, median_gap, longest_gap, days_since_last_order:
        As the models read them; None where no order is left, or one alone has no gap.
    """

    orders: tuple[OrderFact, ...]
    number_of_orders: float | None
    net_value: float | None
    refunded: float
    average_order_value: float | None
    mean_gap: float | None
    median_gap: float | None
    longest_gap: float | None
    days_since_last_order: float | None
    others: tuple[SideFact, ...] = ()


@dataclass(frozen=True)
class AlivePath(Result):
    """P(alive) as the model gives it on what was known on each day, and on into the horizon if no order comes.

    Parameters
    ----------
    days, p_alive:
        The dates of the points and their probabilities; a day's point knows the orders before that day.
    purchases:
        Days with an order that counts.
    reason:
        Why there is no path; empty where there is one.
    """

    model: str = ""
    days: tuple[date, ...] = ()
    p_alive: tuple[float, ...] = ()
    purchases: tuple[date, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class ScoredValue(Result):
    """A column of Scores: its value, the ends of its 90 % interval where it has one, and the reason of a null."""

    name: str
    value: float | str | None
    lower: float | None = None
    upper: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class ModelScores(Result):
    """What one model says of the customer.

    Parameters
    ----------
    model:
        Its registered name.
    kind, version, grade, horizon_days:
        Of the model that scored; empty and None where there is none.
    """

    model: str
    kind: str
    version: str
    grade: str
    horizon_days: float | None
    values: tuple[ScoredValue, ...]


@dataclass(frozen=True)
class ReasonPart(Result):
    """What one thing does to a score.

    Parameters
    ----------
    name:
        The input, lever or column.
    effect:
        In money, or in probability (0.1 = ten points).
    value, typical:
        What the customer has there, and the customer that the effect is measured against, if there is one.
    feature:
        The strongest column of a lever.
    """

    name: str
    effect: float
    value: float | str | None = None
    typical: float | str | None = None
    feature: str = ""


@dataclass(frozen=True)
class ModelReasons(Result):
    """Why a score is what it is.

    Parameters
    ----------
    start, end:
        Of an additive explanation: the typical customer's score and this one's; the parts add up to the difference.
    parts:
        Strongest first.
    method:
        How the effects were computed, in a sentence.
    reason:
        Why there are none; empty where there are.
    """

    model: str
    unit: Unit
    parts: tuple[ReasonPart, ...] = ()
    start: float | None = None
    end: float | None = None
    method: str = ""
    reason: str = ""


@dataclass(frozen=True)
class SegmentFacts(Result):
    """Where the customer stands among the others; nulls have the reason."""

    rfm_group: str | None
    rfm_cell: str | None
    value_tier: str | None
    previous_group: str | None
    change_cause: str | None
    reason: str | None


@dataclass(frozen=True)
class ActionOption(Result):
    """An action of the policy as it would be for the customer.

    Parameters
    ----------
    value, effect, effect_lower:
        What it acts on (currency), and the effect with its lower quantile; None where not known.
    expected_profit, at_estimate:
        Effect x value - cost by the effect that ranks, and by its middle; whether or not it may be done.
    price:
        What the limits of the plan charge for it: budget and channel by their prices; 0 where they do not bind.
    excluded_by:
        Codes of the rules that forbid it.
    verdict:
        ``chosen``, ``excluded``, ``does_not_pay``, ``beyond_the_limits``, ``another_earns_more`` or ``holdout``.
    """

    action: str
    channel: str
    kind: str
    cost: float
    value: float | None
    effect: float | None
    effect_lower: float | None
    source: str
    expected_profit: float | None
    at_estimate: float | None
    price: float
    excluded_by: tuple[str, ...]
    verdict: str


@dataclass(frozen=True)
class NextAction(Result):
    """What the plan does with the customer, and why not something else.

    Parameters
    ----------
    run:
        The stored run whose plan this is; empty where it was made for this answer and not published.
    action:
        None where nothing is done, with the reason.
    rank, ranked:
        Place among those with a possible action, and how many they are.
    last_contact:
        Of the treatments known by the date.
    """

    run: str
    action: str | None
    reason: str | None
    holdout: bool
    rank: int | None
    ranked: int
    rank_on: str
    options: tuple[ActionOption, ...]
    last_contact: date | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangeCause(Result):
    """What moved a score, and by how much, in the score's unit."""

    name: str
    effect: float


@dataclass(frozen=True)
class ScoreChange(Result):
    """A column that moved since the run before; the causes of a number add up to the difference."""

    column: str
    before: float | str | None
    after: float | str | None
    causes: tuple[ChangeCause, ...] = ()
    words: str = ""


@dataclass(frozen=True)
class ChangesSince(Result):
    """What moved since the run before.

    Parameters
    ----------
    happened:
        Rows of the customer that became known in between, by table.
    reason:
        Why there is nothing to compare with; empty where there is.
    """

    since: date | None = None
    run: str = ""
    happened: Mapping[str, int] = field(default_factory=dict)
    moved: tuple[ScoreChange, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class CustomerExplanation(Result):
    """All that is said of one customer at a date; made by ``predict.explain`` and completed by ``workflows.explain``.

    Parameters
    ----------
    segment, action, changes:
        None where only the customer and the models were looked at, and neither the others nor the store.
    row:
        The columns of Scores that ``scores`` was read from.
    """

    customer_id: str
    as_of: date
    currency: str
    history: CustomerHistory
    path: AlivePath
    scores: tuple[ModelScores, ...]
    reasons: tuple[ModelReasons, ...]
    segment: SegmentFacts | None = None
    action: NextAction | None = None
    changes: ChangesSince | None = None
    notes: tuple[str, ...] = ()
    row: Mapping[str, Json] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        orders = self.history.number_of_orders or 0
        said = [f"{group.model}: {_brief(group)}" for group in self.scores]
        return f"<CustomerExplanation {self.customer_id!r} as of {self.as_of}: {orders:.0f} orders; {'; '.join(said)}>"


def _brief(group: ModelScores) -> str:
    """A group's first value in a few signs."""
    first = group.values[0]
    if first.value is None:
        return first.reason or "none"
    return first.value if isinstance(first.value, str) else f"{first.value:.4g}"
