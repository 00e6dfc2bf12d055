"""The policy of segments: how levels are cut, whose group names, tiers, stages, ladders and triggers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, PositiveCount, ProperShare, Repeats, SomeShare
from cvo_ml.core.result import Json
from cvo_ml.core.units import Horizon

Level = Annotated[int, Field(ge=1, le=5)]
Name = Annotated[str, Field(min_length=1, max_length=60)]


class Cuts(FrozenConfig):
    """Where one level ends and the next begins.

    ``quantile``: equal shares of the customers. ``fixed``: at the values of ``at``, ascending. ``gap_multiple``
    (recency alone): ``at`` in multiples of the shop's typical days between orders.
    """

    method: Literal["quantile", "fixed", "gap_multiple"] = "quantile"
    at: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _values_fit_the_method(self) -> Self:
        if (self.method == "quantile") == bool(self.at):
            raise ValueError("method quantile takes no 'at', the others need it: one value per edge between levels")
        if any(later <= earlier for earlier, later in zip(self.at, self.at[1:], strict=False)):
            raise ValueError("'at' must ascend, each value once")
        return self


class RecencyCuts(Cuts):
    """``at`` holds the longest days since the last order of each level but the last, best level first."""

    @model_validator(mode="after")
    def _not_before_today(self) -> Self:
        if self.at and self.at[0] < 0:
            raise ValueError("'at' holds days since the last order: none is negative")
        return self


class FrequencyCuts(Cuts):
    """``at`` holds the fewest orders of the levels 2, 3 …; one order always scores 1."""

    @model_validator(mode="after")
    def _one_order_scores_1(self) -> Self:
        _no_gaps(self)
        if self.at and self.at[0] < 2:
            raise ValueError("one order always scores 1, so level 2 begins at 2 orders or more")
        return self


class MonetaryCuts(Cuts):
    """``at`` holds the least money of the levels 2, 3 …; a total of 0 or less always scores 1."""

    @model_validator(mode="after")
    def _nothing_scores_1(self) -> Self:
        _no_gaps(self)
        if self.at and self.at[0] <= 0:
            raise ValueError("a total of 0 or less always scores 1, so level 2 begins above 0")
        return self


def _no_gaps(cuts: Cuts) -> None:
    if cuts.method == "gap_multiple":
        raise ValueError("gap_multiple measures time: only recency can be cut by it")


class GroupBox(FrozenConfig):
    """A group of one's own: lowest and highest level of each dimension."""

    name: Name
    r: tuple[Level, Level]
    f: tuple[Level, Level]
    m: tuple[Level, Level]

    @model_validator(mode="after")
    def _low_to_high(self) -> Self:
        if any(low > high for low, high in (self.r, self.f, self.m)):
            raise ValueError("a range goes from its lowest to its highest level, such as [2, 3]")
        return self


class Tier(FrozenConfig):
    """A value tier and the share of customers it holds, best first."""

    name: Name
    share: SomeShare


class StageRules(FrozenConfig):
    """What counts as considering and as advocating (methods J1)."""

    consideration_events: tuple[str, ...] = ("product_viewed", "added_to_cart", "checkout_started", "trial_started")
    advocacy_events: tuple[str, ...] = ("referral", "referred", "review_written", "shared")
    promoter_score: Annotated[float, Field(ge=0, le=10)] = 9


class Rung(FrozenConfig):
    """A rung of a ladder and what a customer needs to stand on it: feature name to least value."""

    name: Name
    at_least: dict[str, float] = {}


class Ladder(FrozenConfig):
    """Names in order, lowest first; the first rung asks for nothing."""

    name: Name
    rungs: Annotated[tuple[Rung, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _everybody_stands_somewhere(self) -> Self:
        if self.rungs[0].at_least:
            raise ValueError("the first rung asks for nothing, so that every customer stands on one")
        return self


class Trigger(FrozenConfig):
    """An event when a customer enters a state (methods B10).

    The state is entered when, in ``confirm_runs`` runs in a row, the customer is in one of ``groups`` (if any are
    named) or churns with ``churn_enter`` or more, and has no more than ``most_orders``; it is left when that many runs
    in a row show neither, with churn below ``churn_leave``. No second event within ``cooldown``.
    """

    name: Name
    groups: tuple[str, ...] = ()
    churn_enter: ProperShare | None = None
    churn_leave: ProperShare | None = None
    high_value: bool = False
    most_orders: PositiveCount | None = None
    confirm_runs: Repeats = 2
    cooldown: Horizon = Horizon("90D")

    @model_validator(mode="after")
    def _has_a_state(self) -> Self:
        if not self.groups and self.churn_enter is None and not self.high_value:
            raise ValueError("name groups, churn_enter or high_value: a trigger needs a state to enter")
        if (self.churn_enter is None) != (self.churn_leave is None):
            raise ValueError("churn_enter and churn_leave go together")
        if self.churn_enter is not None and self.churn_leave is not None and self.churn_leave > self.churn_enter:
            raise ValueError("churn_leave lies at churn_enter or below it")
        return self


TIERS = (Tier(name="high", share=0.1), Tier(name="middle", share=0.3), Tier(name="low", share=0.6))
LADDERS = (
    Ladder(
        name="mastery",
        rungs=(
            Rung(name="Padawan"),
            Rung(name="Adept", at_least={"number_of_orders": 2}),
            Rung(name="Expert", at_least={"number_of_orders": 4}),
            Rung(name="Master", at_least={"number_of_orders": 10}),
        ),
    ),
)
TRIGGERS = (
    Trigger(
        name="about_to_churn",
        groups=("Needs attention", "At risk", "About to dump you"),
        churn_enter=0.66,
        churn_leave=0.5,
    ),
    Trigger(name="new_high_value", high_value=True, most_orders=1, confirm_runs=1, cooldown=Horizon("365D")),
    Trigger(name="joined_loyal", groups=("Loyal", "Champions", "Lovers", "Soulmates")),
)


class SegmentPolicy(FrozenConfig):
    """How many RFM levels, how they are cut and kept, whose group names, which tiers."""

    scale: Literal["auto", 3, 4, 5] = "auto"
    vocabulary: Literal["klaviyo", "reveal", "own"] = "klaviyo"
    edges: Literal["frozen", "recut"] = "frozen"
    recency: RecencyCuts = RecencyCuts()
    frequency: FrequencyCuts = FrequencyCuts()
    monetary: MonetaryCuts = MonetaryCuts()
    groups: tuple[GroupBox, ...] = ()
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)] = TIERS
    stages: StageRules = StageRules()
    ladders: tuple[Ladder, ...] = LADDERS
    triggers: tuple[Trigger, ...] = TRIGGERS
    last_chance_below: ProperShare = 0.3

    @property
    def declared_scale(self) -> int | None:
        """The scale that the policy fixes, by name or by the number of its edges; None if the shop's size decides."""
        if self.scale != "auto":
            return self.scale
        given = {len(cuts.at) + 1 for cuts in (self.recency, self.frequency, self.monetary) if cuts.at}
        return given.pop() if given else None

    @model_validator(mode="after")
    def _edges_fit_the_scale(self) -> Self:
        for name, cuts in (("recency", self.recency), ("frequency", self.frequency), ("monetary", self.monetary)):
            if cuts.at and len(cuts.at) + 1 != self.declared_scale:
                raise ValueError(
                    f"{name}: {len(cuts.at)} values in 'at' make {len(cuts.at) + 1} levels, and the scale is "
                    f"{self.declared_scale}"
                )
        if self.declared_scale not in (None, 3, 4, 5):
            raise ValueError(f"'at' makes {self.declared_scale} levels: use 3, 4 or 5")
        return self

    @model_validator(mode="after")
    def _own_groups_are_complete(self) -> Self:
        if (self.vocabulary == "own") != bool(self.groups):
            raise ValueError("vocabulary own and groups go together: give both or neither")
        if self.groups and self.declared_scale is None:
            raise ValueError("groups of one's own need a fixed scale: 3, 4 or 5")
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ValueError("two groups have one name")
        highest = max((high for group in self.groups for _, high in (group.r, group.f, group.m)), default=1)
        if highest > (self.declared_scale or 5):
            raise ValueError(f"a group reaches level {highest}, and the scale is {self.declared_scale}")
        return self

    @model_validator(mode="after")
    def _tiers_hold_everybody(self) -> Self:
        if abs(sum(tier.share for tier in self.tiers) - 1) > 1e-9:
            raise ValueError("the shares of the tiers must sum to 1")
        for what, names in (
            ("tiers", [tier.name for tier in self.tiers]),
            ("ladders", [ladder.name for ladder in self.ladders]),
            ("triggers", [trigger.name for trigger in self.triggers]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"two {what} have one name")
        return self

    def cutting(self) -> dict[str, Json]:
        """What decides who is in which group and tier, JSON-ready: frozen edges are kept as long as it stays."""
        kept = {"scale", "vocabulary", "recency", "frequency", "monetary", "groups", "tiers"}
        return self.model_dump(mode="json", include=kept)
