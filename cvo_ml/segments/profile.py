"""The profile of a shop's segments on a date: every customer's segment, what groups are like, and how they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.segments import SegmentPolicy, Trigger
from cvo_ml.core.result import Json, Result, to_json
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.core.visibility import visible_table
from cvo_ml.features.labels import window_outcome
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.segments.customer_table import LADDER, customer_table, days_to_win_back
from cvo_ml.segments.group_profiles import Concentration, TwoDefinitions, pareto, profiles, two_definitions
from cvo_ml.segments.history import month_dates, monthly_groups, rfm_at, rfm_of
from cvo_ml.segments.model_based import Method, ModelBased, ModelComparison, compare, fit_segments
from cvo_ml.segments.movement import (
    AdverseFlow,
    FlipRate,
    PeriodMovement,
    adverse_flow,
    flip_rate,
    movement_between,
    moves,
)
from cvo_ml.segments.rules.assign import segment
from cvo_ml.segments.rules.custom_groups import BoxTable, box_table
from cvo_ml.segments.rules.edges import fit_edges
from cvo_ml.segments.rules.stored_edges import ChosenEdges
from cvo_ml.segments.stages import Stages, stages
from cvo_ml.segments.triggers import events

#: How far back runs are replayed for triggers, beyond the longest cooldown.
REPLAY_DAYS: Final = 92
#: What the run of the date itself predicted of each customer.
PREDICTED: Final = ("predicted_clv", "churn_probability", "p_alive")
#: What moves between two runs are read from.
MOVE_COLUMNS: Final = (
    "customer_id", "rfm_group", "rfm_group_previous", "rfm_change_cause", "predicted_clv", "historic_clv",
)  # fmt: skip
MODEL_SEGMENT: Final = "model_segment"


@dataclass(frozen=True)
class RunMovement(Result):
    """What changed between the last two stored runs.

    Parameters
    ----------
    moves:
        As ``movement.moves``.
    """

    since: date
    until: date
    flips: FlipRate
    adverse: AdverseFlow
    moves: pd.DataFrame

    def to_json(self) -> dict[str, Json]:
        """The dates as ``from`` and ``to``."""
        return {
            "from": str(self.since),
            "to": str(self.until),
            "flips": self.flips.to_json(),
            "adverse": self.adverse.to_json(),
            "moves": _records(self.moves),
        }


@dataclass(frozen=True)
class RunHistory(Result):
    """What stored runs show: moves between the last two, and events.

    Parameters
    ----------
    runs:
        How many there are.
    last:
        None with fewer than two runs; ``reason`` then says so.
    events:
        As ``triggers.events``.
    """

    runs: int
    last: RunMovement | None
    events: pd.DataFrame
    reason: str = ""

    def to_json(self) -> dict[str, Json]:
        """The last movement beside the number of runs, or the reason why there is none."""
        if self.last is None:
            return {"runs": self.runs, "reason": self.reason, "moves": []}
        return {"runs": self.runs, **self.last.to_json()}


@dataclass(frozen=True)
class SegmentProfile(Result):
    """Segments of every customer with an order left, and everything that describes them.

    Parameters
    ----------
    customers:
        By ``customer_id``: ``customer_table``, and what was predicted, days to win back and the model's segment where
        known.
    custom_groups:
        None where the groups are of a published vocabulary.
    monthly:
        Movement month by month, by today's edges.
    model_based:
        The model-based segmentation and its comparison with the rules; None if not asked for.
    about_to_dump_you:
        None where nobody is in that group.
    """

    as_of: date
    chosen: ChosenEdges
    custom_groups: BoxTable | None
    customers: pd.DataFrame
    stages: Stages
    monthly: tuple[PeriodMovement, ...]
    history: RunHistory
    model_based: ModelBased | None
    pareto: tuple[Concentration, ...]
    about_to_dump_you: TwoDefinitions | None

    def profiles(self, by: str) -> pd.DataFrame:
        """What each group, tier, stage or rung is like."""
        return profiles(self.customers, by)

    @property
    def ladders(self) -> tuple[str, ...]:
        """The columns of ``customers`` that hold a ladder's rung."""
        return tuple(name for name in map(str, self.customers) if name.startswith(LADDER))

    def to_json(self) -> dict[str, Json]:
        """The profile without its customers."""
        triggers = self.history.events["trigger"].value_counts()
        return {
            "as_of": str(self.as_of),
            "customers": len(self.customers),
            "edges": self.chosen.in_force.to_json(),
            "groups": _records(self.profiles("rfm_group")),
            "tiers": _records(self.profiles("value_tier")),
            "ladders": {name.removeprefix(LADDER): _records(self.profiles(name)) for name in self.ladders},
            "vip": int(self.customers["is_vip"].sum()),
            "stages": {"unseen": list(self.stages.unseen), "flow": to_json(self.stages.flow())},
            "monthly": to_json(self.monthly),
            "runs": self.history.to_json(),
            "events": {str(name): int(count) for name, count in triggers.items()},
            "pareto": to_json(self.pareto),
            "about_to_dump_you": to_json(self.about_to_dump_you),
            **({} if self.custom_groups is None else {"coverage": _coverage(self.custom_groups)}),
            **({} if self.model_based is None else {"model_based": self.model_based.to_json()}),
        }


def profile_segments(
    tables: Tables,
    features: pd.DataFrame,
    as_of: date,
    policy: SegmentPolicy,
    actions: NextActions,
    chosen: ChosenEdges,
    *,
    predicted: pd.DataFrame | None = None,
    history: RunHistory | None = None,
    months: int = 6,
    purchases: BuyTillYouDie | None = None,
    model_based: ModelBased | None = None,
) -> SegmentProfile:
    """Segment the shop and describe the segments; nothing is read or written.

    Parameters
    ----------
    features:
        Snapshot at ``as_of``, by ``customer_id``.
    chosen:
        The edges that decide (``choose_edges``).
    predicted:
        ``PREDICTED`` of each customer by the run of the same date, by ``customer_id``; None where there is none.
    history:
        What stored runs show (``run_history``); None = there are none.
    months:
        How many months back groups are followed.
    purchases:
        A model of purchases that was fitted on data before ``as_of``, for the days to win customers back.
    model_based:
        A model's segments to set beside the rules (``model_based_segments``).

    Raises
    ------
    ConfigError
        If a ladder or a group of the policy cannot be.
    """
    rfm = rfm_of(features, tables, as_of)
    reached = stages(tables, as_of, policy.stages)
    customers = customer_table(features, rfm, chosen.edges, reached.stage, policy, actions)
    if predicted is not None:
        customers = customers.join(predicted)
    if purchases is not None:
        customers = customers.join(days_to_win_back(purchases, features, as_of, policy.last_chance_below))
    if model_based is not None:
        customers[MODEL_SEGMENT] = model_based.fitted.segments.predict(rfm)
    return SegmentProfile(
        as_of=as_of,
        chosen=chosen,
        custom_groups=box_table(policy.groups, chosen.edges.scale) if policy.vocabulary == "own" else None,
        customers=customers,
        stages=reached,
        monthly=_monthly(tables, as_of, months, chosen),
        history=history or run_history({}, policy.triggers),
        model_based=model_based,
        pareto=(pareto(rfm, chosen.edges.tier_basis, "repeat"), pareto(rfm, chosen.edges.tier_basis, "all")),
        about_to_dump_you=two_definitions(customers["rfm_group"], rfm["days_since_last_order"]),
    )


def model_based_segments(
    tables: Tables, as_of: date, policy: SegmentPolicy, method: Method, horizon: Horizon
) -> ModelBased:
    """A model's segments and the rules, both made one horizon ago, against what customers brought since.

    Raises
    ------
    ModelRefused
        If there are too few customers.
    """
    cut = as_of - horizon.delta
    rfm = rfm_at(tables, [cut])[cut]
    fitted = fit_segments(rfm, method)
    later = window_outcome(tables, cut, horizon, rfm.index)["value"].to_numpy()
    rules = pd.Series(segment(rfm, fit_edges(rfm, policy)).groups(), index=rfm.index)
    compared = compare(rules, fitted.segments.predict(rfm), later)
    return ModelBased(fitted, ModelComparison(cut, horizon.days, len(rfm), compared, fitted.stable))


def replay_since(as_of: date, triggers: Sequence[Trigger]) -> date:
    """The first date whose run ``run_history`` needs to replay the triggers at ``as_of``."""
    longest = max((trigger.cooldown.whole_days for trigger in triggers), default=0) + REPLAY_DAYS
    return date.fromordinal(max(as_of.toordinal() - longest, 1))


def run_history(runs: Mapping[date, pd.DataFrame], triggers: Sequence[Trigger]) -> RunHistory:
    """Moves between the last two runs, and the events of all of them.

    Parameters
    ----------
    runs:
        Scores of each run with ``triggers.COLUMNS``; of the last two with ``MOVE_COLUMNS`` too.
    """
    happened = events(runs, triggers)
    if len(runs) < 2:
        return RunHistory(len(runs), None, happened, "moves need two stored runs: run 'cvo score' for two dates")
    earlier, later = sorted(runs)[-2:]
    before, now = (runs[day].set_index("customer_id") for day in (earlier, later))
    flips = flip_rate(before["rfm_group"], now["rfm_group"], now["rfm_change_cause"])
    last = RunMovement(earlier, later, flips, adverse_flow(before, now), moves(before, now))
    return RunHistory(len(runs), last, happened)


def _monthly(tables: Tables, as_of: date, months: int, chosen: ChosenEdges) -> tuple[PeriodMovement, ...]:
    """Movement between the months in which the shop had orders; none where there are fewer than two."""
    dates = [day for day in month_dates(as_of, months) if _has_orders(tables, day)]
    return movement_between(monthly_groups(tables, dates, chosen.edges)) if len(dates) > 1 else ()


def _has_orders(tables: Tables, day: date) -> bool:
    return not visible_table(tables, "orders", day).empty


def _coverage(groups: BoxTable) -> dict[str, Json]:
    return {"cells_by_boxes": to_json(groups.covered()), "groups": _records(groups.coverage())}


def _records(table: pd.DataFrame) -> list[Json]:
    """Rows with their index as JSON-ready values; what is not a finite number is null."""
    return [to_json(row) for row in table.reset_index().to_dict("records")]
