"""Public data and simulated shops for the CLV tests."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from .shops import cdnow_file, rfm_by_hand


@pytest.fixture(scope="session")
def cdnow() -> pd.DataFrame:
    """CDNOW sample, 39-week calibration, weeks rounded to two decimals (2,357 customers)."""
    return pd.read_csv(cdnow_file("cdnow_customers_summary.csv"))


@pytest.fixture(scope="session")
def cdnow_spend() -> pd.DataFrame:
    """The same with the mean value of the repeat purchases."""
    raw = pd.read_csv(cdnow_file("cdnow_customers_summary_with_transactions.csv"))
    return raw.rename(columns={"x": "frequency", "t_x": "recency", "zbar": "monetary_value"})


@pytest.fixture(scope="session")
def cdnow_days() -> pd.DataFrame:
    """CDNOW sample in exact days, first purchase to 1997-09-30, with calendar holdout counts."""
    names = ["customer_id", "sample_id", "date", "cds", "value"]
    raw = pd.read_csv(cdnow_file("CDNOW_sample.txt"), sep=r"\s+", names=names, header=None)
    raw["date"] = pd.to_datetime(raw["date"].astype(str), format="%Y%m%d")
    days = raw.drop_duplicates(["customer_id", "date"])
    end = pd.Timestamp("1997-09-30")
    table = rfm_by_hand(days[days["date"] <= end], end)
    later = days[days["date"] > end].groupby("customer_id").size()
    return table.assign(holdout=later.reindex(table.index).fillna(0))


def data_file(name: str) -> Path:
    """A file of the public data sets, which are not part of the repository."""
    folder = Path(os.environ.get("CVO_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
    if not (folder / name).exists():
        pytest.skip(f"{name} is not there: set CVO_DATA to the folder of the data sets")
    return folder / name


@pytest.fixture(scope="session")
def apparel() -> pd.DataFrame:
    """CLVTools apparel data in weeks: 104 weeks of estimation from 2005-01-02, with Gender and Channel."""
    names = {"Id": "customer_id", "Date": "date", "Price": "value"}
    lines = pd.read_csv(data_file("apparel/apparelTrans.csv.gz"), parse_dates=["Date"]).rename(columns=names)
    end = lines["date"].min() + pd.Timedelta(weeks=104)
    table = rfm_by_hand(lines[lines["date"] <= end], end)
    covariates = pd.read_csv(data_file("apparel/apparelStaticCov.csv.gz")).set_index("Id")
    return table.assign(recency=table["recency"] / 7, T=table["T"] / 7).join(covariates)


@pytest.fixture(scope="session")
def donations() -> pd.DataFrame:
    """Donors of Fader, Hardie & Shang (2010) by pattern over six yearly opportunities, with their number."""
    return pd.read_csv(cdnow_file("donations.csv")).rename(columns={"periods": "T", "weights": "donors"})


@pytest.fixture(scope="session")
def online_retail() -> pd.DataFrame:
    """One year of UCI Online Retail: invoices with a customer, positive quantity and price."""
    file = data_file("online_retail/online_retail.parquet")
    lines = pd.read_parquet(file, columns=["CustomerID", "InvoiceDate", "Quantity", "UnitPrice"])
    lines = lines[lines["CustomerID"].notna() & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    lines = lines.assign(
        customer_id=lines["CustomerID"],
        date=lines["InvoiceDate"].dt.floor("D"),
        value=lines["Quantity"] * lines["UnitPrice"],
    )
    return rfm_by_hand(lines, pd.Timestamp("2011-12-09"))


@pytest.fixture(scope="session")
def cdnow_master_weeks() -> pd.DataFrame:
    """CDNOW master, 39-week calibration in weeks, with the purchase days of the 39 weeks after it."""
    raw = pd.read_csv(data_file("cdnow/cdnow_master.csv.gz"), parse_dates=["date"]).rename(columns={"amount": "value"})
    end = pd.Timestamp("1997-09-30")
    table = rfm_by_hand(raw[raw["date"] <= end], end)
    days = raw[raw["date"] > end].drop_duplicates(["customer_id", "date"]).groupby("customer_id").size()
    table = table.assign(recency=table["recency"] / 7, T=table["T"] / 7)
    return table.assign(holdout=days.reindex(table.index).fillna(0.0))
