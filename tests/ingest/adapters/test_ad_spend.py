"""What ads cost, as Google and Meta report it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.adapters.conformance import Conformance, Example, Held
from tests.ingest.adapters.test_tickets import gorgias

PEOPLE = ("ann@example.org", "bo@example.org")
Row = dict[str, Any]


def google(day: int, cost: str, campaign: str = "Brand", currency: str = "EUR") -> Row:
    """support.google.com/google-ads/answer/2404176: a report of campaigns, segmented by day."""
    return {
        "Campaign status": "Enabled", "Campaign": campaign, "Day": f"2024-01-{day:02}", "Currency code": currency,
        "Cost": cost, "Impr.": "1200", "Clicks": "80",
    }  # fmt: skip


def total(what: str, cost: str) -> Row:
    return {"Campaign status": f"Total: {what}", "Campaign": " --", "Day": " --", "Currency code": "EUR", "Cost": cost,
            "Impr.": "2400", "Clicks": "160"}  # fmt: skip


def meta(day: int, spent: str, campaign: str = "Prospecting", currency: str = "EUR", **more: str) -> Row:
    """Ads Manager, "Export table data", broken down by day."""
    row = {
        "Campaign name": campaign, "Day": f"2024-01-{day:02}", "Campaign delivery": "active", "Results": "3",
        "Reach": "900", "Impressions": "1100", f"Amount spent ({currency})": spent,
        "Reporting starts": f"2024-01-{day:02}", "Reporting ends": f"2024-01-{day:02}",
    }  # fmt: skip
    return {**row, **more}


class TestGoogleAds(Conformance):
    example = Example(
        adapter="google_ads",
        rows=[google(1, "12.34"), google(2, "7.66"), google(2, "5.00", "Shopping"), total("Campaigns", "25.00"),
              total("Account", "25.00")],
        tables={"acquisition_spend": Held(3, {"spend": 25.0})},
        needed="Cost",
        beside=PEOPLE,
        above=("Campaign report", '"January 1, 2024 - January 31, 2024"'),
        money_in="Currency code",
        sent_again=False,
    )  # fmt: skip

    def test_two_currencies_are_refused(self, tmp_path: Path) -> None:
        mixed = [google(1, "12.34"), google(2, "7.66", currency="SEK")]
        with pytest.raises(DataError, match="SEK"):
            self.read(tmp_path, replace(self.example, rows=mixed))

    def test_sums_are_left_out_and_the_rest_has_its_day_campaign_and_channel(self, tmp_path: Path) -> None:
        result = self.read(tmp_path)
        assert dict(result.ledger_of("acquisition_spend").excluded) == {"total row": 2}
        found = result.tables.get("acquisition_spend")
        assert found["date"].tolist()[0] == pd.Timestamp("2024-01-01")
        assert sorted(found["campaign"].unique()) == ["Brand", "Shopping"]
        assert set(found["channel"]) == {"google_ads"}
        assert set(found["cost_kind"]) == {"ads"}

    def test_the_channel_may_be_called_as_in_the_orders(self, tmp_path: Path) -> None:
        settings = {"constants": {"channel": "paid search"}}
        found = self.read(tmp_path, replace(self.example, settings=settings)).tables.get("acquisition_spend")
        assert set(found["channel"]) == {"paid search"}
        assert set(found["cost_kind"]) == {"ads"}


class TestMetaAds(Conformance):
    example = Example(
        adapter="meta_ads",
        rows=[meta(1, "10.50"), meta(2, "9.50"), meta(3, ""),
              {**meta(1, "20.00", campaign="", Day=""), "Reporting ends": "2024-01-31"}],
        tables={"acquisition_spend": Held(3, {"spend": 20.0})},
        needed="Amount spent (EUR)",
        beside=PEOPLE,
        sent_again=False,
    )  # fmt: skip

    def test_the_row_of_totals_is_left_out_and_nothing_spent_is_0(self, tmp_path: Path) -> None:
        result = self.read(tmp_path)
        assert dict(result.ledger_of("acquisition_spend").excluded) == {"total row": 1}
        assert sorted(result.tables.get("acquisition_spend")["spend"]) == [0.0, 9.5, 10.5]

    @pytest.mark.parametrize("named", ["Account name", "Day"])
    def test_the_total_of_a_report_by_account_is_left_out_too(self, tmp_path: Path, named: str) -> None:
        """Its rows have no campaign; a total that counted would double what was spent."""
        other = {"Account name": "Day", "Day": "Account name"}[named]
        rows: list[Row] = [{"Account name": "Shop", **row} for row in (meta(1, "10.50"), meta(2, "9.50"))]
        total = {**rows[0], "Account name": "", "Day": "", "Amount spent (EUR)": "20.00"}
        rows = [*rows, {**total, "Reporting ends": "2024-01-31"}]
        rows = [{key: value for key, value in row.items() if key not in ("Campaign name", other)} for row in rows]
        result = self.read(tmp_path, replace(self.example, rows=rows))
        assert dict(result.ledger_of("acquisition_spend").excluded) == {"total row": 1}
        assert result.tables.get("acquisition_spend")["spend"].sum() == 20.0

    @pytest.mark.parametrize(("spent", "delimiter"), [("1.234,50", ";"), ("1,234.50", ",")])
    def test_init_sees_how_amounts_are_written_though_their_header_holds_a_currency(
        self, tmp_path: Path, spent: str, delimiter: str
    ) -> None:
        resaved = replace(self.example, rows=[meta(1, spent), meta(2, spent)], delimiter=delimiter)
        path = resaved.write(tmp_path)
        files = (str(path.with_name("orders.csv")), str(path))
        init(InitRequest(files=files, out=tmp_path / "shop.yaml", currency="EUR"), Workspace(tmp_path, tmp_path))
        result = read_shop(load_config(tmp_path / "shop.yaml", ShopConfig))
        assert result.tables.get("acquisition_spend")["spend"].tolist() == [1234.5, 1234.5]

    def test_the_currency_stands_in_the_header(self, tmp_path: Path) -> None:
        rows = [meta(1, "10.50", currency="USD")]
        with pytest.raises(DataError, match=r"holds USD, but one run holds one currency \(EUR\)"):
            self.read(tmp_path, replace(self.example, rows=rows))

    def test_without_days_a_row_counts_from_its_first_day_and_says_so(self, tmp_path: Path) -> None:
        rows = [{key: value for key, value in meta(1, "31.00").items() if key != "Day"}]
        rows = [{**rows[0], "Reporting ends": "2024-01-31"}]
        result = self.read(tmp_path, replace(self.example, rows=rows))
        assert result.tables.get("acquisition_spend")["date"].tolist() == [pd.Timestamp("2024-01-01")]
        assert any("1 rows span several days and count at the first" in note for note in result.notes)


@pytest.mark.parametrize("ads", [TestGoogleAds.example, TestMetaAds.example])
def test_init_finds_tickets_and_ads_beside_the_orders(ads: Example, tmp_path: Path) -> None:
    rows = [gorgias(1, PEOPLE[0]), gorgias(2, PEOPLE[1])]
    tickets = Example(adapter="gorgias", rows=rows, tables={"tickets": Held(2)}, needed=None, beside=PEOPLE)
    first, second = tickets.write(tmp_path / "tickets"), ads.write(tmp_path / "ads")
    files = tuple(map(str, (first.with_name("orders.csv"), first, second)))
    init(InitRequest(files=files, out=tmp_path / "shop.yaml", currency="EUR"), Workspace(tmp_path, tmp_path))
    shop = load_config(tmp_path / "shop.yaml", ShopConfig)
    assert {name: table.adapter for name, table in shop.tables.items()} == {
        "tickets": "gorgias",
        "acquisition_spend": ads.adapter,
    }
    result = read_shop(shop, max_bad_share=1.0)
    assert (len(result.tables.get("tickets")), len(result.tables.get("acquisition_spend"))) == (2, 3)
