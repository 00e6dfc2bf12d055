"""Order lines: grouped to orders, refunds matched by product and price, customers as first described."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.ingest import ReadResult, read_frame, read_shop, shop_from_columns

from .conftest import shop

COLUMNS = {
    "order_id": "order", "customer_id": "customer", "ordered_at": "at", "product_id": "product", "quantity": "units",
    "unit_price": "price", "country": "country",
}  # fmt: skip
Line = tuple[str, str, str, str, float, float]


def read(*lines: Line, **declared: Any) -> ReadResult:
    frame = pd.DataFrame(list(lines), columns=["order", "customer", "at", "product", "units", "price"])
    frame["country"] = declared.pop("country", "FR")
    return read_frame(frame, shop(rows="lines", columns=COLUMNS, **declared), max_bad_share=1.0)


def refunded_orders(*lines: Line) -> list[str]:
    return read(*lines).tables.refunds["order_id"].fillna("").tolist()


def test_net_of_an_order_is_the_sum_of_its_lines_at_its_first_time() -> None:
    tables = read(
        ("1", "C1", "2024-01-01 10:01", "P1", 2, 5.0),
        ("1", "C1", "2024-01-01 10:00", "P2", 1, 1.5),
        ("2", "C2", "2024-01-02 10:00", "P1", 1, 5.0),
    ).tables
    assert tables.orders["net"].tolist() == [11.5, 5.0]
    assert tables.orders["ordered_at"].tolist() == [pd.Timestamp("2024-01-01 10:00"), pd.Timestamp("2024-01-02 10:00")]
    assert tables.get("order_lines")["net"].sum() == tables.orders["net"].sum()


def test_a_return_is_matched_to_the_latest_earlier_line_of_product_and_price() -> None:
    bought = [
        ("1", "C1", "2024-01-01", "P1", 5, 2.0),
        ("2", "C1", "2024-01-05", "P1", 5, 2.0),
        ("3", "C1", "2024-01-09", "P1", 5, 2.0),
    ]
    assert refunded_orders(*bought, ("R", "C1", "2024-01-07", "P1", -5, 2.0)) == ["2"]


def test_a_line_is_given_back_only_up_to_its_quantity() -> None:
    bought = [("1", "C1", "2024-01-01", "P1", 5, 2.0), ("2", "C1", "2024-01-02", "P1", 3, 2.0)]
    back = [(f"R{day}", "C1", f"2024-01-0{day}", "P1", -2, 2.0) for day in (3, 4, 5, 6)]
    assert refunded_orders(*bought, *back) == ["2", "1", "1", ""]


@pytest.mark.parametrize(
    "back",
    [
        ("R", "C2", "2024-01-07", "P1", -1, 2.0),
        ("R", "C1", "2024-01-07", "P2", -1, 2.0),
        ("R", "C1", "2024-01-07", "P1", -1, 2.5),
        ("R", "C1", "2023-12-31", "P1", -1, 2.0),
        ("R", "C1", "2024-01-07", "P1", -6, 2.0),
    ],
    ids=["other customer", "other product", "other price", "before the order", "more than bought"],
)
def test_a_return_that_fits_no_line_is_kept_by_customer(back: Line) -> None:
    result = read(("1", "C1", "2024-01-01", "P1", 5, 2.0), back)
    assert result.tables.refunds["order_id"].isna().all()
    assert result.tables.refunds["customer_id"].tolist() == [back[1]]
    assert (result.tables.orders["net"].tolist(), result.ledger.used) == ([10.0], 2)


def test_later_rows_change_no_earlier_match() -> None:
    lines = [("1", "C1", "2024-01-01", "P1", 5, 2.0), ("R", "C1", "2024-01-07", "P1", -2, 2.0)]
    later = [
        ("2", "C1", "2024-01-08", "P1", 5, 2.0),
        ("S", "C1", "2024-01-09", "P1", -5, 2.0),
        ("R", "C1", "2024-02-01", "P1", 1, 9.0),
    ]
    assert refunded_orders(*lines, *later)[:1] == refunded_orders(*lines) == ["1"]


def test_negative_lines_can_be_discounts_inside_their_order() -> None:
    lines = [
        ("1", "C1", "2024-01-01", "P1", 5, 2.0),
        ("1", "C1", "2024-01-01", "voucher", -1, 3.0),
        ("2", "C1", "2024-01-02", "P1", -2, 2.0),
        ("2", "C1", "2024-01-02", "fee", 1, 1.0),
    ]
    result = read(*lines, refunds="negative_orders")
    assert result.tables.orders["net"].tolist() == [7.0]
    assert result.tables.refunds["amount"].tolist() == [3.0]
    assert (result.ledger.used, len(result.tables.get("order_lines"))) == (4, 2)


def test_an_order_of_several_customers_is_quarantined_whole() -> None:
    result = read(
        ("1", "C1", "2024-01-01", "P1", 5, 2.0),
        ("1", "C2", "2024-01-01", "P2", 5, 2.0),
        ("2", "C2", "2024-01-01", "P2", 5, 2.0),
    )
    assert result.ledger.quarantined == {"order: order of several customers": 2}
    assert result.tables.orders["order_id"].tolist() == ["2"]


def test_lines_that_look_alike_are_kept_and_reported() -> None:
    result = read(*[("1", "C1", "2024-01-01", "P1", 5, 2.0)] * 2)
    assert (result.tables.orders["net"].tolist(), result.ledger.used) == ([20.0], 2)
    assert "1 rows look like another one and were kept" in result.notes[0]


def test_customers_are_described_by_their_first_row_with_a_value() -> None:
    lines = [(str(day), "C1", f"2024-01-0{day}", "P1", 1, 2.0) for day in (3, 1, 2)]
    customers = read(*lines, country=["DE", None, "FR"]).tables.get("customers")
    assert customers.to_dict("records") == [
        {"customer_id": "C1", "country": "FR", "known_at": pd.Timestamp("2024-01-02")}
    ]


def test_declared_exclusions_are_counted_by_rule() -> None:
    exclude = (
        {"rule": "postage", "column": "product_id", "pattern": "POST.*"},
        {"rule": "gift", "column": "unit_price", "equals": (0,)},
    )
    lines = [
        ("1", "C1", "2024-01-01", "P1", 1, 2.0),
        ("1", "C1", "2024-01-01", "POSTAGE", 1, 2.0),
        ("1", "C1", "2024-01-01", "XPOST", 1, 0.0),
    ]
    assert read(*lines, exclude=exclude).ledger.excluded == {"postage": 1, "gift": 1}


def test_the_order_of_rows_changes_no_table() -> None:
    lines = [
        (str(n % 9), f"C{n % 9 % 3}", f"2024-01-{n % 9 + 1:02} 10:00", f"P{n % 4}", 1 + n % 3, 2.1) for n in range(60)
    ]
    lines += [(f"R{n}", f"C{n % 3}", f"2024-01-{n + 5:02} 09:00", f"P{n % 4}", -1, 2.1) for n in range(9)]
    forward, backward = read(*lines), read(*reversed(lines))
    for name, frame in forward.tables.frames.items():
        pd.testing.assert_frame_equal(frame, backward.tables.frames[name])


def test_nothing_left_is_empty_tables_not_an_error() -> None:
    result = read(("1", "", "2024-01-01", "P1", 5, 2.0), guests="exclude")
    assert (len(result.tables.orders), result.ledger.excluded) == (0, {"guest (no customer)": 1})


def test_a_mapping_without_order_id_makes_one_order_per_customer_and_day(tmp_path: Any) -> None:
    path = tmp_path / "cd.csv"
    path.write_text("who,day,paid\n1,1997-01-01,10\n1,1997-01-01,5\n1,1997-01-02,1\n2,1997-01-01,-3\n")
    result = read_shop(shop_from_columns(path, {"customer_id": "who", "ordered_at": "day", "net": "paid"}))
    assert result.tables.orders[["order_id", "net"]].values.tolist() == [["1@1997-01-01", 15.0], ["1@1997-01-02", 1.0]]
    assert result.tables.refunds[["customer_id", "amount"]].values.tolist() == [["2", 3.0]]
    assert result.notes == ("order ids were generated: one order per customer and day",)


def test_a_mapping_of_lines_is_recognised_and_fields_of_customers_are_named_so() -> None:
    made = shop_from_columns("x.csv", {**COLUMNS, "profile.segment": "Segment"}, currency="EUR")
    assert (made.rows, made.profile, made.order_id) == ("lines", {"segment": "Segment"}, "column")


def test_an_incomplete_mapping_is_wrong_usage() -> None:
    with pytest.raises(
        UsageError, match=r"^x.csv: say which header means what, such as --columns customer_id=Client,net=Total"
    ):
        shop_from_columns("x.csv", {"order_id": "a", "ordered_at": "b"})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"columns": {"custmer_id": "x"}}, "'custmer_id' has no meaning (did you mean 'customer_id'?)"),
        ({"columns": {"customer_id": "x"}}, "columns: order_id, ordered_at, net not mapped"),
        ({"order_id": "generated"}, "order_id is both 'generated' and mapped"),
        ({"timezone": "Mars/Olympus"}, "time zone 'Mars/Olympus' is unknown"),
        ({"exclude": [{"rule": "r", "column": "net"}]}, "rule 'r' excludes nothing"),
        ({"exclude": [{"rule": "r", "column": "product", "equals": ["x"]}]}, "'product' is not a mapped column"),
        ({"profile": {"country": "x"}}, "'country' is a canonical column"),
        ({"currency": "euro"}, "is no three-letter ISO code such as EUR"),
        ({"source": {"path": "x.csv", "date_format": "%q"}}, "date_format '%q' is no strptime format"),
        ({"source": {"path": "x.csv", "delimiter": '"'}}, "is not one sign: write one such as"),
        ({"wrong": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_declaration_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        ShopConfig.model_validate(shop().model_dump() | changed)
    assert message in str(error.value)
