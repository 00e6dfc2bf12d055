"""The stage of each customer's life: awareness, consideration, purchase, retention, advocacy (methods J1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import CensoredData, ecdf

from cvo_ml.config.segments import StageRules
from cvo_ml.core.result import Json, Result
from cvo_ml.core.units import midnight
from cvo_ml.features.engine import Engine, Source, engine
from cvo_ml.features.order_relations import order_rows, with_columns
from cvo_ml.stats.intervals import Interval, wilson

STAGES: Final = ("awareness", "consideration", "purchase", "retention", "advocacy")


@dataclass(frozen=True)
class NextStage(Result):
    """Who went on to the next stage.

    Parameters
    ----------
    went_on:
        Their share of who reached the stage, with Wilson's interval.
    median_days:
        Kaplan and Meier's: who has not gone on yet is censored at the date. None where fewer than half ever do.
    """

    went_on: Interval
    median_days: float | None


@dataclass(frozen=True)
class StageFlow(Result):
    """A stage: customers in it now, who reached it, and who went on.

    Parameters
    ----------
    onward:
        None for the last stage, and where nobody reached it.
    """

    stage: str
    customers: int
    reached: int
    onward: NextStage | None

    def to_json(self) -> dict[str, Json]:
        """What ``onward`` holds beside the other fields."""
        fields = {name: value for name, value in super().to_json().items() if name != "onward"}
        return fields if self.onward is None else {**fields, **self.onward.to_json()}


@dataclass(frozen=True)
class Stages:
    """When each customer entered each stage (``entered``, by ``customer_id``; null = not yet) as known on a date.

    ``unseen`` names stages that the shop's tables cannot show: nobody in them does not mean that nobody is.
    """

    as_of: date
    entered: pd.DataFrame
    unseen: tuple[str, ...]

    @property
    def stage(self) -> pd.Series:
        """The highest stage that each customer has entered."""
        reached = self.entered.notna().sum(axis=1).to_numpy() - 1
        names = pd.Index(STAGES, dtype="str")
        return pd.Series(pd.Categorical.from_codes(reached, categories=names, ordered=True), index=self.entered.index)

    def flow(self) -> tuple[StageFlow, ...]:
        """Each stage, the first first."""
        stage, following = self.stage, [*STAGES[1:], None]
        return tuple(
            StageFlow(name, int((stage == name).sum()), int(self.entered[name].notna().sum()), self._onward(name, then))
            for name, then in zip(STAGES, following, strict=True)
        )

    def _onward(self, name: str, following: str | None) -> NextStage | None:
        here = self.entered[name].notna()
        if following is None or not here.any():
            return None
        went = self.entered.loc[here, following]
        share = wilson(int(went.notna().sum()), int(here.sum()))
        return NextStage(share, _median_days(self.entered.loc[here, name], went, self.as_of))


def stages(tables: Source, as_of: date, rules: StageRules) -> Stages:
    """The stages of everybody known at ``as_of``, buyers or not.

    A customer is aware from the first trace (profile, touchpoint, event, order), considers from the first consideration
    event or order, purchases with the first order that was not wholly refunded, is retained with the second, and
    advocates with a referral, a review or a promoter's answer once retained. So each stage holds the ones after it.
    """
    with engine(tables) as opened:
        bought = _orders(opened, as_of)
        traces = [_first(opened, name, column, as_of) for name, column in _TRACES if opened.has(name, column)]
        considered = _events(opened, as_of, rules.consideration_events)
        advocated = _earliest(
            [_events(opened, as_of, rules.advocacy_events), _promoters(opened, as_of, rules.promoter_score)]
        )
        has_events, has_surveys = opened.has("events"), opened.has("surveys")
        has_profiles = opened.has("customers", "created_at") or opened.has("touchpoints")
    second = bought["second"].dropna()
    aware = _earliest([*traces, bought["any"]])
    entered = pd.DataFrame(index=aware.index)
    entered["awareness"] = aware
    entered["consideration"] = _earliest([considered, bought["any"]])
    entered["purchase"] = bought["first"]
    entered["retention"] = second
    both = pd.concat([second, advocated], axis=1, join="inner")
    entered["advocacy"] = both.max(axis=1)
    unseen = (
        *(["awareness"] * (not has_profiles and not has_events)),
        *(["consideration"] * (not has_events)),
        *(["advocacy"] * (not has_events and not has_surveys)),
    )
    return Stages(as_of, entered.sort_index(), unseen)


#: Where a customer leaves a first trace, and when.
_TRACES: Final = (("customers", "created_at"), ("touchpoints", "at"), ("events", "at"))


def _orders(opened: Engine, as_of: date) -> pd.DataFrame:
    """The first order, refunded or not, and the first and second that were kept."""
    orders = opened.run(order_rows(opened, [as_of]).select("customer_id", "ordered_at", "order_id", "kept"))
    placed = orders.sort_values(["ordered_at", "order_id"])
    kept = placed[placed["kept"]].groupby(level=0)["ordered_at"]
    return pd.DataFrame(
        {"any": placed.groupby(level=0)["ordered_at"].first(), "first": kept.nth(0), "second": kept.nth(1)}
    )


def _first(opened: Engine, name: str, column: str, as_of: date) -> pd.Series:
    rows = opened.visible(opened.table(name), [as_of], column)
    rows = rows.filter(rows.customer_id.notnull())  # a touch may be one of a lead
    return opened.run(rows.group_by("customer_id").agg(at=rows[column].min()))["at"]


def _events(opened: Engine, as_of: date, names: tuple[str, ...]) -> pd.Series:
    rows = opened.known("events", as_of)
    rows = rows.filter(rows.name.isin(list(names)))
    return opened.run(rows.group_by("customer_id").agg(at=rows["at"].min()))["at"]


def _promoters(opened: Engine, as_of: date, score: float) -> pd.Series:
    rows = opened.visible(with_columns(opened, "surveys", {"score": "float64"}), [as_of], "answered_at")
    rows = rows.filter(rows.kind.startswith("nps"), rows.score >= score)
    return opened.run(rows.group_by("customer_id").agg(at=rows.answered_at.min()))["at"]


def _earliest(moments: list[pd.Series]) -> pd.Series:
    earliest: pd.Series = pd.concat(moments).groupby(level=0).min()
    return earliest


def _median_days(start: pd.Series, went: pd.Series, as_of: date) -> float | None:
    days = (went.fillna(midnight(as_of)) - start).dt.total_seconds().to_numpy() / 86_400
    waiting = went.isna().to_numpy()
    survival = ecdf(CensoredData(uncensored=days[~waiting], right=days[waiting])).sf
    reached = np.flatnonzero(survival.probabilities <= 0.5)
    return float(survival.quantiles[reached[0]]) if len(reached) else None
