"""Only sales count: rows are sorted by their status, each class is counted with its money, unknown ones refused.

Pending rows and those that are no sale are excluded by rule. A refunded order keeps its value of the day it was placed
(``status_refunds`` gives it back). What several readings have is decided once, when all rows are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.shops import StatusClass
from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import DataError, shortened
from cvo_ml.ingest.casts import Cast
from cvo_ml.ingest.findings import Tallies, Tally, counted_texts, tallies
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.row_status import RowStatus
from cvo_ml.ingest.specs import TableSpec
from cvo_ml.ingest.statuses import class_of, is_partly_refunded, status_key

#: Class to the rule that leaves its rows out.
LEFT_OUT: Final[dict[StatusClass, str]] = {"pending": "pending (status)", "not_a_sale": "not a sale (status)"}
#: Where orders have no value, none can go back: what is refunded is no purchase.
_WITHOUT_AMOUNTS: Final[dict[StatusClass, str]] = {"refunded": "refunded (status)"}
_CALLED: Final[Mapping[StatusClass, str]] = {
    "sale": "sales",
    "pending": "pending, left out",
    "not_a_sale": "not a sale, left out",
    "refunded": "refunded, which count when ordered and go back later",
}
#: States of a subscription in which nobody pays.
_UNPAID: Final = frozenset(
    ("trialing", "trial", "intrial", "freetrial", "ontrial", "comped", "complimentary", "free", "gifted", "incomplete",
     "incompleteexpired", "testphase", "essai", "prueba", "prova", "proefperiode")
)  # fmt: skip
#: A column with more unknown texts holds no statuses, and its texts are not shown.
_MOST_UNKNOWN: Final = 40


def money_of(casts: Mapping[str, Cast], rows: int) -> Floats:
    """(n,) value of each row: net, else quantity times unit price, else 0."""
    if "net" in casts:
        return np.asarray(casts["net"].values.to_numpy(dtype=np.float64))
    if {"quantity", "unit_price"} <= set(casts):
        return np.asarray((casts["quantity"].values * casts["unit_price"].values).to_numpy(dtype=np.float64))
    return np.zeros(rows)


def exclude_unsold(status: RowStatus, raw: RawTable, casts: Mapping[str, Cast], spec: TableSpec) -> Tallies:
    """Leave out what is pending or no sale; returns the statuses of all rows that no other rule had left out."""
    if spec.statuses is None or "status" not in casts:
        return {}
    texts = casts["status"].values
    classes = {text: class_of(str(text), spec.statuses) for text in texts.dropna().unique()}
    blank = class_of("", spec.statuses)
    found = tallies(texts, status.alive & ~_blank(texts, blank), money_of(casts, len(raw)), raw.places)
    sorted_rows = texts.map(classes).where(texts.notna(), blank)
    for status_class, rule in (LEFT_OUT | (_WITHOUT_AMOUNTS if spec.counts_only else {})).items():
        status.exclude((sorted_rows == status_class).to_numpy(dtype=np.bool_), rule)
    return found


def quarantine_blank(status: RowStatus, casts: Mapping[str, Cast], spec: TableSpec) -> None:
    """Set rows without a status aside, where the shop does not say what that means.

    Raises
    ------
    DataError
        If too many rows have none.
    """
    if spec.statuses is not None and "status" in casts:
        status.quarantine(
            _blank(casts["status"].values, class_of("", spec.statuses)), spec.header("status"), "blank status"
        )


def without_unpaid(casts: Mapping[str, Cast]) -> dict[str, Cast]:
    """Subscriptions that nobody pays for yet, trials and gifts, with a monthly revenue of 0."""
    texts, mrr = casts["status"].values, casts["mrr"]
    unpaid = {text: status_key(str(text)) in _UNPAID for text in texts.dropna().unique()}
    rows = texts.map(unpaid).eq(True).to_numpy() & (mrr.values > 0).to_numpy(dtype=np.bool_)
    if not rows.any():
        return dict(casts)
    counts = {**mrr.counts, "amounts of trials and free subscriptions are 0 until they are paid": int(rows.sum())}
    return {**casts, "mrr": replace(mrr, values=mrr.values.mask(rows, 0.0), counts=counts)}


def _blank(texts: pd.Series, meaning: StatusClass | None) -> np.ndarray:
    """Rows without a status, where the shop does not say what that means."""
    return texts.isna().to_numpy() if meaning is None else np.zeros(len(texts), dtype=np.bool_)


def refunded_texts(found: Tallies, spec: TableSpec) -> tuple[str, ...]:
    """The statuses that say that an order was given back whole."""
    return tuple(text for text in found if class_of(text, spec.statuses) == "refunded")


def conclude_statuses(found: Tallies, spec: TableSpec, *, told_refunds: bool) -> tuple[str, ...]:
    """What is said of the statuses of all rows.

    Parameters
    ----------
    told_refunds:
        Whether a table of refunds or negative rows say how much of an order went back.

    Raises
    ------
    DataError
        If nobody knows what one of them means.
    """
    refuse_unknown(found, spec)
    by_class: dict[StatusClass, dict[str, Tally]] = {}
    for text, tally in found.items():
        by_class.setdefault(class_of(text, spec.statuses) or "sale", {})[text or "(blank)"] = tally
    header = f"column {spec.header('status')!r}"
    notes = [
        f"{header}: {_CALLED[status_class]}: {_sum(texts)}: {counted_texts(texts.items())}"
        for status_class, texts in sorted(by_class.items(), key=lambda item: list(_CALLED).index(item[0]))
        if set(by_class) != {"sale"}
    ]
    partly = {text: tally for text, tally in found.items() if is_partly_refunded(text)}
    if partly and not told_refunds:
        notes.append(
            f"{header}: partially refunded: {_sum(partly)}: nothing says how much, so they count whole; declare a "
            "table of refunds"
        )
    return tuple(notes)


def _sum(texts: Mapping[str, Tally]) -> str:
    total = sum(tally.rows for tally in texts.values())
    return f"{total:,} row{'s' * (total != 1)} ({sum(tally.money for tally in texts.values()):,.2f})"


def refuse_unknown(found: Tallies, spec: TableSpec) -> None:
    """Refuse statuses that nobody knows the meaning of.

    Raises
    ------
    DataError
        Naming all of them, and what to write.
    """
    unknown = {text: tally for text, tally in found.items() if class_of(text, spec.statuses) is None}
    if not unknown:
        return
    first = next(iter(unknown.values()))
    ordered = sorted(unknown, key=lambda text: (-unknown[text].rows, text))
    if len(unknown) > _MOST_UNKNOWN:
        problem = f"holds {len(unknown):,} different texts whose meaning is not known: it is no status"
        remedy = "map status to another column, or leave it out of the mapping"
    else:
        listed = ", ".join(f"{shortened(text)} ({unknown[text].rows:,})" for text in ordered)
        problem = f"statuses whose meaning is not known: {listed}"
        remedy = f"say of each whether it is sale, pending, not_a_sale or refunded: statuses: {_yaml(ordered)}"
    raise DataError(
        problem, remedy, file=first.file, column=spec.header("status"),
        count=sum(tally.rows for tally in unknown.values()), first_rows=list(first.first_rows),
    )  # fmt: skip


def _yaml(texts: list[str]) -> str:
    return "{" + ", ".join(f"{json.dumps(text, ensure_ascii=False)}: sale" for text in texts) + "}"
