"""Rows of one table that come from several systems: ads of two networks, tickets of a desk and of a mailbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.adapters.conformance import Example, Held
from tests.ingest.adapters.test_ad_spend import PEOPLE, google, meta, total
from tests.ingest.adapters.test_tickets import gorgias


def _example(adapter: str, rows: list[dict[str, str]], table: str) -> Example:
    return Example(adapter=adapter, rows=rows, tables={table: Held(len(rows))}, needed=None, beside=PEOPLE)  # type: ignore[arg-type]


def _declared(folder: Path, *files: Path) -> ShopConfig:
    out = folder / "shop.yaml"
    orders = files[0].with_name("orders.csv")
    request = InitRequest(files=(str(orders), *map(str, files)), out=out, currency="EUR")
    init(request, Workspace(folder, folder))
    return load_config(out, ShopConfig)


def test_ads_of_two_networks_are_one_table_of_spend(tmp_path: Path) -> None:
    first = _example(
        "google_ads", [google(1, "12.34"), google(2, "7.66"), total("Account", "20.00")], "acquisition_spend"
    )
    second = _example("meta_ads", [meta(1, "10.50"), meta(3, "9.50")], "acquisition_spend")
    shop = _declared(tmp_path, first.write(tmp_path / "google"), second.write(tmp_path / "meta"))
    result = read_shop(shop)
    assert {name: table.table for name, table in shop.tables.items()} == {
        "acquisition_spend": None,
        "meta_ads": "acquisition_spend",
    }
    spend = result.tables.get("acquisition_spend")
    assert spend.groupby("channel")["spend"].sum().to_dict() == {"google_ads": 20.0, "meta_ads": 20.0}
    assert spend["date"].is_monotonic_increasing
    ledger = result.ledger_of("acquisition_spend")
    assert (ledger.rows_in, ledger.used, dict(ledger.excluded)) == (5, 4, {"total row": 1})


def test_tickets_of_a_desk_and_of_a_list_with_plain_headers(tmp_path: Path) -> None:
    desk = _example("gorgias", [gorgias(1, PEOPLE[0]), gorgias(2, PEOPLE[1])], "tickets").write(tmp_path / "desk")
    mailbox = tmp_path / "mailbox_tickets.csv"
    mailbox.write_text(f"ticket_id,customer_id,opened_at\nM1,{PEOPLE[0]},2026-01-05\nM2,nobody,\n", encoding="utf-8")
    shop = _declared(tmp_path, desk, mailbox)
    assert shop.tables["mailbox_tickets"].table == "tickets"
    result = read_shop(shop, max_bad_share=1.0)
    assert len(result.tables.get("tickets")) == 3
    assert result.quarantine[["table", "file", "row"]].values.tolist() == [["tickets", "mailbox_tickets.csv", 2]]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"two": {"table": "customers"}}, "customers come from one source"),
        ({"tickets": {"table": "events"}}, "tickets: is itself a table"),
        ({"two": {"table": "ticket"}}, r"'ticket' is no table \(did you mean 'tickets'"),
    ],
)
def test_what_cannot_come_from_several_is_refused(tables: dict[str, dict[str, str]], said: str) -> None:
    source = {"path": "x.csv"}
    columns = {name: name for name in ("order_id", "customer_id", "ordered_at", "net")}
    content = {"name": "shop", "currency": "EUR", "source": source, "columns": columns}
    with pytest.raises(ValidationError, match=said):
        ShopConfig.model_validate(
            {**content, "tables": {key: {"source": source, **table} for key, table in tables.items()}}
        )
