"""Constants, shops without amounts, and declared rates of currencies; truth by hand or from the generator."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import cvo_ml as cvo
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.units import Horizon
from cvo_ml.ingest import read_frame, read_shop
from cvo_ml.readiness import readiness

from .conftest import PLAIN, shop

Write = Callable[..., Path]
WITHOUT_NET = {name: header for name, header in PLAIN.items() if name != "net"}


@pytest.mark.usefixtures("both_readers")
class TestConstants:
    def test_a_constant_of_the_first_source_holds_for_all_rows(self, write: Write) -> None:
        path = write(["order,customer,date,amount", "A1,C1,2024-01-01,5", "A2,C2,2024-01-02,7"])
        orders = read_shop(shop(path, constants={"channel": "web"})).tables.orders
        assert orders["channel"].tolist() == ["web", "web"]

    def test_a_constant_is_as_good_as_a_mapped_column(self, write: Write) -> None:
        path = write(["o,c,d,p,x", "1,A,2024-01-01,s,3.5", "1,A,2024-01-01,t,4"])
        columns = {"order_id": "o", "customer_id": "c", "ordered_at": "d", "product_id": "p", "unit_price": "x"}
        tables = read_shop(shop(path, rows="lines", columns=columns, constants={"quantity": 1})).tables
        assert tables.orders["net"].tolist() == [7.5]

    def test_a_constant_beside_its_column_or_without_a_meaning_is_refused(self, write: Write) -> None:
        with pytest.raises(ValidationError, match="'net' is mapped too"):
            shop(constants={"net": 5})
        with pytest.raises(ValidationError, match=r"'chanel' has no meaning \(did you mean 'channel'"):
            shop(constants={"chanel": "web"})


class TestWithoutAmounts:
    def test_orders_are_counted_and_worth_nothing(self) -> None:
        frame = pd.DataFrame({"order": ["1", "2", "3"], "customer": ["A", "A", "B"],
                              "date": ["2024-01-01", "2024-02-01", "2024-03-01"]})  # fmt: skip
        declared = shop(columns=WITHOUT_NET, counts_only=True)
        result = read_frame(frame, declared)
        assert result.tables.orders["net"].tolist() == [0.0] * 3
        assert result.notes == ("the source has no amounts: orders are counted, and their value is 0",)
        assert cvo.rfm_summary(result.tables, as_of="2024-04-01").loc["A", "frequency"] == 1
        report = readiness(result, as_of=date(2024, 4, 1), horizon=Horizon("30D"))
        clv = next(model for model in report.models if model.model == "clv")
        assert (clv.status, clv.code) == ("refused", "no_value")

    def test_what_was_refunded_is_no_purchase(self) -> None:
        frame = pd.DataFrame({"order": ["1", "2"], "customer": "A", "date": "2024-01-01", "s": ["paid", "refunded"]})
        result = read_frame(frame, shop(columns={**WITHOUT_NET, "status": "s"}, counts_only=True))
        assert (result.tables.orders["order_id"].tolist(), len(result.tables.refunds)) == (["1"], 0)

    def test_amounts_beside_it_are_a_contradiction(self) -> None:
        with pytest.raises(ValidationError, match="counts_only: net is mapped"):
            shop(counts_only=True)
        with pytest.raises(ValidationError, match="net not mapped"):
            shop(columns=WITHOUT_NET)


def test_orders_of_value_zero_are_counted(write: Write) -> None:
    path = write(["order,customer,date,amount", "A1,C1,2024-01-01,0", "A2,C2,2024-01-02,7", "A3,C2,2024-01-03,0.00"])
    result = read_shop(shop(path))
    assert result.notes == ("2 orders of value 0 were kept: free orders are purchases",)
    assert len(result.tables.orders) == 3


def with_rates(path: Path, rates: Path, **more: Any) -> ShopConfig:
    fx = {"source": {"path": str(rates)}, "columns": {"date": "day", "currency": "code", "rate": "rate"}}
    return shop(path, columns={**PLAIN, "currency": "cur"}, tables={"fx": fx, **more})


@pytest.mark.usefixtures("both_readers")
class TestRates:
    def test_an_amount_is_converted_at_the_latest_rate_by_its_day(self, write: Write) -> None:
        rates = write("day,code,rate\n2024-02-01,usd,0.5\n2024-01-01,USD,0.9\n", name="rates.csv")
        rows = ["A1,C1,2024-01-31 23:00,10,USD", "A2,C1,2024-02-01,10,usd", "A3,C1,2024-02-02,10,EUR",
                *(f"B{n},C{n},2024-03-01,1,EUR" for n in range(200)), "A4,C1,2023-12-31,10,USD",
                "A5,C1,2024-02-02,10,"]  # fmt: skip
        result = read_shop(with_rates(write(["order,customer,date,amount,cur", *rows]), rates))
        orders = result.tables.orders.set_index("order_id")
        assert orders.loc[["A1", "A2", "A3"], "net"].tolist() == [9.0, 5.0, 10.0]
        assert set(orders["currency"]) == {"EUR"}
        assert result.ledger.quarantined == {
            "cur: no rate of its currency by its day": 1, "cur: blank currency": 1,
        }  # fmt: skip
        assert "orders.csv: column 'cur': 2 amounts were converted by declared rates" in result.notes

    def test_refunds_are_converted_too(self, write: Write) -> None:
        rates = write("day,code,rate\n2024-01-01,USD,0.5\n", name="rates.csv")
        back = write("order,at,back,cur\nA1,2024-01-05,4,USD\nA2,2024-01-05,4,EUR\n", name="refunds.csv")
        columns = {"order_id": "order", "refunded_at": "at", "amount": "back", "currency": "cur"}
        path = write(["order,customer,date,amount,cur", "A1,C1,2024-01-02,10,USD", "A2,C1,2024-01-02,10,EUR"])
        tables = read_shop(with_rates(path, rates, refunds={"source": {"path": str(back)}, "columns": columns})).tables
        assert tables.refunds.sort_values("order_id")["amount"].tolist() == [2.0, 4.0]
        del columns["currency"]
        with pytest.raises(ValidationError, match="tables: refunds: map currency"):
            with_rates(path, rates, refunds={"source": {"path": str(back)}, "columns": columns})

    def test_without_rates_two_currencies_are_refused_and_rates_are_named(self, write: Write) -> None:
        path = write(["order,customer,date,amount,cur", "A1,C1,2024-01-02,10,USD", "A2,C1,2024-01-02,10,EUR"])
        with pytest.raises(DataError, match=r"holds EUR, USD.*or declare rates: tables: \{fx: …\}"):
            read_shop(shop(path, columns={**PLAIN, "currency": "cur"}))


@settings(max_examples=25, deadline=None)
@given(
    rates=st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 300)), min_size=1, max_size=6, unique_by=lambda r: r[0]
    ),
    orders=st.lists(st.tuples(st.integers(0, 90), st.sampled_from(["EUR", "USD"])), min_size=1, max_size=20),
)
def test_converted_money_equals_the_generators(
    rates: list[tuple[int, int]], orders: list[tuple[int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, first = tmp_path_factory.mktemp("fx"), date(2024, 1, 1)
    since = sorted(rates)
    lines = [f"{first + timedelta(day)},USD,{rate / 100}" for day, rate in rates]
    (folder / "rates.csv").write_text("\n".join(["day,code,rate", *lines]) + "\n")
    rows = [f"A{n},C{n},{first + timedelta(day)},10,{code}" for n, (day, code) in enumerate(orders)]
    (folder / "orders.csv").write_text("\n".join(["order,customer,date,amount,cur", *rows]) + "\n")

    def worth(day: int, code: str) -> float | None:
        place = bisect_right([start for start, _ in since], day)
        return 10.0 if code == "EUR" else 10 * since[place - 1][1] / 100 if place else None

    truth = [worth(*order) for order in orders]
    declared = with_rates(folder / "orders.csv", folder / "rates.csv")
    result = read_shop(declared, max_bad_share=1.0)
    assert result.tables.orders["net"].sum() == pytest.approx(sum(value for value in truth if value is not None))
    assert sum(result.ledger.quarantined.values()) == truth.count(None)


@pytest.mark.usefixtures("both_readers")
def test_a_subscription_that_nobody_pays_yet_has_no_monthly_revenue(write: Write) -> None:
    rows = ["s1,C1,active,20,2024-01-01", "s2,C2,trialing,20,2024-01-02", "s3,C3,Comped,20,2024-01-03",
            "s4,C4,canceled,20,2024-01-04"]  # fmt: skip
    columns = {"subscription_id": "id", "customer_id": "who", "status": "state", "mrr": "month", "started_at": "since"}
    result = read_shop(shop(write(["id,who,state,month,since", *rows]), rows="subscriptions", columns=columns))
    assert result.tables.get("subscriptions")["mrr"].tolist() == [20.0, 0.0, 0.0, 20.0]
    assert result.notes == (
        "orders.csv: column 'month': 2 amounts of trials and free subscriptions are 0 until they are paid",
    )  # fmt: skip
