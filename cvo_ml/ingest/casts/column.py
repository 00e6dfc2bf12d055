"""The two ends of a cast: a raw column with its place in a file, and typed values with the faults per row."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.raw import Places

NOTHING: Final = r"\N"
_ZERO_WIDTH: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


@dataclass(frozen=True)
class Cast:
    """Typed values of a column; a faulty or empty row holds NaN, NaT or null.

    Parameters
    ----------
    values:
        (n,) series of the column's kind.
    faults:
        Reason to (n,) mask of the rows that show it.
    counts:
        What was converted or noticed to how often.
    facts:
        What of the whole column decides how each value is read; a part of a column is cast with those of the whole.
    """

    values: pd.Series
    faults: Mapping[str, Flags] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    facts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Coded:
    """Texts as codes into their distinct values, so that each distinct text is validated once.

    ``codes`` is (n,), -1 for null; ``texts`` holds the distinct texts, trimmed, NFC, without zero-width
    characters; ``altered`` says which of them were changed by that.
    """

    codes: NDArray[np.int64]
    texts: pa.LargeStringArray
    altered: Flags

    def rows(self, chosen: Flags) -> Flags:
        """(n,) mask of the rows whose distinct text is chosen."""
        return np.append(chosen, False)[self.codes]

    def matches(self, pattern: str, among: Flags | None = None) -> Flags:
        """Which distinct texts match an RE2 pattern as a whole; only those ``among`` are looked at."""
        whole = f"^(?:{pattern})$"
        if among is None or among.all():
            return as_mask(pc.match_substring_regex(self.texts, whole))
        found = np.zeros(len(self.texts), dtype=np.bool_)
        if among.any():
            found[among] = as_mask(pc.match_substring_regex(self.texts.filter(pa.array(among)), whole))
        return found

    def holds(self, text: str) -> Flags:
        """Which distinct texts hold a plain text: much faster than a pattern, so it comes first."""
        return as_mask(pc.match_substring(self.texts, text))

    def up_to(self, length: int) -> Flags:
        """Which distinct texts have at most this many bytes."""
        return as_mask(pc.less_equal(pc.binary_length(self.texts), length))

    def empty(self) -> Flags:
        """Which distinct texts are nothing: empty, or what MySQL writes for it (``\\N``)."""
        return self.up_to(0) | as_mask(pc.equal(self.texts, NOTHING))

    def spread(self, distinct: NDArray[np.generic], null: object) -> NDArray[np.generic]:
        """Values of the distinct texts as values of the rows."""
        return np.append(distinct, np.array([null], dtype=distinct.dtype))[self.codes]


@dataclass(frozen=True)
class RawColumn:
    """A column before its cast, and where its rows stand.

    ``part`` holds the facts that are known of the whole column, where this is a part of it; None where it is the whole.
    """

    values: pa.ChunkedArray
    header: str
    places: Places
    part: frozenset[str] | None = None

    def refuse(self, problem: str, remedy: str, rows: Flags) -> DataError:
        """The error that refuses the file, with count and first rows."""
        file, first_rows = self.places[rows].first()
        return DataError(problem, remedy, file=file, column=self.header, count=int(rows.sum()), first_rows=first_rows)

    @property
    def facts(self) -> frozenset[str]:
        """What is known of the whole column beside what stands here."""
        return self.part or frozenset()

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of the values behind a dictionary."""
        kind = self.values.type
        return kind.value_type if pa.types.is_dictionary(kind) else kind

    @property
    def is_text(self) -> bool:
        """Whether the values are texts."""
        return bool(pa.types.is_string(self.type) or pa.types.is_large_string(self.type))

    def plain(self) -> pa.ChunkedArray:
        """The values without dictionary encoding."""
        return self.values.cast(self.type) if pa.types.is_dictionary(self.values.type) else self.values

    def whole_numbers(self) -> RawColumn:
        """The column with its floats as whole numbers, where all of them are: as texts, they are digits then."""
        if not pa.types.is_floating(self.type):
            return self
        try:
            return replace(self, values=self.plain().cast(pa.int64()))
        except pa.ArrowInvalid:  # a fraction, or no number
            return self

    def coded(self) -> Coded:
        """The values as normalised texts."""
        encoded = pc.dictionary_encode(self.plain().cast(pa.large_string())).combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = (
                encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.dictionary(pa.int32(), pa.large_string()))
            )
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        texts = normalise(encoded.dictionary)
        return Coded(codes, texts, as_mask(pc.not_equal(texts, encoded.dictionary)))


def normalise(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Texts trimmed, in Unicode NFC, without zero-width characters.

    Examples
    --------
    >>> normalise(pa.array([" a ", "\u200bK 1"], pa.large_string())).to_pylist()
    ['a', 'K 1']
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    plain = as_mask(pc.string_is_ascii(trimmed))
    if plain.all():
        return trimmed
    changed = trimmed.to_pylist()
    for place in np.flatnonzero(~plain):
        changed[place] = unicodedata.normalize("NFC", changed[place].translate(_ZERO_WIDTH)).strip()
    return pa.array(changed, pa.large_string())


def as_mask(values: pa.Array | pa.ChunkedArray) -> Flags:
    """An Arrow boolean array as a NumPy mask; null is False."""
    filled = pc.fill_null(values, False)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.bool_)


def text_series(texts: pa.LargeStringArray, codes: NDArray[np.int64]) -> pd.Series:
    """(n,) series of texts; code -1 is null."""
    taken = texts.take(pa.array(codes, mask=codes < 0))
    return pd.Series(taken.to_pandas(), dtype="str")
