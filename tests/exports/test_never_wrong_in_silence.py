"""However an export is written: read right to the cent, asked about, or refused; never another sum without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest import read_shop
from tests.exports.comparing import differences
from tests.exports.marketplaces import movements
from tests.exports.reading import attempt
from tests.exports.shop import Sale, Truth, paid, sales, truth_of, without_refunds
from tests.exports.shop_systems import number
from tests.exports.variants import Variant, variants
from tests.exports.writing import Columns, Dialect, line_rows, sheet_of, write, xlsx

EXAMPLES: Final = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
FEW: Final = settings(EXAMPLES, max_examples=8)
ROWS: Final = 90
PLAIN: Final[Columns] = {
    "Order ID": lambda s: s.number, "Customer ID": number, "Order Date": lambda s: s.at, "Net Amount": lambda s: s.net,
}  # fmt: skip
#: Of each class, as shops and payment providers write them.
STATUSES: Final[Mapping[str, tuple[str, ...]]] = {
    "paid": ("completed", "Paid", "wc-completed", "bezahlt", "Livrée", "succeeded", "COMPLETE", "versendet", "pagado",
             "Betaald", "fulfilled", "delivered"),
    "pending": ("pending", "on-hold", "Awaiting Payment", "offen", "En attente", "pending_payment", "pendiente"),
    "failed": ("failed", "Declined", "Payment error", "fehlgeschlagen", "Échoué", "voided", "expired", "abgelehnt"),
    "cancelled": ("cancelled", "Canceled", "storniert", "Annulé", "cancelado", "wc-cancelled", "Geannuleerd"),
}  # fmt: skip
NOBODY: Final = ("0", "guest", "Guest", "Gast", "NULL", "N/A", "#N/A", "NA", "(not set)", "Walk-in customer",
"undefined",
                 "None", "nan", "unknown", "-", "anonymous")  # fmt: skip
FLAGS: Final = (("true", "false"), ("1", "0"), ("yes", "no"), ("TRUE", "FALSE"), ("t", "f"), ("ja", "nein"), ("Y", "N"))


def small(chosen: Iterable[Sale]) -> tuple[Sale, ...]:
    return tuple(sale for sale in chosen if sale.net)[:ROWS]


def tried(make: Callable[[Path], Truth], answers: Mapping[str, str]) -> bool:
    """Whether an export was read; then it is right."""
    with TemporaryDirectory() as folder:
        truth = make(Path(folder))
        found = attempt(Path(folder), answers)
        event(f"read: {found.result is not None}, asked: {len(found.asked)}")
        if found.result is None:
            assert found.asked or found.refusal
            return False
        assert differences(found.result, truth) == [], found.asked
        return True


@EXAMPLES
@given(variants())
def test_a_drawn_export_is_right_or_not_read(variant: Variant) -> None:
    tried(variant.write, variant.answers)


@EXAMPLES
@given(variants())
def test_a_drawn_export_is_right_where_its_writing_is_declared(variant: Variant) -> None:
    with TemporaryDirectory() as folder:
        truth = variant.write(Path(folder))
        result = read_shop(ShopConfig.model_validate(variant.declared(Path(folder))))
        assert differences(result, truth) == []


@FEW
@given(
    st.sampled_from(("Status", "Order Status", "Financial Status", "Payment Status", "state", "Bestellstatus",
    "Statut")),
    st.fixed_dictionaries({state: st.sampled_from(words) for state, words in STATUSES.items()}),
)  # fmt: skip
def test_orders_that_are_no_sale_never_count(header: str, words: Mapping[str, str]) -> None:
    chosen = without_refunds(small(s for s in sales() if s.person and s.status != "test"))

    def make(folder: Path) -> Truth:
        write(folder / "orders.csv", chosen, {**PLAIN, header: lambda s: words[s.status]})
        return truth_of((s for s in chosen if s.status == "paid"), number)

    tried(make, {})


@FEW
@given(st.sampled_from(("Customer ID", "Customer", "Kundennummer", "user_id")), st.sampled_from(NOBODY), st.booleans())
def test_nobody_is_never_a_customer(header: str, nobody: str, some: bool) -> None:
    chosen = without_refunds(small(paid()))
    guests = {sale.number for place, sale in enumerate(chosen) if place % (14 if some else 4) == 1}

    def make(folder: Path) -> Truth:
        columns = {**PLAIN, header: lambda s: nobody if s.number in guests else s.customer.number}
        columns = columns if header == "Customer ID" else {k: v for k, v in columns.items() if k != "Customer ID"}
        write(folder / "orders.csv", chosen, columns)
        return truth_of((s for s in chosen if s.number not in guests), number)

    tried(make, {"guests": "nobody"})


@FEW
@given(st.sampled_from(("is_test", "Test", "Test order", "Testbestellung", "test_mode")), st.sampled_from(FLAGS))
def test_test_orders_never_count(header: str, flags: tuple[str, str]) -> None:
    chosen = without_refunds(small(s for s in sales() if s.person and s.status in ("paid", "test")))

    def make(folder: Path) -> Truth:
        write(folder / "orders.csv", chosen, {**PLAIN, header: lambda s: flags[s.status != "test"]})
        return truth_of((s for s in chosen if s.status == "paid"), number)

    tried(make, {})


@FEW
@given(
    st.sampled_from(("currency", "Currency", "Währung", "Devise", "currency_code", "Order Currency", "Valuta",
    "Moneda")),
    st.sampled_from((("EUR", "CHF"), ("USD", "CAD"), ("eur", "usd"), ("€", "£"))),
    st.sampled_from((2, 3, 11, 50)),
)  # fmt: skip
def test_two_currencies_are_never_added_up(header: str, codes: tuple[str, str], every: int) -> None:
    chosen = without_refunds(small(paid()))

    def make(folder: Path) -> Truth:
        write(folder / "orders.csv", chosen, {**PLAIN, header: lambda s: codes[s.number % every == 0]})
        return truth_of((), number)

    assert not tried(make, {})


@FEW
@given(st.sampled_from((("# €", "# CHF"), ("$#", "£#"), ("EUR #", "USD #"))), st.sampled_from((2, 11, 50)))
def test_two_signs_are_never_added_up(signs: tuple[str, str], every: int) -> None:
    chosen = without_refunds(small(paid()))

    def make(folder: Path) -> Truth:
        columns = {**PLAIN, "Net Amount": lambda s: signs[s.number % every == 0].replace("#", f"{s.net:.2f}")}
        write(folder / "orders.csv", chosen, columns)
        return truth_of((), number)

    assert not tried(make, {})


@FEW
@given(
    st.sampled_from(("Order Total", "Order Net", "Total", "order_total", "Bestellsumme")),
    st.sampled_from((None, "Line Total", "Item Total", "Line Net", "Lineitem total")),
    st.booleans(),
)
def test_an_order_is_never_counted_once_a_line(total: str, line_total: str | None, priced: bool) -> None:
    chosen = without_refunds(small(paid()))

    def make(folder: Path) -> Truth:
        columns: dict[str, Any] = {
            "Order ID": lambda r: r[0].number, "Customer ID": lambda r: r[0].customer.number,
            "Order Date": lambda r: r[0].at, "SKU": lambda r: r[1].sku, "Quantity": lambda r: r[1].quantity,
        }  # fmt: skip
        if priced:
            columns["Unit Price"] = lambda r: r[1].price
        if line_total:
            columns[line_total] = lambda r: r[1].net
        columns[total] = lambda r: r[0].net
        write(folder / "lines.csv", line_rows(chosen), columns)
        return truth_of(chosen, number)

    tried(make, {"net": line_total or total})


@FEW
@given(
    st.sampled_from(("Total", "Order Total", "Amount", "Betrag", "Gesamt")),
    st.sampled_from(("Net", "Net Total", "Subtotal", "Order Net", "Zwischensumme", "Net Sales")),
    st.sampled_from((None, "Fee", "Fees", "Gebühr")),
    st.booleans(),
)
def test_what_is_left_after_fees_is_no_net_value(total: str, net: str, fee: str | None, taxed: bool) -> None:
    """Payment providers call what they pay out net; then the total is the only value of the order."""
    chosen = without_refunds(small(paid()))

    def make(folder: Path) -> Truth:
        columns: dict[str, Any] = {name: of for name, of in PLAIN.items() if name != "Net Amount"}
        columns[total] = lambda s: s.total if taxed else s.net
        if taxed:
            columns["Tax"] = lambda s: s.tax
            columns["Shipping"] = lambda s: s.shipping
        if fee:
            columns[fee] = lambda s: -_fee(s)
            columns[net] = lambda s: (s.total if taxed else s.net) - _fee(s)
        else:
            columns[net] = lambda s: s.net
        write(folder / "orders.csv", chosen, columns)
        return truth_of(chosen, number, net=lambda s: s.total if fee and taxed else s.net)

    tried(make, {"net": total if fee else net})


def _fee(sale: Sale) -> Decimal:
    return (sale.net * Decimal("0.03")).quantize(Decimal("0.01")) + Decimal("0.30")


@FEW
@given(
    st.sampled_from(("Refunded Amount", "Refund", "Amount Refunded", "Erstattung", "Total Refunded")),
    st.sampled_from((1, -1)), st.sampled_from(("0", "")), st.sampled_from((None, "Refund Date", "refunded_at")),
)  # fmt: skip
def test_a_column_of_refunds_is_never_lost(header: str, sign: int, none: str, day: str | None) -> None:
    chosen = small(paid())

    def make(folder: Path) -> Truth:
        columns: dict[str, Any] = {**PLAIN, header: lambda s: sign * s.refunded if s.refunds else none}
        if day:
            columns[day] = lambda s: s.refunds[0].at if s.refunds else None
        write(folder / "orders.csv", chosen, columns)
        return truth_of(chosen, number)

    tried(make, {})


@FEW
@given(st.sampled_from(("Refunds", "refunds", "credit notes", "Erstattungen")), st.booleans(), st.booleans())
def test_a_file_of_refunds_beside_is_never_lost(name: str, by_order: bool, negative: bool) -> None:
    chosen = small(paid())
    backs = [(sale, back) for sale in chosen for back in sale.refunds]

    def make(folder: Path) -> Truth:
        write(folder / "orders.csv", chosen, PLAIN)
        who: dict[str, Any] = {"Order ID": lambda r: r[0].number} if by_order else {
            "Customer ID": lambda r: r[0].customer.number}  # fmt: skip
        write(folder / f"{name}.csv", backs, {
            **who, "Refund Date": lambda r: r[1].at, "Refund Amount": lambda r: (-1 if negative else 1) * r[1].amount,
        })  # fmt: skip
        return truth_of(chosen, number)

    tried(make, {})


@FEW
@given(st.sampled_from((0, 2, 3)), st.sampled_from(("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")), st.sampled_from(
    ("JPY", "KWD", "EUR")))  # fmt: skip
def test_amounts_have_the_decimals_of_their_currency(places: int, day: str, code: str) -> None:
    """Minor units are never guessed: 12500 of a currency without decimals is 12,500."""
    chosen = without_refunds(small(paid()))

    def net(sale: Sale) -> Decimal:
        return (sale.net + 1).quantize(Decimal(1).scaleb(-places))

    def make(folder: Path) -> Truth:
        columns = {**PLAIN, "Net Amount": lambda s: f"{net(s)}", "Currency": lambda s: code}
        write(folder / "orders.csv", chosen, columns, Dialect(day=day))
        return truth_of(chosen, number, net=net)

    tried(make, {})


@FEW
@given(
    st.sampled_from(("refunded_total", "Refunded Amount", "Amount Refunded")), st.booleans(), st.sampled_from(("0", ""))
)
def test_refunds_on_lines_are_counted_once(header: str, repeated: bool, none: str) -> None:
    """A refund stands on all lines of its order, or on the line that came back."""
    chosen = small(paid())

    def make(folder: Path) -> Truth:
        def back(row: Any) -> object:
            sale, line = row
            here = repeated or line is sale.lines[0]
            return sale.refunded if sale.refunds and here else none

        write(folder / "lines.csv", line_rows(chosen), {
            "order_id": lambda r: r[0].number, "customer_id": lambda r: r[0].customer.number,
            "order_date": lambda r: r[0].at, "sku": lambda r: r[1].sku, "quantity": lambda r: r[1].quantity,
            "item_total": lambda r: r[1].net, header: back,
        })  # fmt: skip
        return truth_of(chosen, number)

    tried(make, {})


@FEW
@given(
    st.sampled_from(("Bearbeitungsstand", "Notiz", "flag", "X")),
    st.fixed_dictionaries({state: st.sampled_from(words) for state, words in STATUSES.items()}),
)
def test_a_column_of_another_name_that_says_what_is_no_sale_is_asked_about(
    header: str, words: Mapping[str, str]
) -> None:
    chosen = without_refunds(small(s for s in sales() if s.person and s.status != "test"))

    def make(folder: Path) -> Truth:
        write(folder / "orders.csv", chosen, {**PLAIN, header: lambda s: words[s.status]})
        return truth_of((s for s in chosen if s.status == "paid"), number)

    assert tried(make, {"status": "status"})


@FEW
@given(
    st.sampled_from(("cancelled_at", "Cancelled", "is_cancelled", "voided_at", "deleted_at", "Storniert", "Paid")),
    st.sampled_from(FLAGS), st.booleans(),
)  # fmt: skip
def test_a_mark_of_what_is_no_sale_is_never_passed_over(header: str, flags: tuple[str, str], with_status: bool) -> None:
    chosen = without_refunds(small(s for s in sales() if s.person and s.status in ("paid", "cancelled")))

    def make(folder: Path) -> Truth:
        def mark(sale: Sale) -> object:
            marked = (sale.status == "cancelled") != (header == "Paid")
            return (sale.at if marked else None) if header.endswith("_at") else flags[not marked]

        more = {"Status": lambda s: "completed"} if with_status else {}
        write(folder / "orders.csv", chosen, {**PLAIN, header: mark, **more})
        return truth_of((s for s in chosen if s.status == "paid"), number)

    tried(make, dict.fromkeys(("deletedat", "paid", "cancelledat", "cancelled", "iscancelled", "voidedat", "storniert"),
                              "no_sales"))  # fmt: skip


@FEW
@given(
    st.sampled_from(("Type", "Transaction Type", "Belegart", "Document type")),
    st.sampled_from((("Sale", "Refund"), ("Invoice", "Credit Memo"), ("Rechnung", "Gutschrift"), ("charge", "refund"))),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_refunds_above_zero_are_never_sales(header: str, kinds: tuple[str, str], own: bool, negative: bool) -> None:
    chosen = small(paid())

    def make(folder: Path) -> Truth:
        write(folder / "documents.csv", movements(chosen), {
            "Number": lambda m: m.number if own else m.sale.number, "Customer ID": lambda m: m.sale.customer.number,
            "Date": lambda m: m.at, header: lambda m: kinds[m.is_refund],
            "Net Amount": lambda m: m.net if negative else abs(m.net),
        })  # fmt: skip
        return truth_of(chosen, number)

    tried(make, {"refunds": "refunds"})


@FEW
@given(
    st.sampled_from(("amount_cents", "total_in_cents", "netTotalCents", "Betrag (Cent)", "amount_minor")),
    st.sampled_from(("EUR", "JPY", "KWD")), st.booleans(), st.booleans(),
)  # fmt: skip
def test_cents_are_never_whole_units(header: str, code: str, both: bool, refunds: bool) -> None:
    chosen = small(paid()) if refunds else without_refunds(small(paid()))
    places = {"EUR": 2, "JPY": 0, "KWD": 3}[code]

    def minor(amount: Decimal) -> int:
        return int(amount.scaleb(2))

    def unit(amount: Decimal) -> Decimal:
        return Decimal(minor(amount)).scaleb(-places)

    def make(folder: Path) -> Truth:
        columns: dict[str, Any] = {name: of for name, of in PLAIN.items() if name != "Net Amount"}
        if both:
            columns["Net Amount"] = lambda s: unit(s.net)
        if refunds:
            columns["refund_cents"] = lambda s: minor(s.refunded)
        columns |= {header: lambda s: minor(s.net), "currency": lambda s: code}
        write(folder / "orders.csv", chosen, columns, Dialect(places=places))
        return truth_of(chosen, number, net=lambda s: unit(s.net), refund=lambda s, back: unit(back.amount))

    tried(make, {})


@FEW
@given(st.sampled_from(("Discount", "Line Discount", "Rabatt", "Discount Amount")), st.booleans())
def test_discounts_beside_a_value_are_asked_about(header: str, priced: bool) -> None:
    """Nothing in the file tells whether prices, or a subtotal without a total, are those after discounts."""
    chosen = without_refunds(small(paid()))

    def make(folder: Path) -> Truth:
        columns: dict[str, Any] = {
            "Order ID": lambda r: r[0].number, "Customer ID": lambda r: r[0].customer.number,
            "Order Date": lambda r: r[0].at, header: lambda r: "1.50" if r[0].number % 3 else "0",
        }  # fmt: skip
        if priced:
            columns |= {"SKU": lambda r: r[1].sku, "Qty": lambda r: r[1].quantity, "Unit Price": lambda r: r[1].price}
        else:
            columns["Subtotal"] = lambda r: r[0].net
        rows = line_rows(chosen) if priced else [(sale, sale.lines[0]) for sale in chosen]
        write(folder / "orders.csv", rows, columns)
        return truth_of(chosen, number)

    def less(folder: Path) -> Truth:
        make(folder)
        takes = {s.number: Decimal("1.50") * (len(s.lines) if priced else 1) for s in chosen if s.number % 3}
        return truth_of(chosen, number, net=lambda s: s.net - takes.get(s.number, 0))

    assert not tried(make, {})
    assert tried(make, {"discount": "taken_off_already", "net": "Subtotal"})
    assert tried(less, {"discount": "take_them_off", "net": f"Subtotal less {header}"})


@FEW
@given(st.sampled_from(("Customer ID", "Kundennummer", "user_id")), st.sampled_from((2, 5, 10)), st.booleans())
def test_customers_without_a_number_but_with_an_address_are_asked_about(header: str, every: int, guests: bool) -> None:
    chosen = without_refunds(small(paid()))

    def make(folder: Path) -> Truth:
        columns: dict[str, Any] = {name: of for name, of in PLAIN.items() if name != "Customer ID"}
        columns |= {
            header: lambda s: s.customer.number if s.number % every else "",
            "Email": lambda s: s.customer.email,
        }
        write(folder / "orders.csv", chosen, columns)
        if guests:
            return truth_of((s for s in chosen if s.number % every), number)
        return truth_of(chosen, lambda s: s.customer.email)

    assert not tried(make, {})
    assert tried(make, {"customers": header if guests else "Email"})


def test_addresses_that_differ_in_upper_and_lower_case_are_one_customer(tmp_path: Path) -> None:
    chosen = without_refunds(small(paid()))
    write(tmp_path / "orders.csv", chosen, {
        "Order": lambda s: s.number, "Date": lambda s: s.at, "Net": lambda s: s.net,
        "E-Mail": lambda s: s.customer.email.title() if s.number % 2 else s.customer.email,
    })  # fmt: skip
    found = attempt(tmp_path, {})
    assert found.result is not None
    assert differences(found.result, truth_of(chosen, lambda s: s.customer.email)) == []


def test_sheets_with_the_same_headers_are_not_passed_over(tmp_path: Path) -> None:
    chosen = without_refunds(small(paid()))
    halves = {"Jan": sheet_of(chosen[:40], PLAIN), "Feb": sheet_of(chosen[40:], PLAIN)}
    xlsx(tmp_path / "orders.xlsx", halves)
    assert "has the headers of" in attempt(tmp_path, {}).refusal


def test_sales_below_zero_as_in_a_ledger_are_refused(tmp_path: Path) -> None:
    chosen = without_refunds(small(paid()))
    write(tmp_path / "orders.csv", chosen, {**PLAIN, "Net Amount": lambda s: -s.net})
    assert "below zero, as sales are in a ledger" in attempt(tmp_path, {}).refusal


def test_whole_amounts_of_stripe_are_asked_about(tmp_path: Path) -> None:
    chosen = without_refunds(small(paid()))
    write(tmp_path / "orders.csv", chosen, {
        "id": lambda s: f"ch_{s.number}", "customer": lambda s: f"cus_{s.customer.number}", "created": lambda s: s.at,
        "amount": lambda s: int(s.net * 100), "currency": lambda s: "usd",
    })  # fmt: skip
    found = attempt(tmp_path, {"minor_units": "cents"})
    assert found.asked == ("minor_units",)
    assert found.result is not None
    truth = truth_of(chosen, lambda s: f"cus_{s.customer.number}", order_id=lambda s: f"ch_{s.number}")
    assert differences(found.result, truth) == []
