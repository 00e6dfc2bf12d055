"""One pass over the batches of a source: each is cast and validated for itself, and its used rows are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.config.shops import NO_CURRENCY, ShopConfig
from cvo_ml.core.contract import pandas_dtype
from cvo_ml.ingest.assemble import complete
from cvo_ml.ingest.casts.amounts import ONE_READING, TWO_READINGS
from cvo_ml.ingest.casts.ids import FLOATS, WHOLES
from cvo_ml.ingest.casts.times import MARKED, UNMARKED
from cvo_ml.ingest.findings import Findings
from cvo_ml.ingest.large.batches import Batches
from cvo_ml.ingest.large.ledgers import Account
from cvo_ml.ingest.large.queries import FILE, ROW
from cvo_ml.ingest.row_rules import ValidatedRows, validate_rows
from cvo_ml.ingest.specs import TableSpec

_CONFLICTS: Final = ({FLOATS, WHOLES}, {MARKED, UNMARKED})
Facts = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Pass:
    """What became of all batches.

    ``facts`` are those of whole columns, ``parts`` those of each batch; ``currency`` is the first in the rows.
    """

    account: Account
    facts: Facts
    parts: list[Facts]
    currency: str | None
    counts: Counter[tuple[str, str]]
    findings: Findings


def validate_batches(
    files: Sequence[Batches], shop: ShopConfig, spec: TableSpec, as_of: date | None, work: Path, known: Facts
) -> Pass:
    """Validate all batches for themselves, and write the used rows into ``work/rows``.

    Parameters
    ----------
    work:
        A folder; where further tables are declared, ids of rows that are not used go into ``work/aside``.
    known:
        Facts of whole columns, from an earlier pass.

    Raises
    ------
    DataError
        If a batch shows a fault of the file.
    """
    account = Account(spec.table, spec.max_bad_share, {file.name: file.most_rows for file in files}, spec.people)
    tolerant = _tolerant(spec)
    parts: list[Facts] = []
    whole: dict[str, frozenset[str]] = dict(known)
    counts: Counter[tuple[str, str]] = Counter()
    findings = Findings()
    rows = work / "rows"
    rows.mkdir(exist_ok=True)
    aside = work / "aside"
    aside.mkdir(exist_ok=True)
    for path in (*rows.iterdir(), *aside.iterdir()):
        path.unlink()
    for number, file in enumerate(files):
        for raw in file:
            validated = validate_rows(raw, tolerant, as_of, known)
            complete(validated.rows, shop)
            account.add(validated)
            parts.append(validated.facts)
            counts.update(validated.counts)
            findings += validated.findings
            whole = {name: whole.get(name, frozenset()) | facts for name, facts in validated.facts.items()}
            _write(validated, spec, number, rows / f"{len(parts):06}.parquet")
            if shop.tables:
                _write_aside(validated, aside / f"{len(parts):06}.parquet")
            tolerant = _with_currency(tolerant, validated)
    currency = None if tolerant.currency == NO_CURRENCY else tolerant.currency
    return Pass(account, whole, parts, currency, counts, findings)


def _tolerant(spec: TableSpec) -> TableSpec:
    """The same table with every fault a fault of the row: shares are validated over the whole file."""
    return replace(spec, max_bad_share=1.0)


def _with_currency(spec: TableSpec, validated: ValidatedRows) -> TableSpec:
    """The table with the currency of the first batch, where none is declared: later batches must have it too."""
    if spec.currency != NO_CURRENCY or "currency" not in validated.rows or not len(validated.used):
        return spec
    return replace(spec, currency=str(validated.used["currency"].iloc[0]).upper())


def in_conflict(whole: Facts, parts: Sequence[Facts]) -> bool:
    """Whether a batch was cast otherwise than the whole column asks for."""
    for name, facts in whole.items():
        if TWO_READINGS in facts and ONE_READING not in facts:
            return True
        for both in _CONFLICTS:
            if both <= facts and any(not both <= part.get(name, frozenset()) for part in parts):
                return True
    return False


def _write(validated: ValidatedRows, spec: TableSpec, file: int, path: Path) -> None:
    alive = validated.status.alive
    frame = (validated.rows if alive.all() else validated.rows[alive]).drop(
        columns=[name for name in ("is_test",) if name in validated.rows]
    )
    for name in frame:
        kind = spec.kinds.get(str(name), "text")
        dtype: Any = "boolean" if kind == "flag" else pandas_dtype(kind)
        frame[name] = frame[name].astype(dtype)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.append_column(FILE, pa.array(np.full(len(frame), file, dtype=np.int32)))
    table = table.append_column(ROW, pa.array(validated.raw.places.row[alive]))
    texts = [name for name in table.column_names if spec.kinds.get(name, "text") == "text" and name not in (FILE, ROW)]
    # ids, times and amounts hardly repeat: a dictionary of them costs more than it saves
    pq.write_table(table, path, compression="lz4", use_dictionary=[*texts, FILE], write_statistics=False)


def _write_aside(validated: ValidatedRows, path: Path) -> None:
    """The order ids of the rows that are not used: rows of further tables may name them."""
    gone = ~validated.status.alive
    ids = pa.array(validated.rows.loc[gone, "order_id"], pa.large_string())
    pq.write_table(pa.table({"order_id": ids, "excluded": validated.status.excluded()[gone]}), path)
