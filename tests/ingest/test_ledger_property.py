"""Whatever stands in the rows: each is used, quarantined or excluded once, and the tables hold the used ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cvo_ml.core.errors import DataError
from cvo_ml.ingest import read_frame, read_shop

from .conftest import shop

ids = st.sampled_from(["1", "2", "3", " 3", "x", "", "NULL", "'; DROP TABLE orders; --", "../../etc/passwd", "\u200b7"])
amounts = st.sampled_from(["5", "-5", "0", "7.25", "", "NaN", "inf", "free", "1e400", "-7.25"])
dates = st.sampled_from(["2024-01-01", "2024-02-30", "2024-03-05", "2024-06-30T23:59", "", "soon", "1970-01-01"])
products = st.sampled_from(["P1", "P2", "POST", ""])
units = st.sampled_from(["1", "2", "-1", "-2", "many", ""])
rows = st.lists(st.tuples(ids, ids, dates, amounts, products, units), min_size=1, max_size=40)

ORDERS: dict[str, Any] = {"guests": "exclude"}
GENERATED: dict[str, Any] = {
    "order_id": "generated",
    "columns": {"customer_id": "customer", "ordered_at": "date", "net": "amount"},
}
LINES: dict[str, Any] = {
    "rows": "lines",
    "columns": shop().columns | {"product_id": "product", "quantity": "units"},
    "exclude": [{"rule": "postage", "column": "product_id", "equals": ["POST"]}],
}
shapes = st.sampled_from([ORDERS, GENERATED, LINES, LINES | {"refunds": "negative_orders"}])


@settings(max_examples=100, deadline=None)
@given(rows=rows, declared=shapes, as_of=st.sampled_from([None, date(2024, 3, 1)]))
def test_the_ledger_balances_on_dirty_tables(
    rows: list[tuple[str, ...]], declared: dict[str, Any], as_of: date | None
) -> None:
    frame = pd.DataFrame(rows, columns=["order", "customer", "date", "amount", "product", "units"])
    result = read_frame(frame, shop(**declared), as_of=as_of, max_bad_share=1.0)
    ledger = result.ledger
    assert ledger.rows_in == len(rows)
    assert ledger.used + sum(ledger.quarantined.values()) + sum(ledger.excluded.values()) == len(rows)
    assert len(result.quarantine) == sum(ledger.quarantined.values())
    assert result.quarantine["row"].is_unique
    if as_of is not None:
        assert (result.tables.orders["ordered_at"] < pd.Timestamp(as_of)).all()
        assert (result.tables.refunds["refunded_at"] < pd.Timestamp(as_of)).all()
    if declared is ORDERS:
        assert ledger.used == len(result.tables.orders) + len(result.tables.refunds)
    if declared is LINES:
        assert ledger.used == len(result.tables.get("order_lines")) + len(result.tables.refunds)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='A1,"\n \r;é', max_size=60))
def test_any_text_is_read_with_a_balanced_ledger_or_refused(text: str, write: Callable[..., Path]) -> None:
    path = write("order,customer,date,amount\nA1,C1,2024-01-01,5\n" + text)
    try:
        result = read_shop(shop(path), max_bad_share=1.0)
    except DataError:
        return
    assert result.ledger.rows_in == result.ledger.used + len(result.quarantine) + sum(result.ledger.excluded.values())
