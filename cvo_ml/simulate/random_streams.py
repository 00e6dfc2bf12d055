"""Randomness that does not depend on how the work is cut.

Every block of customers and every behaviour has its own generator, found from (seed, behaviour,
block) alone. So chunk size cannot change a table, and adding a behaviour changes no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np


@dataclass(frozen=True)
class Block:
    """Customers ``first`` … ``first + size - 1`` and their random streams.

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

    def stream(self, behaviour: str) -> np.random.Generator:
        """A fresh generator of one behaviour of this block."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(crc32(behaviour.encode()), self.number))
        return np.random.Generator(np.random.SFC64(sequence))


def blocks(seed: int, customers: int, customers_per_block: int) -> Iterator[Block]:
    """All blocks of a shop, in order.

    Examples
    --------
    >>> [(block.first, block.size) for block in blocks(1, 25, 10)]
    [(0, 10), (10, 10), (20, 5)]
    """
    for number, first in enumerate(range(0, customers, customers_per_block)):
        yield Block(seed, number, first, min(customers_per_block, customers - first))
