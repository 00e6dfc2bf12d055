"""The public data sets: every row accounted for, numbers as known from the data."""

from __future__ import annotations

import time
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest import ReadResult, read_shop, sample_shop
from cvo_ml.ingest import sample as sample_package

from .conftest import REPOSITORY, shop

SAMPLE = Path(str(sample_package.__file__)).with_name("online_retail.parquet")


@cache
def online_retail(as_of: date | None = None) -> ReadResult:
    return read_shop(sample_shop(), as_of=as_of)


def refund(result: ReadResult, refund_id: str) -> pd.Series:
    refunds = result.tables.refunds
    return refunds[refunds["refund_id"] == refund_id].iloc[0]


def test_every_row_of_online_retail_is_accounted_for() -> None:
    ledger = online_retail().ledger
    assert (ledger.rows_in, ledger.used, dict(ledger.quarantined)) == (541_909, 404_876, {})
    assert ledger.excluded == {
        "guest (no customer)": 135_080,
        "no product (postage, fees, corrections)": 1_920,
        "price of zero": 33,
    }


def test_online_retail_equals_a_plain_pandas_reading() -> None:
    raw = pd.read_parquet(SAMPLE)
    kept = raw[raw["CustomerID"].notna() & (raw["UnitPrice"] > 0) & raw["StockCode"].str.match(r"\d{5}")]
    bought, back = kept[kept["Quantity"] > 0], kept[kept["Quantity"] < 0]
    tables = online_retail().tables
    assert (len(tables.orders), len(tables.refunds), len(tables.get("order_lines"))) == (
        bought["InvoiceNo"].nunique(),
        len(back),
        len(bought),
    )
    assert tables.orders["net"].sum() == pytest.approx((bought["Quantity"] * bought["UnitPrice"]).sum(), rel=1e-12)
    assert tables.refunds["amount"].sum() == pytest.approx(-(back["Quantity"] * back["UnitPrice"]).sum(), rel=1e-12)
    by_invoice = (bought["Quantity"] * bought["UnitPrice"]).groupby(bought["InvoiceNo"]).sum()
    np.testing.assert_allclose(
        tables.orders.set_index("order_id")["net"].sort_index(), by_invoice.sort_index(), rtol=1e-12
    )


def test_the_two_giant_cancellations_name_their_orders() -> None:
    first, second = refund(online_retail(), "C541433:1"), refund(online_retail(), "C581484:1")
    assert (first["order_id"], first["amount"]) == ("541431", pytest.approx(74_215 * 1.04))
    assert (second["order_id"], second["amount"]) == ("581483", pytest.approx(80_995 * 2.08))
    assert first["refunded_at"] == pd.Timestamp("2011-01-18 10:17")


def test_no_order_is_refunded_above_its_value_and_none_before_it_was_placed() -> None:
    tables = online_retail().tables
    matched = tables.refunds.dropna(subset="order_id").merge(tables.orders, on="order_id", suffixes=("", "_of_order"))
    assert len(matched) == tables.refunds["order_id"].notna().sum() == 7_074
    assert (matched["customer_id"] == matched["customer_id_of_order"]).all()
    assert (matched["refunded_at"] >= matched["ordered_at"]).all()
    assert (matched.groupby("order_id")["amount"].sum() <= matched.groupby("order_id")["net"].first() + 1e-6).all()


def test_a_cancellation_after_as_of_leaves_the_earlier_order_untouched() -> None:
    before = online_retail(date(2011, 12, 9))
    giants = before.tables.orders[before.tables.orders["net"] > 50_000]
    assert giants["order_id"].tolist() == ["541431"]
    early = read_shop(sample_shop(), as_of=date(2011, 1, 18))
    assert early.tables.refunds["refunded_at"].max() < pd.Timestamp("2011-01-18")
    for result in (before, early):
        orders = online_retail().tables.orders
        expected = orders[orders["ordered_at"] < result.tables.orders["ordered_at"].max() + pd.Timedelta("1us")]
        pd.testing.assert_frame_equal(result.tables.orders, expected.reset_index(drop=True))
        assert result.ledger.rows_in == 541_909


def test_refunds_known_by_as_of_are_the_same_as_in_the_whole_history() -> None:
    early, whole = online_retail(date(2011, 9, 10)).tables.refunds, online_retail().tables.refunds
    pd.testing.assert_frame_equal(early, whole[whole["refunded_at"] < "2011-09-10"].reset_index(drop=True))


def test_the_sample_is_whole_and_small() -> None:
    assert SAMPLE.stat().st_size <= 4_000_000
    metadata = pq.ParquetFile(SAMPLE).metadata
    assert (metadata.num_rows, metadata.num_columns) == (541_909, 8)
    assert "CC BY 4.0" in SAMPLE.with_name("NOTICE.md").read_text(encoding="utf-8")


def test_the_sample_equals_the_public_copy(shared_data: Path) -> None:
    public = pd.read_parquet(shared_data / "online_retail" / "online_retail.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(SAMPLE), public, check_dtype=False)


def test_reading_the_sample_takes_seconds() -> None:
    start = time.perf_counter()
    read_shop(sample_shop())
    assert time.perf_counter() - start < 10


def declared_shop(name: str) -> ShopConfig:
    return load_config(REPOSITORY / "configs" / "shops" / f"{name}.yaml", ShopConfig)


@pytest.mark.usefixtures("shared_data")
def test_cdnow_has_one_order_per_customer_and_day() -> None:
    result = read_shop(declared_shop("cdnow"))
    assert (result.ledger.rows_in, result.ledger.used) == (69_659, 69_659)
    orders = result.tables.orders
    assert orders["customer_id"].nunique() == 23_570
    assert not orders.assign(day=orders["ordered_at"].dt.normalize()).duplicated(["customer_id", "day"]).any()
    assert orders["net"].sum() == pytest.approx(2_500_315.63)


@pytest.mark.usefixtures("shared_data")
def test_superstore_quarantines_orders_of_two_customers() -> None:
    result = read_shop(declared_shop("superstore"))
    assert (result.ledger.rows_in, result.ledger.used) == (10_194, 10_186)
    assert result.ledger.quarantined == {"Order ID: order of several customers": 8}
    assert len(result.tables.orders) == 5_111 - 2
    assert {"country", "region", "city", "segment"} <= set(result.tables.get("customers"))


@pytest.mark.usefixtures("shared_data")
def test_completejourney_equals_a_plain_reading(shared_data: Path) -> None:
    raw = pd.read_parquet(shared_data / "completejourney" / "transactions.parquet")
    result = read_shop(declared_shop("completejourney"))
    assert (result.ledger_of("order_lines").rows_in, result.ledger_of("order_lines").used) == (1_469_307, 1_469_307)
    assert (len(result.tables.orders), len(result.tables.get("customers"))) == (raw["basket_id"].nunique(), 801)
    assert result.tables.orders["customer_id"].nunique() == 2_469
    assert result.tables.orders["net"].sum() == pytest.approx(raw["sales_value"].sum(), rel=1e-12)


def test_the_b2b_sample_counts_sales_alone(shared_data: Path) -> None:
    raw = pd.read_csv(shared_data / "sales_data_sample_b2b" / "sales_data_sample.csv.gz")
    sales = raw[raw["status"].isin(["Shipped", "Resolved", "In Process"])]
    result = read_shop(declared_shop("sales_data_sample_b2b"))
    excluded = {"cancelled order": 60, "pending (status)": 58}  # on hold 44, disputed 14
    assert (result.ledger.rows_in, dict(result.ledger.excluded)) == (2_823, excluded)
    assert len(result.tables.orders) == sales["orderID"].nunique()
    assert result.tables.orders["net"].sum() == pytest.approx(sales["sales"].sum())
    assert result.tables.orders["ordered_at"].min() == pd.Timestamp("2003-01-06")


@pytest.mark.usefixtures("shared_data")
def test_ravenstack_has_subscriptions_and_no_orders() -> None:
    result = read_shop(declared_shop("ravenstack_saas"))
    assert {name: len(frame) for name, frame in result.tables.frames.items()} == {
        "orders": 0, "subscriptions": 5_000, "customers": 500, "refunds": 142, "tickets": 2_000,
    }  # fmt: skip
    subscriptions = result.tables.get("subscriptions")
    assert subscriptions["status"].value_counts().to_dict() == {"active": 4_514, "canceled": 486}
    assert (subscriptions["ended_at"].dropna() >= subscriptions["started_at"][subscriptions["ended_at"].notna()]).all()
    assert dict(result.ledger.excluded) == {"refunds: refund of zero": 458}


@pytest.mark.usefixtures("shared_data")
def test_wrapped_lines_of_a_real_file_are_refused(shared_data: Path, tmp_path: Path) -> None:
    """As one public copy of X Education came: lines wrapped whole in quotes, their own quotes doubled."""
    import gzip

    text = gzip.decompress((shared_data / "x_education_leads" / "lead_scoring.csv.gz").read_bytes()).decode()
    lines = text.splitlines()
    wrapped = ['"' + line.replace('"', '""') + '"' if n % 27 == 5 else line for n, line in enumerate(lines)]
    (tmp_path / "leads.csv").write_text("\n".join(wrapped) + "\n")
    columns = {
        "order_id": "Prospect ID",
        "customer_id": "Lead Number",
        "ordered_at": "Lead Origin",
        "net": "TotalVisits",
    }
    with pytest.raises(DataError, match=r"leads.csv: lines are wrapped whole in quotes \(343 rows; first: 5, 32, 59\)"):
        read_shop(shop(tmp_path / "leads.csv", columns=columns))


NAMES = ["cdnow", "completejourney", "online_retail", "ravenstack_saas", "sales_data_sample_b2b", "superstore"]


def test_a_configuration_for_each_public_set_stands_in_the_folder() -> None:
    assert set(NAMES) <= {path.stem for path in (REPOSITORY / "configs" / "shops").glob("*.yaml")}


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs" / "shops").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shop_is_declared_in_at_most_25_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 25
