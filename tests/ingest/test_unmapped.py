"""A header that is a meaning and was not mapped: refused where its values change money, else named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.errors import DataError
from cvo_ml.ingest import ReadResult, read_frame, read_shop

from .conftest import PLAIN, shop

Write = Callable[..., Path]


def frame_of(header: str, texts: list[Any]) -> pd.DataFrame:
    """One order of 10.00 for each text."""
    rows = range(len(texts))
    return pd.DataFrame({"order": [f"A{n}" for n in rows], "customer": [f"C{n}" for n in rows],
                         "date": "2024-01-01", "amount": 10.0, header: texts})  # fmt: skip


def read(header: str, texts: list[Any], **declared: Any) -> ReadResult:
    return read_frame(frame_of(header, texts), shop(**declared))


CHANGES_MONEY = [
    ("currency", ["EUR", "EUR", "CHF"], "is not mapped, and holds EUR 2, CHF 1 (1 row; first: 3)",
     'columns: {currency: "currency"}'),
    ("Währung", ["CHF", "CHF"], "holds CHF 2", 'columns: {currency: "Währung"}'),  # the shop says EUR
    ("Test", ["no", "yes", "no"], "1 row are test orders (10.00) (1 row; first: 2)", 'columns: {is_test: "Test"}'),
    ("Status", ["paid", "failed", "refunded"], "2 rows are no sales by it (failed 1, refunded 1: 20.00)",
     'columns: {status: "Status"}'),
    ("Zahlungsstatus", ["bezahlt", "storniert"], "1 row are no sales by it", 'columns: {status: "Zahlungsstatus"}'),
    ("Refunded Amount", ["0.00", "", "4.50"], "says of 1 row that something went back",
     'tables: {refunds: {source: {path: orders.csv}, columns: {order_id: "order", refunded_at: "…", '
     'amount: "Refunded Amount"}}}'),
    ("Type", ["Sale", "Refund"], "1 row are refunds by it, above zero (10.00)", 'columns: {status: "Type"}'),
]  # fmt: skip


@pytest.mark.parametrize(("header", "texts", "says", "remedy"), CHANGES_MONEY)
def test_what_changes_money_is_refused_with_what_to_write(
    header: str, texts: list[str], says: str, remedy: str, write: Write, tmp_path: Path
) -> None:
    """As a frame, as text and as Parquet."""
    frame = frame_of(header, texts)
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "orders.parquet")
    path = write(frame.to_csv(index=False))
    for result in (lambda: read_frame(frame, shop()), lambda: read_shop(shop(path))):
        with pytest.raises(DataError) as refused:
            result()
        assert says in str(refused.value)
        assert remedy in str(refused.value)
        assert f'ignore: ["{header}"]' in str(refused.value)
    with pytest.raises(DataError, match="is not mapped"):
        read_shop(shop(tmp_path / "orders.parquet"))
    ignored = read_shop(shop(path, ignore=[header]))
    assert (len(ignored.tables.orders), ignored.notes) == (len(texts), ())


@pytest.mark.usefixtures("both_readers")
def test_all_of_them_are_named_at_once_and_rows_of_no_use_do_not_count(write: Write) -> None:
    frame = frame_of("currency", ["EUR", "CHF", "USD"]).assign(Test=["no", "no", "yes"])
    path = write(frame.to_csv(index=False))
    with pytest.raises(DataError) as refused:
        read_shop(shop(path))
    assert "column 'currency': is not mapped, and holds" in str(refused.value)
    assert "and column 'Test' is not, and 1 row are test orders" in str(refused.value)
    one = frame_of("currency", ["EUR", "CHF"]).assign(Test=["no", "yes"])
    mapped = shop(write(one.to_csv(index=False)), columns={**PLAIN, "is_test": "Test"})
    assert read_shop(mapped).notes == (
        "orders.csv: column 'currency' is not mapped: it says EUR 1, which changes nothing",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ("currency", ["EUR", "eur", "EUR"]),
        ("currency", ["€", "EUR", ""]),
        ("Test", ["no", "false", "0"]),
        ("Status", ["paid", "completed", "Shipped"]),
        ("State", ["NY", "CA", "OR"]),
        ("state", ["Berlin", "New", "Hessen"]),  # one of them is a word for a status, and most are not
        ("Refunded Amount", ["0.00", "", "0"]),
        ("Type", ["Sale", "Charge"]),
        ("Colour", ["failed", "refunded"]),
    ],
)
def test_what_changes_nothing_is_read(header: str, texts: list[str]) -> None:
    assert len(read(header, texts).tables.orders) == len(texts)


def test_a_table_that_tells_refunds_answers_for_the_column(write: Write) -> None:
    path = write(frame_of("Refunded Amount", ["0", "4.50"]).assign(back="2024-01-03").to_csv(index=False))
    refunds = {"source": {"path": str(path)},
               "columns": {"order_id": "order", "refunded_at": "back", "amount": "Refunded Amount"}}  # fmt: skip
    tables = read_shop(shop(path, tables={"refunds": refunds})).tables
    assert tables.refunds["amount"].tolist() == [4.5]


@settings(max_examples=30, deadline=None)
@given(
    codes=st.lists(st.sampled_from(["EUR", "CHF", "USD", "GBP"]), min_size=1, max_size=12),
    header=st.sampled_from(["currency", "Currency Code", "Order Currency", "Devise", "Moneda", "Valuta"]),
)
def test_a_sum_is_never_of_two_currencies(codes: list[str], header: str) -> None:
    """Read whole only if all are the shop's own; the generator knows."""
    if set(codes) == {"EUR"}:
        assert read(header, codes).tables.orders["net"].sum() == 10.0 * len(codes)
        return
    with pytest.raises(DataError) as refused:
        read(header, codes)
    other = next(code for code in codes if code != "EUR")
    assert other in str(refused.value)
    assert f"{sum(code != 'EUR' for code in codes)} row" in str(refused.value)
