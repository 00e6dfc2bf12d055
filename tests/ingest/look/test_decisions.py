"""What ``look_at`` decides of small files: the reading that a person would take, or the question that is open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.ingest import read_shop
from cvo_ml.ingest.look import Given, Look, look_at

HEADER = "Order ID,Customer ID,Order Date,Net Amount"


def seen(tmp_path: Path, lines: Sequence[str], *, name: str = "orders.csv", given: Given = Given()) -> Look:  # noqa: B008
    """What is found out about a file of these lines."""
    (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return look_at([str(tmp_path / name)], given)


def settings(look: Look) -> dict[str, Any]:
    """The keys that are decided."""
    return look.findings.settings()


def asked(look: Look) -> list[str]:
    """The names of the questions."""
    return [question.name for question in look.findings.questions]


def net_of(look: Look) -> list[float]:
    """The values that are read by the file that would be written."""
    return [float(net) for net in read_shop(ShopConfig.model_validate(look.content())).tables.orders["net"]]


def dated(*texts: str) -> list[str]:
    """Orders at these times."""
    return [HEADER.replace(",", ";"), *(f"{n};C{n % 3};{text};{n + 1}.50" for n, text in enumerate(texts))]


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        (("2024-01-02", "2024-01-03T10:00:00Z"[:10]), None),
        (("2024-01-02 10:00:00 +0100", "2024-07-03 10:00:00 +0200"), None),
        (("13.01.2024", "02.01.2024"), "%d.%m.%Y"),
        (("01/13/2024", "01/02/2024"), "%m/%d/%Y"),
        (("13/1/2024 9:05", "2/1/2024 17:00"), "%d/%m/%Y %H:%M"),
        (("1/13/24 9:05 PM", "1/2/24 11:00 AM"), "%m/%d/%y %I:%M %p"),
        (("Jan 13, 2024", "Feb 2, 2024"), "%b %d, %Y"),
        (("13-Jan-2024", "02-Feb-2024"), "%d-%b-%Y"),
        (("20240113", "20240102"), "%Y%m%d"),
        (("2024/01/13 10:00:00", "2024/01/02 11:00:00"), "%Y/%m/%d %H:%M:%S"),
        (("1705141800", "1704189900"), "epoch_s"),
        (("1705141800000", "1704189900123"), "epoch_ms"),
    ],
)
def test_times_that_one_format_reads_have_it(tmp_path: Path, texts: tuple[str, ...], written: str | None) -> None:
    look = seen(tmp_path, dated(*texts))
    assert settings(look).get("source.date_format") == written
    assert asked(look) == []


def test_days_of_two_digit_years_are_told_by_how_many_there_are(tmp_path: Path) -> None:
    look = seen(tmp_path, dated(*(f"{day:02}.05.23" for day in range(10, 29))))
    assert settings(look)["source.date_format"] == "%d.%m.%y"


def test_a_day_above_twelve_in_another_column_of_times_decides(tmp_path: Path) -> None:
    lines = [
        "Order ID,Customer ID,Order Date,Ship Date,Net Amount",
        "1,A,03/04/2024,03/25/2024,5.00", "2,B,05/06/2024,05/07/2024,6.00",
    ]  # fmt: skip
    look = seen(tmp_path, lines)
    assert asked(look) == []
    assert settings(look)["source.date_format"] == "%m/%d/%Y"


def test_days_and_months_mixed_are_refused_and_no_majority_decides(tmp_path: Path) -> None:
    look = seen(tmp_path, dated(*["13/01/2024"] * 8, "01/14/2024", "01/15/2024"))
    assert any("no one format reads column 'Order Date'" in missing for missing in look.findings.missing)


def priced(*texts: str) -> list[str]:
    """Orders of these amounts."""
    return [HEADER.replace(",", ";"), *(f"{n};C{n % 3};2024-01-{n + 1:02};{text}" for n, text in enumerate(texts))]


@pytest.mark.parametrize(
    ("texts", "keys"),
    [
        (("12.50", "1250.125"), {}),
        (("12,50", "1.250,00"), {"decimal": ",", "amounts.thousands": "."}),
        (("1,250.00", "12.50"), {"amounts.thousands": ","}),
        (("1,250", "12.50"), {"amounts.thousands": ","}),
        (("1.250", "12,50"), {"decimal": ",", "amounts.thousands": "."}),
        (("1.250", "12.5"), {"amounts.thousands": ""}),
        (("1.234.567", "980"), {"decimal": ",", "amounts.thousands": "."}),
        (("1'250.00", "12.50"), {"amounts.thousands": "'"}),
        (("1 250,00 €", "12,50 €"), {"decimal": ",", "amounts.thousands": " ", "amounts.currency": ["€"]}),
        (("$1,250.00", "($12.50)"), {"amounts.thousands": ",", "amounts.currency": ["$"], "amounts.parentheses": True}),
        (("12,50-", "3,00"), {"decimal": ",", "amounts.trailing_minus": True}),
    ],
)
def test_amounts_are_written_in_one_way(tmp_path: Path, texts: tuple[str, ...], keys: dict[str, Any]) -> None:
    look = seen(tmp_path, priced(*texts))
    found = {key.removeprefix("source."): value for key, value in settings(look).items()}
    assert {key: value for key, value in found.items() if key.startswith(("decimal", "amounts"))} == keys
    assert asked(look) == []


def test_points_and_commas_as_decimal_signs_are_refused(tmp_path: Path) -> None:
    look = seen(tmp_path, priced("12.50", "12,50"))
    assert any("mixed" in missing for missing in look.findings.missing)


def test_titles_above_and_sums_below_are_told(tmp_path: Path) -> None:
    rows = [f"{n},C{n % 3},2024-01-{n:02},{n}.50" for n in range(1, 9)]
    look = seen(tmp_path, ["Report of 2024", "", HEADER, *rows, "Total,,,40.00"])
    assert settings(look)["source.header_row"] == 3
    assert settings(look)["source.total_rows"] == ["Total"]
    assert "guests" not in settings(look)


def test_a_customer_called_total_is_no_sum(tmp_path: Path) -> None:
    look = seen(
        tmp_path, ["Customer ID,Order ID,Order Date,Net Amount", "Total,1,2024-01-02,5.00", "B,2,2024-01-03,6.00"]
    )
    assert "source.total_rows" not in settings(look)


LINES = "Order ID,Customer ID,Order Date,SKU,Quantity,Unit Price"


def test_lines_that_add_up_to_the_order_are_lines(tmp_path: Path) -> None:
    rows = ["1,A,2024-01-02,X,2,5.00,13.00", "1,A,2024-01-02,Y,1,3.00,13.00", "2,B,2024-01-03,X,1,5.00,5.00"]
    look = seen(tmp_path, [f"{LINES},Order Total", *rows])
    found = settings(look)
    assert (found["rows"], found.get("columns.net"), found["columns.unit_price"]) == ("lines", None, "Unit Price")


def test_a_net_amount_of_the_order_that_lines_do_not_add_up_to_is_read_once(tmp_path: Path) -> None:
    rows = ["1,A,2024-01-02,X,2,5.00,12.00", "1,A,2024-01-02,Y,1,3.00,12.00", "2,B,2024-01-03,X,1,5.00,4.50"]
    look = seen(tmp_path, [f"{LINES},Order Net", *rows])
    found = settings(look)
    assert (found["rows"], found["columns.net"]) == ("orders", "Order Net")
    assert found["tables.order_lines.columns.quantity"] == "Quantity"


def test_a_total_that_lines_do_not_add_up_to_is_asked_about(tmp_path: Path) -> None:
    rows = ["1,A,2024-01-02,X,2,5.00,12.00", "1,A,2024-01-02,Y,1,3.00,12.00", "2,B,2024-01-03,X,1,5.00,4.50"]
    assert "rows" in asked(seen(tmp_path, [f"{LINES},Total", *rows]))


def test_what_a_provider_pays_out_is_no_value(tmp_path: Path) -> None:
    rows = ["T1,A,2024-01-02,10.00,-0.30,9.70", "T2,B,2024-01-03,20.00,-0.60,19.40"]
    look = seen(tmp_path, ["Transaction ID,Customer ID,Date,Gross,Fee,Net", *rows])
    assert settings(look)["columns.net"] == "Gross"


def test_a_subtotal_before_discounts_is_read_without_them(tmp_path: Path) -> None:
    rows = ["1,A,2024-01-02,10.00,2.00,5.00,13.00", "2,B,2024-01-03,20.00,0.00,5.00,25.00"]
    look = seen(tmp_path, ["Order ID,Customer ID,Date,Subtotal,Discount,Shipping,Total", *rows])
    assert asked(look) == []
    assert (settings(look)["columns.net"], settings(look)["net_less"]) == ("Subtotal", ["discount"])
    assert sorted(net_of(look)) == [8.0, 20.0]


def test_a_subtotal_that_holds_tax_is_read_without_it(tmp_path: Path) -> None:
    rows = ["1,A,2024-01-02,11.90,-1.19,1.71,10.71", "2,B,2024-01-03,23.80,0.00,3.80,23.80"]
    look = seen(tmp_path, ["Order ID,Customer ID,Date,Subtotal,Discount,Tax,Total", *rows])
    assert sorted(net_of(look)) == [9.0, 20.0]


def test_a_total_that_is_called_with_tax_is_read_without_it(tmp_path: Path) -> None:
    look = seen(tmp_path, ["Bestellnummer;Kunde;Datum;Bruttobetrag;MwSt", "1;A;2024-01-02;11,90;1,90"])
    assert net_of(look) == [10.0]


def test_what_is_told_of_a_column_is_not_overruled(tmp_path: Path) -> None:
    rows = ["T1,A,2024-01-02,10.00,-0.30,9.70", "T2,B,2024-01-03,20.00,-0.60,19.40"]
    given = Given(columns={"net": "Net"})
    look = seen(tmp_path, ["Transaction ID,Customer ID,Date,Gross,Fee,Net", *rows], given=given)
    assert settings(look)["columns.net"] == "Net"


@pytest.mark.parametrize(
    ("times", "zone"),
    [
        (("2024-01-02T10:00:00+01:00", "2024-07-02T10:00:00+02:00"), "Europe/Berlin"),
        (("2024-01-02T10:00:00-08:00", "2024-07-02T10:00:00-07:00"), "America/Los_Angeles"),
        (("2024-01-02T10:00:00+09:00", "2024-07-02T10:00:00+09:00"), "Asia/Tokyo"),
        (("2024-01-02T10:00:00-05:00", "2024-07-02T10:00:00-05:00"), "Etc/GMT+5"),
        (("2024-01-02T10:00:00Z", "2024-07-02T10:00:00Z"), None),
    ],
)
def test_offsets_tell_the_zone(tmp_path: Path, times: tuple[str, str], zone: str | None) -> None:
    assert settings(seen(tmp_path, dated(*times))).get("timezone") == zone


def test_two_currencies_are_asked_about_and_an_option_answers(tmp_path: Path) -> None:
    lines = [f"{HEADER},Currency", "1,A,2024-01-02,5.00,EUR", "2,B,2024-01-03,6.00,CHF", "3,B,2024-01-04,6.00,EUR"]
    assert asked(seen(tmp_path, lines)) == ["currency"]
    found = settings(seen(tmp_path, lines, given=Given(currency="CHF")))
    assert (found["currency"], found["exclude"][0]["equals"]) == ("CHF", ["EUR"])


def test_a_status_that_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    lines = [f"{HEADER},Status", "1,A,2024-01-02,5.00,completed", "2,B,2024-01-03,6.00,gone fishing"]
    look = seen(tmp_path, lines)
    assert asked(look) == ["status_gonefishing"]
    assert look.findings.questions[0].choices["pending"] == {"statuses": {"gone fishing": "pending"}}


def test_a_province_called_state_is_no_status(tmp_path: Path) -> None:
    states = ("Ohio", "Texas", "Maine", "Utah", "Iowa", "Idaho", "Nevada", "Oregon", "Kansas", "Alaska")
    lines = [f"{HEADER},State", *(f"{n},A,2024-01-{n + 1:02},5.00,{state}" for n, state in enumerate(states))]
    look = seen(tmp_path, lines)
    assert asked(look) == []
    assert settings(look)["ignore"] == ["State"]


def test_an_export_that_is_known_gets_its_adapter(tmp_path: Path) -> None:
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    look = seen(tmp_path, [header, "1,A,x,2,12/13/2010 8:26,2.50,17850,France"])
    assert settings(look)["adapter"] == "online_retail"
    assert settings(look)["source.date_format"] == "%m/%d/%Y %H:%M"


def test_a_header_without_rows_and_a_file_without_header_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has a header but no rows"):
        seen(tmp_path, [HEADER])
    with pytest.raises(DataError, match="is a header"):
        seen(tmp_path, ["1,A,2024-01-02,5.00", "2,B,2024-01-03,6.00"])


def test_withdrawals_among_payments_are_asked_about(tmp_path: Path) -> None:
    rows = ["1,A,2024-01-02,Payment,5.00", "2,B,2024-01-03,General Withdrawal,-90.00", "3,A,2024-01-04,Payment,6.00"]
    look = seen(tmp_path, ["Transaction ID,Customer ID,Date,Type,Amount", *rows])
    assert asked(look) == ["kinds"]
    statuses = look.findings.questions[0].choices["sales_only"]["statuses"]
    assert statuses == {"Payment": "sale", "General Withdrawal": "not_a_sale"}


def test_an_amount_before_discounts_alone_is_asked_about(tmp_path: Path) -> None:
    rows = ["1,A,2024-01-02,5.00,1.00", "2,B,2024-01-03,6.00,0.00"]
    assert asked(seen(tmp_path, ["Order ID,Customer ID,Date,Gross Sales,Discounts", *rows])) == ["net"]


def test_discounts_beside_amounts_of_lines_are_asked_about(tmp_path: Path) -> None:
    """The headers of Amazon's report of all orders (sellercentral.amazon.com, G200547170), which does not say it."""
    header = "amazon-order-id,purchase-date,order-status,sku,quantity,currency,item-price,item-tax,{},buyer-email"
    rows = ["302-1,2026-01-16,Shipped,MUG,2,USD,40.00,3.20,4.00,a@example.org",
            "302-1,2026-01-16,Shipped,TEA,1,USD,10.00,0.80,0.00,a@example.org",
            "302-2,2026-01-17,Shipped,TEA,1,USD,10.00,0.80,0.00,b@example.org"]  # fmt: skip
    look = seen(tmp_path, [header.format("item-promotion-discount"), *rows])
    assert asked(look) == ["discount"]
    assert look.findings.questions[0].choices["take_them_off"]["net_less"] == ["discount"]


def test_orders_that_are_copied_whole_count_once(tmp_path: Path) -> None:
    rows = ["1,A,2024-01-02,5.00", "2,B,2024-01-03,6.00", "1,A,2024-01-02,5.00"]
    look = seen(tmp_path, [HEADER, *rows])
    assert asked(look) == []
    assert settings(look)["rows"] == "orders"


def test_what_is_left_unread_is_said(tmp_path: Path) -> None:
    look = seen(tmp_path, [f"{HEADER},Colour,Weight", "1,A,2024-01-02,5.00,red,2"])
    (unread,) = [decision for decision in look.findings.decisions if decision.what == "left unread"]
    assert unread.evidence.startswith("Colour, Weight")


def test_an_address_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="env://VARIABLE") as refused:
        look_at(["postgresql://me:secret@host/shop"])
    assert "secret" not in str(refused.value)


def test_the_name_of_the_file_names_the_shop(tmp_path: Path) -> None:
    assert seen(tmp_path, [HEADER, "1,A,2024-01-02,5.00"], name="Aufträge [1]\t.csv").name == "Aufträge 1"


def test_headers_that_are_called_as_what_they_mean_map_themselves(tmp_path: Path) -> None:
    header = "order_id,customer_id,ordered_at,net,gross,cost,known_at,discount_code"
    look = seen(tmp_path, [header, "1,A,2024-01-02,5.00,6.00,2.00,2024-01-03,XMAS"])
    own = {key: value for key, value in settings(look).items() if key.startswith("columns.")}
    assert own == {f"columns.{name}": name for name in header.split(",")}
    assert net_of(look) == [5.0]


def test_letters_without_a_header_that_calls_them_debit_and_credit_are_not_asked_about(tmp_path: Path) -> None:
    rows = [f"{n},C{n % 3},2024-01-{n + 13},{n + 1}.50,{'SH'[n % 2]}" for n in range(6)]
    assert asked(seen(tmp_path, [f"{HEADER},Size", *rows])) == []
    assert asked(seen(tmp_path, [f"{HEADER},S/H", *rows])) == ["sales_side"]
    assert asked(seen(tmp_path, [f"{HEADER},S/H", *rows, "9,C1,2024-01-30,-4.00,H"])) == []


def test_discounts_that_are_shares_are_never_taken_off_as_money(tmp_path: Path) -> None:
    header = "Order ID,Customer ID,Order Date,Product ID,Quantity,Sales,Discount"
    rows = [f"{n // 2},C{n % 3},2024-01-{n + 13},P{n},2,{n + 1}.50,{n % 3 / 5}" for n in range(6)]
    (question,) = seen(tmp_path, [header, *rows]).findings.questions
    unread = {"ignore": ["Discount"]}
    assert dict(question.choices) == {"taken_off_already": unread, "count_before_discounts": unread}
