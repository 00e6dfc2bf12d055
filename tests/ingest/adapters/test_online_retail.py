"""UCI's Online Retail as an export that is known."""

from __future__ import annotations

from tests.ingest.adapters.conformance import Conformance, Example, Held

_HEADERS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
_ROWS = [
    ("536365", "85123A", "HOLDER", "6", "2010-12-01 08:26:00", "2.55", "17850", "United Kingdom"),
    ("536365", "71053", "LANTERN", "6", "2010-12-01 08:26:00", "3.39", "17850", "United Kingdom"),
    ("536370", "22728", "CLOCK", "24", "2010-12-01 08:45:00", "3.75", "12583", "France"),
    ("C536379", "22728", "CLOCK", "-4", "2010-12-02 09:41:00", "3.75", "12583", "France"),
]


class TestOnlineRetail(Conformance):
    """doi.org/10.24432/C5BW33: an invoice is an order, an invoice number with C a cancellation."""

    example = Example(
        adapter="online_retail",
        rows=[dict(zip(_HEADERS, row, strict=True)) for row in _ROWS],
        tables={
            "order_lines": Held(3),
            "orders": Held(2, {"net": 6 * 2.55 + 6 * 3.39 + 24 * 3.75}),
            "refunds": Held(1, {"amount": 15.0}),
        },
        needed="UnitPrice",
        currency="GBP",
        sent_again=False,
    )
