"""Accounting, enterprise and sales systems."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tests.exports.marketplaces import charged, movements
from tests.exports.shape import export
from tests.exports.shop import Truth, paid, shown, truth_of, without_refunds
from tests.exports.shop_systems import name, number, of_status
from tests.exports.writing import Dialect, line_rows, write


@export("QuickBooks: invoices and credit memos, titles and a total", "en-US")
def quickbooks(folder: Path) -> Truth:
    rows = movements(paid())
    total = sum((row.net for row in rows), Decimal(0))
    write(folder / "Transaction List.csv", rows, {
        "Date": lambda m: m.at, "Transaction Type": lambda m: "Credit Memo" if m.is_refund else "Invoice",
        "Num": lambda m: m.number, "Name": lambda m: m.sale.customer.name, "Memo/Description": lambda m: "",
        "Amount": lambda m: m.net,
    }, Dialect(day="%m/%d/%Y", thousands=",", negative="(#)", above=("House Shop LLC,,,,,",
    "Transaction List by Date,,,,,",
               "\"January 2023 - March 2024\",,,,,", ""), below=(f'TOTAL,,,,,"{total:,.2f}"',)))  # fmt: skip
    return truth_of(charged(paid()), name)


@export("Xero: invoices, one row a line", "en-GB")
def xero(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "SalesInvoices.csv", line_rows(sales), {
        "ContactName": lambda r: r[0].customer.name, "EmailAddress": lambda r: r[0].customer.email,
        "POCountry": lambda r: r[0].customer.country, "InvoiceNumber": lambda r: f"INV-{r[0].number}",
        "Reference": lambda r: "", "InvoiceDate": lambda r: r[0].at, "DueDate": lambda r: r[0].at + timedelta(days=30),
        "Total": lambda r: r[0].net + r[0].tax, "TaxTotal": lambda r: r[0].tax, "InventoryItemCode": lambda r: r[1].sku,
        "Description": lambda r: r[1].sku.title(), "Quantity": lambda r: f"{r[1].quantity}.0000",
        "UnitAmount": lambda r: r[1].price, "LineAmount": lambda r: r[1].net, "AccountCode": lambda r: "200",
        "TaxType": lambda r: "20% (VAT on Income)", "Currency": lambda r: "GBP", "Type": lambda r: "Sales invoice",
        "Status": lambda r: "Paid",
    }, Dialect(day="%d/%m/%Y"))  # fmt: skip
    return truth_of(sales, lambda s: s.customer.email, order_id=lambda s: f"INV-{s.number}")


@export("SAP Business One: invoices", "de-AT")
def sap(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "OINV.txt", sales, {
        "DocEntry": lambda s: s.number - 100_000, "DocNum": lambda s: s.number, "DocDate": lambda s: s.at,
        "CardCode": lambda s: f"D{s.customer.number}", "CardName": name, "DocCur": lambda s: "EUR",
        "VatSum": lambda s: s.tax, "DocTotal": lambda s: s.total,
    }, Dialect(delimiter="\t", day="%Y%m%d"))  # fmt: skip
    return truth_of(sales, lambda s: f"D{s.customer.number}", net=lambda s: s.total)


@export("Dynamics NAV: posted sales invoices", "de-DE")
def navision(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "Geb. Verkaufsrechnungen.csv", sales, {
        "Nr.": lambda s: f"103{s.number}", "Verk. an Deb.-Nr.": lambda s: number(s), "Verk. an Name": name,
        "Währungscode": lambda s: "EUR", "Betrag": lambda s: s.net, "Betrag inkl. MwSt.": lambda s: s.total,
        "Buchungsdatum": lambda s: s.at, "Lagerortcode": lambda s: "BLAU",
    }, Dialect(delimiter=";", decimal=",", thousands=".", encoding="cp1252",
    day="%d.%m.%y", newline="\r\n"))  # fmt: skip
    return truth_of(sales, number, order_id=lambda s: f"103{s.number}")


@export("Dynamics Business Central: posted sales invoices", "en-US")
def business_central(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "Posted Sales Invoices.csv", sales, {
        "No.": lambda s: f"PS-INV{s.number}", "Customer No.": number, "Customer Name": name,
        "Currency Code": lambda s: "USD",
        "Amount": lambda s: s.net, "Amount Including VAT": lambda s: s.total, "Posting Date": lambda s: s.at,
    }, Dialect(day="#m/#d/%Y", thousands=","))  # fmt: skip
    return truth_of(sales, number, order_id=lambda s: f"PS-INV{s.number}")


@export("Odoo: sale.order", "nl-NL")
def odoo(folder: Path) -> Truth:
    sales = without_refunds(shown("cancelled", "pending"))
    write(folder / "sale.order.csv", sales, {
        "Order Reference": lambda s: f"S{s.number}", "Order Date": lambda s: s.at, "Customer": name,
        "Salesperson": lambda s: "Mitchell Admin", "Company": lambda s: "House Shop", "Untaxed Amount": lambda s: s.net,
        "Total": lambda s: s.total, "Status": of_status(paid="Sales Order", cancelled="Cancelled", pending="Quotation"),
    }, Dialect(quote_all=True))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), name, order_id=lambda s: f"S{s.number}")


@export("lexoffice: invoices", "de-DE")
def lexoffice(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write(folder / "lexoffice-rechnungen.csv", sales, {
        "Rechnungsnummer": lambda s: f"RE{s.number}", "Rechnungsdatum": lambda s: s.at, "Kundennummer": number,
        "Kunde": name,
        "Nettobetrag": lambda s: s.net, "Umsatzsteuer": lambda s: s.tax, "Bruttobetrag": lambda s: s.total,
        "Währung": lambda s: "EUR", "Status": lambda s: "bezahlt",
    }, Dialect(delimiter=";", decimal=",", day="%d.%m.%Y", encoding="utf-8-sig", newline="\r\n"))  # fmt: skip
    return truth_of(sales, number, order_id=lambda s: f"RE{s.number}")


@export("DATEV: bookings of debtors, debit and credit beside amounts", "de-DE", answers={"sales_side": "S"})
def datev(folder: Path) -> Truth:
    rows = movements(paid())
    write(folder / "Debitorenbuchungen.csv", rows, {
        "Belegnummer": lambda m: m.number, "Belegdatum": lambda m: m.at, "Kundennummer": lambda m: number(m.sale),
        "Umsatz": lambda m: abs(m.net), "Soll/Haben-Kennzeichen": lambda m: "H" if m.is_refund else "S",
        "Buchungstext": lambda m: "",
    }, Dialect(delimiter=";", decimal=",", day="%d.%m.%Y"))  # fmt: skip
    return truth_of(charged(paid()), number)


@export("HubSpot: deals", "en-US")
def hubspot(folder: Path) -> Truth:
    sales = without_refunds(shown("failed", "pending"))
    write(folder / "hubspot-crm-exports-all-deals.csv", sales, {
        "Record ID": lambda s: 9_000_000_000 + s.number, "Deal Name": lambda s: f"Order {s.number}",
        "Deal Stage": of_status(paid="Closed Won", failed="Closed Lost", pending="Contract Sent"),
        "Close Date": lambda s: s.at, "Deal owner": lambda s: "Sam", "Amount": lambda s: s.net,
        "Pipeline": lambda s: "Sales Pipeline", "Associated Company IDs": number, "Associated Company": name,
    }, Dialect(day="%Y-%m-%d %H:%M", quote_all=True))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), number, order_id=lambda s: 9_000_000_000 + s.number)


@export("Salesforce: opportunities report with its footer", "en-US")
def salesforce(folder: Path) -> Truth:
    sales = without_refunds(shown("failed"))
    write(folder / "report1709634.csv", sales, {
        "Opportunity ID": lambda s: f"006Dn00000{s.number}", "Account Name": name,
        "Opportunity Name": lambda s: f"Deal {s.number}",
        "Stage": of_status(paid="Closed Won", failed="Closed Lost"), "Amount": lambda s: s.net,
        "Probability (%)": lambda s: "100", "Close Date": lambda s: s.at, "Lead Source": lambda s: "Web",
    }, Dialect(day="#m/#d/%Y", quote_all=True, below=("", "", '"Opportunities"',
    '"Copyright (c) 2000-2024 salesforce.com, '
       'inc. All rights reserved."', '"Confidential Information - Do Not Distribute"')))  # fmt: skip
    return truth_of((s for s in sales if s.status == "paid"), name, order_id=lambda s: f"006Dn00000{s.number}")
