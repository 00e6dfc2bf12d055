"""What an export format adds to a shop's declaration, and how its rows become tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.event_format import EventFormat
from cvo_ml.ingest.raw import RawTable, Wanted, one_file, stack
from cvo_ml.ingest.row_status import RAGGED
from cvo_ml.ingest.sources.json_lines import NOT_AN_OBJECT, JsonObjects, at, texts
from cvo_ml.ingest.unmapped import unmapped_meaning

#: Raw tables of one source by table name; the first source's own table is among them.
Parts = Mapping[str, RawTable]
MAIN: Final = {"orders": "orders", "lines": "order_lines", "subscriptions": "subscriptions"}


@dataclass(frozen=True)
class Adapter:
    """A known export format.

    Parameters
    ----------
    declares:
        Fields of :class:`ShopConfig`, where it holds a shop's orders or subscriptions: what the shop itself says comes
        first. Empty where it holds further tables only.
    sides:
        The further tables in it: name to fields of :class:`TableConfig`.
    beside:
        Those of its tables that it gives a shop whose orders come from elsewhere; None = all of ``sides``.
    reads:
        Headers that ``prepare`` needs beside the mapped ones; of JSON, paths without which objects are refused.
    optional:
        Headers that an export may lack.
    spellings:
        Header to its other names in other versions of the export.
    like:
        Header to what stands in its place in a file, where a word of the shop is in that: ``cvo init`` looks at it.
    prepare:
        Takes the rows of a flat file apart into tables, without losing one; headers are those of ``declares`` and
        ``sides``, whatever the file calls them.
    unpack:
        The same for JSON objects; gets the mapped columns, and the shop.
    events:
        How a stream of JSON events is read, where it may be larger than memory; in place of ``unpack``.
    ids:
        Canonical id to further headers that may hold it, such as an e-mail address beside a number: ``cvo init`` takes
        the one that the orders use.
    unread:
        Paths of JSON that are large and that nobody reads: they are not held, unless the shop maps a column there.
    resent:
        Rows are events of a tracker, which may send one again with another time.
    nothing:
        A text that stands for nothing, beside an empty one; ``prepare`` reads it so.
    reads_all:
        Whether ``prepare`` needs all columns of a file, because their headers are the words of whoever made it.
    settled_in:
        The header of the currency into which the vendor has converted the amounts, where ``prepare`` reads those.
    """

    declares: Mapping[str, Any] = field(default_factory=dict)
    sides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    beside: tuple[str, ...] | None = None
    reads: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    like: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    prepare: Callable[[RawTable, ShopConfig], Parts] | None = None
    unpack: Callable[[Sequence[JsonObjects], Mapping[str, str], ShopConfig], Parts] | None = None
    events: EventFormat | None = None
    ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    resent: bool = False
    nothing: str | None = None
    reads_all: bool = False
    settled_in: str | None = None

    @property
    def is_json(self) -> bool:
        """Whether it reads JSON."""
        return self.unpack is not None or self.events is not None

    @property
    def ragged(self) -> str:
        """What is wrong with rows that cannot be read at all."""
        return NOT_AN_OBJECT if self.is_json else RAGGED

    @property
    def main(self) -> str | None:
        """The table that it gives as a shop's first source."""
        return MAIN[self.declares.get("rows", "orders")] if self.declares else None

    @property
    def further(self) -> tuple[str, ...]:
        """The tables that it gives where a shop's orders come from elsewhere, the first one first."""
        main = (self.main,) if self.main == "subscriptions" else ()
        return (*main, *(self.sides if self.beside is None else self.beside))

    def side(self, table: str) -> Mapping[str, Any]:
        """The declaration of one of its tables."""
        if table in self.sides:
            return self.sides[table]
        return {"columns": self.declares["columns"]}

    @property
    def other_spellings(self) -> frozenset[str]:
        """The names of headers in other versions."""
        return frozenset(name for names in self.spellings.values() for name in names)

    def wanted(self, columns: Mapping[str, str], profile: Mapping[str, str], shop: ShopConfig | None = None) -> Wanted:
        """All headers to read, each once; of a format that nobody knows, also what is a meaning and was not mapped.

        Parameters
        ----------
        columns, profile:
            The mapped ones: canonical column or field to header.
        shop:
            Of the first source.
        """
        sides = (header for side in self.sides.values() for header in side["columns"].values())
        headers = [*columns.values(), *profile.values(), *(sides if self.prepare is None else ()), *self.reads]
        headers += [name for header in headers for name in self.spellings.get(header, ())]
        if self.reads_all:
            return Wanted(headers, lambda _: True)
        return Wanted(headers, unmapped_meaning(shop)) if shop and not self.declares else Wanted(headers)

    def may_lack(self, wanted: Sequence[str], headers: Sequence[str]) -> frozenset[str]:
        """Those of the wanted headers that need not be there, given the headers of the first file, if known.

        Of a file of one column nothing is known: its delimiter is another, which the reader says.
        """
        absent = frozenset(wanted) - frozenset(headers) if len(headers) > 1 else self.other_spellings
        return self.optional | absent

    def parts_of(self, raw: RawTable, shop: ShopConfig, columns: Mapping[str, str], table: str) -> Parts:
        """The raw tables of a flat file.

        Parameters
        ----------
        columns, table:
            The mapped headers of the table that is asked for.
        """
        if self.prepare is None:
            return {table: raw} if table not in self.sides else dict.fromkeys(self.sides, raw)
        called = self._called(raw, columns, table)
        parts = self.prepare(_renamed(raw, {there: own for own, there in called.items()}), shop)
        return {name: _renamed(part, called) for name, part in parts.items()}

    def _called(self, raw: RawTable, columns: Mapping[str, str], table: str) -> dict[str, str]:
        """The format's own headers that the file calls otherwise, and what it calls them."""
        own = {} if not (self.declares or self.sides) else self.side(table)["columns"]
        mapped = {header: columns[name] for name, header in own.items() if columns.get(name, header) != header}
        called = {own: there for own in self.spellings if (there := self.spelled(own, raw.columns)) is not None}
        return {own: there for own, there in {**called, **mapped}.items() if own not in raw.columns}

    def spelled(self, header: str, headers: Collection[str]) -> str | None:
        """The other name under which a file has a header; None where it has none of them."""
        return next((name for name in self.spellings.get(header, ()) if name in headers), None)

    def looked_at(self, header: str, headers: Collection[str]) -> str | None:
        """The header of a file at which one looks for what it holds; None where it has none."""
        if header in headers:
            return header
        like = self.like.get(header)
        found = [name for name in headers if like.fullmatch(name)] if like is not None else []
        return found[0] if len(found) == 1 else self.spelled(header, headers)


def _renamed(raw: RawTable, names: Mapping[str, str]) -> RawTable:
    """The table with other headers."""
    if not names:
        return raw
    return replace(raw, columns={names.get(header, header): values for header, values in raw.columns.items()})


def base_of(objects: Sequence[JsonObjects]) -> tuple[RawTable, list[dict[str, Json]]]:
    """The objects of all files, and a raw table of their places without any column yet."""
    base = stack([RawTable((found.source,), {}, found.places, found.ragged) for found in objects])
    if objects and all(found.goes_on for found in objects):
        last = objects[-1].source.name
        note = f"{last}: is a page of a list that goes on, and its next pages are not here: ask for these too"
        base = replace(base, notes=(*base.notes, note))
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
