"""The purchase process: renewals that end in dropout, advanced from one date to the next.

While alive, a customer buys after gamma gaps of shape k and mean 1 / lambda (k = 1: Poisson) on a
personal clock. Dropout: after an order with probability p (BG/NBD; Fader, Hardie & Lee 2005, eq. 2),
and at rate mu in time (Pareto/NBD; Schmittlein, Morrison & Colombo 1987). The state keeps what
remains of the gap and of the life, so that the pace may change at any date without a bias.

A treatment lasts from its date to the end of its window and acts on the parameters there:
``lift`` m multiplies the rate and leaves the hazard of dropout unchanged (lambda m, p / m, mu);
``survival`` q multiplies the hazard and leaves the rate unchanged (lambda, p q, mu q). Whatever else
drives a customer away after an order (``Leaving``) is a second coin that no treatment touches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.keyed_draws import EventDraws
from cvo_ml.simulate.shop.clock import PersonalClock
from cvo_ml.simulate.shop.population import Traits

Random = np.random.Generator | EventDraws


class Leaving(Protocol):
    """What drives customers away after an order, beside dropout."""

    def leaves(self, who: Numbers, number: Numbers) -> Numbers:
        """Whether customers ``who`` leave after their orders ``number`` (0 = the first); flags of shape (m,)."""


@dataclass
class Process:
    """State of a block's customers; advanced in place. All arrays of shape (n,).

    ``position`` is the personal time reached; ``gap`` what remains of the gap in units of its
    mean; ``life`` what remains of the life in units of 1 / mu; ``placed`` the orders so far.
    """

    clock: PersonalClock
    traits: Traits
    position: Numbers
    gap: Numbers
    life: Numbers
    alive: Numbers
    placed: Numbers
    leaving: Leaving | None = None
    orders_by: list[Numbers] = field(default_factory=list)
    orders_at: list[Numbers] = field(default_factory=list)
    ended_by: list[Numbers] = field(default_factory=list)
    ended_at: list[Numbers] = field(default_factory=list)
    revived_by: list[Numbers] = field(default_factory=list)
    revived_at: list[Numbers] = field(default_factory=list)


@dataclass(frozen=True)
class Lives:
    """Spans in which customers were alive: days since the start, ``until`` infinite where no end is seen."""

    who: Numbers
    since: Numbers
    until: Numbers


def begin(clock: PersonalClock, traits: Traits, born: Numbers, rng: Random, leaving: Leaving | None = None) -> Process:
    """The process right after each customer's first order, which some do not survive."""
    position, everyone = clock.elapsed(born), np.arange(len(born))
    alive = _coins(rng, everyone) >= traits.dropout_at_first
    gaps = _gaps(traits.regularity, rng, everyone)
    if leaving is not None:
        alive &= ~leaving.leaves(everyone, np.zeros(len(born), np.int64))
    process = Process(
        clock, traits, position, gaps, _exponentials(rng, everyone), alive, np.ones(len(born), np.int64), leaving
    )
    process.ended_by.append(np.flatnonzero(~alive))
    process.ended_at.append(position[~alive])
    return process


def advance(
    process: Process, day: float, rng: Random, lift: Numbers | None = None, survival: Numbers | None = None
) -> None:
    """Run the process until ``day``.

    Parameters
    ----------
    lift, survival:
        Multipliers of rate and of dropout hazard until then, shape (n,), > 0 and >= 0.
    """
    end = process.clock.elapsed(day)
    traits = process.traits
    rate, per_order, per_day = multiplied(traits.rate, traits.dropout_per_order, traits.dropout_per_day, lift, survival)
    who = np.flatnonzero(process.alive & (process.position < end))
    here = _Walkers(who, process.position[who], process.gap[who], process.life[who], end[who],
                    rate[who], per_order[who], per_day[who], traits.regularity[who])  # fmt: skip
    while len(here.who):
        here = _step(process, here, rng)


def revive(process: Process, who: Numbers, day: float, rng: Random) -> None:
    """Bring back customers ``who`` on ``day``, with a new gap and a new life."""
    process.alive[who] = True
    process.position[who] = process.clock.elapsed(day)[who]
    process.gap[who] = _gaps(process.traits.regularity[who], rng, who)
    process.life[who] = _exponentials(rng, who)
    process.revived_by.append(who)
    process.revived_at.append(process.position[who])


def multiplied(
    rate: Numbers, per_order: Numbers, per_day: Numbers, lift: Numbers | None, survival: Numbers | None
) -> tuple[Numbers, Numbers, Numbers]:
    """Rate, dropout per order and dropout rate in time under a treatment (see the module's head)."""
    m: Numbers | float = 1.0 if lift is None else lift
    q: Numbers | float = 1.0 if survival is None else survival
    return rate * m, np.clip(per_order * q / m, 0.0, 1.0), per_day * q


def orders_of(process: Process) -> tuple[Numbers, Numbers]:
    """All orders after the first: customer and day, sorted by customer and time."""
    who, at = _joined(process.orders_by, np.int64), _joined(process.orders_at, float)
    order = in_order(who)
    who = who[order]
    return who, process.clock.day_at(at[order], who)


def lives_of(process: Process, born: Numbers) -> Lives:
    """Every customer's spans of life, sorted by customer and time."""
    revived, ended = _joined(process.revived_by, np.int64), _joined(process.ended_by, np.int64)
    ended_on = process.clock.day_at(_joined(process.ended_at, float), ended)
    who = np.concatenate([np.arange(len(born)), revived])
    since = np.concatenate([born, process.clock.day_at(_joined(process.revived_at, float), revived)])
    order, rank = in_order(who), in_order(ended)
    who, since, until = who[order], since[order], np.full(len(who), np.inf)
    until[_matching(who, ended[rank], len(born))] = ended_on[rank]
    return Lives(who, since, until)


@dataclass(frozen=True)
class _Walkers:
    """The customers who are still on their way in one call of ``advance``."""

    who: Numbers
    position: Numbers
    gap: Numbers
    life: Numbers
    end: Numbers
    rate: Numbers
    per_order: Numbers
    per_day: Numbers
    regularity: Numbers

    def take(self, keep: Numbers, position: Numbers, gap: Numbers, life: Numbers) -> _Walkers:
        return _Walkers(self.who[keep], position, gap, life, self.end[keep], self.rate[keep],
                        self.per_order[keep], self.per_day[keep], self.regularity[keep])  # fmt: skip


def _step(process: Process, here: _Walkers, rng: Random) -> _Walkers:
    """Each walker's next order, dropout or end of the span, whichever comes first."""
    with np.errstate(divide="ignore"):
        next_order = here.position + here.gap / here.rate
        next_death = here.position + here.life / here.per_day
    first_event = np.minimum(next_order, next_death)
    rests = first_event >= here.end
    _rest(process, here, rests)
    dies = ~rests & (next_death < next_order)
    _bury(process, here.who[dies], next_death[dies])
    buys = np.flatnonzero(~rests & ~dies)
    who, at = here.who[buys], next_order[buys]
    process.orders_by.append(who)
    process.orders_at.append(at)
    stays = _coins(rng, who) >= here.per_order[buys]
    if process.leaving is not None:
        stays &= ~process.leaving.leaves(who, process.placed[who])
    process.placed[who] += 1
    _bury(process, who[~stays], at[~stays])
    keep, at = buys[stays], at[stays]
    life = here.life[keep] - (at - here.position[keep]) * here.per_day[keep]
    return here.take(keep, at, _gaps(here.regularity[keep], rng, here.who[keep]), life)


def _rest(process: Process, here: _Walkers, rests: Numbers) -> None:
    who, walked = here.who[rests], here.end[rests] - here.position[rests]
    process.gap[who] = here.gap[rests] - walked * here.rate[rests]
    process.life[who] = here.life[rests] - walked * here.per_day[rests]
    process.position[who] = here.end[rests]


def _bury(process: Process, who: Numbers, at: Numbers) -> None:
    process.alive[who] = False
    process.ended_by.append(who)
    process.ended_at.append(at)


def _coins(rng: Random, who: Numbers) -> Numbers:
    return rng.random(who) if isinstance(rng, EventDraws) else rng.random(len(who))


def _exponentials(rng: Random, who: Numbers) -> Numbers:
    return rng.exponential(who) if isinstance(rng, EventDraws) else rng.standard_exponential(len(who))


def _gaps(regularity: Numbers, rng: Random, who: Numbers) -> Numbers:
    """Gaps of mean 1 and coefficient of variation 1 / sqrt(k)."""
    if isinstance(rng, EventDraws):
        return rng.gamma(who, regularity) / regularity
    if np.all(regularity == 1):
        return rng.standard_exponential(len(regularity))
    return rng.standard_gamma(regularity) / regularity


def in_order(who: Numbers) -> Numbers:
    """Rows sorted by customer (below 65,536), those of one as they stood. 16 bits: a radix sort."""
    return np.argsort(who.astype(np.uint16), kind="stable")


def _matching(who: Numbers, ended: Numbers, customers: int) -> Numbers:
    """Row of the span that each end closes: a customer's n-th end closes the n-th span."""
    spans, ends = np.bincount(who, minlength=customers), np.bincount(ended, minlength=customers)
    first_span, first_end = np.cumsum(spans) - spans, np.cumsum(ends) - ends
    return (first_span - first_end)[ended] + np.arange(len(ended))


def _joined(parts: list[Numbers], dtype: Any) -> Numbers:
    return np.concatenate([np.zeros(0, dtype), *parts])
