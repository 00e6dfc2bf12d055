"""The shop as it would look had the data ended on a date, and the features that would then be different."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.membership import is_among
from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import KNOWN_AT, happened, visible, when_over


def truncated(tables: Tables, as_of: date) -> Tables:
    """Only rows that happened before ``as_of`` and were known by then, with later times blank.

    Lines go with their orders, and a text column of a row whose later fact is blanked stays: nobody may read it.
    """
    frames = {name: known_rows(name, frame, as_of) for name, frame in tables.frames.items()}
    if "order_lines" in frames:
        lines = frames["order_lines"]
        frames["order_lines"] = lines[is_among(lines["order_id"], frames["orders"]["order_id"])]
    return Tables(frames, tables.currency, tables.timezone, tables.complete_until)


def changed_by_later_rows(features: Callable[[Tables], pd.DataFrame], tables: Tables, as_of: date) -> tuple[str, ...]:
    """Columns of ``features`` at ``as_of`` that read anything later; ``customer_id`` if it is who is there.

    Parameters
    ----------
    features:
        Tables to features at ``as_of``, indexed by customer.
    """
    whole, cut = features(tables), features(truncated(tables, as_of))
    if not whole.index.equals(cut.index):
        return ("customer_id",)
    return tuple(str(name) for name in whole if name not in cut or not whole[name].equals(cut[name]))


def known_rows(name: str, frame: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """The rows of a table that happened before ``as_of`` and were known by then, with later times blank.

    Lines have no time of their own: whoever takes them goes by their orders.
    """
    event_time = CONTRACTS[name].event_time
    frame = visible(when_over(frame, CONTRACTS[name]), as_of, event_time)
    times = [column.name for column in CONTRACTS[name].columns if column.kind == "time" and not column.foreseen]
    later = [column for column in times if column in frame and column not in (event_time, KNOWN_AT)]
    return frame.assign(**{column: frame[column].where(happened(frame[column], as_of)) for column in later})
