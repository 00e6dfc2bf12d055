"""A table as it was found: headers and columns of texts, before anything is decided about what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.result import Json
from cvo_ml.ingest.header_names import headers_for, meaning_of
from cvo_ml.ingest.look.findings import Decision

#: Texts that stand for nothing, in any case.
NOTHING: Final = frozenset(
    {"", "null", "nan", "none", "<na>", "nat", "na", "n/a", "#n/a", "(not set)", "undefined", r"\n"}
)
_LONGEST: Final = max(map(len, NOTHING))


@dataclass(frozen=True, eq=False)
class FoundColumn:
    """A column of a table.

    Parameters
    ----------
    values:
        Texts; or times, numbers or flags, where the source has such types.
    """

    header: str
    values: pa.ChunkedArray

    @property
    def is_time(self) -> bool:
        """Whether the source itself says that these are times."""
        return bool(pa.types.is_timestamp(self.values.type) or pa.types.is_date(self.values.type))

    @property
    def is_number(self) -> bool:
        """Whether the source itself says that these are numbers."""
        kind = self.values.type
        return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """(rows,) place of each row's text in ``distinct``; -1 where there is none."""
        return self._coded[0]

    @cached_property
    def distinct(self) -> list[str]:
        """The distinct texts, trimmed, without those that stand for nothing, in the order of their first rows."""
        return self._coded[1]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(distinct,) rows of each text."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.distinct))

    @property
    def filled(self) -> int:
        """Rows with a text."""
        return int((self.codes >= 0).sum())

    @cached_property
    def _coded(self) -> tuple[NDArray[np.int64], list[str]]:
        texts = pc.utf8_trim_whitespace(self.values.cast(pa.large_string())).combine_chunks()
        encoded = texts.dictionary_encode()
        found = encoded.dictionary.to_pylist()
        nothing = [place for place, text in enumerate(found) if len(text) <= _LONGEST and text.lower() in NOTHING]
        places = np.cumsum(~np.isin(np.arange(len(found)), nothing)) - 1
        places[nothing] = -1
        codes = encoded.indices.fill_null(len(found)).to_numpy(zero_copy_only=False)
        left_out = set(nothing)
        return np.append(places, -1)[codes], [text for place, text in enumerate(found) if place not in left_out]

    def first_rows(self, texts: Sequence[str], most: int = 3) -> list[int]:
        """Numbers of the first rows with one of these texts (1 = the first after the header)."""
        wanted = [place for place, text in enumerate(self.distinct) if text in set(texts)]
        return [int(row) + 1 for row in np.flatnonzero(np.isin(self.codes, wanted))[:most]]

    def spread(self, of_distinct: Sequence[Any] | NDArray[Any], nothing: Any) -> NDArray[Any]:
        """Values of the distinct texts as values of the rows."""
        return np.append(np.asarray(of_distinct), np.array([nothing]))[self.codes]


@dataclass(frozen=True)
class Grid:
    """A table as it was found.

    Parameters
    ----------
    name:
        Of its file, sheet or table.
    source:
        Keys of its ``source:``.
    columns:
        Header to column, in their order; those without a header are left out.
    rows:
        Rows that were looked at.
    is_whole:
        Whether these are all.
    decisions:
        What was found out about the layout.
    objects:
        The first objects, where it is JSON.
    told:
        Header to meaning, where that is known from elsewhere than its name.
    repeated:
        Headers of several columns, none of which is read.
    """

    name: str
    source: Mapping[str, Json]
    columns: Mapping[str, FoundColumn]
    rows: int
    is_whole: bool = True
    decisions: tuple[Decision, ...] = ()
    objects: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    told: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()

    @property
    def headers(self) -> list[str]:
        """The headers, in their order."""
        return list(self.columns)

    def headers_for(self, role: str) -> tuple[str, ...]:
        """The headers that may play a role, the best first."""
        return headers_for(role, self.headers, self.told)

    def meaning_of(self, header: str) -> str | None:
        """What a header means."""
        return self.told.get(header) or meaning_of(header)
