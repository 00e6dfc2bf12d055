"""``init`` as a use case: a file goes in, and the shop's file that comes out is read right."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError, DataError, UsageError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.workflows.init import InitRequest, InitResult, init

GERMAN = (
    "Bestellnummer;Kundennummer;Bestelldatum;Nettobetrag\n"
    "B1;K1;16.01.2024;1.250,50\n"
    "B2;K2;03.02.2024;12,00\n"
    "B3;K1;04.03.2024;7,25\n"
)


def look(tmp_path: Path, text: str, name: str = "orders.csv", encoding: str = "utf-8", **options: object) -> InitResult:
    """Write a file, and look at it."""
    (tmp_path / name).write_bytes(text.encode(encoding))
    request = InitRequest.model_validate({"files": [str(tmp_path / name)], "out": tmp_path / "shop.yaml", **options})
    return init(request, Workspace(tmp_path / "out", tmp_path / "mlruns", tmp_path, tmp_path))


def read(tmp_path: Path) -> ReadResult:
    """What is read by the file that was written."""
    return read_shop(load_config(tmp_path / "shop.yaml", ShopConfig))


def test_a_german_export_is_read_right_after_one_look(tmp_path: Path) -> None:
    assert look(tmp_path, GERMAN.replace("K2", "Köln"), encoding="cp1252").questions == ()
    orders = read(tmp_path).tables.orders.sort_values("order_id")
    assert orders["net"].tolist() == [1250.50, 12.0, 7.25]
    assert orders["customer_id"].tolist() == ["K1", "Köln", "K1"]
    assert orders["ordered_at"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-16", "2024-02-03", "2024-03-04"]


def test_each_decision_stands_in_the_file_with_its_evidence(tmp_path: Path) -> None:
    look(tmp_path, GERMAN)
    lines = (tmp_path / "shop.yaml").read_text(encoding="utf-8").splitlines()
    delimiter = next(place for place, line in enumerate(lines) if "delimiter: ;" in line)
    assert "4 fields by semicolons" in lines[delimiter] + lines[delimiter - 1]
    assert any("the first part is the day: '16.01.2024'" in line for line in lines)


def test_days_with_two_readings_are_a_question_that_reading_refuses(tmp_path: Path) -> None:
    text = "Order,Customer,Date,Net\n1,A,03/04/2024,10.00\n2,B,05/06/2024,20.00\n"
    result = look(tmp_path, text)
    assert [question.name for question in result.questions] == ["dates"]
    assert set(result.questions[0].choices) == {"day_first", "month_first"}
    assert result.questions[0].shown[0] == "03/04/2024 = 2024-04-03 or 2024-03-04"
    with pytest.raises(ConfigError, match="1 open question, write an answer to each: dates"):
        read(tmp_path)


@pytest.mark.parametrize(("choice", "first"), [("day_first", "2024-04-03"), ("month_first", "2024-03-04")])
def test_an_answer_settles_it(tmp_path: Path, choice: str, first: str) -> None:
    text = "Order,Customer,Date,Net\n1,A,03/04/2024,10.00\n2,B,05/06/2024,20.00\n"
    assert look(tmp_path, text, answers={"dates": choice}).questions == ()
    assert str(read(tmp_path).tables.orders["ordered_at"].min())[:10] == first


def test_digits_with_two_readings_are_a_question(tmp_path: Path) -> None:
    text = "Order;Customer;Date;Net\n1;A;2024-01-03;1.250\n2;B;2024-01-04;980\n"
    assert [question.name for question in look(tmp_path, text).questions] == ["amounts"]
    look(tmp_path, text, answers={"amounts": "thousands"}, overwrite=True)
    assert read(tmp_path).tables.orders["net"].sum() == 2230
    look(tmp_path, text, answers={"amounts": "decimals"}, overwrite=True)
    assert read(tmp_path).tables.orders["net"].sum() == 981.25


def test_what_is_missing_is_named_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        look(tmp_path, "a,b,c\nx,y,z\n")
    said = str(refused.value)
    assert "customer_id" in said
    assert "ordered_at" in said
    assert "net" in said
    assert "'a', 'b', 'c'" in said
    assert not (tmp_path / "shop.yaml").exists()


def test_headers_that_say_nothing_are_told(tmp_path: Path) -> None:
    look(tmp_path, "a,b,c\nx,2024-01-02,5\n", columns={"customer_id": "a", "ordered_at": "b", "net": "c"})
    assert read(tmp_path).tables.orders["net"].tolist() == [5.0]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    look(tmp_path, GERMAN)
    with pytest.raises(UsageError, match="is there already"):
        look(tmp_path, GERMAN)


def test_an_answer_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such question"):
        look(tmp_path, GERMAN, answers={"dates": "day_first"})


@pytest.mark.parametrize(("choice", "net"), [("lines", 59.7), ("orders", 39.8)])
def test_lines_of_one_price_are_told_from_a_total_that_is_repeated_by_asking(
    tmp_path: Path, choice: str, net: float
) -> None:
    text = "Order,Customer,Date,SKU,Amount\n1,A,2024-01-13,x,19.90\n1,A,2024-01-13,y,19.90\n2,B,2024-02-14,x,19.90\n"
    assert [question.name for question in look(tmp_path, text).questions] == ["rows"]
    look(tmp_path, text, answers={"rows": choice}, overwrite=True)
    assert read(tmp_path).tables.orders["net"].sum() == pytest.approx(net)


def test_totals_that_differ_between_orders_and_never_within_them_are_the_whole_orders(tmp_path: Path) -> None:
    orders = [(number, 10 + 3.7 * number) for number in range(12)]
    rows = [f"{number},C{number % 5},2024-01-13,{sku},{value:.2f}" for number, value in orders for sku in "xy"]
    assert look(tmp_path, "\n".join(["Order,Customer,Date,SKU,Amount", *rows]) + "\n").questions == ()
    assert read(tmp_path).tables.orders["net"].sum() == pytest.approx(sum(value for _, value in orders), abs=0.1)


def test_a_price_alone_is_named_with_all_else_that_is_missing(tmp_path: Path) -> None:
    text = "Id,Date,Price\n1,2024-01-13,5.50\n1,2024-02-14,4.50\n2,2024-02-14,3.00\n"
    with pytest.raises(DataError, match="--columns customer_id=HEADER,net=HEADER"):
        look(tmp_path, text)
    assert look(tmp_path, text, columns={"customer_id": "Id", "net": "Price"}).questions == ()
    assert read(tmp_path).tables.orders.groupby("customer_id")["net"].sum().to_dict() == {"1": 10.0, "2": 3.0}
