"""What becomes of the events of one order: sent again, updated later, refunded in part or whole, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.ingest.adapters.event_format import Refunded

EARLIER_STATE: Final = "earlier state of an order that was updated"
NOT_COMPLETED: Final = "update of an order that was not completed"
LINE_AGAIN: Final = "line of an order that was sent again"
LINE_EARLIER: Final = "line of an earlier state of its order"
SENT_AGAIN: Final = "sent again"
OF_NO_ORDER: Final = "whole refund of an order that is not in the export"
_CENT: Final = 0.005


@dataclass(frozen=True)
class OrderFates:
    """What becomes of each event that tells an order.

    Parameters
    ----------
    code:
        (n,) which order it is; -1 where it has no id.
    earlier, not_completed:
        (n,) events that are no order of the table.
    listed:
        (n,) events whose products are the order's lines.
    again:
        (n,) events that repeat an order, whose lines are not counted once more.
    placed:
        Event of an updated order to the event by which it was placed, whose time it keeps.
    valid:
        (orders,) the event that says what each order is worth.
    """

    code: NDArray[np.int64]
    earlier: Flags
    not_completed: Flags
    listed: Flags
    again: Flags
    placed: dict[int, int]
    valid: NDArray[np.int64]


def order_fates(code: NDArray[np.int64], time: NDArray[np.int64], is_update: Flags) -> OrderFates:
    """What becomes of the events of each order, whose last state is the order at the time of its first.

    Parameters
    ----------
    code:
        (n,) which order an event tells; -1 where it does not say: such an event is an order of its own.
    time:
        (n,) in microseconds.
    """
    none = np.zeros(len(code), dtype=np.bool_)
    known = np.flatnonzero(code >= 0)
    if not len(known):
        return OrderFates(code, none, is_update.copy(), ~is_update, none, {}, np.array([], dtype=np.int64))
    placed_first = known[np.lexsort((known, time[known], is_update[known], code[known]))]
    in_time = known[np.lexsort((known, time[known], code[known]))]
    starts = np.flatnonzero(np.diff(code[in_time], prepend=-1))
    first, last = placed_first[starts], in_time[np.append(starts[1:], len(in_time)) - 1]
    updated = np.maximum.reduceat(is_update[in_time].astype(np.int8), starts).astype(np.bool_)
    completed = ~is_update[first]
    valid = np.where(updated & completed, last, first)
    of_updated, of_completed, of_valid = updated[code[known]], completed[code[known]], valid[code[known]]
    earlier, not_completed, listed, again = (none.copy() for _ in range(4))
    earlier[known] = of_updated & of_completed & (known != of_valid)
    not_completed[known] = ~of_completed
    not_completed |= is_update & (code < 0)
    listed[known] = known == of_valid
    listed[code < 0] = True
    again[known] = ~of_updated & (known != of_valid)
    changed = np.flatnonzero(updated & completed)
    return OrderFates(
        code, earlier, not_completed, listed, again,
        dict(zip(last[changed].tolist(), first[changed].tolist(), strict=True)), valid,
    )  # fmt: skip


@dataclass(frozen=True)
class RefundEvent:
    """A refund while the orders are not all known.

    Parameters
    ----------
    texts:
        The values of its row.
    """

    file: int
    row: int
    time: int
    order_id: str | None
    said: Refunded
    texts: tuple[str | None, ...]


@dataclass(frozen=True)
class Worth:
    """What orders are worth.

    Parameters
    ----------
    place:
        Order id to its place in the others.
    net, gross, listed:
        (orders,) before tax and shipping; what was paid in whole; the sum of the products' prices. NaN = not known.
    """

    place: dict[str, int]
    net: Floats
    gross: Floats
    listed: Floats


@dataclass
class RefundAmounts:
    """What goes back by each refund, before tax and shipping: None where nobody can tell."""

    amounts: list[float | None] = field(default_factory=list)
    again: list[bool] = field(default_factory=list)
    of_no_order: list[bool] = field(default_factory=list)
    lowered: int = 0


def worth_of(refunds: Sequence[RefundEvent], ids: pa.ChunkedArray, valid: NDArray[np.int64], money: Floats) -> Worth:
    """What the orders are worth that are refunded.

    Parameters
    ----------
    ids:
        (n,) the order ids of all order events.
    valid:
        The events that say what their order is worth.
    money:
        (n, 3) net, gross and listed of all order events.
    """
    named = pa.array({refund.order_id for refund in refunds if refund.order_id is not None}, pa.large_string())
    known = ids.take(pa.array(valid))
    places = np.flatnonzero(np.asarray(pc.is_in(known, named)))
    chosen = money[valid[places]]
    order_ids = known.take(pa.array(places)).to_pylist()
    return Worth(dict(zip(order_ids, range(len(order_ids)), strict=True)), chosen[:, 0], chosen[:, 1], chosen[:, 2])


def refund_amounts(refunds: Sequence[RefundEvent], worth: Worth) -> RefundAmounts:
    """What goes back by each refund: never more than is left of its order.

    A refund counts tax and shipping as the order's gross does, so it goes back in proportion net / gross. One that
    lists products goes back in proportion net / listed. One that says neither gives back all that is left.
    """
    found = RefundAmounts([None] * len(refunds), [False] * len(refunds), [False] * len(refunds))
    left = [max(net, 0.0) for net in worth.net.tolist()]
    seen: set[tuple[object, ...]] = set()
    for number in sorted(range(len(refunds)), key=lambda n: (refunds[n].time, refunds[n].file, refunds[n].row)):
        refund, said = refunds[number], refunds[number].said
        key = (said.key,) if said.key else (refund.order_id, refund.time, said.value, said.listed)
        found.again[number] = key in seen
        seen.add(key)
        place = worth.place.get(refund.order_id) if refund.order_id is not None else None
        whole = said.value is None and said.listed is None
        if place is None:
            found.of_no_order[number] = whole
            amount = said.value if said.value is not None else said.listed
            found.amounts[number] = amount if amount == amount else None
            continue
        if found.again[number]:
            continue
        amount = left[place] if whole else _net_of(said, worth, place)
        if amount > left[place] + _CENT:
            amount, found.lowered = left[place], found.lowered + 1
        if amount == amount:  # an order without a readable value leaves its refund without one
            left[place] -= min(amount, left[place])
            found.amounts[number] = amount
    return found


def _net_of(said: Refunded, worth: Worth, place: int) -> float:
    """What goes back before tax and shipping."""
    if said.value is not None:
        return said.value * _share(worth.net[place], worth.gross[place])
    assert said.listed is not None
    return said.listed * _share(worth.net[place], worth.listed[place])


def _share(net: float, whole: float) -> float:
    return float(net / whole) if net == net and whole > 0 else 1.0
