"""Faults on request: what real exports do to the orders, each planted row written down.

The result is a raw export, no longer a table that keeps its contract: ``ordered_at`` is text, keys
repeat. It is what readers, quarantine and ``known_at`` handling are tested with. References of further tables
are broken in the same way: each broken row stands in the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.config.simulation import Defects
from cvo_ml.core.arrays import Numbers
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.units import midnight
from cvo_ml.simulate.columns import constant, ids, table, texts
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.simulation import Part, Simulation

MEAN_DAYS_LATE, ZONE_HOURS = 10.0, 2
ZONE = f"+{ZONE_HOURS:02d}:00"
KINDS = ("late", "zone_mix", "exact_duplicate", "conflicting_duplicate", "test_order")
LATE, ZONED, EXACT, CONFLICT, TEST = range(5)


def spoil(part: Part, number: int, simulation: Simulation, defects: Defects) -> Part:
    """The part with faults in its orders, and a truth table ``defects`` (order_id, kind).

    ``late``: ``known_at`` some days after the order. ``zone_mix``: the same instant written in local
    time with its offset. ``duplicates``: half exact, half with another amount. ``test_orders``:
    additional orders of a test customer, marked ``is_test``.
    """
    orders = part.tables.get("orders")
    if orders is None or orders.num_rows == 0:
        return part
    rng = Block(simulation.seed, number, 0, 0).stream("defects")
    real = orders.num_rows
    orders = pa.concat_tables([orders, _test_orders(orders, defects.test_orders, number, rng)])
    orders, late = _known_late(orders, defects.late, midnight(simulation.config.end).to_datetime64(), rng)
    orders, zoned = _mix_zones(orders, defects.zone_mix, rng)
    copies, exact = _duplicates(orders, defects.duplicates, rng)
    marks = [
        _mark(orders, np.arange(orders.num_rows) >= real, TEST),
        _mark(orders, late, LATE),
        _mark(orders, zoned, ZONED),
        _mark(copies, exact, EXACT),
        _mark(copies, ~exact, CONFLICT),
    ]
    spoiled = {"orders": pa.concat_tables([orders, copies])}
    written = {"defects": pa.concat_tables(marks)}
    return replace(part, tables=part.tables | spoiled, truth=part.truth | written)


def break_references(part: Part, number: int, simulation: Simulation, share: float, before: Mapping[str, int]) -> Part:
    """The part with rows of further tables that name nothing, and a truth table ``broken_references``.

    Parameters
    ----------
    before:
        Rows of each table in earlier parts: a row is numbered in its table, from 1.
    """
    known, tables, written = simulation.table_names(), dict(part.tables), []
    for name, rows in part.tables.items():
        for column in CONTRACTS[name].columns:
            if column.names in known and column.names != name and column.name in rows.column_names:
                tables[name], broken = _broken(rows, column.name, share, simulation.seed, number)
                rows = tables[name]
                written.append(_broken_rows(rows, name, column.name, broken, before.get(name, 0)))
    if not written:
        return part
    return replace(part, tables=tables, truth=part.truth | {"broken_references": pa.concat_tables(written)})


def _broken(rows: pa.Table, column: str, share: float, seed: int, number: int) -> tuple[pa.Table, Numbers]:
    named = rows[column].combine_chunks()
    rng = Block(seed, number, 0, 0).stream(f"broken {column}")
    broken = (rng.random(len(named)) < share) & pc.is_valid(named).to_numpy(zero_copy_only=False)
    gone = pc.binary_join_element_wise(named, pa.scalar("gone", pa.large_string()), pa.scalar("-", pa.large_string()))
    place = rows.column_names.index(column)
    return rows.set_column(place, column, pc.if_else(pa.array(broken), gone, named)), np.flatnonzero(broken)


def _broken_rows(rows: pa.Table, name: str, column: str, broken: Numbers, before: int) -> pa.Table:
    return table(
        {
            "table": constant(name, len(broken)),
            "row": before + 1 + broken,
            "column": constant(column, len(broken)),
            "id": rows[column].combine_chunks().take(pa.array(broken)),
        }
    )


def _known_late(
    orders: pa.Table, share: float, end: np.datetime64, rng: np.random.Generator
) -> tuple[pa.Table, Numbers]:
    late = rng.random(orders.num_rows) < share
    delay = np.where(late, rng.standard_exponential(orders.num_rows) * MEAN_DAYS_LATE * 86_400, 0)
    known = orders["ordered_at"].to_numpy() + delay.astype("timedelta64[s]")
    return orders.append_column("known_at", pa.array(np.minimum(known, end).astype("datetime64[us]"))), late


def _mix_zones(orders: pa.Table, share: float, rng: np.random.Generator) -> tuple[pa.Table, Numbers]:
    zoned = rng.random(orders.num_rows) < share
    shift = np.where(zoned, np.timedelta64(ZONE_HOURS, "h"), np.timedelta64(0, "h"))
    local = (orders["ordered_at"].to_numpy() + shift).astype("datetime64[s]")
    text = pc.strftime(pa.array(local), "%Y-%m-%d %H:%M:%S").cast(pa.large_string())
    suffix = texts(["", ZONE], zoned.astype(np.int64))
    written = pc.binary_join_element_wise(text, suffix, pa.scalar("", pa.large_string()))
    place = orders.column_names.index("ordered_at")
    return orders.set_column(place, "ordered_at", written), zoned


def _duplicates(orders: pa.Table, share: float, rng: np.random.Generator) -> tuple[pa.Table, Numbers]:
    rows = np.flatnonzero(rng.random(orders.num_rows) < share)
    exact = rng.random(len(rows)) < 0.5
    copies = orders.take(pa.array(rows))
    net = copies["net"].to_numpy() + np.where(exact, 0.0, 1.0)
    return copies.set_column(copies.column_names.index("net"), "net", pa.array(net)), exact


def _test_orders(orders: pa.Table, share: float, part: int, rng: np.random.Generator) -> pa.Table:
    rows = np.flatnonzero(rng.random(orders.num_rows) < share)
    tests = orders.take(pa.array(rows))
    made: dict[str, Any] = {
        "order_id": ids("test-#####-#######", np.full(len(rows), part), np.arange(len(rows))),
        "customer_id": constant("test-customer", len(rows)),
        "net": pa.array(np.ones(len(rows))),
        "is_test": pa.array(np.ones(len(rows), bool)),
    }
    for name, values in made.items():
        tests = tests.set_column(tests.column_names.index(name), name, values)
    return tests


def _mark(orders: pa.Table, rows: Numbers, kind: int) -> pa.Table:
    order_ids = orders.filter(pa.array(rows))["order_id"].combine_chunks()
    return table({"order_id": order_ids, "kind": texts(KINDS, np.full(len(order_ids), kind))})
