"""Did it pay: treated against held out, and what other policies would have earned.

Both are selected by the plan and parted by the hash of their id, so the difference between them is what
the plan did: the value of the treated less that of the held out, less what the contacts cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.result import INLINE, OPTIONAL, Result, json_key
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.priorities.constraints import NO_ACTION
from cvo_ml.priorities.effects import EFFECT_COLUMNS
from cvo_ml.stats.comparison import Sample, adjusted, difference, sample_ratio
from cvo_ml.stats.intervals import Interval
from cvo_ml.stats.off_policy import NoSupportError, policy_value

#: fewer in either group and nothing is said
FEWEST: Final = 30
#: a sample ratio this improbable means that the groups were not parted as planned
SUSPICIOUS: Final = 0.001


@dataclass(frozen=True)
class Difference(Result):
    """What the contacts did per customer, with 95 % intervals.

    Parameters
    ----------
    extra_value, extra_value_unadjusted:
        Value of the treated less that of the held out, with and without what was known before.
    variance_kept:
        The share of the values' variance that the adjustment left.
    profit_per_contact, profit:
        After the contacts' cost: of one, and of all.
    effect:
        The extra value as a share of the value that the action acts on, with its 80 % interval, whose lower end
        is the 10 % quantile by which a plan ranks; None where that value is not above 0.
    """

    extra_value: Interval
    extra_value_unadjusted: Interval
    variance_kept: float
    p_value: float
    profit_per_contact: Interval
    profit: Interval
    effect: Interval | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class NotCompared(Result):
    """Why there is no difference."""

    reason: str


@dataclass(frozen=True)
class TreatedComparison(Result):
    """Treated and held out customers of some actions.

    Parameters
    ----------
    sample_ratio_p, suspicious:
        How probable so uneven groups are, and whether that means that they were not parted as planned.
    verdict:
        What the stop rule of a single action says.
    """

    treated: int
    held_out: int
    sample_ratio_p: float
    suspicious: bool
    difference: Difference | NotCompared = field(metadata=INLINE)
    verdict: str | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class PolicyEstimate(Result):
    """Profit per planned customer under a policy, estimated from the log, and how many customers that is worth."""

    ips: Interval
    snips: Interval
    effective_sample_size: float


@dataclass(frozen=True)
class MeasuredEffect(Result):
    """A row of an effects table."""

    customer_id: None
    action: str
    effect: float
    effect_lower: float
    source: str
    version: str


@dataclass(frozen=True)
class PolicyEvaluation(Result):
    """Whether a plan paid.

    Parameters
    ----------
    share:
        Of those planned who were held out.
    together, actions:
        The comparison for all actions, and for each.
    effects:
        What was measured, for the next plan.
    policies:
        What other policies would have earned, by name.
    """

    share: float
    together: TreatedComparison = field(metadata=json_key("all"))
    actions: Mapping[str, TreatedComparison]
    effects: tuple[MeasuredEffect, ...]
    policies: Mapping[str, PolicyEstimate | NotCompared]

    def effects_table(self) -> pd.DataFrame:
        """The measured effects as a table that the next plan can read."""
        return pd.DataFrame([vars(effect) for effect in self.effects], columns=list(EFFECT_COLUMNS))


@dataclass(frozen=True)
class RecordedContacts(Result):
    """Contacts that a plan asked for, those of them that were sent, and held-out customers who got one."""

    planned: int
    sent: int
    held_out_reached: int


@dataclass(frozen=True)
class PlanEvaluation(Result):
    """The evaluation of a run's plan over the ``horizon_days`` after it.

    Parameters
    ----------
    value_share:
        The share of a customer's value left after costs, as when the plan was made.
    recorded:
        None where no contact at all is recorded.
    """

    as_of: date
    horizon_days: float
    run: str
    value_share: float
    recorded: RecordedContacts | None
    evaluation: PolicyEvaluation = field(metadata=INLINE)


def evaluate(table: pd.DataFrame, outcome: pd.DataFrame, policy: PriorityPolicy, version: str) -> PolicyEvaluation:
    """What a stored plan did.

    Parameters
    ----------
    table:
        The plan's table.
    outcome:
        By ``customer_id``: ``value``, after costs, in the window after the plan, and columns known before
        it, which take noise away.
    version:
        The plan's name, for the effects table.
    """
    rows = table[table["planned"]].join(
        outcome.rename(columns={"value": "value_outcome"}), on="customer_id", how="inner"
    )
    covariates = [name for name in outcome.columns if name != "value"]
    share = policy.holdout.share
    actions = {}
    for action in policy.actions:
        mine = rows[rows["action"] == action.name]
        if len(mine):
            comparison = compare(mine, covariates, share)
            actions[action.name] = replace(comparison, verdict=verdict(comparison, action.stop_after))
    return PolicyEvaluation(
        share=share,
        together=compare(rows, covariates, share),
        actions=actions,
        effects=tuple(_measured(actions, version)),
        policies=other_policies(rows),
    )


def _measured(actions: Mapping[str, TreatedComparison], version: str) -> Iterator[MeasuredEffect]:
    """Effects of actions whose groups were parted as planned."""
    for name, comparison in actions.items():
        difference = comparison.difference
        if isinstance(difference, Difference) and difference.effect is not None and not comparison.suspicious:
            effect = difference.effect
            yield MeasuredEffect(None, name, effect.estimate, effect.lower, "experiment", version)


def compare(rows: pd.DataFrame, covariates: list[str], share: float) -> TreatedComparison:
    """Treated less held out per customer: value, profit after the contact's cost, and effect."""
    treated = ~rows["holdout"].to_numpy(dtype=bool)
    count = (int(treated.sum()), int((~treated).sum()))
    ratio = sample_ratio(count, 1 - share)
    difference: Difference | NotCompared = NotCompared(f"fewer than {FEWEST} treated or held out")
    if min(count) >= FEWEST:
        difference = _difference(rows, treated, covariates)
    return TreatedComparison(*count, ratio, bool(ratio < SUSPICIOUS), difference)


def _difference(rows: pd.DataFrame, treated: Flags, covariates: list[str]) -> Difference:
    value = rows["value_outcome"].to_numpy(dtype=np.float64)
    known_before = rows[covariates].to_numpy(dtype=np.float64)
    less_noise = adjusted(value, known_before, treated) if covariates else value
    plain, _ = difference(Sample.of(value[treated]), Sample.of(value[~treated]))
    lift, p = difference(Sample.of(less_noise[treated]), Sample.of(less_noise[~treated]))
    narrow, _ = difference(Sample.of(less_noise[treated]), Sample.of(less_noise[~treated]), level=0.8)
    cost = float(rows.loc[treated, "cost"].mean())
    acted_on = float(rows["value"].mean())
    return Difference(
        extra_value=lift,
        extra_value_unadjusted=plain,
        variance_kept=float(less_noise.var() / value.var()) if value.var() > 0 else 1.0,
        p_value=p,
        profit_per_contact=_shifted(lift, -cost, 1.0),
        profit=_shifted(lift, -cost, int(treated.sum())),
        effect=_shifted(narrow, 0.0, 1 / acted_on) if acted_on > 0 else None,
    )


def verdict(comparison: TreatedComparison, stop_after: int) -> str:
    """``stop``, ``keep`` or ``go on``: what an action's stop rule says."""
    difference = comparison.difference
    if comparison.suspicious or isinstance(difference, NotCompared):
        return "go on"
    profit = difference.profit_per_contact
    if comparison.treated >= stop_after and profit.upper < 0:
        return "stop"
    return "keep" if profit.lower > 0 else "go on"


def other_policies(rows: pd.DataFrame) -> dict[str, PolicyEstimate | NotCompared]:
    """Profit per planned customer of other policies, from the log: nobody, the plan, the first half of it.

    They do only what the plan did or nothing, which is all that the log can speak of.
    """
    treated = ~rows["holdout"].to_numpy(dtype=bool)
    reward = rows["value_outcome"].to_numpy(dtype=np.float64) - rows["cost"].to_numpy(dtype=np.float64) * treated
    logged = rows["propensity"].to_numpy(dtype=np.float64)
    first = rows["priority_rank"].rank().to_numpy() <= len(rows) / 2
    estimates: dict[str, PolicyEstimate | NotCompared] = {}
    for name, contact in (("nobody", np.zeros(len(rows))), ("the plan", np.ones(len(rows))), ("its first half", first)):
        target = np.where(treated, contact, 1 - contact.astype(np.float64))
        try:
            estimates[name] = _estimate(reward, target, logged)
        except NoSupportError as refused:
            estimates[name] = NotCompared(str(refused))
    return estimates


def _estimate(reward: Floats, target: Floats, logged: Floats) -> PolicyEstimate:
    value = policy_value(reward, target, logged, fewest=FEWEST)
    return PolicyEstimate(value.interval("ips"), value.interval("snips"), value.effective_sample_size)


def _shifted(interval: Interval, by: float, times: float) -> Interval:
    return Interval(
        (interval.estimate + by) * times, (interval.lower + by) * times, (interval.upper + by) * times, interval.level
    )


def recorded_contacts(
    table: pd.DataFrame, treatments: pd.DataFrame, as_of: date, horizon: Horizon
) -> RecordedContacts | None:
    """Contacts in the treatments table after a plan: planned ones that were sent, and held-out customers reached.

    None where the window has no contact at all: then the list is taken to have been worked off.
    """
    start = midnight(as_of)
    inside = (treatments["sent_at"] >= start) & (treatments["sent_at"] < start + horizon.delta)
    sent = treatments[inside & (treatments["action"] != NO_ACTION)]
    if sent.empty:
        return None
    planned = table[table["planned"] & ~table["holdout"]]
    pairs = pd.MultiIndex.from_frame(sent[["customer_id", "action"]])
    held = table.loc[table["planned"] & table["holdout"], "customer_id"]
    return RecordedContacts(
        planned=len(planned),
        sent=int(pd.MultiIndex.from_frame(planned[["customer_id", "action"]]).isin(pairs).sum()),
        held_out_reached=int(held.isin(sent["customer_id"]).sum()),
    )
