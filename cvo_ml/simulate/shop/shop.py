"""A simulated shop in memory: the tables that a user would have, and the truth that no user has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import SimulatedShopConfig, switched_off
from cvo_ml.core.tables import Tables
from cvo_ml.simulate.columns import table
from cvo_ml.simulate.presets import shop_preset
from cvo_ml.simulate.random_streams import Block, blocks
from cvo_ml.simulate.shop import books, word_of_mouth
from cvo_ml.simulate.shop.block import simulate_block, table_makers
from cvo_ml.simulate.shop.catalogue import products, sticky_numbers, toxic_numbers
from cvo_ml.simulate.shop.clock import Clock
from cvo_ml.simulate.shop.costs import spend_cells, spend_columns
from cvo_ml.simulate.shop.deliveries import late_shares
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
        of_the_shop = {
            "acquisition_spend": spend_cells(self.config),
            "months": self.config.accounting,
            "annotations": self.config.accounting or self.config.season.shifts,
        }
        return frozenset(table_makers(self.config)) | {name for name, present in of_the_shop.items() if present}

    def parts(self, wanted: frozenset[str]) -> Iterator[Part]:
        """One part per block of customers, then what belongs to none: spend, the books, planted anomalies."""
        totals = books.MonthlyTotals(self.config)
        by_customer = self.config.draws == "by_customer"
        for block in blocks(self.seed, self.size, self.config.customers_per_block, by_customer):
            drawn = simulate_block(self.config, self.clock, block)
            totals.add(drawn.sales)
            yield Part(block.size, drawn.tables(wanted), drawn.truth())
        yield Part(0, self._of_the_shop(wanted, totals), self._truth_of_the_shop())

    def _of_the_shop(self, wanted: frozenset[str], totals: books.MonthlyTotals) -> dict[str, pa.Table]:
        block, config = Block(self.seed, 0, 0, 0), self.config
        makers: dict[str, Callable[[], pa.Table]] = {
            "acquisition_spend": lambda: table(spend_columns(config, self.clock, self.size, block)),
            "months": lambda: table(totals.columns(block)),
            "annotations": lambda: books.annotation_table(books.annotation_rows(config)),
        }
        if config.costs_to_serve and config.costs_to_serve.overheads:
            makers["costs_to_serve"] = lambda: table(books.overhead_columns(config))
        names = self.table_names() & wanted
        return {name: make() for name, make in makers.items() if name in names}

    def _truth_of_the_shop(self) -> dict[str, pa.Table]:
        config = self.config
        truth = {"anomalies": planted(config)}
        if config.accounting or config.season.value_amplitude:
            truth["seasons"] = table(books.season_columns(config))
        if config.reviews:
            catalogue = products(config.catalogue)
            truth["products"] = table(
                {
                    "product_id": product_ids(np.arange(len(catalogue.share))),
                    "is_toxic": catalogue.toxic,
                    "is_sticky": catalogue.sticky,
                    "quality": word_of_mouth.product_quality(config, self.seed),
                }
            )
        return truth


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
    found = ShopSimulation(switched_off(config), n_customers or config.customers, config.seed if seed is None else seed)
    refuse_absurd(found.size, found.seed)
    return found


def planted(config: SimulatedShopConfig) -> pa.Table:
    """What a good analysis should find, and what looks like it and is nothing: kind, member, size (docs/truth.md)."""
    rows: list[tuple[str, str, float]] = []
    if config.catalogue:
        toxic, sticky = (product_ids(find(config.catalogue)).to_pylist() for find in (toxic_numbers, sticky_numbers))
        rows += [("toxic_product", name, config.catalogue.toxic_dropout) for name in toxic]
        rows += [("sticky_product", name, config.catalogue.sticky_loyalty) for name in sticky]
    rows += [("loyal_city", city.name, city.loyalty) for city in config.cities if city.loyalty != 1]
    rows += [("touch_channel", channel.name, channel.causes) for channel in config.touchpoints]
    for channel in config.channels:
        rows += [("loyal_campaign", name, loyalty) for name, loyalty in channel.campaign_loyalty.items()]
    rows += [("page", page.name, page.keeps) for page in config.pages]
    rows += [("level_shift", shift.what, shift.factor) for shift in config.season.shifts]
    if config.deliveries:
        late = late_shares(config) @ np.array([city.share for city in config.cities] or [1.0])
        rows += [
            ("late_carrier", carrier.name, share)
            for carrier, share in zip(config.deliveries.carriers, late, strict=True)
        ]
    if config.referrals:
        rows.append(("willing_referrers", config.referrals.channel, config.referrals.willingness))
    kind, member, size = zip(*rows, strict=True) if rows else ((), (), ())
    return table(
        {
            "kind": pa.array(kind, pa.large_string()),
            "member": pa.array(member, pa.large_string()),
            "size": np.array(size, float),
        }
    )
