"""A plan in totals: limits and their prices, actions, and the curve of profit against budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import Action, PriorityPolicy
from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.result import Result, from_json
from cvo_ml.core.store import StoredRun
from cvo_ml.priorities.allocation import Allocation
from cvo_ml.priorities.allocation.knapsack import NONE, path
from cvo_ml.priorities.allocation.prices import Limits, Prices, dual_prices, dual_value

#: points of the curve, and customers of whom a curve with side constraints is made
POINTS: Final = 60
BUDGETS: Final = 12
SAMPLE: Final = 20_000


@dataclass(frozen=True)
class LimitUse(Result):
    """A limit of the plan, what the plan uses of it, and what one more unit would earn (``price``)."""

    name: str
    limit: float
    used: float
    price: float


@dataclass(frozen=True)
class SegmentMinimum(Result):
    """Contacts that a segment is owed, how many are missing, and what the last of them costs (``price``)."""

    segment: str
    minimum: int
    missing: int
    price: float


@dataclass(frozen=True)
class ActionTotals(Result):
    """An action as the policy describes it, and what the plan does with it.

    ``window`` and ``cooldown`` are horizons as text; ``sources`` says where its effects are from.
    """

    name: str
    channel: str
    kind: str
    cost: float
    owner: str
    window: str
    about: str
    cooldown: str
    stop_after: int
    contacts: int
    held_out: int
    spent: float
    expected_profit: float
    sources: tuple[str, ...]


@dataclass(frozen=True)
class BudgetCurve(Result):
    """Planned profit against the money spent; both rise."""

    spent: tuple[float, ...] = (0.0,)
    profit: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class PlanSummary(Result):
    """A plan in totals.

    Parameters
    ----------
    rank_on:
        Which end of each effect decides: ``lower`` or ``estimate``.
    contacts, spent, expected_profit, expected_profit_at_estimate:
        Of those who are contacted; money in the run's currency.
    held_out:
        Customers whom the plan holds and who are kept untreated.
    optimality_gap:
        How much more any plan could earn, as a share of that.
    value_share:
        The share of a customer's value left after costs.
    reasons:
        Customers without an action, by ``priority_reason``.
    """

    rank_on: str
    contacts: int
    held_out: int
    spent: float
    expected_profit: float
    expected_profit_at_estimate: float
    optimality_gap: float
    limits: tuple[LimitUse, ...] = ()
    minima: tuple[SegmentMinimum, ...] = ()
    actions: tuple[ActionTotals, ...] = ()
    curve: BudgetCurve = field(default_factory=BudgetCurve)
    value_share: float = 1.0
    reasons: Mapping[str, int] = field(default_factory=dict)


def stored_plan(run: StoredRun) -> PlanSummary:
    """The summary of the plan that a run keeps.

    Raises
    ------
    DamagedFile
        If the run keeps no such thing.
    """
    try:
        return from_json(PlanSummary, run.manifest["plan"])
    except (KeyError, ValueError) as error:
        raise DamagedFile(f"{run.folder}: its plan cannot be read ({error}): run 'cvo score' again") from None


def summarize(
    table: pd.DataFrame, profit: Floats, limits: Limits, allocation: Allocation,
    resources: tuple[str, ...], segments: tuple[str, ...], policy: PriorityPolicy,
) -> PlanSummary:  # fmt: skip
    """The summary of a plan; ``profit`` and ``limits`` are of those not held out."""
    contacts = table[table["planned"] & ~table["holdout"]]
    return PlanSummary(
        rank_on=policy.rank_on,
        contacts=len(contacts),
        held_out=int((table["planned"] & table["holdout"]).sum()),
        spent=float(contacts["cost"].sum()),
        expected_profit=float(contacts["expected_profit"].sum()),
        expected_profit_at_estimate=float(contacts["expected_profit_at_estimate"].sum()),
        optimality_gap=allocation.gap,
        limits=_limit_uses(limits, allocation, resources),
        minima=_segment_minima(limits, allocation, segments),
        actions=tuple(_totals(action, table) for action in policy.actions),
        curve=curve(profit, limits, allocation, resources, policy),
    )


def _limit_uses(limits: Limits, allocation: Allocation, resources: tuple[str, ...]) -> tuple[LimitUse, ...]:
    columns = (limits.limit, allocation.used, allocation.prices.resource)
    return tuple(LimitUse(name, *map(float, row)) for name, *row in zip(resources, *columns, strict=True))


def _segment_minima(limits: Limits, allocation: Allocation, segments: tuple[str, ...]) -> tuple[SegmentMinimum, ...]:
    columns = (limits.minimum, allocation.shortage, allocation.prices.reward)
    rows = zip(segments, *columns, strict=True)
    return tuple(SegmentMinimum(name, int(least), int(missing), float(price)) for name, least, missing, price in rows)


def _totals(action: Action, table: pd.DataFrame) -> ActionTotals:
    mine = table[table["planned"] & (table["action"] == action.name)]
    contacts = mine[~mine["holdout"]]
    origins = mine[["source", "version"]].drop_duplicates().itertuples(index=False)
    return ActionTotals(
        name=action.name,
        channel=action.channel,
        kind=action.kind,
        cost=action.cost,
        owner=action.owner,
        window=str(action.window),
        about=action.about,
        cooldown=str(action.cooldown),
        stop_after=action.stop_after,
        contacts=len(contacts),
        held_out=len(mine) - len(contacts),
        spent=float(contacts["cost"].sum()),
        expected_profit=float(contacts["expected_profit"].sum()),
        sources=tuple(sorted({f"{source}: {version}" for source, version in origins})),
    )


def curve(
    profit: Floats, limits: Limits, allocation: Allocation, resources: tuple[str, ...], policy: PriorityPolicy
) -> BudgetCurve:
    """Planned profit against the money spent, capacities as they are and without minima; both rise.

    Without other limits the path itself; with them the bound of the relaxed problem (within ``gap`` of
    what can be planned), on every k-th of many customers, scaled up.
    """
    cost = np.array([action.cost for action in policy.actions])
    paying = np.where(profit > 0, profit, -np.inf)
    paying, rows = paying[(paying > 0).any(axis=1)], np.flatnonzero((profit > 0).any(axis=1))
    if not len(paying):
        return BudgetCurve()
    if not (set(resources) - {"budget"}) and not len(limits.minimum):
        steps = path(paying, cost)
        spent, earned = np.append(0.0, steps.spent), np.append(0.0, steps.profit)
        keep = np.unique(np.searchsorted(spent, np.linspace(0.0, spent[-1], POINTS)).clip(0, len(spent) - 1))
        keep = np.unique(np.append(keep, len(spent) - 1))
        return BudgetCurve(tuple(spent[keep].tolist()), tuple(earned[keep].tolist()))
    return _relaxed_curve(paying, limits.of(rows), allocation, resources, cost)


def _relaxed_curve(
    paying: Floats, limits: Limits, allocation: Allocation, resources: tuple[str, ...], cost: Floats
) -> BudgetCurve:
    every = np.arange(0, len(paying), max(1, len(paying) // SAMPLE))
    scale = len(paying) / len(every)
    part, paying = limits.of(every), paying[every]
    side = [place for place, name in enumerate(resources) if name != "budget"]
    use, limit = np.vstack([cost, part.use[side]]), np.append(0.0, part.limit[side] / scale)
    part = replace(part, use=use, limit=limit, minimum=np.zeros(0, np.int64), group=np.full(len(paying), NONE))
    most = float(cost[paying.argmax(axis=1)].sum())
    spent, earned = [0.0], [0.0]
    prices = Prices(np.append(1.0, allocation.prices.resource[side]), np.zeros(0))
    # closer together where the curve bends most
    for budget in most * np.linspace(0.0, 1.0, BUDGETS + 1)[1:] ** 2:
        within = replace(part, limit=np.append(budget, part.limit[1:]))
        prices = dual_prices(paying, within, prices, 0.003)
        spent.append(float(budget) * scale)
        earned.append(max(earned[-1], dual_value(paying, within, prices) * scale))
    return BudgetCurve(tuple(spent), tuple(earned))
