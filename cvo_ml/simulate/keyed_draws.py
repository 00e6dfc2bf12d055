"""Random numbers that belong to a customer, an order and a behaviour, however many others there are.

A number is a hash of (seed, behaviour, customer, event, turn): nothing that happens to one customer can
move another's. So an effect that ends lives or adds orders leaves every other row of the shop as it was
(common random numbers; Glasserman & Yao 1992), and the difference of two shops is the effect alone.
The hash is the finaliser of SplitMix64 (Steele, Lea & Flood 2014), applied to the key twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from scipy.special import ndtri

from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.traits import gamma_quantile

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_EVENTS = np.uint64(1 << 32)  # events of one customer that have keys of their own


def behaviour_key(seed: int, behaviour: str) -> int:
    """The key of one behaviour under one seed, 64 bits."""
    entropy = np.random.SeedSequence(seed, spawn_key=(crc32(behaviour.encode()),))
    return int(entropy.generate_state(1, np.uint64)[0])


def row_keys(customer: Numbers, event: Numbers | int = 0) -> Numbers:
    """One key per row from the customer's number and a number within the customer, both >= 0."""
    return _mixed(np.asarray(customer).astype(np.uint64) * _EVENTS + np.asarray(event).astype(np.uint64))


@dataclass
class KeyedDraws:
    """Draws for rows with keys of their own; each call is a new turn, so its numbers are independent of the last.

    Parameters
    ----------
    key:
        Of seed and behaviour.
    rows:
        Keys of the rows, shape (n,), see ``row_keys``.

    Examples
    --------
    >>> some, all_rows = np.array([7, 9]), np.arange(10)
    >>> few = KeyedDraws(behaviour_key(1, "tickets"), row_keys(some)).random()
    >>> many = KeyedDraws(behaviour_key(1, "tickets"), row_keys(all_rows)).random()
    >>> bool((many[some] == few).all())
    True
    """

    key: int
    rows: Numbers
    turns: list[int] = field(default_factory=lambda: [0])

    def at(self, chosen: Numbers) -> KeyedDraws:
        """The same draws for some of the rows; turns go on."""
        return KeyedDraws(self.key, self.rows[chosen], self.turns)

    def below(self, parent: Numbers, number: Numbers) -> KeyedDraws:
        """Draws for what belongs to rows ``parent``, told apart by ``number`` within the row."""
        return KeyedDraws(self.key, _mixed(self.rows[parent] + np.asarray(number).astype(np.uint64)), self.turns)

    def named(self, name: str) -> KeyedDraws:
        """Draws of a part of the behaviour, which no other part moves."""
        return KeyedDraws(self.key ^ (crc32(name.encode()) << 32), self.rows)

    def random(self) -> Numbers:
        """Uniform on (0, 1), never 0 or 1."""
        self.turns[0] += 1
        salt = np.uint64((self.key + self.turns[0] * _GOLDEN) & 0xFFFFFFFFFFFFFFFF)
        return _unit(_mixed(self.rows ^ salt))

    def exponential(self) -> Numbers:
        """Exponential of mean 1."""
        return -np.log(self.random())

    def normal(self) -> Numbers:
        """Standard normal."""
        return ndtri(self.random())

    def uniform(self, low: float, high: float) -> Numbers:
        """Uniform on (low, high)."""
        return low + (high - low) * self.random()

    def integers(self, below: int) -> Numbers:
        """Whole numbers 0 … below - 1, each as likely."""
        return np.floor(self.random() * below).astype(np.int64)

    def gamma(self, shape: Numbers) -> Numbers:
        """Gamma of rate 1; ``shape`` of shape (n,) with few different values > 0."""
        index, drawn = ndtri(self.random()), np.empty(len(self.rows))
        for value in np.unique(shape):
            rows = shape == value
            drawn[rows] = gamma_quantile(index[rows], float(value), 1.0)
        return drawn

    def poisson(self, mean: Numbers | float) -> Numbers:
        """Poisson of ``mean`` >= 0, up to some hundreds, by inversion."""
        mean = np.broadcast_to(np.asarray(mean, float), self.rows.shape)
        return _inverted(self.random(), np.exp(-mean), lambda k, rows: mean[rows] / (k + 1))

    def binomial(self, trials: Numbers, chance: Numbers | float) -> Numbers:
        """Binomial by inversion; ``trials`` >= 0 and ``chance`` in [0, 1) of shape (n,)."""
        chance = np.broadcast_to(np.asarray(chance, float), self.rows.shape)
        odds = chance / (1.0 - chance)
        none = np.exp(trials * np.log1p(-chance))
        return _inverted(self.random(), none, lambda k, rows: (trials[rows] - k) / (k + 1) * odds[rows])


@dataclass
class EventDraws:
    """Draws of customers who move on at their own pace: each draw is the next event of its customer.

    Parameters
    ----------
    key, first:
        Of seed and behaviour; number of the block's first customer.
    turn:
        Draws that each customer has had, shape (n,); counted here.
    """

    key: int
    first: int
    turn: Numbers

    def random(self, who: Numbers) -> Numbers:
        """Uniform on (0, 1) for customers ``who``, each at most once."""
        self.turn[who] += 1
        return _unit(_mixed(row_keys(self.first + who, self.turn[who]) ^ np.uint64(self.key)))

    def exponential(self, who: Numbers) -> Numbers:
        """Exponential of mean 1 for customers ``who``."""
        return -np.log(self.random(who))

    def gamma(self, who: Numbers, shape: Numbers) -> Numbers:
        """Gamma of rate 1 for customers ``who``; ``shape`` has few different values."""
        uniform, drawn = self.random(who), np.empty(len(who))
        for value in np.unique(shape):
            rows = shape == value
            drawn[rows] = (
                -np.log(uniform[rows]) if value == 1 else gamma_quantile(ndtri(uniform[rows]), float(value), 1.0)
            )
        return drawn


def _inverted(uniform: Numbers, none: Numbers, ratio: Callable[[int, Numbers], Numbers]) -> Numbers:
    """Smallest k with F(k) >= uniform, from P(0) and the ratio P(k + 1) / P(k) of the rows still on their way."""
    count = np.zeros(len(uniform), np.int64)
    rows = np.flatnonzero(uniform > none)
    chance, rest, k = none[rows], uniform[rows] - none[rows], 0
    while len(rows):
        chance = chance * ratio(k, rows)
        k += 1
        rest = rest - chance
        count[rows] = k
        on = (rest > 0) & (chance > 1e-300)
        rows, chance, rest = rows[on], chance[on], rest[on]
    return count


def _mixed(bits: Numbers) -> Numbers:
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


def _unit(bits: Numbers) -> Numbers:
    return (bits >> np.uint64(11)).astype(float) * 2.0**-53 + 2.0**-54
