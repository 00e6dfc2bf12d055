"""Events of a nested Parquet file, such as BigQuery writes: only those that matter become objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags
from cvo_ml.core.input_files import Stamp
from cvo_ml.ingest.plain_numbers import number_text
from cvo_ml.ingest.sources.event_lines import EventBlock, EventChoice
from cvo_ml.ingest.sources.parquet import open_parquet

_ROWS: Final = 20_000
_TEXTS: Final = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary, pa.types.is_large_binary,
)  # fmt: skip


def parquet_blocks(path: Path, same_as: Stamp, choice: EventChoice, decimal: str) -> Iterator[EventBlock]:
    """The events of a file, block by block; numbers are texts, as those of JSON.

    Parameters
    ----------
    same_as:
        The file must be this very one.

    Raises
    ------
    DataError
        If it is no Parquet file, or changes while it is read.
    """
    start = 0
    with open_parquet(path, same_as) as found:
        for batch in found.rows.iter_batches(_ROWS):
            names = _filled(batch, choice.tells[0])
            chosen = np.flatnonzero(_matters(batch, choice))
            rows = [_as_json(row, decimal) for row in _rows(batch, chosen)]
            none = np.array([], dtype=np.int64)
            yield EventBlock(start + 1 + chosen, rows, len(batch) - len(rows), int(names.sum()), none)
            start += len(batch)


def _matters(batch: pa.RecordBatch, choice: EventChoice) -> Flags:
    names = pa.array(sorted(choice.names))
    found = np.zeros(len(batch), dtype=np.bool_)
    for path in choice.tells:
        if (values := _texts(_values(batch, path))) is not None:
            found |= np.asarray(pc.is_in(values, names))
    for path in choice.marks:
        found |= _filled(batch, path)
    return found


def _filled(batch: pa.RecordBatch, path: str) -> Flags:
    values = _values(batch, path)
    return np.zeros(len(batch), dtype=np.bool_) if values is None else np.asarray(values.is_valid())


def _values(batch: pa.RecordBatch, path: str) -> pa.Array | None:
    """The values at a dotted path; None where there is no such column."""
    first, *inner = path.split(".")
    values = batch.column(first) if first in batch.schema.names else None
    for part in inner:
        is_there = values is not None and pa.types.is_struct(values.type) and values.type.get_field_index(part) >= 0
        values = pc.struct_field(values, part) if is_there else None
    return values


def _texts(values: pa.Array | None) -> pa.Array | None:
    """Values as texts of one kind, whichever of Arrow's the writer chose; None where they are none."""
    if values is None:
        return None
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if not any(is_kind(kind) for is_kind in _TEXTS):
        return None
    return values.cast(kind).cast(pa.string()) if kind != values.type else values.cast(pa.string())


def _rows(batch: pa.RecordBatch, chosen: NDArray[np.intp]) -> list[dict[str, Any]]:
    try:
        return list(batch.take(pa.array(chosen)).to_pylist())
    except pa.ArrowNotImplementedError:  # of some kinds of texts, Arrow takes no rows
        return [row for place in chosen.tolist() for row in batch.slice(place, 1).to_pylist()]


def _as_json(value: Any, decimal: str) -> Any:
    """A value as JSON would give it: numbers and times as texts, without what is null."""
    if isinstance(value, Mapping):
        return {key: _as_json(inner, decimal) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_as_json(inner, decimal) for inner in value]
    if isinstance(value, float | Decimal):
        return number_text(str(value), decimal)
    if isinstance(value, bytes):  # texts that are not marked as such
        return value.decode("utf-8", "replace")
    return value if isinstance(value, bool) or value is None else str(value)
