"""``cvo init`` tells every table of the product by its headers, and ``cvo check`` then reads it whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.workflows.check import CheckRequest, check
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.valid_tables import valid_tables

ORDERS = ["Bestellnummer;Kundennummer;Bestelldatum;Summe netto"] + [
    f"B{row:03};K{row % 20:02};{row % 28 + 1:02}.{row % 12 + 1:02}.2024;{10 + row},50" for row in range(120)
]


def found(folder: Path, currency: str | None = "EUR") -> ShopConfig:
    """The shop that ``init`` makes of all files of a folder, asked nothing."""
    files = tuple(map(str, sorted(folder.glob("*.*"))))
    out = folder / "shop.yaml"
    result = init(InitRequest(files=files, out=out, currency=currency), Workspace(folder, folder))
    assert not result.questions
    return load_config(out, ShopConfig)


def in_files(folder: Path, files: Mapping[str, list[str]]) -> None:
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_every_table_is_found_by_its_own_names_and_checked_without_a_false_word(tmp_path: Path) -> None:
    written = valid_tables(2)
    for name, frame in written.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    shop = found(tmp_path, None)
    assert {"orders", *shop.tables} == set(CONTRACTS)
    for name, table in shop.tables.items():
        assert set(table.columns) == set(CONTRACTS[name].names), name
        assert Path(table.source.path).stem == name
        assert not table.profile, name
    checked = check(CheckRequest(shop=shop), Workspace(tmp_path, tmp_path))
    assert checked.rows.notes == ()
    ledger = checked.rows.row_ledger
    assert ledger.rows_in == ledger.used == sum(map(len, written.values()))
    assert checked.readiness.contents.tables == {name: len(frame) for name, frame in written.items()}


#: File to table: what a German, French, Spanish or English export of it is headed.
EXPORTS = {
    "versand": ("deliveries", ["Bestellnummer;Versanddatum;Lieferdatum;Liefertermin;Paketdienst",
                               "B001;13.02.2025;15.02.2025;14.02.2025;DHL", "B002;;;15.02.2025;DHL"],
                {"order_id": "Bestellnummer", "shipped_at": "Versanddatum", "delivered_at": "Lieferdatum",
                 "promised_at": "Liefertermin", "carrier": "Paketdienst"}),
    "shipments": ("deliveries", ["Order ID,Tracking Number,Ship Date,Delivery Date,Estimated Delivery,Courier",
                                 "B001,T1,2025-02-13,2025-02-15,2025-02-16,UPS"],
                  {"order_id": "Order ID", "delivery_id": "Tracking Number", "shipped_at": "Ship Date",
                   "delivered_at": "Delivery Date", "promised_at": "Estimated Delivery", "carrier": "Courier"}),
    "bewertungen": ("reviews", ["Kundennummer;Artikelnummer;Bewertet am;Sterne;Kommentar",
                                "K01;P1;15.12.2025;5;gut"],
                    {"customer_id": "Kundennummer", "product_id": "Artikelnummer", "reviewed_at": "Bewertet am",
                     "rating": "Sterne", "text": "Kommentar"}),
    "monate": ("months", ["Monat;Bestellungen;Umsatz netto", "2022-01;10;900,00", "2022-02;12;950,00"],
               {"month": "Monat", "orders": "Bestellungen", "net": "Umsatz netto"}),
    "firmen": ("accounts", ["Firmen-ID;Mutterkonto;Branche", "F1;;Handel", "F2;F1;Bau", "F3;F1;Bau"],
               {"account_id": "Firmen-ID", "parent_id": "Mutterkonto"}),
    "precios": ("prices", ["Producto;Precio;Vigente desde;Vigente hasta", "P1;9,90;13.01.2024;14.02.2024"],
                {"product_id": "Producto", "price": "Precio", "valid_from": "Vigente desde",
                 "valid_to": "Vigente hasta"}),
    "depenses": ("acquisition_spend", ["Date;Canal;Campagne;Dépenses", "13.02.2024;ads;hiver;12,50"],
                 {"date": "Date", "channel": "Canal", "campaign": "Campagne", "spend": "Dépenses"}),
    "referrals": ("referrals", ["Referred By,Friend ID,Date,Reward", "K01,K02,2024-03-04,5.00"],
                  {"referrer_id": "Referred By", "referred_id": "Friend ID", "at": "Date", "reward": "Reward"}),
    "feature requests": ("feature_requests",
                         ["Customer ID,Requested At,Title,Comment", "K01,2024-03-04,dark mode,night"],
                         {"customer_id": "Customer ID", "requested_at": "Requested At", "title": "Title",
                          "reason": "Comment"}),
    "initiatives": ("initiatives", ["ID,Name,Story Points,Expected Value", "I1,New checkout,5,1000.00"],
                    {"initiative_id": "ID", "name": "Name", "effort": "Story Points", "value": "Expected Value"}),
    "okrs": ("okrs", ["Key Result ID,Measured At,Value,Baseline,Target", "KR1,2024-03-04,0.1,0.12,0.08"],
             {"key_result_id": "Key Result ID", "measured_at": "Measured At", "value": "Value", "base": "Baseline",
              "target": "Target"}),
    "notes": ("annotations", ["Date,Annotation", "2024-03-04,new carrier"], {"at": "Date", "what": "Annotation"}),
    "van westendorp": ("price_answers", ["Respondent,Date,Too Cheap,Bargain,Getting Expensive,Too Expensive",
                                         "R1,2024-03-04,5.00,8.00,12.00,20.00"],
                       {"respondent_id": "Respondent", "answered_at": "Date", "too_cheap": "Too Cheap",
                        "cheap": "Bargain", "expensive": "Getting Expensive", "too_expensive": "Too Expensive"}),
    "conjoint": ("choices", ["Respondent ID,Choice Set,Alternative,Price,Seats,Selected,Date",
                             "R1,1,a,9.00,5,yes,2024-03-04", "R1,1,b,5.00,1,no,2024-03-04"],
                 {"respondent_id": "Respondent ID", "task_id": "Choice Set", "alternative_id": "Alternative",
                  "price": "Price", "chosen": "Selected", "answered_at": "Date"}),
    "wechselkurse": ("fx", ["Datum;Währung;Kurs", "13.02.2024;USD;0,92", "14.02.2024;USD;0,93"],
                     {"date": "Datum", "currency": "Währung", "rate": "Kurs"}),
}  # fmt: skip


@pytest.mark.parametrize("file", EXPORTS)
def test_an_export_is_found_by_what_its_headers_mean(file: str, tmp_path: Path) -> None:
    table, lines, columns = EXPORTS[file]
    in_files(tmp_path, {"bestellungen": ORDERS, file: lines})
    shop = found(tmp_path)
    assert dict(shop.tables[table].columns) == columns
    result = read_shop(shop)
    unshipped = sum(";;;" in line for line in lines)
    assert result.ledger_of(table).used == len(lines) - 1 - unshipped
    assert len(result.quarantine) == 0


def test_fields_of_leads_and_companies_are_taken_along_without_people(tmp_path: Path) -> None:
    leads = ["Lead ID;Erstellt am;E-Mail;Vorname;Branche;Mitarbeiter;Telefon"]
    leads += [
        f"L{row};13.03.2024;p{row}@example.org;Vera{row};{'Bau' if row % 2 else 'Handel'};{row};0{row}"
        for row in range(9)
    ]
    in_files(tmp_path, {"bestellungen": ORDERS, "leads": leads})
    assert dict(found(tmp_path).tables["leads"].profile) == {"branche": "Branche", "mitarbeiter": "Mitarbeiter"}


def test_accounts_whose_ids_order_are_the_customers(tmp_path: Path) -> None:
    accounts = ["Account ID;Created"] + [f"K{row:02};13.03.2024" for row in range(20)]
    in_files(tmp_path, {"bestellungen": ORDERS, "accounts": accounts})
    assert {"customers"} == set(found(tmp_path).tables)


def test_of_several_ids_of_people_the_one_that_orders_is_taken(tmp_path: Path) -> None:
    reviews = ["Customer ID,Email,Review Date,Rating"] + [f"{row},K{row:02},2025-03-04,5" for row in range(9)]
    in_files(tmp_path, {"bestellungen": ORDERS, "reviews": reviews})
    assert found(tmp_path).tables["reviews"].columns["customer_id"] == "Email"


def test_a_seller_of_a_marketplace_is_read(tmp_path: Path) -> None:
    orders = pd.DataFrame([line.split(";") for line in ORDERS[1:]], columns=ORDERS[0].split(";"))
    orders.assign(Seller=[f"S{row % 3}" for row in range(len(orders))]).to_csv(tmp_path / "a.csv", index=False, sep=";")
    shop = found(tmp_path)
    assert shop.columns["seller_id"] == "Seller"
    assert set(read_shop(shop).tables.orders["seller_id"]) == {"S0", "S1", "S2"}


def test_where_rates_lie_beside_the_orders_other_currencies_are_converted_and_none_is_left_out(tmp_path: Path) -> None:
    orders = ["Order ID,Customer ID,Order Date,Net,Currency"]
    orders += [
        f"O{row:03},C{row % 9},2024-03-{row % 28 + 1:02},100.00,{'USD' if row % 3 else 'EUR'}" for row in range(60)
    ]
    rates = ["Date,Currency,Exchange Rate", "2024-03-01,USD,0.90", "2024-03-15,USD,0.95"]
    refunds = ["Order ID,Refund Date,Refund Amount,Currency", "O001,2024-03-20,10.00,USD", "O003,2024-03-20,10.00,EUR"]
    in_files(tmp_path, {"orders": orders, "rates": rates, "refunds": refunds})
    shop = found(tmp_path, None)
    assert (shop.currency, shop.exclude) == ("EUR", ())
    tables = read_shop(shop).tables
    # by hand: of the two thirds in dollars, days 1 to 14 at .90, days 15 to 28 at .95
    days = [(row % 28 + 1, row % 3 > 0) for row in range(60)]
    expected = sum(100 * (1.0 if not dollars else 0.9 if day < 15 else 0.95) for day, dollars in days)
    assert tables.orders["net"].sum() == pytest.approx(expected)
    assert sorted(tables.refunds["amount"]) == [9.5, 10.0]
