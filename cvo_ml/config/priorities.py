"""The priority policy: what can be done for whom, at what cost, within which limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import Count, FrozenConfig, PositiveCount
from cvo_ml.core.units import Horizon

Name = Annotated[str, Field(min_length=1)]


class DeclaredEffect(FrozenConfig):
    """What an action is assumed to do until an experiment or an uplift model knows better.

    ``save``: the share of the value at stake that is kept. ``growth``: extra value as a share of the
    value expected in the action's window. ``low`` and ``high`` are the 10 % and 90 % quantiles of the belief.
    """

    estimate: Annotated[float, Field(ge=-1, le=5)]
    low: Annotated[float, Field(ge=-1, le=5)]
    high: Annotated[float, Field(ge=-1, le=5)]
    source: Name

    @model_validator(mode="after")
    def _in_order(self) -> DeclaredEffect:
        if not self.low <= self.estimate <= self.high:
            raise ValueError("low, estimate and high must follow each other")
        return self


class Action(FrozenConfig):
    """Something to do for a customer.

    Parameters
    ----------
    kind:
        ``save`` acts on the value at stake in churn, ``growth`` on the value expected in ``window``.
    cost:
        Per customer contacted, in the shop's currency.
    segments:
        RFM groups of either vocabulary; empty = everybody.
    cooldown:
        Nobody gets the action again before this has passed.
    stop_after:
        The action is to be stopped once so many customers were treated and the upper bound of its
        measured profit per contact is below 0.
    """

    name: Name
    channel: Name
    kind: Literal["save", "growth"]
    cost: Annotated[float, Field(ge=0)]
    effect: DeclaredEffect
    segments: tuple[Name, ...] = ()
    cooldown: Horizon = Horizon("90D")
    window: Horizon = Horizon("90D")
    owner: str = ""
    stop_after: PositiveCount = 500
    about: str = ""

    @model_validator(mode="after")
    def _a_share_can_be_kept(self) -> Action:
        if self.kind == "save" and self.effect.high > 1:
            raise ValueError("an action of kind 'save' keeps at most the whole value at stake: effect.high <= 1")
        return self


class ContactCap(FrozenConfig):
    """Nobody is contacted more than ``most`` times within ``period``, this run included."""

    most: PositiveCount = 1
    period: Horizon = Horizon("30D")


class Holdout(FrozenConfig):
    """Customers kept untreated by a salted hash of their id, so that the effect can be measured."""

    share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    salt: str = "cvo"


class PriorityPolicy(FrozenConfig):
    """The actions, what limits them, and the holdout.

    Parameters
    ----------
    rank_on:
        ``lower``: each effect's lower quantile decides (methods F2); ``estimate``: its middle.
    budget:
        The most that one run may spend; null = every action that pays.
    capacities:
        Channel to the most contacts of one run; channels not named have no limit.
    minimum_per_segment:
        RFM group to the fewest customers to be contacted in it, as far as contacting them pays.
    effort_share:
        An action costs at most this share of the value expected of the customer; null = no limit.
    opted_out:
        Customers never to be contacted, beside those whom the customers table names.
    unsaid_consent:
        What an empty ``marketing_consent`` is, where the customers table has the column: ``no``, or ``yes``.
    """

    actions: Annotated[tuple[Action, ...], Field(min_length=1)]
    rank_on: Literal["lower", "estimate"] = "lower"
    budget: Annotated[float, Field(ge=0)] | None = None
    capacities: dict[str, Count] = Field(default_factory=dict)
    contacts: ContactCap = ContactCap()
    minimum_per_segment: dict[str, Count] = Field(default_factory=dict)
    effort_share: Annotated[float, Field(gt=0)] | None = None
    opted_out: tuple[str, ...] = ()
    unsaid_consent: Literal["no", "yes"] = "no"
    holdout: Holdout = Holdout()

    @property
    def contact(self) -> Action:
        """The action by which lists and models are compared: the first that saves, else the first."""
        return next((action for action in self.actions if action.kind == "save"), self.actions[0])

    @model_validator(mode="after")
    def _names_agree(self) -> PriorityPolicy:
        names = [action.name for action in self.actions]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"action {twice!r} stands twice: give each its own name")
        channels = {action.channel for action in self.actions}
        if unknown := sorted(set(self.capacities) - channels):
            raise ValueError(f"capacities: no action uses channel {unknown[0]!r}: use {', '.join(sorted(channels))}")
        return self
