"""A simulated shop in memory: the tables that a user would have, and the truth that no user has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import SimulatedShopConfig
from cvo_ml.core.tables import Tables
from cvo_ml.simulate.columns import table
from cvo_ml.simulate.presets import shop_preset
from cvo_ml.simulate.random_streams import Block, blocks
from cvo_ml.simulate.shop.block import simulate_block, table_makers
from cvo_ml.simulate.shop.catalogue import toxic_numbers
from cvo_ml.simulate.shop.clock import Clock
from cvo_ml.simulate.shop.costs import spend_columns
from cvo_ml.simulate.shop.sales import product_ids
from cvo_ml.simulate.shop.truth import ShopTruth
from cvo_ml.simulate.simulation import Part, chosen_tables, collect, refuse_absurd


@dataclass(frozen=True)
class SimulatedShop:
    """The tables of a shop, checked against their contracts, and the truth behind them."""

    tables: Tables
    truth: ShopTruth
    config: SimulatedShopConfig
    seed: int


@dataclass(frozen=True)
class ShopSimulation:
    """The definition of a shop: preset, size, seed. The same definition always makes the same rows."""

    config: SimulatedShopConfig
    size: int
    seed: int
    kind: str = "shop"

    @cached_property
    def clock(self) -> Clock:
        """The shop's pace."""
        return Clock.of(self.config.season, self.config.start, self.config.end)

    def table_names(self) -> frozenset[str]:
        """All tables that this preset can make."""
        paid = any(channel.cost_per_customer for channel in self.config.channels)
        return frozenset(table_makers(self.config)) | ({"acquisition_spend"} if paid else frozenset())

    def parts(self, wanted: frozenset[str]) -> Iterator[Part]:
        """One part per block of customers, then acquisition spend and planted anomalies."""
        for block in blocks(self.seed, self.size, self.config.customers_per_block):
            drawn = simulate_block(self.config, self.clock, block)
            yield Part(block.size, drawn.tables(wanted), drawn.truth())
        spend = spend_columns(self.config, self.clock, self.size, Block(self.seed, 0, 0, 0))
        tables = {"acquisition_spend": table(spend)} if "acquisition_spend" in wanted else {}
        yield Part(0, tables, {"anomalies": planted(self.config)})


def simulate_shop(
    preset: str | SimulatedShopConfig = "shop",
    n_customers: int | None = None,
    seed: int | None = None,
    *,
    tables: Iterable[str] | None = None,
) -> SimulatedShop:
    """Simulate a shop in memory.

    Parameters
    ----------
    preset:
        Name of a preset in configs/simulate, or a configuration.
    n_customers, seed:
        By default the preset's own.
    tables:
        Only these (and ``orders``); a table's content does not depend on which others are made.

    Examples
    --------
    >>> shop = simulate_shop("cdnow", n_customers=100, seed=1)
    >>> len(shop.tables.get("customers"))
    100
    >>> float(shop.truth.churn_probability("1998-01-01", "39W").between(0, 1).mean())
    1.0
    """
    simulation = shop_simulation(preset, n_customers, seed)
    frames, truth = collect(simulation.parts(chosen_tables(simulation, tables)))
    return SimulatedShop(
        Tables(frames, simulation.config.currency),
        ShopTruth(simulation.config, truth),
        simulation.config,
        simulation.seed,
    )


def shop_simulation(
    preset: str | SimulatedShopConfig, n_customers: int | None = None, seed: int | None = None
) -> ShopSimulation:
    """The definition of a shop, with the preset's size and seed where none are given.

    Raises
    ------
    UsageError
        If the size or the seed is absurd.
    """
    config = shop_preset(preset) if isinstance(preset, str) else preset
    found = ShopSimulation(config, n_customers or config.customers, config.seed if seed is None else seed)
    refuse_absurd(found.size, found.seed)
    return found


def planted(config: SimulatedShopConfig) -> pa.Table:
    """What a good analysis should find: kind, member, size.

    ``toxic_product``: share of first buyers driven away; ``loyal_city``: factor on dropout (also above 1);
    ``touch_channel``: share of repeat orders that it causes.
    """
    rows: list[tuple[str, str, float]] = []
    if config.catalogue:
        names = product_ids(toxic_numbers(config.catalogue)).to_pylist()
        rows += [("toxic_product", name, config.catalogue.toxic_dropout) for name in names]
    rows += [("loyal_city", city.name, city.loyalty) for city in config.cities if city.loyalty != 1]
    rows += [("touch_channel", channel.name, channel.causes) for channel in config.touchpoints]
    kind, member, size = zip(*rows, strict=True) if rows else ((), (), ())
    return table(
        {
            "kind": pa.array(kind, pa.large_string()),
            "member": pa.array(member, pa.large_string()),
            "size": np.array(size, float),
        }
    )
