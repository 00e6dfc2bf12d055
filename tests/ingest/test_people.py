"""Who is nobody: missing ids, guests, and ids that stand for them; innocent files are read without a question."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.errors import DataError
from cvo_ml.ingest import ReadResult, read_frame, read_shop

from .conftest import shop

Write = Callable[..., Path]
CASES = Path(__file__).with_name("cases")


def orders_of(held: dict[str, int], **declared: Any) -> ReadResult:
    """Orders of 10.00, so many of each customer, on days of their own."""
    customers = [name for name, count in held.items() for _ in range(count)]
    days = pd.date_range("2020-01-01", periods=len(customers), freq="h")
    frame = pd.DataFrame({"order": range(len(customers)), "customer": customers, "date": days, "amount": 10.0})
    return read_frame(frame, shop(**declared))


class TestSmallCases:
    COLUMNS = {"order_id": "o", "customer_id": "cid", "ordered_at": "d", "net": "v", "status": "st"}

    @pytest.mark.usefixtures("both_readers")
    def test_a_woo_file_with_guest_0_asks_and_then_holds_one_sale_and_one_refund(self) -> None:
        path = CASES / "woo_status_guest0.csv"
        with pytest.raises(DataError) as asked:
            read_shop(shop(path, columns=self.COLUMNS))
        assert str(asked.value) == (
            "woo_status_guest0.csv: column 'cid': an id looks as if it stood for nobody: '0' with 2 of 4 orders "
            '(50.0%): if it is no customer, write guest_ids: ["0"] and guests: exclude; if it is one, customers: ["0"].'
        )  # fmt: skip
        result = read_shop(shop(path, columns=self.COLUMNS, guest_ids=["0"], guests="exclude"))
        assert result.tables.orders[["order_id", "net"]].to_numpy().tolist() == [["4", 100.0], ["8", 80.0]]
        assert result.tables.refunds[["order_id", "amount"]].to_numpy().tolist() == [["8", 80.0]]
        assert result.ledger.excluded == {
            "guest (no customer)": 3, "not a sale (status)": 2, "pending (status)": 1,
        }  # fmt: skip
        kept = read_shop(shop(path, columns=self.COLUMNS, customers=["0"]))
        assert set(kept.tables.orders["customer_id"]) == {"0", "7", "8"}

    def test_unknown_is_asked_about(self) -> None:
        columns = {"order_id": "o", "customer_id": "c", "ordered_at": "d", "net": "v"}
        with pytest.raises(DataError, match="'unknown' with 1 of"):
            read_shop(shop(CASES / "na_ids.csv", columns=columns, guests="exclude"))


@pytest.mark.parametrize(
    "name",
    ["0", "000", "-1", "Guest", "GUEST", "guest checkout", "Walk-in customer", "Unknown", "anonymous", "Gast", "Invité",
     "Invitado", "Ospite", "Onbekend", "Laufkundschaft"],
)  # fmt: skip
def test_a_name_for_nobody_is_asked_about_whatever_it_holds(name: str) -> None:
    held = {f"c{n}": 2 for n in range(40)}
    with pytest.raises(DataError, match="looks as if it stood for nobody"):
        orders_of({**held, name: 1})
    assert len(orders_of({**held, name: 1}, customers=[name.upper()]).tables.orders) == 81
    without = orders_of({**held, name: 1}, guest_ids=[name.lower()], guests="exclude")
    assert (len(without.tables.orders), without.ledger.excluded) == (80, {"guest (no customer)": 1})


def test_guests_decides_about_guest_ids() -> None:
    held = {**{f"c{n}": 2 for n in range(40)}, "till": 60}
    with pytest.raises(DataError, match=r"guest id in 42.9% of its rows.*\(60 rows.*: declare guests: exclude"):
        orders_of(held, guest_ids=["till"])


@pytest.mark.parametrize(
    "held",
    [
        {"a": 19, "b": 1, "c": 1},  # few orders: one person may hold most of them
        {"a": 30, "b": 4, "c": 2},  # not ten times the next
        {str(n): 1 + n % 3 for n in range(30)},  # a numbered list that begins with 0
        {"only": 50},
        {f"c{n}": 300 // (n + 1) for n in range(60)},  # a few buy most of it
        {"Guestrow Ltd": 3, "Anonymous Pizza": 2, "10": 4, "100": 2},
    ],
)
def test_innocent_files_are_read(held: dict[str, int]) -> None:
    assert len(orders_of(held).tables.orders) == sum(held.values())


@settings(max_examples=25, deadline=None)
@given(
    share=st.floats(0.06, 0.6),
    customers=st.integers(100, 300),
    each=st.integers(1, 3),
    name=st.sampled_from(["till@shop.example", "99999", "KASSE1", "C-0", "walkin-7"]),
)
def test_an_account_that_holds_a_share_of_all_orders_is_asked_about(
    share: float, customers: int, each: int, name: str
) -> None:
    own = max(20, 10 * each, int(share * customers * each / (1 - share)) + 1)
    held = {f"c{n}": each for n in range(customers)}
    with pytest.raises(DataError) as asked:
        orders_of({**held, name: own})
    total = own + customers * each
    assert f"{name!r} with {own:,} of {total:,} orders" in str(asked.value)
    found = orders_of({**held, name: own}, guest_ids=[name], guests="exclude")
    assert found.tables.orders["customer_id"].nunique() == customers


@pytest.mark.usefixtures("both_readers")
class TestFoldedCase:
    LINES = ("order,customer,date,amount", "A1,Ann@x.org,2024-01-01,5", "A2,ann@X.ORG,2024-01-02,7")

    def test_ids_that_differ_in_case_are_one_where_the_shop_says_so(self, write: Write) -> None:
        path = write([*self.LINES])
        result = read_shop(shop(path, ids={"fold_case": True}))
        assert result.tables.orders["customer_id"].tolist() == ["ann@x.org"] * 2
        assert result.notes == (
            "orders.csv: column 'order': 2 ids were brought into lower case",
            "orders.csv: column 'customer': 2 ids were brought into lower case",
        )  # fmt: skip
        assert read_shop(shop(path)).tables.orders["customer_id"].nunique() == 2

    def test_further_tables_find_them_and_leave_guests_out(self, write: Write) -> None:
        people = write("who,land\nANN@x.org,DE\nGuest,AT\n", name="people.csv")
        customers = {"source": {"path": str(people)}, "columns": {"customer_id": "who", "country": "land"}}
        path = write([*self.LINES, "A3,guest,2024-01-03,7"])
        declared = shop(path, ids={"fold_case": True}, tables={"customers": customers}, guest_ids=["Guest"],
                        guests="exclude")  # fmt: skip
        result = read_shop(declared)
        assert result.tables.get("customers")[["customer_id", "country"]].to_numpy().tolist() == [["ann@x.org", "DE"]]
        assert result.ledger.excluded == {"guest (no customer)": 1, "customers: guest (no customer)": 1}


def test_all_that_is_open_is_asked_at_once(write: Write) -> None:
    lines = [
        "order,customer,date,amount,state,currency",
        "A1,C1,2024-01-01,5,auf Eis,EUR",
        "A2,0,2024-01-02,5,paid,CHF",
    ]
    columns = {"order_id": "order", "customer_id": "customer", "ordered_at": "date", "net": "amount", "status": "state"}
    with pytest.raises(DataError) as asked:
        read_shop(shop(write(lines), columns=columns))
    for named in ('statuses: {"auf Eis": sale}', "columns: {currency:", 'guest_ids: ["0"]'):
        assert named in str(asked.value)
