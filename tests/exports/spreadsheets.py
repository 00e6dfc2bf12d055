"""Workbooks, archives and folders."""

from __future__ import annotations

import gzip
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from tests.exports.shape import export
from tests.exports.shop import Truth, paid, people, truth_of, without_refunds
from tests.exports.shop_systems import name, number
from tests.exports.writing import Columns, Dialect, ods, sheet_of, write, xls, xlsx

GERMAN: Final[Columns] = {
    "Bestellnummer": lambda s: s.number, "Kundennummer": number, "Bestelldatum": lambda s: s.at,
    "Nettobetrag": lambda s: s.net,
}  # fmt: skip
ENGLISH: Final[Columns] = {
    "Order ID": lambda s: s.number, "Customer ID": number, "Order Date": lambda s: s.at, "Net Amount": lambda s: s.net,
}  # fmt: skip


@export("xlsx: one sheet, true days", "en-US")
def one_sheet(folder: Path) -> Truth:
    sales = without_refunds(paid())
    xlsx(folder / "orders.xlsx", {"Sheet1": sheet_of(sales, ENGLISH)})
    return truth_of(sales, number)


@export("xlsx: titles, a total row and further sheets", "de-DE")
def titled_sheet(folder: Path) -> Truth:
    sales = without_refunds(paid())
    total = sum((sale.net for sale in sales), Decimal(0))
    rows: list[list[object]] = [
        ["Umsatzbericht 2023"],
        ["Stand", datetime(2024, 3, 5)],
        [],
        *sheet_of(sales, GERMAN),
        ["Summe", None, None, total],
    ]
    by_country = {code: sum(person.country == code for person in people()) for code in ("DE", "FR", "CH")}
    countries: list[list[object]] = [["Land", "Kunden"], *([*item] for item in by_country.items())]
    xlsx(
        folder / "Umsatz.xlsx",
        {"Hinweise": [["Nur für den internen Gebrauch"]], "Bestellungen": rows, "Länder": countries},
    )
    return truth_of(sales, number)


@export("xlsx: amounts and days as text", "fr-FR")
def text_sheet(folder: Path) -> Truth:
    sales = without_refunds(paid())
    write_as = Dialect(decimal=",", thousands="\u00a0", sign="# €", day="%d/%m/%Y")
    header, *rows = sheet_of(sales, {"Commande": lambda s: s.number, "Code client": number, "Date": lambda s: s.at,
                                     "Montant HT": lambda s: s.net})  # fmt: skip
    xlsx(folder / "ventes.xlsx", {"Ventes": [header, *([write_as.text(value) for value in row] for row in rows)]})
    return truth_of(sales, number)


@export("xlsx: orders, refunds and customers on three sheets", "en-GB")
def three_sheets(folder: Path) -> Truth:
    backs = [(sale, back) for sale in paid() for back in sale.refunds]
    xlsx(folder / "shop.xlsx", {
        "Orders": sheet_of(paid(), ENGLISH),
        "Refunds": sheet_of(backs, {"Order ID": lambda r: r[0].number, "Refund Date": lambda r: r[1].at,
                                    "Refund Amount": lambda r: r[1].amount}),
        "Customers": sheet_of(people(), {"Customer ID": lambda p: p.number, "Country": lambda p: p.country}),
    })  # fmt: skip
    return truth_of(paid(), number)


@export("ods: one sheet", "it-IT")
def open_document(folder: Path) -> Truth:
    sales = without_refunds(paid())
    ods(folder / "ordini.ods", {"Ordini": sheet_of(sales, {
        "Numero ordine": lambda s: s.number, "Codice cliente": number, "Data ordine": lambda s: s.at,
        "Imponibile": lambda s: s.net,
    })})  # fmt: skip
    return truth_of(sales, number)


@export("zip with one file", "de-DE")
def zipped(folder: Path) -> Truth:
    sales = without_refunds(paid())
    inner = write(folder / "export.csv", sales, GERMAN, Dialect(";", "cp1252", ",", day="%d.%m.%Y"))
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, inner.name)
    inner.unlink()
    return truth_of(sales, number)


@export("gz", "en-US")
def gzipped(folder: Path) -> Truth:
    sales = without_refunds(paid())
    inner = write(folder / "orders.csv", sales, ENGLISH)
    (folder / "orders.csv.gz").write_bytes(gzip.compress(inner.read_bytes()))
    inner.unlink()
    return truth_of(sales, number)


@export("a folder with a file a year", "en-US")
def yearly_files(folder: Path) -> Truth:
    sales = without_refunds(paid())
    (folder / "orders").mkdir()
    for year in (2023, 2024):
        write(folder / "orders" / f"orders-{year}.csv", [s for s in sales if s.at.year == year], ENGLISH)
    return truth_of(sales, number)


@export("xls: titles above the header, true days", "pt-PT")
def old_workbook(folder: Path) -> Truth:
    sales = without_refunds(paid())
    rows = sheet_of(
        sales,
        {"Encomenda": lambda s: s.number, "Cliente": name, "Data": lambda s: s.at, "Total sem IVA": lambda s: s.net},
    )
    xls(folder / "vendas.xls", {"Vendas": [["Relatório de vendas"], [], *rows]})
    return truth_of(sales, name)
