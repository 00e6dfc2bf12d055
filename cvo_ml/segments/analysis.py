"""All that is to be said of a shop's segments on a date, from its tables and its stored runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.store import read_columns
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.features.customer import customer_features
from cvo_ml.features.labels import window_outcome
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.segments.assign import segment, value_tiers
from cvo_ml.segments.clusters import Fitted, Method, fit_segments
from cvo_ml.segments.comparison import compare
from cvo_ml.segments.custom_groups import BoxTable, box_table
from cvo_ml.segments.edges import fit_edges
from cvo_ml.segments.history import month_dates, monthly_groups, monthly_movement, rfm_at
from cvo_ml.segments.ladders import climb
from cvo_ml.segments.movement import adverse_flow, flip_rate, moves
from cvo_ml.segments.pareto import pareto
from cvo_ml.segments.profiles import profiles, six_months
from cvo_ml.segments.run import EDGES, comparable, rfm_of
from cvo_ml.segments.stages import Stages, stages
from cvo_ml.segments.stored_edges import ChosenEdges, choose_edges
from cvo_ml.segments.triggers import COLUMNS, events
from cvo_ml.segments.win_back_window import last_chance

#: How far back runs are replayed for triggers, beyond the longest cooldown.
REPLAY_DAYS: Final = 92
PREDICTED: Final = ("predicted_clv", "churn_probability", "p_alive")
MOVE_COLUMNS: Final = (
    "customer_id", "rfm_group", "rfm_group_previous", "rfm_change_cause", "predicted_clv", "historic_clv",
)  # fmt: skip


@dataclass(frozen=True)
class Runs:
    """What stored runs show: moves between the last two, and events.

    Parameters
    ----------
    moves:
        As ``movement.moves``; None without two runs.
    facts:
        ``from, to, flips, adverse`` of the last two runs, or the ``reason`` why there is nothing.
    """

    moves: pd.DataFrame | None
    events: pd.DataFrame
    facts: dict[str, Any]


@dataclass(frozen=True)
class Analysis:
    """Segments of every customer with an order left, and everything that describes them.

    Parameters
    ----------
    customers:
        By ``customer_id``: measures, levels, cell, group, tier, stage, ladders, next action, days left.
    monthly:
        As ``history.monthly_movement``.
    beside:
        The model-based segmentation and its comparison with the rules; None if not asked for.
    """

    as_of: date
    chosen: ChosenEdges
    boxes: BoxTable | None
    customers: pd.DataFrame
    stages: Stages
    monthly: list[dict[str, Any]]
    runs: Runs
    beside: tuple[Fitted, dict[str, Any]] | None
    facts: dict[str, Any]

    def profiles(self, by: str) -> pd.DataFrame:
        """What each group, tier, stage or rung is like."""
        return profiles(self.customers, by)


def analyse(
    tables: Tables,
    as_of: date,
    policy: SegmentPolicy,
    actions: NextActions,
    out: Path,
    *,
    shop: str,
    recut: bool = False,
    months: int = 6,
    purchases: BuyTillYouDie | None = None,
    method: Method | None = None,
    horizon: Horizon | None = None,
) -> Analysis:
    """Segment the shop and describe the segments; nothing is written.

    Parameters
    ----------
    out:
        The folder of results: frozen edges and stored runs are read from it.
    months:
        How many months back groups are followed.
    purchases:
        A model of purchases that was fitted on data before ``as_of``, for the last-chance window.
    method, horizon:
        Model-based segments to set beside the rules, judged on the last ``horizon`` (default 90 days).

    Raises
    ------
    BundleError
        If the frozen edges are damaged.
    ConfigError
        If a ladder or a group of the policy cannot be.
    ModelRefused
        If model-based segments are asked for and there are too few customers.
    """
    features = customer_features(tables, as_of)
    rfm = rfm_of(features, tables)
    chosen = choose_edges(rfm, policy, out / EDGES, shop=shop, currency=tables.currency, as_of=as_of, recut=recut)
    found = stages(tables, as_of, policy.stages)
    customers = _customers(features, rfm, chosen, found, policy, actions)
    customers = _with_predictions(customers, out, as_of, shop, tables.currency)
    if purchases is not None:
        customers = customers.join(_windows(purchases, features, as_of, policy.last_chance_below))
    beside = None if method is None else _beside(tables, as_of, policy, method, horizon or Horizon("90D"))
    if beside is not None:
        customers["model_segment"] = beside[0].segments.predict(rfm)
    return Analysis(
        as_of=as_of,
        chosen=chosen,
        boxes=box_table(policy.groups, chosen.edges.scale) if policy.vocabulary == "own" else None,
        customers=customers,
        stages=found,
        monthly=_monthly(tables, as_of, months, chosen),
        runs=_runs(out, as_of, shop, tables.currency, policy),
        beside=beside,
        facts={
            "pareto": [pareto(rfm, chosen.edges.tier_basis, base) for base in ("repeat", "all")],
            "about_to_dump_you": six_months(customers["rfm_group"], rfm["days_since_last_order"]),
        },
    )


def _monthly(tables: Tables, as_of: date, months: int, chosen: ChosenEdges) -> list[dict[str, Any]]:
    """Movement between the months in which the shop had orders; none where there are fewer than two."""
    dates = [day for day in month_dates(as_of, months) if _has_orders(tables, day)]
    return monthly_movement(monthly_groups(tables, dates, chosen.edges)) if len(dates) > 1 else []


def _customers(
    features: pd.DataFrame,
    rfm: pd.DataFrame,
    chosen: ChosenEdges,
    found: Stages,
    policy: SegmentPolicy,
    actions: NextActions,
) -> pd.DataFrame:
    levels = segment(rfm, chosen.edges)
    table = rfm.drop(columns="mean_gap_days").assign(
        rfm_r=levels.r,
        rfm_f=levels.f,
        rfm_m=levels.m,
        rfm_cell=levels.cells(),
        rfm_group=levels.groups(),
        value_tier=value_tiers(rfm, chosen.edges),
    )
    table["is_vip"] = (levels.r == chosen.edges.scale) & (levels.f == chosen.edges.scale) & (levels.m == levels.r)
    table["stage"] = found.stage.reindex(table.index)
    for ladder in policy.ladders:
        table[f"ladder_{ladder.name}"] = climb(features.loc[rfm.index], ladder)
    named = {group: actions.of(group).action for group in set(chosen.edges.groups)}
    table["next_action"] = table["rfm_group"].astype("str").map(named).astype("str")
    return table


def _with_predictions(customers: pd.DataFrame, out: Path, as_of: date, shop: str, currency: str) -> pd.DataFrame:
    """The customers with what the stored run of the same date predicted, where there is one."""
    for _, run in comparable(out / "scores", as_of + timedelta(days=1), shop, currency, since=as_of):
        return customers.join(read_columns(run, ["customer_id", *PREDICTED]).set_index("customer_id"))
    return customers


def _windows(purchases: BuyTillYouDie, features: pd.DataFrame, as_of: date, below: float) -> pd.DataFrame:
    histories = purchases.prepared(features[list(purchases.columns)])
    window = last_chance(purchases.model.transactions_, histories, below)[["days_left"]]
    window["last_chance_until"] = (midnight(as_of) + pd.to_timedelta(window["days_left"], unit="D")).dt.date
    return window


def _has_orders(tables: Tables, day: date) -> bool:
    return bool((tables.orders["ordered_at"] < midnight(day)).any())


def _runs(out: Path, as_of: date, shop: str, currency: str, policy: SegmentPolicy) -> Runs:
    longest = max((trigger.cooldown.whole_days for trigger in policy.triggers), default=0) + REPLAY_DAYS
    since = date.fromordinal(max(as_of.toordinal() - longest, 1))
    stored = dict(comparable(out / "scores", as_of + timedelta(days=1), shop, currency, since))
    found = events({day: read_columns(run, COLUMNS) for day, run in stored.items()}, policy.triggers)
    if len(stored) < 2:
        facts = {"runs": len(stored), "reason": "moves need two stored runs: run 'cvo score' for two dates"}
        return Runs(None, found, facts)
    later, earlier = list(stored)[:2]
    before, now = (read_columns(stored[day], MOVE_COLUMNS).set_index("customer_id") for day in (earlier, later))
    facts = {
        "runs": len(stored),
        "from": str(earlier),
        "to": str(later),
        "flips": flip_rate(before["rfm_group"], now["rfm_group"], now["rfm_change_cause"]),
        "adverse": adverse_flow(before, now),
    }
    return Runs(moves(before, now), found, facts)


def _beside(
    tables: Tables, as_of: date, policy: SegmentPolicy, method: Method, horizon: Horizon
) -> tuple[Fitted, dict[str, Any]]:
    """A model's segments and the rules, both made one horizon ago, against what customers brought since."""
    cut = as_of - horizon.delta
    rfm = rfm_at(tables, [cut])[cut]
    fitted = fit_segments(rfm, method)
    later = window_outcome(tables, cut, horizon, rfm.index)["value"].to_numpy()
    rules = pd.Series(segment(rfm, fit_edges(rfm, policy)).groups(), index=rfm.index)
    compared = compare(rules, fitted.segments.predict(rfm), later)
    return fitted, {"cut": str(cut), "horizon_days": horizon.days, "customers": len(rfm), **compared}
