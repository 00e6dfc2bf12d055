"""Amounts as people write them: read to the cent where declared, refused where digits have two readings."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cvo_ml.core.errors import DataError
from cvo_ml.ingest import read_frame, read_shop

from .conftest import orders_text, shop
from .sheets import xlsx

Write = Callable[..., Path]
#: Name of a way to write amounts to the signs of a number and to what its source declares.
LOCALES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Germany": ("{minus}{whole:.}{,}{cents} €", ".,", {"decimal": ",", "amounts": {"thousands": ".", "currency": ["€"]}}),
    "France": (
        "{minus}{whole:\u202f}{,}{cents}\u00a0EUR", "\u202f,",
        {"decimal": ",", "amounts": {"thousands": " ", "currency": ["EUR"]}},
    ),
    "Sweden": ("\u2212{whole:\u00a0}{,}{cents} kr", "\u00a0,", {"decimal": ",", "amounts": {"thousands": " ", "currency": ["kr"]}}),
    "Switzerland": ("EUR {minus}{whole:’}{,}{cents}", "’.", {"amounts": {"thousands": "'", "currency": ["EUR"]}}),
    "America": ("(${whole:,}{,}{cents})", ",.", {"amounts": {"thousands": ",", "currency": ["$"], "parentheses": True}}),
    "Britain": ("{minus}£{whole:,}{,}{cents}", ",.", {"amounts": {"thousands": ",", "currency": ["£"]}}),
    "SAP": ("{whole:.}{,}{cents}-", ".,", {"decimal": ",", "amounts": {"thousands": ".", "trailing_minus": True}}),
    "plain": ("{minus}{whole:}{,}{cents}", ".", {}),
}  # fmt: skip
MONEY = st.decimals(-9_999_999, 9_999_999, places=2)


def written(value: Decimal, place: str) -> str:
    """An amount as people of a country write it."""
    form, signs, _ = LOCALES[place]
    whole, cents = f"{abs(value):.2f}".split(".")
    grouped = f"{int(whole):,}".replace(",", signs[:-1])
    text = form.replace("{,}", signs[-1]).replace("{cents}", cents)
    for group in ("{whole:}", f"{{whole:{signs[:-1]}}}"):
        text = text.replace(group, grouped)
    if value < 0:
        return text.replace("{minus}", "-")
    for sign in ("{minus}", "\u2212", "(", ")"):
        text = text.replace(sign, "")
    return text.removesuffix("-")


def net(column: Sequence[Any], currency: str = "EUR", **source: Any) -> list[float]:
    """Orders' values of a frame with these amounts, those below zero as the refunds that they are."""
    days = pd.date_range("2024-01-01", periods=len(column)).astype("str")
    ids = [f"A{number}" for number in range(len(column))]
    frame = pd.DataFrame({"order": ids, "customer": "C1", "date": days, "amount": column})
    tables = read_frame(frame, shop(source=source, currency=currency)).tables
    back = tables.get("refunds")["amount"] if "refunds" in tables.frames else []
    return sorted([*tables.orders["net"], *(-amount for amount in back)])


@pytest.mark.parametrize("place", LOCALES)
@settings(max_examples=6, deadline=None)
@given(values=st.lists(MONEY.filter(bool), min_size=1, max_size=40))
def test_an_amount_is_read_as_it_was_written(place: str, values: list[Decimal]) -> None:
    currency = {"America": "USD", "Britain": "GBP", "Sweden": "SEK"}.get(place, "EUR")
    found = net([written(value, place) for value in values], currency, **LOCALES[place][2])
    assert [Decimal(f"{amount:.2f}") for amount in found] == sorted(values)


@pytest.mark.parametrize(
    ("amounts", "source", "said"),
    [
        (["1.250", "980"], {}, r"declare amounts: {thousands: ''} if the point is the decimal sign, or decimal: ','"),
        (["-1.250", "17", "1.000"], {}, r"such as 1.250 have two readings.* \(2 rows; first: 1, 3\)"),
        (["1,250", "980"], {"decimal": ","}, r"if the comma is the decimal sign, or decimal: '.' and amounts: {th"),
        (["1.250", "1.250.000", "12.5"], {}, r"numbers such as 1.250.000 group .* first: 2.*declare decimal: ','"),
        (["1,250", "1,250,000.50"], {"decimal": ","}, r"numbers such as 1,250,000 group .*declare decimal: '.'"),
        (["€1.250", "€980"], {"amounts": {"currency": ["€"]}}, "numbers such as 1.250 have two readings"),
    ],
)  # fmt: skip
def test_digits_of_two_readings_are_refused_with_both_remedies(
    amounts: list[str], source: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=rf"^DataFrame: column 'amount': .*{said}"):
        net(amounts, **source)


@pytest.mark.parametrize(
    ("amounts", "source", "right"),
    [
        (["1.250", "980"], {"amounts": {"thousands": ""}}, [1.25, 980]),
        (["1.250", "980"], {"decimal": ",", "amounts": {"thousands": "."}}, [980, 1250]),
        (["1,250", "980"], {"decimal": ",", "amounts": {"thousands": ""}}, [1.25, 980]),
        (["1,250", "980"], {"amounts": {"thousands": ","}}, [980, 1250]),
        (["1.250", "980.5"], {}, [1.25, 980.5]),  # one value tells
        (["1.250", "0.125"], {}, [0.125, 1.25]),  # thousands do not begin with 0
        (["1.250", "1250.125"], {}, [1.25, 1250.125]),
        (["1,250", "1.250,5"], {"decimal": ","}, [1.25, 1250.5]),
        (["1.250", "980"], {"decimal": ","}, [980, 1250]),  # beside a decimal comma, a point groups
        ([1.25, 980.0], {}, [1.25, 980]),  # numbers have one reading
        ([Decimal("1.250"), 980], {}, [1.25, 980]),
    ],
)  # fmt: skip
def test_digits_are_read_where_the_source_or_the_column_tells(
    amounts: list[Any], source: dict[str, Any], right: list[float]
) -> None:
    assert net(amounts, **source) == right


@pytest.mark.parametrize("where", ["at once", "in batches"])
def test_what_tells_may_stand_in_another_batch(
    where: str, write: Write, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "in batches":
        monkeypatch.setattr("cvo_ml.ingest.batches.LARGE", 0)
        monkeypatch.setattr("cvo_ml.ingest.sources.csv_layout.BLOCK", 1 << 12)
    head, *rows = orders_text(600)
    thousands = [",".join([*row.split(",")[:3], "1.250"]) for row in rows]
    with pytest.raises(DataError, match=r"numbers such as 1\.250 have two readings"):
        read_shop(shop(write([head, *thousands])))
    result = read_shop(shop(write([head, *thousands[:-1], thousands[-1] + "5"])))
    assert result.tables.orders["net"].sum() == pytest.approx(599 * 1.25 + 1.2505)


def test_a_json_number_has_one_reading_whatever_the_texts_have(write: Write) -> None:
    lines = [f'{{"order": "A{n}", "customer": "C", "date": "2024-01-0{n}", "amount": {n}.125}}' for n in (1, 2)]
    for decimal in (".", ","):
        path = write(lines, "orders.jsonl")
        assert read_shop(shop(path, source={"decimal": decimal})).tables.orders["net"].tolist() == [1.125, 2.125]


@pytest.mark.parametrize(
    ("currency", "right"), [("EUR", 12.5), ("JPY", 1250.0), ("KWD", 1.25), ("CLF", 0.125), ("XXX", 12.5)]
)
def test_minor_units_are_those_of_the_currency(currency: str, right: float) -> None:
    """ISO 4217: yen have no decimals, dinars of Kuwait three, unidades de fomento four."""
    for amounts in (["1250"], [1250], [1250.0]):
        assert net(amounts, currency, amounts={"minor_units": True}) == [right]


def test_minor_units_are_those_of_the_row_and_only_of_money(write: Write) -> None:
    text = ["order,customer,date,amount,pieces,product,currency", "A1,C1,2024-01-01,1250,100,P1,KWD"]
    columns = shop().columns | {"currency": "currency", "quantity": "pieces", "product_id": "product"}
    declared = shop(
        write(text), currency="XXX", rows="lines", columns=columns, source={"amounts": {"minor_units": True}}
    )
    lines = read_shop(declared).tables.get("order_lines")
    assert (lines["net"].tolist(), lines["quantity"].tolist()) == ([1.25], [100.0])


def test_a_fraction_of_a_minor_unit_is_a_fault() -> None:
    with pytest.raises(DataError, match=r"no whole number of minor units in 50\.0%"):
        net(["1250", "12.5"], amounts={"minor_units": True})


def test_the_sign_of_another_currency_is_refused() -> None:
    with pytest.raises(DataError, match=r"holds amounts in CHF, but the shop's currency is EUR \(1 row; first: 2\)"):
        net(["€5.00", "CHF 5.00"], amounts={"currency": ["€", "CHF"]})


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("12.50 EUR", r"not a number .*amounts: {currency: \['€'\], thousands: ' '}"),
        ("12,5", r"decimal comma .*declare decimal: ','"),
    ],
)
def test_what_is_not_declared_is_refused_with_what_to_declare(amount: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        net(["1.50", amount])


@pytest.mark.parametrize(
    ("amount", "source", "said"),
    [
        ("(3.50)", {}, r"holds amounts such as \(3.50\), .*declare amounts: {parentheses: true} beside"),
        ("3.50-", {}, "declare amounts: {trailing_minus: true}"),
        ("1,234.50", {}, "declare amounts: {thousands: ','}"),
        ("12,34,567", {}, "declare amounts: {thousands: ','}"),
        ("(1,234.50)", {}, "declare amounts: {parentheses: true, thousands: ','}"),
        ("1 234", {}, "declare amounts: {thousands: ' '}"),
        ("1\u202f234,50", {"decimal": ","}, "declare amounts: {thousands: ' '}"),
        ("1'234.50", {}, 'declare amounts: {thousands: "\'"}'),
        ("(€3.50)", {"amounts": {"currency": ["€"]}}, "declare amounts: {parentheses: true}"),
        (
            "1,250",
            {},
            "two readings.*declare decimal: ',' and amounts: {thousands: ''} if the comma is the decimal sign, or amounts",
        ),
    ],
)
def test_one_of_thousand_is_enough_to_ask_how_the_others_are_written(
    amount: str, source: dict[str, Any], said: str
) -> None:
    """Set aside as single faults, the largest orders would be missing, or what went back."""
    with pytest.raises(DataError, match=rf"{said}") as refusal:
        net([*["1,5" if "decimal" in source else "1.5"] * 999, amount], **source)
    assert refusal.value.first_rows == (1000,)


@pytest.mark.parametrize("amount", ["(3.50", "3.50)", "-3.50-", "(-3.50)", "12,34", "1,2345", "€", "- -3"])
def test_what_nobody_writes_is_no_number(amount: str) -> None:
    form = {"parentheses": True, "trailing_minus": True, "thousands": ",", "currency": ["€"]}
    with pytest.raises(DataError, match=r"(not a number|decimal comma) in 50\.0%"):
        net(["1.50", amount], amounts=form)


def test_decimal_and_thousands_are_two_signs() -> None:
    with pytest.raises(ValidationError, match=r"both '.': declare decimal: ',' \(--decimal\) if '.' groups thousands"):
        shop(source={"amounts": {"thousands": "."}})


def test_texts_in_a_spreadsheet_are_read_by_the_declared_format(write: Write) -> None:
    rows = [
        ["order", "customer", "date", "amount"],
        ["A1", "C1", "2024-01-02", "1.234,50 €"],
        ["A2", "C1", "2024-01-03", 0.5],
    ]
    source = {"decimal": ",", "amounts": {"thousands": ".", "currency": ["€"]}}
    assert read_shop(shop(write(xlsx(rows), "o.xlsx"), source=source)).tables.orders["net"].tolist() == [1234.5, 0.5]
