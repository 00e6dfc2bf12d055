"""Casts of columns in which nothing is amiss, as a few passes over their bytes prove.

Each gives what the general cast gives, or None where anything at all is out of the ordinary: then every distinct text
is validated for itself. A clean column of a hundred million rows has almost as many distinct texts, and checking them
costs many times what this proof does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags

Bytes = NDArray[np.uint8]


#: Signs that follow each other: the first, and how many.
Run = tuple[np.uint8, np.uint8]


def _runs(signs: bytes) -> tuple[Run, ...]:
    """Signs as few runs: comparing bytes with two ends takes a tenth of the time of looking each up in a table."""
    found: list[list[int]] = []
    for sign in sorted(signs):
        if found and sign == sum(found[-1]):
            found[-1][1] += 1
        else:
            found.append([sign, 1])
    return tuple((np.uint8(first), np.uint8(length)) for first, length in found)


def _all_but(allowed: bytes) -> tuple[Run, ...]:
    return _runs(bytes(set(range(256)) - set(allowed)))


def _among(data: Bytes, run: Run) -> Flags:
    first, length = run
    return data - first < length  # what is below the first wraps round to above the last


_PRINTED: Final = bytes(range(33, 127))
#: Without a space nothing can be trimmed, without + no id was rounded, without . none ends in .0, without "
#: none is wrapped in quotes.
_NOT_ID: Final = _all_but(_PRINTED.replace(b"+", b"").replace(b".", b"").replace(b'"', b""))
_NOT_NUMBER: Final = _all_but(b"0123456789.-")
(_DIGITS,) = _runs(b"0123456789")
_POINT, _MINUS, _ZERO = b".-0"
_SHORTEST_GROUPED: Final = 5  # 1.250
_FIRST: Final = 1_000
_BLOCK: Final = 1 << 16  # what is computed of so many bytes stays in the processor's cache
LOWER: Final = "letters in lower case"
UPPER: Final = "letters in upper case"
_CASES: Final = {LOWER: _runs(bytes(range(97, 123))), UPPER: _runs(bytes(range(65, 91)))}


@dataclass(frozen=True)
class PlainTexts:
    """Texts without null, and their bytes.

    ``offsets`` is (n + 1,): text i is ``data[offsets[i]:offsets[i + 1]]``.
    """

    texts: pa.Array
    offsets: NDArray[np.signedinteger]
    data: Bytes

    @classmethod
    def of(cls, values: pa.ChunkedArray) -> PlainTexts | None:
        """The texts of one chunk or several; None where the values are no plain texts, or some are null."""
        large = pa.types.is_large_string(values.type)
        if not (large or pa.types.is_string(values.type)) or values.null_count or not len(values):
            return None
        texts = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
        if isinstance(texts, pa.ChunkedArray):
            return None
        _, places, data = texts.buffers()
        offsets = np.frombuffer(places, dtype=np.int64 if large else np.int32)[texts.offset :][: len(texts) + 1]
        if data is None or offsets[-1] == offsets[0]:
            return None
        found = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]]
        return cls(texts, offsets - offsets[0], found)

    def hold_any(self, signs: Sequence[Run]) -> bool:
        """Whether one of the bytes is among these signs."""
        blocks = (self.data[start : start + _BLOCK] for start in range(0, len(self.data), _BLOCK))
        return any(bool(_among(block, run).any()) for block in blocks for run in signs)

    def have_one_reading(self) -> bool | None:
        """Whether one of these numbers tells that its point is a decimal sign; None where there is no point.

        ``1.250`` may be thousands as well; ``12.5``, ``0.125`` and ``1250.125`` may not.
        """
        ends, starts = self.offsets[1:], self.offsets[:-1]
        for part in (slice(0, _FIRST), slice(0, None)):  # as a rule, one of the first tells
            end, start = ends[part], starts[part]
            points = int(np.count_nonzero(self.data[: end[-1]] == _POINT))
            long = end - start >= _SHORTEST_GROUPED
            end, start = end[long], start[long]
            grouped = self.data[end - 4] == _POINT
            end, start = end[grouped], start[grouped]
            start = start + (self.data[start] == _MINUS)
            whole = end - 4 - start
            two = int(np.count_nonzero((whole >= 1) & (whole <= 3) & (self.data[start] != _ZERO)))
            if points > two:
                return True
        return False if points else None

    def of_one_shape(self) -> str | None:
        """The first text, if all have its length, digits where it has digits, and its other bytes in their places."""
        width = int(self.offsets[1])
        if width == 0 or len(self.data) != width * len(self.texts) or (np.diff(self.offsets) != width).any():
            return None
        rows = self.data.reshape(-1, width)
        for place, byte in enumerate(rows[0].tolist()):
            signs = rows[:, place]
            same = _among(signs, _DIGITS) if byte in b"0123456789" else signs == byte
            if not same.all():
                return None
        return str(self.texts[0].as_py())


def quick_ids(
    plain: PlainTexts, null: str, longest_null: int, first_of_null: bytes
) -> tuple[pd.Series, bool, frozenset[str]] | None:
    """Ids as they stand, whether one of them is a whole number, and the cases of their letters.

    ``null`` is the pattern of texts that mean none, ``first_of_null`` holds the signs with which they begin.
    """
    if plain.hold_any(_NOT_ID):
        return None
    texts = plain.texts
    lengths = np.diff(plain.offsets)
    first = plain.data[np.minimum(plain.offsets[:-1], len(plain.data) - 1)]  # of an empty text, that of another
    short = np.flatnonzero((lengths == 0) | ((lengths <= longest_null) & np.isin(first, list(first_of_null))))
    whole = bool(pc.any(pc.ascii_is_decimal(texts)).as_py())
    if len(short):
        missing = pc.match_substring_regex(texts.take(pa.array(short)), f"^(?:{null})$").to_numpy(zero_copy_only=False)
        if missing.any():
            gone = np.zeros(len(texts), dtype=np.bool_)
            gone[short[missing]] = True
            texts = pc.if_else(pa.array(gone), None, texts)
    cases = frozenset(case for case, letters in _CASES.items() if plain.hold_any(letters))
    return pd.Series(texts.cast(pa.large_string()).to_pandas(), dtype="str"), whole, cases


def quick_amounts(plain: PlainTexts, largest: float) -> NDArray[np.float64] | None:
    """Numbers below ``largest`` with a point, without sign, exponent or thousands other than ``-`` and ``.``."""
    if plain.hold_any(_NOT_NUMBER):
        return None
    try:
        numbers = np.asarray(pc.cast(plain.texts, pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        return None
    return numbers if (np.abs(numbers) < largest).all() else None


def quick_times(plain: PlainTexts, unmarked: str, marked: str) -> tuple[pd.Series, bool] | None:
    """Times that all have one shape, and whether they carry a zone; the patterns are those of ISO 8601."""
    first = plain.of_one_shape()
    if first is None:
        return None
    zoned = re.fullmatch(marked, first) is not None
    if not zoned and re.fullmatch(unmarked, first) is None:
        return None
    try:
        times = pc.cast(plain.texts, pa.timestamp("us", tz="UTC" if zoned else None))
    except pa.ArrowInvalid:  # an impossible date, or a zone that Arrow writes otherwise
        return None
    return pd.Series(times.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)), zoned
