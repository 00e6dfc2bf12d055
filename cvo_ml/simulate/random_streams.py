"""Randomness that does not depend on how the work is cut.

Every block of customers and every behaviour has its own generator, found from (seed, behaviour,
block) alone. So chunk size cannot change a table, and adding a behaviour changes no other. Where draws
belong to customers (``by_customer``), what happens to one customer changes no other's rows either: see
``keyed_draws``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.keyed_draws import EventDraws, KeyedDraws, behaviour_key, row_keys


@dataclass(frozen=True)
class Block:
    """Customers ``first`` … ``first + size - 1`` and their random streams.

    ``by_customer``: whose ``draws`` and ``events`` belong to customers instead of the block.

    Examples
    --------
    >>> block = Block(seed=1, number=0, first=0, size=10)
    >>> float(block.stream("spend").random()) == float(block.stream("spend").random())
    True
    """

    seed: int
    number: int
    first: int
    size: int
    by_customer: bool = False

    def stream(self, behaviour: str) -> np.random.Generator:
        """A fresh generator of one behaviour of this block."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(crc32(behaviour.encode()), self.number))
        return np.random.Generator(np.random.SFC64(sequence))

    def keyed(self, behaviour: str, who: Numbers, event: Numbers | int = 0) -> KeyedDraws:
        """Draws that belong to customers ``who`` of the block and their ``event`` numbers."""
        return KeyedDraws(behaviour_key(self.seed, behaviour), row_keys(self.first + who, event))

    def draws(self, behaviour: str, who: Numbers, event: Numbers | int = 0) -> Draws:
        """Draws for rows of the block: keyed where draws are ``by_customer``, else in the order of the rows."""
        if self.by_customer:
            return self.keyed(behaviour, who, event)
        return BlockDraws(self.stream(behaviour), len(who))

    def events(self, behaviour: str) -> EventDraws | np.random.Generator:
        """Draws for customers who move on at their own pace."""
        if self.by_customer:
            return EventDraws(behaviour_key(self.seed, behaviour), self.first, np.zeros(self.size, np.int64))
        return self.stream(behaviour)


class BlockDraws:
    """Draws for ``size`` rows in their order; the same calls as ``KeyedDraws``."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self._rng, self._size = rng, size

    def at(self, chosen: Numbers) -> BlockDraws:
        """Draws for the rows with numbers ``chosen``, from the same stream."""
        return BlockDraws(self._rng, len(chosen))

    def below(self, parent: Numbers, number: Numbers) -> BlockDraws:
        """Draws for what belongs to rows ``parent``, from the same stream."""
        return self.at(parent)

    def named(self, name: str) -> BlockDraws:
        """The same stream: its parts follow each other."""
        return self

    def random(self) -> Numbers:
        """Uniform on [0, 1)."""
        return self._rng.random(self._size)

    def exponential(self) -> Numbers:
        """Exponential of mean 1."""
        return self._rng.standard_exponential(self._size)

    def normal(self) -> Numbers:
        """Standard normal."""
        return self._rng.standard_normal(self._size)

    def uniform(self, low: float, high: float) -> Numbers:
        """Uniform on [low, high)."""
        return self._rng.uniform(low, high, self._size)

    def integers(self, below: int) -> Numbers:
        """Whole numbers 0 … below - 1, each as likely."""
        return self._rng.integers(0, below, self._size)

    def gamma(self, shape: Numbers) -> Numbers:
        """Gamma of rate 1."""
        return self._rng.standard_gamma(shape)

    def poisson(self, mean: Numbers | float) -> Numbers:
        """Poisson of ``mean``."""
        return self._rng.poisson(mean, self._size)

    def binomial(self, trials: Numbers, chance: Numbers | float) -> Numbers:
        """Binomial."""
        return self._rng.binomial(trials, chance)


Draws = BlockDraws | KeyedDraws


def blocks(seed: int, customers: int, customers_per_block: int, by_customer: bool = False) -> Iterator[Block]:
    """All blocks of a shop, in order.

    Examples
    --------
    >>> [(block.first, block.size) for block in blocks(1, 25, 10)]
    [(0, 10), (10, 10), (20, 5)]
    """
    for number, first in enumerate(range(0, customers, customers_per_block)):
        yield Block(seed, number, first, min(customers_per_block, customers - first), by_customer)
