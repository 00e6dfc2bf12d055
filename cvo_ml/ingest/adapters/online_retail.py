"""UCI Online Retail (id 352; Chen, Sain and Guo 2012): one row an invoice line, cancellations as negative lines.

What is left out by rule, and why:

* rows without ``CustomerID`` (guests, a quarter of the file): no customer, no customer value;
* codes that are no product: postage, carriage, manual corrections, fees, samples, bad debt, vouchers;
* lines at price zero: gifts and stock corrections; an invoice of gifts alone is no purchase.

Cancellations (``C…`` invoices) are negative lines and become refunds at their own time, matched to the
customer's latest earlier line of the same product and price with enough quantity left, else kept by
customer. The order keeps its value of the day it was placed.
"""

from __future__ import annotations

from typing import Any, Final

from cvo_ml.ingest.adapters.adapter import Adapter

NO_PRODUCT: Final = r"(?i)POST|DOT|C2|D|M|S|B|PADS|CRUK|AMAZONFEE|BANK CHARGES|ADJUST\d*|TEST\d+|GIFT(?:_\d+)+"

DECLARES: Final[dict[str, Any]] = {
    "rows": "lines",
    "guests": "exclude",
    "refunds": "negative_rows",
    "refund_reason": "cancellation",
    "columns": {
        "order_id": "InvoiceNo",
        "customer_id": "CustomerID",
        "ordered_at": "InvoiceDate",
        "product_id": "StockCode",
        "quantity": "Quantity",
        "unit_price": "UnitPrice",
        "country": "Country",
    },
    "exclude": (
        {"rule": "no product (postage, fees, corrections)", "column": "product_id", "pattern": NO_PRODUCT},
        {"rule": "price of zero", "column": "unit_price", "equals": (0.0,)},
    ),
}

ADAPTER: Final = Adapter(DECLARES)
