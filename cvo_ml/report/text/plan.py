"""A plan in words: why this customer, why this action, what it assumes, and what a limit costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final

import pandas as pd

from cvo_ml.core.blocks import Block, Sentence, TextTable
from cvo_ml.core.models import CHURN, CLV
from cvo_ml.core.units import Horizon
from cvo_ml.priorities.summary import LimitUse, PlanSummary, SegmentMinimum

HIDDEN_IDS: Final = "ids are not shown; --show-ids shows them"
#: the models without which no action has a value
PLANNED_WITH: Final = (CLV, CHURN)


@dataclass(frozen=True)
class ListedAction:
    """What the words about a customer's action are made of: a row of the plan's table, and the chance of churn."""

    kind: str
    action: str
    cost: float
    value: float
    expected_profit: float
    effect: float
    effect_lower: float
    source: str
    version: str
    next_best: str | None
    next_best_profit: float
    churn_probability: float

    def why_customer(self, window_days: float) -> str:
        """Why the customer is on the list.

        Examples
        --------
        >>> call = ListedAction("save", "call", 9, 55.4, 3.2, 0.05, 0.02, "declared", "guess", "offer", 1.1, 0.62)
        >>> call.why_customer(90)
        '62 % likely to leave, 55 at stake'
        >>> from dataclasses import replace
        >>> replace(call, kind="growth", value=310.2).why_customer(90)
        '310 expected in the next 90 days'
        """
        if self.kind == "save":
            return f"{100 * self.churn_probability:.0f} % likely to leave, {self.value:,.0f} at stake"
        return f"{self.value:,.0f} expected in the next {window_days:.0f} days"

    def why_action(self) -> str:
        """Why this action and no other.

        Examples
        --------
        >>> ListedAction("save", "call", 9, 55, 3.2, 0.05, 0.02, "declared", "guess", "offer", 1.1, 0.6).why_action()
        'call should earn 3.20 after its cost of 9; next best: offer with 1.10'
        """
        text = f"{self.action} should earn {self.expected_profit:,.2f} after its cost of {self.cost:g}"
        if isinstance(self.next_best, str):
            return f"{text}; next best: {self.next_best} with {self.next_best_profit:,.2f}"
        return f"{text}; no other action is open to this customer"

    def assumes(self, rank_on: str) -> str:
        """What the expected profit takes for granted.

        Examples
        --------
        >>> call = ListedAction("save", "call", 9, 55.4, 3.2, 0.05, 0.02, "declared", "guess", None, 0, 0.62)
        >>> call.assumes("lower")
        'keeps 2.0 % of what is at stake (low end; middle 5.0 %; declared: guess)'
        """
        low, middle = ("low end", self.effect_lower), ("middle", self.effect)
        (end, used), (other_end, other) = (low, middle) if rank_on == "lower" else (middle, low)
        verb = "keeps {} of what is at stake" if self.kind == "save" else "adds {} to what is expected"
        version = f": {self.version}" if self.version else ""
        return f"{verb.format(percent(used))} ({end}; {other_end} {percent(other)}; {self.source}{version})"


def percent(share: float) -> str:
    """A share as a percentage with one decimal.

    Examples
    --------
    >>> percent(0.025)
    '2.5 %'
    """
    return f"{100 * share:.1f} %"


def limit_words(limit: LimitUse, currency: str) -> str:
    """What one more unit of a limit would earn.

    Examples
    --------
    >>> limit_words(LimitUse("budget", limit=500.0, used=499.5, price=1.534), "EUR")
    'budget: 499.50 of 500.00 EUR are spent; one more EUR would earn 1.53 EUR'
    >>> limit_words(LimitUse("phone", limit=20.0, used=12.0, price=0.0), "EUR")
    'phone: 12 of 20 contacts are made; more would earn nothing'
    """
    money = "" if currency == "XXX" else f" {currency}"
    if limit.name == "budget":
        text = f"budget: {limit.used:,.2f} of {limit.limit:,.2f}{money} are spent"
        unit = f"one more{money or ' unit of money'}"
    else:
        text = f"{limit.name}: {limit.used:,.0f} of {limit.limit:,.0f} contacts are made"
        unit = "one more contact"
    gain = f"{unit} would earn {limit.price:,.2f}{money}" if limit.price > 0 else "more would earn nothing"
    return f"{text}; {gain}"


def minimum_words(owed: SegmentMinimum, currency: str) -> str:
    """What a segment's minimum costs, or what is missing to it.

    Examples
    --------
    >>> minimum_words(SegmentMinimum("Loyal", minimum=50, missing=0, price=0.4), "EUR")
    'Loyal: at least 50 contacts; the last of them costs 0.40 EUR of profit'
    >>> minimum_words(SegmentMinimum("Loyal", minimum=50, missing=8, price=0.0), "EUR")
    'Loyal: at least 50 contacts; 8 are missing: no more of them pay, or the limits forbid it'
    """
    money = "" if currency == "XXX" else f" {currency}"
    text = f"{owed.segment}: at least {owed.minimum:,} contacts"
    if owed.missing:
        return f"{text}; {owed.missing:,} are missing: no more of them pay, or the limits forbid it"
    if owed.price > 0:
        return f"{text}; the last of them costs {owed.price:,.2f}{money} of profit"
    return f"{text}; the plan has them anyway"


def sentences(summary: PlanSummary, currency: str) -> Iterator[str]:
    """The limits of a plan and what they cost, one sentence each."""
    for limit in summary.limits:
        yield limit_words(limit, currency)
    for owed in summary.minima:
        yield minimum_words(owed, currency)
    if summary.value_share < 1:
        yield f"value after costs: {percent(summary.value_share)} of revenue is left"


def explained(table: pd.DataFrame, scores: pd.DataFrame, summary: PlanSummary) -> pd.DataFrame:
    """``why_customer, why_action, assumes`` for each row of a plan's table.

    Parameters
    ----------
    scores:
        Indexed by ``customer_id``.
    """
    windows = {action.name: Horizon(action.window).days for action in summary.actions}
    churn = scores["churn_probability"].reindex(table["customer_id"]).to_numpy()
    columns = table.assign(churn_probability=churn)[[column.name for column in fields(ListedAction)]]
    listed = [ListedAction(*row) for row in columns.itertuples(index=False)]
    rows = [(one.why_customer(windows[one.action]), one.why_action(), one.assumes(summary.rank_on)) for one in listed]
    return pd.DataFrame(rows, columns=["why_customer", "why_action", "assumes"], index=table.index)


def assumption(plan: PlanSummary) -> str:
    """What the plan rests on: whose word the effects are, and which end of them counts."""
    known = sorted({source.split(":")[0] for action in plan.actions for source in action.sources})
    end = "low end" if plan.rank_on == "lower" else "middle"
    return f"the {end} of each action's effect counts; effects are {' and '.join(known) or 'declared'} (priorities.csv)"


def why_nobody(scores: pd.DataFrame, plan: PlanSummary) -> str:
    """Why a plan contacts nobody."""
    if any(scores[model.score].isna().all() for model in PLANNED_WITH):
        missing = [model for model in PLANNED_WITH if len(scores) and scores[model.score].isna().all()]
        reasons = [f"no {model.name} ({scores[model.reason].dropna().mode().iloc[0]})" for model in missing]
        return "there is " + " and ".join(reasons or ["no customer"])
    if scores["expected_profit_of_action"].isna().all():
        return f"no action is open to anybody ({', '.join(plan.reasons)})"
    if not (scores["expected_profit_of_action"] > 0).any():
        return "no contact is expected to earn its cost under the assumption below"
    return "the limits of the policy leave no room"


def plan_blocks(scores: pd.DataFrame, plan: PlanSummary, currency: str, *, with_ids: bool) -> Iterator[Block]:
    """The first customers of the list, and what limits it.

    Parameters
    ----------
    with_ids:
        Name the customers; otherwise say that nobody is named.
    """
    first = scores[scores["next_action"].notna()].sort_values("priority_rank").head(5)
    if len(first):
        customer = ("customer",) if with_ids else ()
        columns = (">rank", *customer, "group", "action", f">{CHURN.name}", ">expected value", ">expected profit")
        rows = [_first_cells(row, with_ids) for row in first.itertuples()]
        yield TextTable("Whom to contact first", columns, rows)
    else:
        yield Sentence(f"Nobody is worth contacting: {why_nobody(scores, plan)}.")
    if len(first) and not with_ids:
        yield Sentence(f"  {HIDDEN_IDS}", "dim")
    yield Sentence(
        f"{plan.contacts:,} contacts for {plan.spent:,.2f} should earn {plan.expected_profit:,.2f} after "
        f"their cost; {plan.held_out:,} more are held out and keep their rank"
    )
    yield from (Sentence(f"  {sentence}", "dim") for sentence in sentences(plan, currency))
    yield Sentence(f"Assumption: {assumption(plan)}", "dim")


def _first_cells(row: Any, with_ids: bool) -> tuple[str, ...]:
    churn = row.churn_probability
    return (
        f"{row.priority_rank:.0f}",
        *((str(row.customer_id),) if with_ids else ()),
        str(row.rfm_group),
        str(row.next_action),
        "–" if pd.isna(churn) else f"{churn:.0%}",
        f"{row.predicted_clv:,.0f}",
        f"{row.expected_profit_of_action:,.2f}",
    )
