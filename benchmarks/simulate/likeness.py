"""How like the presets are to the data they are named after: the same figures of both, side by side.

CVO_DATA=../shared/data python benchmarks/simulate/likeness.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from cvo_ml.simulate import simulate_shop

DATA = Path(os.environ.get("CVO_DATA", "../shared/data"))


def cdnow() -> pd.DataFrame:
    """CDNOW master: one order per row."""
    rows = pd.read_csv(DATA / "cdnow" / "cdnow_master.csv.gz")
    return pd.DataFrame({"customer": rows["customer_id"], "day": pd.to_datetime(rows["date"]), "net": rows["amount"]})


def online_retail() -> pd.DataFrame:
    """Online Retail: invoices of known customers, without cancellations."""
    rows = pd.read_parquet(DATA / "online_retail" / "online_retail.parquet").dropna(subset="CustomerID")
    rows = rows[(rows["Quantity"] > 0) & (rows["UnitPrice"] > 0)]
    rows = rows.assign(net=rows["Quantity"] * rows["UnitPrice"], day=pd.to_datetime(rows["InvoiceDate"]).dt.normalize())
    invoices = rows.groupby(["CustomerID", "InvoiceNo"]).agg(day=("day", "first"), net=("net", "sum")).reset_index()
    return invoices.rename(columns={"CustomerID": "customer"})[["customer", "day", "net"]]


def complete_journey() -> pd.DataFrame:
    """The Complete Journey: baskets of households."""
    rows = pd.read_parquet(DATA / "completejourney" / "transactions.parquet")
    day = pd.to_datetime(rows["transaction_timestamp"]).dt.normalize()
    rows = rows.assign(day=day)
    baskets = rows.groupby(["household_id", "basket_id"]).agg(day=("day", "first"), net=("sales_value", "sum"))
    return baskets.reset_index().rename(columns={"household_id": "customer"})[["customer", "day", "net"]]


def simulated(preset: str) -> pd.DataFrame:
    """The preset's orders at its own size."""
    orders = simulate_shop(preset, tables=["orders"]).tables.orders
    return pd.DataFrame(
        {"customer": orders["customer_id"], "day": orders["ordered_at"].dt.normalize(), "net": orders["net"]}
    )


def figures(orders: pd.DataFrame) -> dict[str, float]:
    """Purchase days, order values and gaps of a table of orders."""
    days = orders.groupby(["customer", "day"], as_index=False)[["net"]].sum().sort_values(["customer", "day"])
    counts = days.groupby("customer").size()
    gaps = days.groupby("customer")["day"].diff().dt.days.dropna()
    frequent = gaps.groupby(days["customer"]).filter(lambda group: len(group) >= 10).groupby(days["customer"])
    total = orders.groupby("customer")["net"].sum().sort_values(ascending=False)
    return {
        "customers": len(counts),
        "purchase days per customer": counts.mean(),
        "share with one": (counts == 1).mean(),
        "99 % quantile": counts.quantile(0.99),
        "mean order value": orders["net"].mean(),
        "median order value": orders["net"].median(),
        "median gap, days": gaps.median(),
        "median CV of gaps (10+ gaps)": (frequent.std() / frequent.mean()).median(),
        "revenue share of top 20 %": total.iloc[: len(total) // 5].sum() / total.sum(),
    }


def main() -> None:
    """Print the table."""
    pairs = {"cdnow": cdnow, "wholesaler": online_retail, "grocery": complete_journey}
    table = {}
    for preset, read in pairs.items():
        table[f"{preset}, data"] = figures(read())
        table[f"{preset}, simulated"] = figures(simulated(preset))
    print(pd.DataFrame(table).round(2).to_string())


if __name__ == "__main__":
    main()
