"""A stream of events as tables: one pass over its files, in which no more is held than a block and what matters.

What each event is, its format says (:class:`EventFormat`). Every event is a row of the ledger of ``orders``: an order,
or left out by the rule that names what else it is. Whatever concerns several events (an order's later states, what a
refund without a value gives back, calls of one visit) is decided when all were seen.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cvo_ml.config.shops import EPOCHS, AdapterName, SourceConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import DataError, nearest_name
from cvo_ml.core.result import Json
from cvo_ml.core.scratch import Scratch
from cvo_ml.ingest.adapters.channels import further_of_visit
from cvo_ml.ingest.adapters.event_format import EventFormat, EventKind, number, worth_of_product
from cvo_ml.ingest.adapters.event_rows import FILE, ROW, EventRows
from cvo_ml.ingest.adapters.order_events import (
    EARLIER_STATE,
    LINE_AGAIN,
    LINE_EARLIER,
    NOT_COMPLETED,
    OF_NO_ORDER,
    SENT_AGAIN,
    OrderFates,
    RefundEvent,
    order_fates,
    refund_amounts,
    worth_of,
)
from cvo_ml.ingest.adapters.spooled_rows import SpooledRows
from cvo_ml.ingest.known_exports import how_to_map, refuse_another
from cvo_ml.ingest.plain_numbers import number_text
from cvo_ml.ingest.raw import Places, SourceFile, refuse_empty
from cvo_ml.ingest.sources import json_files
from cvo_ml.ingest.sources.event_lines import EventBlock
from cvo_ml.ingest.sources.event_sources import EventFile, are_large, event_files
from cvo_ml.ingest.sources.json_lines import at, text_of

OTHER: Final = "other event"
_TIMES: Final = {"orders": "ordered_at", "refunds": "refunded_at", "touchpoints": "at"}
_RULES: Final[Mapping[EventKind, str]] = {
    "refund": "refund event (read as a refund)",
    "touch": "touch (read as a touchpoint)",
}
_FURTHER: Final = "further event of its visit"
_BROKEN: Final = "are no JSON objects and look as if they had told of orders, refunds or arrivals"
_NOBODY: Final = "touch of nobody known"
_TIME, _NET, _GROSS, _LISTED = "#time", "#net", "#gross", "#listed"
_UPDATE, _OF, _WHO, _DEVICE, _WHAT, _RANK = "#update", "#of", "#who", "#device", "#what", "#rank"
#: Of an event whose time cannot be read: its row is set aside for that.
_ZONE: Final = re.compile(r"\s*(?:UTC|GMT|Z)$", re.IGNORECASE)
_LATE: Final = np.iinfo(np.int64).max // 2


def event_tables(
    name: AdapterName,
    events: EventFormat,
    source: SourceConfig,
    paths: Mapping[str, Mapping[str, str]],
    net_less: Sequence[str] = (),
    *,
    holds_orders: bool = True,
) -> dict[str, EventRows]:
    """Orders, order lines, refunds and touchpoints of a stream of events.

    Parameters
    ----------
    paths:
        Table to meaning to path.
    net_less:
        Columns of orders that are taken off their net, and so off what goes back of it.
    holds_orders:
        Whether it is the shop's source of orders: a stream in which no event has a name is then none.

    Raises
    ------
    DataError, ConfigError, UsageError
        If a file cannot be read, is another vendor's, or has no events.
    """
    files = json_files(source, ".parquet")
    scratch = Scratch() if are_large(files) else None
    reading = _StreamReading(name, events, paths, net_less, scratch, holds_orders, source)
    for place, file in enumerate(event_files(files, source, events.choice)):
        reading.read(place, file)
    return reading.tables(source.decimal)


class _StreamReading:
    """One pass over the files of a stream."""

    def __init__(
        self,
        name: AdapterName,
        events: EventFormat,
        paths: Mapping[str, Mapping[str, str]],
        net_less: Sequence[str],
        scratch: Scratch | None,
        needs_names: bool,
        source: SourceConfig,
    ) -> None:
        self._needs_names = needs_names
        self._name, self._events, self._scratch, self._less = name, events, scratch, net_less
        self._columns = paths["orders"]
        self._order_id = {table: columns.get("order_id", events.order_id) for table, columns in paths.items()}
        self._at = {table: columns.get(_TIMES[table], events.at) for table, columns in paths.items() if table in _TIMES}
        self._formats = {table: source.format_of(meaning) for table, meaning in _TIMES.items()}
        self._paths = {table: tuple(dict.fromkeys(columns.values())) for table, columns in paths.items()}
        self._line_of = self._paths["order_lines"].index(self._order_id["order_lines"])
        self._amount, self._refunded_to = paths["refunds"].get("amount"), paths["refunds"].get("customer_id")
        self._visitor = paths["touchpoints"].get("customer_id", "")
        self._origin = [paths["touchpoints"].get(meaning, "") for meaning in ("source", "medium", "campaign")]
        self._kind = paths["touchpoints"].get("kind", "")
        spools = {
            "orders": ((FILE, ROW, _TIME, _UPDATE), (_NET, _GROSS, _LISTED)),
            "order_lines": ((FILE, ROW, _OF), ()),
            "touchpoints": ((FILE, ROW, _TIME, _WHO, _DEVICE, _WHAT, _RANK), ()),
            "refunds": ((FILE, ROW), ()),
        }
        self._spools = {table: self._spool(table, *more) for table, more in spools.items()}
        self._refunds: list[RefundEvent] = []
        self._users: dict[int, str | None] = {}
        self._files: list[SourceFile] = []
        self._passed: dict[str, Counter[str]] = defaultdict(Counter)
        self._ragged: list[tuple[int, NDArray[np.int64]]] = []
        self._missing = dict.fromkeys((self._order_id["orders"], self._at["orders"]))
        self._keys, self._order_keys = set[str](), set[str]()
        self._named = self._broken = 0

    def _spool(self, table: str, integers: Sequence[str], floats: Sequence[str]) -> SpooledRows:
        path = None if self._scratch is None else Path(self._scratch.folder) / f"events-{table}.arrow"
        return SpooledRows(self._paths[table], integers, floats, path)

    def read(self, place: int, file: EventFile) -> None:
        """Read the next file.

        Raises
        ------
        DataError, ConfigError
            If it is another vendor's, or has no events.
        """
        refuse_another(self._name, file.keys, file.name)
        self._keys |= set(file.keys)
        rows = objects = 0
        for block in file:
            self._named += block.named
            rows, objects = rows + block.rows, objects + block.rows - len(block.ragged)
            self._take(place, file.name, block)
        refuse_empty(rows, file.name)
        if not objects:
            raise DataError("holds no JSON objects", "write one JSON object a line", file=file.name, count=rows)
        self._files.append(SourceFile(file.name, rows, file.sha256))

    def _refuse_missing(self, path: str, known: Iterable[str]) -> None:
        fields = sorted(known)
        problem = f"no event has this field{nearest_name(path, fields)}; they have {', '.join(fields[:20])}"
        remedy = how_to_map(fields, "field of the events", self._name)
        raise DataError(problem, remedy, file=self._files[0].name, column=path)

    def _take(self, file: int, name: str, block: EventBlock) -> None:
        if block.others:
            self._passed[OTHER][name] += block.others
        self._broken += block.broken
        if len(block.ragged):
            self._ragged.append((file, block.ragged))
        for row, event in zip(block.numbers.tolist(), block.objects, strict=True):
            kind = self._events.kind(event)
            if kind is None:
                self._passed[OTHER][name] += 1
                continue
            if kind in _RULES:
                self._passed[_RULES[kind]][name] += 1
            item = self._events.row(event, kind, self._columns)
            self._link(item)
            if kind == "link":
                self._passed[OTHER][name] += 1
                continue
            if kind == "refund":
                self._take_refund(file, row, item)
            elif kind == "touch":
                self._take_touch(file, row, item)
            else:
                self._take_order(file, row, item, kind == "update")

    def _link(self, item: Mapping[str, Any]) -> None:
        """Note whose a device is; nobody's, where several use it."""
        if self._visitor == self._events.device:
            return
        user, device = text_of(at(item, self._visitor)), text_of(at(item, self._events.device))
        if user and device and self._users.setdefault(hash(device), user) != user:
            self._users[hash(device)] = None

    def _take_order(self, file: int, row: int, item: Mapping[str, Any], is_update: bool) -> None:
        order, listed = at(item, self._order_id["orders"]), at(item, self._events.products)
        moment = self._moment(item, "orders")
        products = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        place = len(self._spools["orders"])
        worth = 0.0
        for product in products:
            line = self._events.line(order, product)
            texts = self._texts("order_lines", line)
            texts[self._line_of] = text_of(order)
            self._spools["order_lines"].add((*texts, file, row, place))
            worth += worth_of_product(product)
        net = number(at(item, self._columns["net"])) if "net" in self._columns else None
        if net is not None:
            net -= sum(abs(number(at(item, self._columns[part])) or 0.0) for part in self._less)
        gross = None if net is None else self._gross(item, net)
        numbers = (file, row, moment, int(is_update), net, gross, worth or None)
        self._spools["orders"].add((*self._texts("orders", item), *numbers))
        for path in [path for path in self._missing if at(item, path) is not None]:
            del self._missing[path]
        if self._missing:
            self._order_keys |= set(_paths(item))

    def _moment(self, item: Mapping[str, Any], table: str) -> int:
        return micros(at(item, self._at[table]), self._formats[table])

    def _gross(self, item: Mapping[str, Any], net: float) -> float:
        """What refunds are counted in: the mapped value before something is taken off it, else as the format says."""
        if self._less:
            return number(at(item, self._columns["net"])) or net
        return self._events.gross(item, net)

    def _take_refund(self, file: int, row: int, item: Mapping[str, Any]) -> None:
        order, moment = text_of(at(item, self._order_id["refunds"])), self._moment(item, "refunds")
        if order and self._refunded_to is not None:  # the order says whose it is
            item = _without(item, self._refunded_to)
        texts = tuple(self._texts("refunds", item))
        self._refunds.append(RefundEvent(file, row, moment, order, self._events.refunded(item), texts))

    def _take_touch(self, file: int, row: int, item: Mapping[str, Any]) -> None:
        moment = self._moment(item, "touchpoints")
        who, device = text_of(at(item, self._visitor)), text_of(at(item, self._events.device))
        origin = tuple(text_of(at(item, path)) for path in self._origin)
        visit = text_of(at(item, self._events.visit)) if self._events.visit else None
        rank = 2 * (origin[0] is None) + (at(item, self._kind) != self._events.arrival)
        hashes = (hash(who) if who else 0, hash(device) if device else 0, hash(visit or origin))
        self._spools["touchpoints"].add((*self._texts("touchpoints", item), file, row, moment, *hashes, rank))

    def _texts(self, table: str, item: Mapping[str, Json]) -> list[str | None]:
        return [text_of(at(item, path)) for path in self._paths[table]]

    def tables(self, decimal: str) -> dict[str, EventRows]:
        """The tables, when all files were read.

        Raises
        ------
        DataError
            If no order has a field that every one has.
        """
        if not self._named and self._needs_names:
            self._refuse_missing(self._events.choice.tells[0], self._keys)
        for name in ("orders", "order_lines", "touchpoints"):
            self._spools[name].end()
        orders = self._spools["orders"]
        if len(orders) and self._missing:
            self._refuse_missing(next(iter(self._missing)), self._order_keys)
        ids = orders.column(self._order_id["orders"])
        numbers = pa.concat_tables(list(orders.batches([_TIME, _UPDATE, _NET, _GROSS, _LISTED])))
        encoded = ids.combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
        is_update = numbers[_UPDATE].to_numpy() == 1
        fates = order_fates(encoded, numbers[_TIME].to_numpy(), is_update)
        money = np.column_stack([numbers[name].to_numpy() for name in (_NET, _GROSS, _LISTED)])
        return {
            "orders": self._orders(fates),
            "order_lines": self._lines(fates),
            "refunds": self._settled(fates, ids, money.astype(np.float64), decimal),
            "touchpoints": self._touches(),
        }

    def _orders(self, fates: OrderFates) -> EventRows:
        times = self._spools["orders"].column(self._at["orders"]) if fates.placed else None
        instead = {} if times is None else {late: times[first].as_py() for late, first in fates.placed.items()}
        left_out = {EARLIER_STATE: fates.earlier, NOT_COMPLETED: fates.not_completed}
        file = np.concatenate([np.full(len(rows), file) for file, rows in self._ragged] or [np.array([])])
        row = np.concatenate([rows for _, rows in self._ragged] or [np.array([])])
        ragged = Places(tuple(one.name for one in self._files), file.astype(np.int32), row.astype(np.int64))
        passed = {rule: dict(counts) for rule, counts in self._passed.items()}
        notes = (f"{self._broken:,} lines {_BROKEN}: export them again",) if self._broken else ()
        return self._rows(
            "orders", left_out, instead={self._at["orders"]: instead}, gone=passed, ragged=ragged, notes=notes
        )

    def _lines(self, fates: OrderFates) -> EventRows:
        of = self._spools["order_lines"].column(_OF).to_numpy()
        return self._rows(
            "order_lines",
            {
                LINE_AGAIN: fates.again[of],
                LINE_EARLIER: ~fates.listed[of] & ~fates.again[of] & ~fates.not_completed[of],
                NOT_COMPLETED: fates.not_completed[of],
            },
        )

    def _settled(self, fates: OrderFates, ids: pa.ChunkedArray, money: NDArray[np.float64], decimal: str) -> EventRows:
        """The refunds, each with what goes back before tax and shipping."""
        found = refund_amounts(self._refunds, worth_of(self._refunds, ids, fates.valid, money))
        place = self._paths["refunds"].index(self._amount) if self._amount is not None else None
        spool = self._spools["refunds"]
        for refund, amount in zip(self._refunds, found.amounts, strict=True):
            texts = list(refund.texts)
            if place is not None and amount is not None and amount != number(texts[place]):
                texts[place] = number_text(f"{amount:.6f}".rstrip("0").rstrip("."), decimal)
            spool.add((*texts, refund.file, refund.row))
        spool.end()
        notes = (
            (f"refunds: {found.lowered:,} were above what was left of their order, and were lowered to it",)
            if found.lowered
            else ()
        )
        left_out = {SENT_AGAIN: np.array(found.again, dtype=np.bool_),
                    OF_NO_ORDER: np.array(found.of_no_order, dtype=np.bool_)}  # fmt: skip
        return self._rows("refunds", left_out, notes=notes)

    def _touches(self) -> EventRows:
        numbers = pa.concat_tables(list(self._spools["touchpoints"].batches([_WHO, _DEVICE, _WHAT, _TIME, _RANK])))
        who, device, what, time, rank = (numbers[name].to_numpy() for name in (_WHO, _DEVICE, _WHAT, _TIME, _RANK))
        who, users = who.copy(), dict[int, str | None]()
        for place in np.flatnonzero(who == 0).tolist() if self._users else ():
            if (user := self._users.get(int(device[place]))) is not None:
                who[place], users[place] = hash(user), user
        nobody = who == 0
        further = further_of_visit(who, what, time, rank) & ~nobody
        return self._rows("touchpoints", {_NOBODY: nobody, _FURTHER: further}, instead={self._visitor: users})

    def _rows(self, table: str, left_out: Mapping[str, Flags], **more: Any) -> EventRows:
        return EventRows(
            self._spools[table], self._paths[table], tuple(self._files), self._scratch is None, self._scratch,
            {rule: rows for rule, rows in left_out.items() if rows.any()}, **more,
        )  # fmt: skip


def micros(time: Any, date_format: str | None = None) -> int:
    """A time in microseconds since 1970, to tell which event came first.

    Parameters
    ----------
    date_format:
        How it is written; None = as ISO 8601, also with ``UTC`` at its end as BigQuery writes it.

    Examples
    --------
    >>> micros("1970-01-01T00:00:01.5Z")
    1500000
    >>> micros("1970-01-01 00:00:01 UTC"), micros("1000", "epoch_ms")
    (1000000, 1000000)
    """
    text = str(time).strip()
    try:
        if date_format in EPOCHS:
            return round(Decimal(text) * 1_000_000 / EPOCHS[date_format])
        moment = datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(_ZONE.sub("Z", text))
    except (ValueError, ArithmeticError):
        return _LATE
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _paths(item: Mapping[str, Any]) -> Iterator[str]:
    for key, value in item.items():
        inner = value if isinstance(value, dict) else {}
        yield from (f"{key}.{name}" for name, told in inner.items() if told is not None)
        if not inner and value is not None:
            yield key


def _without(item: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    first, _, rest = path.partition(".")
    inner = item.get(first)
    return {**item, first: _without(inner, rest) if rest and isinstance(inner, Mapping) else None}
