"""Every shape of export is read right to the cent after ``cvo init``, with one answered question at most."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.exports.comparing import differences
from tests.exports.reading import attempt
from tests.exports.shapes import SHAPES, Shape

#: What a stranger may be asked about one export.
MOST_QUESTIONS: Final = 1
#: Not read right yet.
NOT_YET: Final = frozenset(
    (
        "WooCommerce: order export plug-in, statuses and guests 0",
        "Magento 1: order grid",
        "Magento 2: order grid",
        "BigCommerce: Orders, default",
        "Wix: orders of one product",
        "Ecwid: orders",
        "PrestaShop: orders",
        "OpenCart: order table",
        "Shopware 6: orders",
        "Xentral: orders",
        "Gumroad: sales",
        "Recharge: charges",
        "Amazon: fulfilled shipments, tabs",
        "eBay: orders report, lines around the table",
        "Etsy: sold orders",
        "PayPal: Aktivitäten",
        "PayPal: activité",
        "Stripe: payments",
        "Square: transactions",
        "Lemon Squeezy: orders",
        "Chargebee: invoices",
        "QuickBooks: invoices and credit memos, titles and a total",
        "SAP Business One: invoices",
        "Dynamics NAV: posted sales invoices",
        "Dynamics Business Central: posted sales invoices",
        "Odoo: sale.order",
        "HubSpot: deals",
        "Salesforce: opportunities report with its footer",
        "German Excel with storno rows, statuses and times",
        "Polish",
        "Japanese: yen without decimals",
        "a refund column beside the net amount",
        "guests as Walk-in customer",
        "Klaviyo: Placed Order events",
        "Mailchimp: e-commerce orders",
        "MySQL: seconds since 1970",
        "MongoDB: extended JSON lines",
        "a DuckDB file with orders, refunds and customers",
        "orders with refunds and customers in files beside them",
        "subscriptions only",
        "xlsx: one sheet, true days",
        "xlsx: titles, a total row and further sheets",
        "xlsx: amounts and days as text",
        "xlsx: orders, refunds and customers on three sheets",
        "ods: one sheet",
        "a folder with a file a year",
        "xls: titles above the header, true days",
    )
)


def _parameters() -> list[object]:
    not_yet = [pytest.mark.xfail(reason="not read right yet", strict=False)]
    return [pytest.param(shape, id=shape.name, marks=not_yet * (shape.name in NOT_YET)) for shape in SHAPES]


@pytest.mark.parametrize("shape", _parameters())
def test_a_shape_is_read_right_to_the_cent(shape: Shape, tmp_path: Path) -> None:
    truth = shape.make(tmp_path)
    tried = attempt(tmp_path, shape.answers)
    assert tried.result is not None, f"asked {tried.asked}; {tried.refusal}"
    assert differences(tried.result, truth) == []
    assert set(tried.asked) == set(shape.answers)
    assert len(tried.asked) <= MOST_QUESTIONS
    ledger = tried.result.ledger
    assert ledger.rows_in == ledger.used + sum(ledger.quarantined.values()) + sum(ledger.excluded.values())


def test_there_are_sixty_shapes_in_four_locales() -> None:
    assert len(SHAPES) >= 60
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)
    assert len({shape.locale for shape in SHAPES}) >= 4
