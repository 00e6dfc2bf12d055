"""What an event is, by its format: an order, a later state of one, a refund, or somebody's arrival."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cvo_ml.ingest.sources.event_lines import EventChoice


@dataclass(frozen=True)
class Refunded:
    """What a refund event says of the money.

    Parameters
    ----------
    value:
        What went back, as the event counts it: tax and shipping may be in it. None where it does not say.
    listed:
        Price times quantity of the products that it lists; None where it lists none. With neither of the two, the whole
        order goes back; NaN = they cost nobody knows what.
    key:
        What tells it from another one; an event with the key of an earlier one was sent again.
    """

    value: float | None
    listed: float | None
    key: str | None


#: What an event is: an order, a later state of one, what goes back of one, somebody's arrival; or one that says no more
#: than whose a device is.
EventKind = Literal["order", "update", "refund", "touch", "link"]


@dataclass(frozen=True)
class EventFormat:
    """Where a stream of events holds orders, their lines, refunds and touches.

    Parameters
    ----------
    choice:
        Which events matter.
    kind:
        What an event is; None where it does not matter after all.
    row:
        What the paths of all tables but ``order_lines`` are looked up in; gets the kind and the mapped columns.
    order_id, at, products, device:
        Paths in such a row of an order's id, of its time, of its list of products, and of what somebody used.
    visit:
        Path of what tells one visit from another; None = where somebody came from.
    line:
        An order's id and a product as one item, whose paths ``order_lines`` names.
    gross:
        What a customer paid in whole for an order, given its row and its net: what refunds are counted in.
    refunded:
        What the row of a refund says.
    arrival:
        The kind that of two touches at one time is the arrival.
    """

    choice: EventChoice
    kind: Callable[[Mapping[str, Any]], EventKind | None]
    row: Callable[[Mapping[str, Any], EventKind, Mapping[str, str]], Mapping[str, Any]]
    order_id: str
    at: str
    products: str
    device: str
    visit: str | None
    line: Callable[[Any, dict[str, Any]], Mapping[str, Any]]
    gross: Callable[[Mapping[str, Any], float], float]
    refunded: Callable[[Mapping[str, Any]], Refunded]
    arrival: str = ""


def number(value: Any) -> float | None:
    """A number, whichever decimal sign it was brought to; None where it is none."""
    try:
        found = float(str(value).replace(",", "."))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def worth_of_product(product: Mapping[str, Any]) -> float:
    """Price times quantity of a product; 0 where its price is not known."""
    price, quantity = number(product.get("price")), number(product.get("quantity"))
    return (price or 0.0) * (1.0 if quantity is None else quantity)
