"""HubSpot's deals: the export of a view or list (CSV, Excel), and the objects of its API (JSON).

* A deal that is won is an order: ``net`` is ``Amount``, placed at ``Close Date``. What is open is pending, what is lost
  no sale; both are counted. A refunded deal is one that the shop's ``statuses`` call so.
* Won is what ``Is Closed Won`` says, lost what ``Is closed lost`` or ``Is Deal Closed?`` say; without these columns the
  label of the stage does, by the words of HubSpot's own pipeline and of ``statuses``. Pipelines have labels of their
  own: one that nobody knows is refused with all of them named.
* The customer is the company; the contact where the file names no company at all (or ``columns: {customer_id:
  Associated Contact IDs}``). Of several ids in a cell, which semicolons part, the first. A deal that names none is left
  out as a guest's.
* Table ``deals``: every deal that names a contact, who is the lead. ``Close Date`` of an open deal is when it is
  expected to close, so ``closed_at`` is that of closed deals alone. A deal that was entered after it was closed, as
  imports are, counts as begun when it closed.
* Times are those of whoever exported, without a zone; the API's are UTC.

Properties and when HubSpot sets them: https://knowledge.hubspot.com/crm-deals/hubspots-default-deal-properties;
headers are labels, or internal names (``exportInternalValuesOptions``):
https://developers.hubspot.com/docs/api-reference/latest/crm/exports/guide; zones:
https://legacydocs.hubspot.com/docs/faq/how-should-timestamps-be-formatted-for-hubspots-apis.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.config.shops import ShopConfig, StatusClass
from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import DataError, shortened
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.flat_rows import FlatRows
from cvo_ml.ingest.adapters.hubspot_objects import labelled_rows
from cvo_ml.ingest.adapters.row_texts import first_listed, texts_of, with_columns
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects
from cvo_ml.ingest.statuses import class_of

_COMPANY: Final = "Associated Company IDs"
_CONTACT: Final = "Associated Contact IDs"
_WON, _LOST, _CLOSED = "Is Closed Won", "Is closed lost", "Is Deal Closed?"
_STAGE, _CREATED, _CLOSE = "Deal Stage", "Create Date", "Close Date"
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_WORDS: Final[Mapping[StatusClass, str]] = {"sale": "closed won", "pending": "open", "not_a_sale": "closed lost"}

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "Record ID",
        "customer_id": _COMPANY,
        "ordered_at": _CLOSE,
        "net": "Amount",
        "currency": "Currency",
        "status": _STAGE,
        "channel": "Pipeline",
    },
    "statuses": {  # the stages of HubSpot's own pipeline; "Contract Sent" and the closed ones are in the vocabulary
        "open": "pending",
        "Appointment Scheduled": "pending",
        "Qualified To Buy": "pending",
        "Presentation Scheduled": "pending",
        "Decision Maker Bought-In": "pending",
    },
}
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "deals": {
        "columns": {
            "deal_id": "Record ID",
            "lead_id": _CONTACT,
            "customer_id": _COMPANY,
            "stage": _STAGE,
            "amount": "Amount",
            "currency": "Currency",
            "is_won": _WON,
            "created_at": _CREATED,
            "closed_at": _CLOSE,
        }
    }
}
#: Label to the property's internal name and to labels of other versions.
PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    "Record ID": ("hs_object_id", "Deal ID", "Record ID - Deal"),
    _COMPANY: ("Associated Company IDs (Primary)", "Associated Company ID", "associations.companies"),
    _CONTACT: ("Associated Contact IDs (Primary)", "Associated Contact ID", "associations.contacts"),
    _CLOSE: ("closedate", "Closed Date"),
    _CREATED: ("createdate", "hs_createdate"),
    "Amount": ("amount",),
    "Currency": ("deal_currency_code", "Deal currency"),
    _STAGE: ("dealstage",),
    "Pipeline": ("pipeline",),
    _WON: ("hs_is_closed_won", "Is closed won"),
    _LOST: ("hs_is_closed_lost", "Is Closed Lost"),
    _CLOSED: ("hs_is_closed", "Is closed"),
}
_NEEDED: Final = frozenset({"Record ID", _STAGE, _CLOSE, "Amount"})


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """The orders and the deals of an export."""
    texts = texts_of(raw, (_COMPANY, _CONTACT, _STAGE, _WON, _LOST, _CLOSED))
    if _CONTACT not in raw.columns and shop.columns.get("customer_id") == _CONTACT:  # read in the company's place
        texts[_CONTACT] = texts[_COMPANY]
    company, contact = first_listed(texts[_COMPANY]), first_listed(texts[_CONTACT])
    ids = {_COMPANY: company if company.notna().any() else contact, _CONTACT: contact}
    statuses = {**DECLARES["statuses"], **shop.statuses}
    classes = _classes(raw, texts, statuses)
    label = texts[_STAGE].map({text: class_of(text, statuses) for text in texts[_STAGE].dropna().unique()})
    status = texts[_STAGE].mask(label.astype("object").ne(classes) & classes.notna(), classes.map(_WORDS))
    orders = with_columns(raw, {**ids, _STAGE: status}, {}, _said(texts, classes))
    return {"orders": orders, "deals": _deals(raw, ids, classes, shop)}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """The orders and the deals of the API's objects."""
    in_iso = shop.source.model_copy(update={"date_format": None, "date_formats": {}})
    rows = labelled_rows(objects, PROPERTIES, _NEEDED, columns.values())
    return prepare(rows, shop.model_copy(update={"source": in_iso}))


def _deals(raw: RawTable, ids: Mapping[str, pd.Series], classes: pd.Series, shop: ShopConfig) -> RawTable:
    """The table of deals: what is not closed has no end, what was entered after its end began by then."""
    won = classes.map({"sale": "true", "refunded": "true", "not_a_sale": "false"})
    closed = won.notna().to_numpy()
    rows = FlatRows(raw, shop)
    later = closed & (rows.times(_CREATED, "created_at") > rows.times(_CLOSE, "closed_at")).to_numpy()
    columns = {**raw.columns, _CLOSE: _either(closed, raw.columns[_CLOSE], None)}
    if later.any():
        columns[_CREATED] = _either(later, raw.columns[_CLOSE], raw.columns[_CREATED])
    note = f"deals: {int(later.sum()):,} were entered after they were closed, and count as begun when they closed"
    left_out = {"deal without a contact": ids[_CONTACT].isna().to_numpy()}
    own = replace(raw, columns=columns, notes=(note,) if later.any() else ())
    became = ids[_COMPANY].where(classes.isin(["sale", "refunded"]))
    return with_columns(own, {_COMPANY: became, _CONTACT: ids[_CONTACT], _WON: won}, left_out)


def _either(rows: Flags, there: pa.ChunkedArray, elsewhere: pa.ChunkedArray | None) -> pa.ChunkedArray:
    """One column's values in the rows, another's (or none) in the others."""
    other = pa.scalar(None, there.type) if elsewhere is None else elsewhere.combine_chunks()
    return pa.chunked_array([pc.if_else(pa.array(rows), there.combine_chunks(), other)])


def _classes(raw: RawTable, texts: pd.DataFrame, statuses: Mapping[str, StatusClass]) -> pd.Series:
    """What became of each deal; null where its stage is empty.

    Raises
    ------
    DataError
        If nobody knows what a stage means.
    """
    stages = texts[_STAGE]
    label = stages.map({text: class_of(text, statuses) for text in stages.dropna().unique()}).astype("object")
    won, lost, closed = (texts[name].str.lower().map(_FLAGS).astype("object") for name in (_WON, _LOST, _CLOSED))
    not_won = won.eq(False)
    told: list[tuple[pd.Series, Any]] = [
        (label.eq("refunded"), "refunded"),
        (won.eq(True), "sale"),
        (lost.eq(True) | (not_won & closed.eq(True)), "not_a_sale"),
        (not_won & (lost.notna() | closed.notna()), "pending"),
        (not_won, label.where(label.isin(["pending", "not_a_sale"]), "pending")),
    ]
    found = label
    for rows, status_class in reversed(told):
        found = found.mask(rows, status_class)
    unknown = stages.notna() & found.isna()
    if unknown.any():
        _refuse(raw, stages, unknown.to_numpy())
    return found


def _refuse(raw: RawTable, stages: pd.Series, unknown: Flags) -> None:
    counts = stages[unknown].value_counts()
    listed = ", ".join(f"{shortened(str(text))} ({count:,})" for text, count in counts.items())
    told = ", ".join(f"{json.dumps(str(text), ensure_ascii=False)}: pending" for text in counts.index)
    file, first_rows = raw.places[unknown].first()
    raise DataError(
        f"stages of deals that nobody knows: {listed}",
        f"export {_WON!r} too, or say of each whether it is sale, pending or not_a_sale: statuses: {{{told}}}",
        file=file,
        column=_STAGE,
        count=int(unknown.sum()),
        first_rows=first_rows,
    )


def _said(texts: pd.DataFrame, classes: pd.Series) -> tuple[str, ...]:
    won, notes = classes == "sale", []
    buyer = _COMPANY if texts[_COMPANY].notna().any() else _CONTACT
    several = int((won & texts[buyer].str.contains(";", na=False)).sum())
    if several:
        notes.append(f"{several:,} won deals name several in {buyer!r}: the first is the customer")
    unnamed = int((won & texts[buyer].isna() & texts[_CONTACT].notna()).sum())
    if unnamed:
        notes.append(
            f"{unnamed:,} won deals name a contact and no company, and are left out: where people buy, declare "
            f"columns: {{customer_id: {_CONTACT}}}"
        )
    return tuple(notes)


_OPTIONAL: Final = frozenset({*PROPERTIES} - _NEEDED)
ADAPTER: Final = Adapter(
    DECLARES, reads=tuple(PROPERTIES), optional=_OPTIONAL, spellings=PROPERTIES, prepare=prepare, sides=_SIDES,
    ids={"customer_id": (_CONTACT,)},
)  # fmt: skip
API: Final = Adapter(
    DECLARES, reads=("properties.dealstage", "properties.amount", "properties.closedate"), unpack=unpack, sides=_SIDES
)
