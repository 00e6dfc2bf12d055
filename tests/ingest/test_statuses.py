"""Only sales count, whatever words a shop uses; truth comes from the generator of each file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cvo_ml as cvo
from cvo_ml.core.errors import DataError
from cvo_ml.ingest import ReadResult, read_frame, read_shop
from cvo_ml.ingest.statuses import class_of

from .conftest import PLAIN, shop

Write = Callable[..., Path]
COLUMNS = {**PLAIN, "status": "state"}
#: What each platform documents, by hand.
DOCUMENTED = {
    "sale": (
        "wc-completed|wc-processing|paid|partially_refunded|PARTIALLY_PAID|complete|processing|Shipped|"
        "Partially Shipped|Awaiting Fulfillment|Awaiting Shipment|Awaiting Pickup|succeeded|COMPLETED|"
        "Shipped - Delivered to Buyer|Unshipped|Payment accepted|Paiement accepté|Livré|Pago aceptado|"
        "Enviado|In Bearbeitung|Abgeschlossen|Versandt|Pagato|Spedito|Voltooid|Verzonden|Concluído|"
        "Entregue|invoiced|delivered|fulfilled"
    ),
    "pending": (
        "wc-pending|wc-on-hold|pending_payment|payment_review|holded|Awaiting Payment|"
        "Manual Verification Required|authorized|requires_payment_method|requires_action|"
        "requires_capture|Pending|En attente|Offen|Pendiente|In attesa|Openstaand|Aguardando pagamento|"
        "open|unpaid"
    ),
    "not_a_sale": (
        "wc-failed|wc-cancelled|canceled|Cancelled|voided|expired|Declined|Denied|draft|"
        "wc-checkout-draft|Incomplete|failed|Storniert|Annulé|Échoué|Cancelado|Annullato|Geannuleerd|"
        "Payment error|Erreur de paiement"
    ),
    "refunded": (
        "wc-refunded|refunded|closed|Refunded|Reversed|chargeback|Erstattet|Remboursé|Reembolsado|"
        "Rimborsato|Terugbetaald|Shipped - Returned to Seller"
    ),
}


@pytest.mark.parametrize("expected", list(DOCUMENTED))
def test_words_mean_what_their_platforms_say(expected: str) -> None:
    for word in DOCUMENTED[expected].split("|"):
        for written in (word, word.upper(), f" {word.replace('_', ' ')} ", word.replace(" ", "-")):
            assert class_of(written) == expected, written


def read(rows: list[tuple[Any, ...]], as_of: date | None = None, **declared: Any) -> ReadResult:
    frame = pd.DataFrame(rows, columns=["order", "customer", "date", "amount", "state"])
    return read_frame(frame, shop(columns=COLUMNS, **declared), as_of=as_of)


SMALL = [("1", "A", "2024-01-05", 100.0, "completed"), ("2", "A", "2024-02-05", 100.0, "failed"),
         ("3", "A", "2024-02-06", 100.0, "Cancelled"), ("4", "B", "2024-01-06", 80.0, "on-hold"),
         ("5", "B", "2024-02-06", 70.0, "refunded"), ("6", "B", "2024-03-06", 50.0, "partially refunded")]  # fmt: skip


def test_each_class_is_left_out_by_its_rule_and_counted_with_its_money() -> None:
    result = read(SMALL)
    assert result.tables.orders["order_id"].tolist() == ["1", "5", "6"]
    assert result.ledger.excluded == {"pending (status)": 1, "not a sale (status)": 2}
    assert result.notes == (
        "DataFrame: column 'state': sales: 2 rows (150.00): completed 1, partially refunded 1",
        "DataFrame: column 'state': pending, left out: 1 row (80.00): on-hold 1",
        "DataFrame: column 'state': not a sale, left out: 2 rows (200.00): Cancelled 1, failed 1",
        "DataFrame: column 'state': refunded, which count when ordered and go back later: 1 row (70.00): refunded 1",
        "DataFrame: column 'state': partially refunded: 1 row (50.00): nothing says how much, so they count whole; "
        "declare a table of refunds",
        "refunds: 1 by the status of orders (70.00), which does not say when: they count from 2024-03-06 00:00 on",
    )


def test_sales_alone_are_not_spoken_of() -> None:
    assert read([(str(n), "A", "2024-01-05", 1.0, "paid") for n in range(4)]).notes == ()


class TestRefunded:
    """An order wholly refunded is no purchase once it is known, and is not refunded twice."""

    def test_it_goes_back_at_the_latest_time_of_the_source_and_not_before(self) -> None:
        refunds = read(SMALL).tables.refunds
        assert refunds[["order_id", "customer_id", "amount", "refunded_at"]].to_numpy().tolist() == [
            ["5", "B", 70.0, pd.Timestamp("2024-03-06")]
        ]
        early = read(SMALL, as_of=date(2024, 3, 6))
        assert (early.tables.orders["net"].sum(), len(early.tables.refunds)) == (170.0, 0)
        assert cvo.rfm_summary(read(SMALL).tables, as_of="2024-04-01").loc["B", "frequency"] == 0

    def test_it_goes_back_when_the_source_was_extracted(self) -> None:
        refunds = read(SMALL, extracted_at=datetime(2024, 5, 1, 12)).tables.refunds
        assert refunds["refunded_at"].tolist() == [pd.Timestamp("2024-05-01 12:00")]

    @pytest.mark.parametrize("own_number", [True, False])
    def test_what_negative_rows_tell_is_not_added(self, own_number: bool) -> None:
        back = ("5" if not own_number else "R5", "B", "2024-02-20", -70.0, "refunded")
        result = read([*SMALL, back])
        assert result.tables.refunds["amount"].tolist() == [70.0]
        assert result.tables.refunds["refunded_at"].tolist() == [pd.Timestamp("2024-02-20")]

    def test_what_a_table_of_refunds_tells_is_not_added(self, write: Write) -> None:
        path = write("order,at,back\n5,2024-02-25,30\n6,2024-03-07,20\n", name="refunds.csv")
        refunds = {"source": {"path": str(path)},
                   "columns": {"order_id": "order", "refunded_at": "at", "amount": "back"}}  # fmt: skip
        result = read(SMALL, tables={"refunds": refunds})
        assert result.tables.refunds[["order_id", "amount"]].to_numpy().tolist() == [["5", 30.0], ["6", 20.0]]
        assert not any("partially refunded:" in note for note in result.notes)

    @pytest.mark.usefixtures("both_readers")
    def test_of_lines_the_refunded_ones_go_back(self, write: Write) -> None:
        lines = ["o,c,d,p,q,v,s", "1,A,2024-01-01,x,1,60,paid", "1,A,2024-01-01,y,1,40,returned",
                 "1,A,2024-01-01,z,1,25,cancelled", "2,A,2024-01-03,x,2,10,paid"]  # fmt: skip
        columns = {"order_id": "o", "customer_id": "c", "ordered_at": "d", "product_id": "p", "quantity": "q",
                   "net": "v", "status": "s"}  # fmt: skip
        tables = read_shop(shop(write(lines), rows="lines", columns=columns)).tables
        assert tables.orders["net"].tolist() == [100.0, 10.0]
        assert tables.refunds[["order_id", "amount"]].to_numpy().tolist() == [["1", 40.0]]


@pytest.mark.usefixtures("both_readers")
class TestUnknown:
    def test_unknown_statuses_are_all_named_with_the_yaml_to_write(self, write: Write) -> None:
        rows = [f"A{n},C{n},2024-01-01,5,{text}" for n, text in enumerate(["paid", "Zeta", "Zeta", "no: way"])]
        path = write(["order,customer,date,amount,state", *rows])
        with pytest.raises(DataError) as refused:
            read_shop(shop(path, columns=COLUMNS))
        assert str(refused.value) == (
            "orders.csv: column 'state': statuses whose meaning is not known: 'Zeta' (2), 'no: way' (1) "
            "(3 rows; first: 2, 3): say of each whether it is sale, pending, not_a_sale or refunded: "
            'statuses: {"Zeta": sale, "no: way": sale}.'
        )
        told = shop(path, columns=COLUMNS, statuses={"zeta": "not_a_sale", "no: way": "sale"})
        assert read_shop(told).tables.orders["order_id"].tolist() == ["A0", "A3"]

    def test_what_a_shop_says_comes_before_the_vocabulary(self, write: Write) -> None:
        path = write(["order,customer,date,amount,state", "A0,C0,2024-01-01,5,on-hold", "A1,C0,2024-01-01,7,paid"])
        assert read_shop(shop(path, columns=COLUMNS, statuses={"On hold": "sale"})).tables.orders["net"].sum() == 12

    def test_a_blank_status_is_a_fault_of_the_row_unless_it_is_declared(self, write: Write) -> None:
        rows = [f"A{n},C{n},2024-01-01,5,{'paid' if n else ''}" for n in range(200)]
        path = write(["order,customer,date,amount,state", *rows])
        assert read_shop(shop(path, columns=COLUMNS)).ledger.quarantined == {"state: blank status": 1}
        assert read_shop(shop(path, columns=COLUMNS, statuses={"": "pending"})).ledger.excluded == {
            "pending (status)": 1
        }

    def test_a_column_of_names_is_no_status(self, write: Write) -> None:
        rows = [f"A{n},C{n},2024-01-01,5,name {n}" for n in range(50)]
        with pytest.raises(DataError, match="holds 50 different texts whose meaning is not known: it is no status"):
            read_shop(shop(write(["order,customer,date,amount,state", *rows]), columns=COLUMNS))


@pytest.mark.usefixtures("both_readers")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([(kind, word) for kind, words in DOCUMENTED.items() for word in words.split("|")]),
            st.integers(0, 5),
            st.integers(1, 10_000),
        ),
        min_size=2,
        max_size=30,
    )
)
def test_money_orders_and_refunds_equal_the_generators_truth(
    rows: list[tuple[tuple[str, str], int, int]], write: Write
) -> None:
    first = ["A,C0,2024-01-01 10:00,1.00,paid"]
    lines = [f"A{n},C{c},2024-01-{n % 28 + 1:02} 10:00,{v / 100},{s}" for n, ((_, s), c, v) in enumerate(rows)]
    result = read_shop(shop(write(["order,customer,date,amount,state", *first, *lines]), columns=COLUMNS))
    money = {kind: sum(v for (k, _), _, v in rows if k == kind) / 100 for kind in DOCUMENTED}
    assert result.tables.orders["net"].sum() == pytest.approx(1 + money["sale"] + money["refunded"])
    assert result.tables.refunds["amount"].sum() == pytest.approx(money["refunded"])
    assert result.ledger.rows_in == len(rows) + 1 == result.ledger.used + sum(result.ledger.excluded.values())
