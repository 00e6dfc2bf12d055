"""What an export format adds to a shop's declaration, and how its rows become tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.core.result import Json
from cvo_ml.ingest.raw import RawTable, Wanted, one_file, stack
from cvo_ml.ingest.row_status import RAGGED
from cvo_ml.ingest.sources.json_lines import NOT_AN_OBJECT, JsonObjects, at, texts
from cvo_ml.ingest.unmapped import unmapped_meaning

#: Raw tables of one source by table name; the first source's own table is among them.
Parts = Mapping[str, RawTable]
SENT_AGAIN: Final = "line of an order that was sent again"
MAIN: Final = {"orders": "orders", "lines": "order_lines", "subscriptions": "subscriptions"}


@dataclass(frozen=True)
class Adapter:
    """A known export format.

    Parameters
    ----------
    declares:
        Fields of :class:`ShopConfig`; what the shop's own configuration says comes first.
    reads:
        Headers that ``prepare`` needs beside the mapped ones.
    optional:
        Headers that an export may lack.
    prepare:
        Takes the rows of a flat file apart into tables, without losing one.
    unpack:
        The same for JSON objects; gets the mapped columns.
    sides:
        The further tables in the same source: name to fields of :class:`TableConfig`.
    resent:
        Rows are events of a tracker, which may send one again with another time.
    """

    declares: Mapping[str, Any]
    reads: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    prepare: Callable[[RawTable, ShopConfig], Parts] | None = None
    unpack: Callable[[Sequence[JsonObjects], Mapping[str, str]], Parts] | None = None
    sides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resent: bool = False

    @property
    def ragged(self) -> str:
        """What is wrong with rows that cannot be read at all."""
        return NOT_AN_OBJECT if self.unpack is not None else RAGGED

    def wanted(self, shop: ShopConfig) -> Wanted:
        """All headers to read, each once; of a format that nobody knows, also what is a meaning and was not mapped."""
        sides = (header for side in self.sides.values() for header in side["columns"].values())
        mapped = [*shop.columns.values(), *shop.profile.values()]
        headers = [*mapped, *(sides if self.prepare is None else ()), *self.reads]
        return Wanted(headers) if self.declares else Wanted(headers, unmapped_meaning(shop))

    def parts_of(self, raw: RawTable, shop: ShopConfig) -> Parts:
        """The raw tables of a flat file."""
        return self.prepare(raw, shop) if self.prepare is not None else {MAIN[shop.rows]: raw}


@dataclass(frozen=True)
class EventTables:
    """Where a stream of events holds orders, their lines and refunds.

    Parameters
    ----------
    order, refund:
        Names of the two events.
    order_id, products:
        Paths in an event of the order's id and of its list of products.
    line:
        An order's id and a product as one item, whose paths ``sides`` names.
    sides:
        The declarations of ``order_lines`` and ``refunds``.
    """

    order: str
    refund: str
    order_id: str
    products: str
    line: Callable[[Any, dict[str, Any]], Mapping[str, Any]]
    sides: Mapping[str, Mapping[str, Any]]


def base_of(objects: Sequence[JsonObjects]) -> tuple[RawTable, list[dict[str, Json]]]:
    """The objects of all files, and a raw table of their places without any column yet."""
    base = stack([RawTable((found.source,), {}, found.places, found.ragged) for found in objects])
    return base, [item for found in objects for item in found.objects]


def json_part(
    base: RawTable,
    items: Sequence[Mapping[str, Json]],
    headers: Sequence[str],
    *,
    left_out: Mapping[str, Flags] | None = None,
    chosen: NDArray[np.intp] | None = None,
) -> RawTable:
    """A raw table of items; a header is a path such as ``properties.order_id``.

    Parameters
    ----------
    left_out:
        Rule to (n,) mask of the items that are no row of this table.
    chosen:
        (n,) place of each item's object in ``base``, where items are not the objects themselves; rows that
        are no object are then accounted for by another table.
    """
    columns = {header: texts(at(item, header) for item in items) for header in dict.fromkeys(headers)}
    if chosen is None:
        return replace(base, columns=columns, left_out=left_out or {})
    none = replace(one_file("", np.array([])), files=base.places.files)
    return replace(base, columns=columns, places=base.places[chosen], ragged=none, left_out=left_out or {})


def lines_of(
    items: Sequence[Mapping[str, Json]], chosen: Flags, order_id: str, products: str
) -> tuple[list[tuple[Json, dict[str, Json]]], NDArray[np.intp], dict[str, Flags]]:
    """The products of the chosen items, each with its order id.

    Parameters
    ----------
    order_id, products:
        Paths in an item of the order's id and of its list of products.

    Returns
    -------
    (order id, product) per line; the place of each line's item; and the lines that are left out by rule: those
    of an order that was sent again.
    """
    lines: list[tuple[Json, dict[str, Json]]] = []
    places: list[int] = []
    again: list[bool] = []
    seen: set[Any] = set()
    for place in np.flatnonzero(chosen).tolist():
        order, listed = at(items[place], order_id), at(items[place], products)
        known = isinstance(order, str) and order in seen
        for product in listed if isinstance(listed, list) else []:
            lines.append((order, product if isinstance(product, dict) else {}))
            places.append(place)
            again.append(known)
        seen.update([order] if isinstance(order, str) else [])
    return lines, np.array(places, dtype=np.intp), {SENT_AGAIN: np.array(again, dtype=np.bool_)}


def event_parts(
    base: RawTable,
    events: Sequence[Mapping[str, Json]],
    names: Sequence[Any],
    declares: EventTables,
    columns: Mapping[str, str],
) -> Parts:
    """Orders, order lines and refunds of events.

    Parameters
    ----------
    names:
        (n,) name of each event.
    columns:
        Meaning to path, of orders.
    """
    named = np.array(names, dtype=object)
    is_order, is_refund = named == declares.order, named == declares.refund
    left_out = {"refund event (read as a refund)": is_refund, "other event": ~is_order & ~is_refund}
    found, of, again = lines_of(events, is_order, declares.order_id, declares.products)
    lines = [declares.line(order, product) for order, product in found]
    refunds = np.flatnonzero(is_refund)
    side = {name: list(config["columns"].values()) for name, config in declares.sides.items()}
    return {
        "orders": json_part(base, events, list(columns.values()), left_out=left_out),
        "order_lines": json_part(base, lines, side["order_lines"], chosen=of, left_out=again),
        "refunds": json_part(base, [events[place] for place in refunds.tolist()], side["refunds"], chosen=refunds),
    }


def utc_text(number: Any, per_second: int = 1) -> Any:
    """Unix time as ISO 8601 text in UTC; what is no time is given back as it is.

    Examples
    --------
    >>> utc_text("1704067200")
    '2024-01-01T00:00:00Z'
    >>> utc_text("soon")
    'soon'
    """
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(number) * 1_000_000 // per_second)
    except (TypeError, ValueError, OverflowError):
        return number
    return moment.isoformat().replace("+00:00", "Z")
