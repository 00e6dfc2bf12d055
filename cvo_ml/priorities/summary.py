"""A plan in totals: limits and their prices, actions, and the curve of profit against budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.loader import as_mapping
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.arrays import Floats
from cvo_ml.priorities.allocation import Allocation
from cvo_ml.priorities.allocation.knapsack import NONE, path
from cvo_ml.priorities.allocation.prices import Limits, Prices, dual_prices, dual_value

#: points of the curve, and customers of whom a curve with side constraints is made
POINTS: Final = 60
BUDGETS: Final = 12
SAMPLE: Final = 20_000


def summarized(
    table: pd.DataFrame, profit: Floats, limits: Limits, done: Allocation,
    resources: tuple[str, ...], segments: tuple[str, ...], policy: PriorityPolicy,
) -> dict[str, Any]:  # fmt: skip
    """The summary of a plan, JSON-ready; ``profit`` and ``limits`` are of those not held out."""
    contacts = table[table["planned"] & ~table["holdout"]]
    return {
        "rank_on": policy.rank_on,
        "contacts": len(contacts),
        "held_out": int((table["planned"] & table["holdout"]).sum()),
        "spent": float(contacts["cost"].sum()),
        "expected_profit": float(contacts["expected_profit"].sum()),
        "expected_profit_at_estimate": float(contacts["expected_profit_at_estimate"].sum()),
        "optimality_gap": done.gap,
        "limits": [
            {
                "name": name,
                "limit": float(limits.limit[place]),
                "used": float(done.used[place]),
                "price": float(done.prices.resource[place]),
            }
            for place, name in enumerate(resources)
        ],
        "minima": [
            {
                "segment": name,
                "minimum": int(limits.minimum[place]),
                "missing": int(done.shortage[place]),
                "price": float(done.prices.reward[place]),
            }
            for place, name in enumerate(segments)
        ],
        "actions": _actions(table, policy),
        "curve": curve(profit, limits, done, resources, policy),
    }


def _actions(table: pd.DataFrame, policy: PriorityPolicy) -> list[dict[str, Any]]:
    rows = []
    for action in policy.actions:
        mine = table[table["planned"] & (table["action"] == action.name)]
        done = mine[~mine["holdout"]]
        origins = mine[["source", "version"]].drop_duplicates().itertuples(index=False)
        rows.append(
            {
                **{name: as_mapping(action)[name] for name in ("name", "channel", "kind", "cost", "owner", "window")},
                "about": action.about,
                "cooldown": str(action.cooldown),
                "stop_after": action.stop_after,
                "contacts": len(done),
                "held_out": len(mine) - len(done),
                "spent": float(done["cost"].sum()),
                "expected_profit": float(done["expected_profit"].sum()),
                "sources": sorted({f"{source}: {version}" for source, version in origins}),
            }
        )
    return rows


def curve(
    profit: Floats, limits: Limits, done: Allocation, resources: tuple[str, ...], policy: PriorityPolicy
) -> dict[str, list[float]]:
    """Planned profit against the money spent, capacities as they are and without minima; both lists rise.

    Without other limits the path itself; with them the bound of the relaxed problem (within ``gap`` of
    what can be planned), on every k-th of many customers, scaled up.
    """
    cost = np.array([action.cost for action in policy.actions])
    paying = np.where(profit > 0, profit, -np.inf)
    paying, rows = paying[(paying > 0).any(axis=1)], np.flatnonzero((profit > 0).any(axis=1))
    if not len(paying):
        return {"spent": [0.0], "profit": [0.0]}
    if not (set(resources) - {"budget"}) and not len(limits.minimum):
        steps = path(paying, cost)
        spent, earned = np.append(0.0, steps.spent), np.append(0.0, steps.profit)
        keep = np.unique(np.searchsorted(spent, np.linspace(0.0, spent[-1], POINTS)).clip(0, len(spent) - 1))
        keep = np.unique(np.append(keep, len(spent) - 1))
        return {"spent": spent[keep].tolist(), "profit": earned[keep].tolist()}
    return _relaxed_curve(paying, limits.of(rows), done, resources, cost)


def _relaxed_curve(
    paying: Floats, limits: Limits, done: Allocation, resources: tuple[str, ...], cost: Floats
) -> dict[str, list[float]]:
    every = np.arange(0, len(paying), max(1, len(paying) // SAMPLE))
    scale = len(paying) / len(every)
    part, paying = limits.of(every), paying[every]
    side = [place for place, name in enumerate(resources) if name != "budget"]
    use, limit = np.vstack([cost, part.use[side]]), np.append(0.0, part.limit[side] / scale)
    part = replace(part, use=use, limit=limit, minimum=np.zeros(0, np.int64), group=np.full(len(paying), NONE))
    most = float(cost[paying.argmax(axis=1)].sum())
    spent, earned = [0.0], [0.0]
    prices = Prices(np.append(1.0, done.prices.resource[side]), np.zeros(0))
    # closer together where the curve bends most
    for budget in most * np.linspace(0.0, 1.0, BUDGETS + 1)[1:] ** 2:
        within = replace(part, limit=np.append(budget, part.limit[1:]))
        prices = dual_prices(paying, within, prices, 0.003)
        spent.append(float(budget) * scale)
        earned.append(max(earned[-1], dual_value(paying, within, prices) * scale))
    return {"spent": spent, "profit": earned}
