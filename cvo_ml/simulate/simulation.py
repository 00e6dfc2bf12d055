"""What the shop and the software vendor have in common: blocks that become tables and truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import pandas as pd
import pyarrow as pa

from cvo_ml.config.simulation import SimulatedSaasConfig, SimulatedShopConfig
from cvo_ml.core.errors import UsageError, nearest_name, shortened

#: Customers or leads of the largest business, and the largest seed.
LARGEST: Final = 1_000_000_000
LARGEST_SEED: Final = 2**63 - 1


def refuse_absurd(size: int, seed: int) -> None:
    """Refuse a size that no disk holds, and a seed that is none.

    Raises
    ------
    UsageError
        If one is out of range.
    """
    if not 1 <= size <= LARGEST:
        raise UsageError(f"size {shortened(size)} cannot be simulated: write a number from 1 to {LARGEST:,}")
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"seed {shortened(seed)} is none: write a whole number of at least 0, with up to 18 digits")


@dataclass(frozen=True)
class Part:
    """The tables and the truth of one block, or those that belong to no block."""

    customers: int
    tables: dict[str, pa.Table]
    truth: dict[str, pa.Table]


class Simulation(Protocol):
    """A simulated business: its definition, and its parts in order."""

    @property
    def kind(self) -> str:
        """``shop`` or ``saas``."""

    @property
    def config(self) -> SimulatedShopConfig | SimulatedSaasConfig:
        """The preset."""

    @property
    def seed(self) -> int:
        """The seed in use."""

    @property
    def size(self) -> int:
        """Customers of a shop, leads of a software vendor."""

    def table_names(self) -> frozenset[str]:
        """All tables that this simulation can make."""

    def parts(self, wanted: frozenset[str]) -> Iterator[Part]:
        """One part per block, then one with what belongs to no block."""


def chosen_tables(simulation: Simulation, tables: Iterable[str] | None) -> frozenset[str]:
    """The wanted tables, all where ``tables`` is None; ``orders`` is always among them.

    Raises
    ------
    UsageError
        If a table is not made by this preset.
    """
    known = simulation.table_names()
    if tables is None:
        return known
    for name in tables:
        if name not in known:
            hint = nearest_name(name, sorted(known))
            raise UsageError(
                f"table {name!r} is not made by {simulation.config.name!r}{hint}: use {', '.join(sorted(known))}"
            )
    return frozenset(tables) | {"orders"}


def collect(parts: Iterable[Part]) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """All parts as whole frames: tables, truth."""
    tables: dict[str, list[pa.Table]] = {}
    truth: dict[str, list[pa.Table]] = {}
    for part in parts:
        for name, rows in part.tables.items():
            tables.setdefault(name, []).append(rows)
        for name, rows in part.truth.items():
            truth.setdefault(name, []).append(rows)
    return _frames(tables), _frames(truth)


def _frames(parts: dict[str, list[pa.Table]]) -> dict[str, pd.DataFrame]:
    return {name: pa.concat_tables(rows).to_pandas() for name, rows in parts.items()}
