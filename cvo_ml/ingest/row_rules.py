"""Which rows are excluded by rule, which are quarantined, in one order for every table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.config.shops import NO_CURRENCY, Exclusion
from cvo_ml.core.arrays import Flags
from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.core.currencies import decimals
from cvo_ml.core.errors import ConfigError
from cvo_ml.core.units import midnight
from cvo_ml.core.wall_times import wall_time
from cvo_ml.ingest.casts import Cast, RawColumn, cast
from cvo_ml.ingest.casts.column import as_mask
from cvo_ml.ingest.casts.fast_path import LOWER, UPPER
from cvo_ml.ingest.casts.ids import CASE
from cvo_ml.ingest.exchange import converted
from cvo_ml.ingest.findings import Findings
from cvo_ml.ingest.net_parts import without_parts
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.row_status import RowStatus
from cvo_ml.ingest.specs import TableSpec
from cvo_ml.ingest.status_rule import exclude_unsold, money_of, quarantine_blank, without_unpaid
from cvo_ml.ingest.unmapped import tally_beside

AFTER_AS_OF: Final = "after as_of"
GUEST: Final = "guest (no customer)"
TEST_ORDER: Final = "test order"
NOT_OF_TABLE: Final = "no row of this table"
ZERO_REFUND: Final = "refund of zero"
_ONE_CURRENCY: Final = "export each currency for itself, or declare rates: tables: {fx: …} with date, currency and rate"


@dataclass(frozen=True)
class ValidatedRows:
    """A table's rows with canonical columns, and what became of each; duplicates are validated later.

    ``rows`` is (n, columns), faulty rows included; ``counts`` say how often what was converted, by header;
    ``facts`` are those of the whole columns, by canonical name; ``findings`` are judged when all rows are known.
    """

    spec: TableSpec
    raw: RawTable
    status: RowStatus
    rows: pd.DataFrame
    counts: dict[tuple[str, str], int]
    facts: Mapping[str, frozenset[str]]
    findings: Findings

    @property
    def notes(self) -> tuple[str, ...]:
        """What was repaired, converted or noticed, as sentences."""
        files = self.raw.places.files
        return (*self.raw.notes, *counted(files[0] if len(files) == 1 else f"{len(files):,} files", self.counts))

    @property
    def used(self) -> pd.DataFrame:
        """The rows that are still used."""
        return self.rows[self.status.alive]


def validate_rows(
    raw: RawTable, spec: TableSpec, as_of: date | None, facts: Mapping[str, frozenset[str]] | None = None
) -> ValidatedRows:
    """Cast the mapped columns, and validate each row for itself.

    Parameters
    ----------
    facts:
        What is known of whole columns, where ``raw`` is a part of a source.

    Raises
    ------
    DataError
        If a column as a whole is ambiguous, a fault is one of the file, or another currency stands in it.
    """
    status = RowStatus(raw, spec.table, spec.max_bad_share, spec.ragged, spec.people)
    casts = cast_columns(raw, spec, facts)
    if spec.rates is not None and spec.event_time in casts and "currency" in casts:
        casts = converted(casts, spec.kinds, spec.event_time, spec.rates)
    if spec.table == "subscriptions" and {"status", "mrr"} <= set(casts):
        casts = without_unpaid(casts)
    casts = without_parts(casts, spec.net_less)
    exclude_by_rule(status, casts, spec, as_of)
    statuses = exclude_unsold(status, raw, casts, spec)
    quarantine_faults(status, raw, casts, spec)
    rows = pd.DataFrame({name: column.values for name, column in casts.items()}, copy=False)
    for name, value in spec.constants.items():
        rows[name] = _constant(value, spec.kinds[name], len(rows))
    counts = {
        (spec.header(name), what): count for name, column in casts.items() for what, count in column.counts.items()
    }
    facts_found = {name: column.facts for name, column in casts.items()}
    beside = tally_beside(raw, spec.beside, status.alive, money_of(casts, len(raw)), list(spec.headers.values()))
    findings = Findings(statuses, beside, _latest(casts, spec))
    return ValidatedRows(spec, raw, status, rows, counts, facts_found, findings)


def _latest(casts: Mapping[str, Cast], spec: TableSpec) -> pd.Timestamp | None:
    """The latest event time of all rows, whatever became of them."""
    if spec.event_time is None or spec.event_time not in casts:
        return None
    latest = casts[spec.event_time].values.max()
    return None if pd.isna(latest) else latest


def counted(where: str, counts: Mapping[tuple[str, str], int]) -> tuple[str, ...]:
    """What was converted or noticed in columns, as sentences."""
    return tuple(f"{where}: column {header!r}: {count:,} {what}" for (header, what), count in counts.items())


def _constant(value: str | float, kind: str, rows: int) -> pd.Series:
    dtype = {"id": "str", "text": "str", "time": TIME_DTYPE, "flag": "bool"}.get(kind, "float64")
    return pd.Series([value] * rows, dtype=dtype)


def cast_columns(raw: RawTable, spec: TableSpec, facts: Mapping[str, frozenset[str]] | None) -> dict[str, Cast]:
    """Every mapped column that the source has, as its kind, by canonical name; profile fields are texts.

    Raises
    ------
    DataError
        If a column as a whole is ambiguous.
    """
    found = {name: header for name, header in spec.headers.items() if header in raw.columns}
    known = {name: None if facts is None else facts.get(name, frozenset()) for name in found}
    digits = _decimals(raw, spec)
    return {name: _cast(name, _column(raw, header, known[name]), spec, digits) for name, header in found.items()}


def _decimals(raw: RawTable, spec: TableSpec) -> int | NDArray[np.int64]:
    """How many decimals the currency has, by row where each names its own; only minor units ask for it."""
    own = decimals(str(spec.constants.get("currency", spec.currency)))
    if not spec.source.amounts.minor_units or spec.columns.get("currency") not in raw.columns:
        return own
    coded = _column(raw, spec.columns["currency"]).coded()
    each = [decimals(code) if code else own for code in coded.texts.to_pylist()]
    return coded.spread(np.array(each, dtype=np.int64), own).astype(np.int64)


def _cast(name: str, column: RawColumn, spec: TableSpec, digits: int | NDArray[np.int64]) -> Cast:
    kind = spec.kinds.get(name, "text")
    found = cast(column, kind, spec.source, spec.timezone, name, currency=spec.currency, decimals=digits)
    if spec.fold_case and kind == "id":
        return _folded(found)
    if name not in spec.values:
        return found
    meanings = spec.values[name]
    unknown = found.values.notna() & ~found.values.isin(list(meanings))
    faults = {**found.faults, "a text without a declared meaning": unknown.to_numpy()}
    return Cast(found.values.map(meanings).astype("str"), faults, found.counts)


def _folded(found: Cast) -> Cast:
    """Ids in lower case, so that those which differ in case only are one."""
    values = found.values.str.lower()
    counts = {what: count for what, count in found.counts.items() if what != CASE}
    if changed := int((values != found.values).where(values.notna(), other=False).sum()):
        counts["ids were brought into lower case"] = changed
    return Cast(values, found.faults, counts, found.facts - {LOWER, UPPER})


def _column(raw: RawTable, header: str, facts: frozenset[str] | None = None) -> RawColumn:
    return RawColumn(raw.columns[header], header, raw.places, facts)


def exclude_by_rule(status: RowStatus, casts: Mapping[str, Cast], spec: TableSpec, as_of: date | None) -> None:
    """Leave out rows on or after ``as_of``, guests, test orders, empty refunds and what is declared, in this order."""
    if as_of is not None and spec.event_time is not None and spec.event_time in casts:
        status.exclude((casts[spec.event_time].values >= midnight(as_of)).to_numpy(), AFTER_AS_OF)
    if "customer_id" in casts and spec.guests != "fault":
        nobody = _empty(casts["customer_id"]) if spec.guests == "exclude" else False
        status.exclude(nobody | _guests(casts, spec), GUEST)
    if "is_test" in casts:
        status.exclude(casts["is_test"].values.fillna(False).to_numpy(dtype=np.bool_), TEST_ORDER)
    if spec.where_filled is not None and spec.where_filled in casts:
        status.exclude(_empty(casts[spec.where_filled]), NOT_OF_TABLE)
    if spec.table == "refunds":
        status.exclude((casts["amount"].values == 0).to_numpy(), ZERO_REFUND)
    for exclusion in spec.exclude:
        status.exclude(_matching(exclusion, casts[exclusion.column].values), exclusion.rule)


def _guests(casts: Mapping[str, Cast], spec: TableSpec) -> Flags:
    """Rows whose customer the shop says to be nobody."""
    ids = casts["customer_id"].values
    if not spec.guest_ids:
        return np.zeros(len(ids), dtype=np.bool_)
    return ids.str.casefold().isin(spec.guest_ids).to_numpy(dtype=np.bool_)


def _matching(exclusion: Exclusion, values: pd.Series) -> Flags:
    matched = values.isin(list(exclusion.equals)).to_numpy()
    if exclusion.pattern is None:
        return matched
    try:
        found = pc.match_substring_regex(pa.array(values, pa.large_string()), f"^(?:{exclusion.pattern})$")
    except pa.ArrowInvalid:
        raise ConfigError(
            f"exclude: rule {exclusion.rule!r}: its pattern cannot be applied: {exclusion.pattern!r}"
        ) from None
    return matched | as_mask(found)


def quarantine_faults(status: RowStatus, raw: RawTable, casts: Mapping[str, Cast], spec: TableSpec) -> None:
    """Set aside rows with a fault in a mapped column, then those after the extract.

    Raises
    ------
    DataError
        If a fault is one of the file, or the file holds another currency than the shop's.
    """
    for name, column in casts.items():
        for reason, rows in column.faults.items():
            status.quarantine(rows, spec.header(name), reason)
        if name in spec.required:
            status.quarantine(_empty(column), spec.header(name), "null")
        if name == "customer_id":
            status.quarantine(_guests(casts, spec), spec.header(name), "guest id")
    quarantine_blank(status, casts, spec)
    if "currency" in casts and spec.table != "fx":  # a table of rates holds as many as there are
        _check_currency(status, raw, casts["currency"], spec)
    if spec.extracted_at is not None and spec.event_time is not None and spec.event_time in casts:
        late = (casts[spec.event_time].values > wall_time(spec.extracted_at, spec.timezone)).to_numpy()
        status.quarantine(late, spec.header(spec.event_time), "after extracted_at")


def _empty(column: Cast) -> Flags:
    faulty = np.zeros(len(column.values), dtype=np.bool_)
    for rows in column.faults.values():
        faulty |= rows
    return column.values.isna().to_numpy() & ~faulty


def _check_currency(status: RowStatus, raw: RawTable, column: Cast, spec: TableSpec) -> None:
    codes = column.values.str.upper()
    header = spec.columns["currency"]
    known = status.alive & codes.notna().to_numpy()
    found = sorted(codes[known].unique())
    expected = spec.currency if spec.currency != NO_CURRENCY or not found else codes[known].mode()[0]
    if set(found) - {expected}:
        rows = known & (codes != expected).to_numpy()
        problem = f"holds {', '.join(found[:5])}, but one run holds one currency ({expected})"
        raise _column(raw, header).refuse(problem, _ONE_CURRENCY, rows)
    status.quarantine(_empty(column), header, "blank currency")
