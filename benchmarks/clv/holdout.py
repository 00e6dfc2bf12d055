"""Out-of-time accuracy of every CLV model on public data, as Markdown tables for docs/clv.md.

    CVO_DATA=… python benchmarks/clv/holdout.py [--data cdnow_sample …]

Each shop is cut once: models see what was before, and are judged on the purchases (and their value) after. RMSE is
compared with the formula's by the paired difference of squared errors, ± 1.96 standard errors.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.units import Horizon
from cvo_ml.models import clv
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.stats.ranking import gini

DATA = Path(os.environ.get("CVO_DATA", "data"))
Raw = tuple[str, pd.DataFrame, str, int]
"""Name, lines (``customer_id, date, value``), last day before the cut, days to look ahead."""
MODELS: dict[str, type[PurchaseModel]] = {
    "BG/NBD": clv.BetaGeoModel,
    "MBG/NBD": clv.ModifiedBetaGeoModel,
    "Pareto/NBD": clv.ParetoNBDModel,
}


@dataclass(frozen=True)
class Split:
    """A shop before and after a cut: one row per customer of before.

    ``table`` has the models' columns, ``orders``, ``total`` (value so far), ``last`` and ``last_value`` (purchases and
    value in the last period as long as the horizon), ``future`` and ``worth`` (after the cut). ``inner`` is the same
    shop cut at half of the time before the cut, up to the cut: what intervals may learn from.
    """

    name: str
    table: pd.DataFrame
    horizon: Horizon
    unit: str
    models: Mapping[str, type[PurchaseModel]]
    inner: Split | None = None


def split(name: str, lines: pd.DataFrame, cut: str, days: int, with_inner: bool = True) -> Split:
    """Cut a table of ``customer_id, date, value`` after the day ``cut`` and look ``days`` ahead."""
    end = pd.Timestamp(cut)
    half = int((end - lines["date"].min()).days / 2)
    inner = split("", lines, str((end - pd.Timedelta(days=half)).date()), half, False) if with_inner else None
    daily = lines.groupby(["customer_id", "date"], as_index=False)["value"].sum()
    before, window = daily[daily["date"] <= end], pd.Timedelta(days=days)
    after = daily[(daily["date"] > end) & (daily["date"] <= end + window)]
    recent = before[before["date"] > end - window]
    span = before.groupby("customer_id")["date"].agg(["min", "max", "count"])
    repeat = before[before["date"] > before.groupby("customer_id")["date"].transform("min")]

    def of(part: pd.DataFrame, how: str) -> pd.Series:
        return part.groupby("customer_id")["value"].agg(how).reindex(span.index).fillna(0.0)

    table = pd.DataFrame(
        {
            "frequency": span["count"] - 1.0,
            "recency": (span["max"] - span["min"]).dt.days.astype(float),
            "T": (end - span["min"]).dt.days.astype(float),
            "monetary_value": of(repeat, "mean").clip(lower=0.0),
            "orders": span["count"].astype(float),
            "total": of(before, "sum").clip(lower=0.0),
            "last": of(recent, "count"),
            "last_value": of(recent, "sum"),
            "future": of(after, "count"),
            "worth": of(after, "sum"),
        }
    )
    return Split(name, table, Horizon(f"{days}D"), "D", MODELS, inner)


def cdnow(only_sample: bool) -> Raw:
    """CDNOW: 39 weeks of calibration, 39 weeks of holdout."""
    lines = pd.read_csv(DATA / "cdnow/cdnow_master.csv.gz", parse_dates=["date"]).rename(columns={"amount": "value"})
    if only_sample:
        chosen = pd.read_csv(DATA / "cdnow/cdnow_sample.csv.gz")["master_id"].unique()
        lines = lines[lines["customer_id"].isin(chosen)]
    return "CDNOW sample" if only_sample else "CDNOW master", lines, "1997-09-30", 273


def online_retail() -> Raw:
    """UCI Online Retail: half a year each; invoices with a customer, positive quantity and price."""
    columns = ["CustomerID", "InvoiceDate", "Quantity", "UnitPrice"]
    lines = pd.read_parquet(DATA / "online_retail/online_retail.parquet", columns=columns)
    lines = lines[lines["CustomerID"].notna() & (lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    lines = lines.assign(
        customer_id=lines["CustomerID"],
        date=lines["InvoiceDate"].dt.floor("D"),
        value=lines["Quantity"] * lines["UnitPrice"],
    )
    return "Online Retail", lines, "2011-06-11", 181


def complete_journey() -> Raw:
    """The Complete Journey: half a year each."""
    columns = ["household_id", "sales_value", "transaction_timestamp"]
    lines = pd.read_parquet(DATA / "completejourney/transactions.parquet", columns=columns)
    date = pd.to_datetime(lines["transaction_timestamp"]).dt.tz_localize(None).dt.floor("D")
    lines = lines.rename(columns={"household_id": "customer_id", "sales_value": "value"}).assign(date=date)
    return "Complete Journey", lines, "2017-06-30", 184


def apparel() -> Raw:
    """CLVTools apparel: 104 weeks each."""
    names = {"Id": "customer_id", "Date": "date", "Price": "value"}
    lines = pd.read_csv(DATA / "apparel/apparelTrans.csv.gz", parse_dates=["Date"]).rename(columns=names)
    return "apparel", lines, "2006-12-31", 728


def donations() -> Split:
    """CLVTools donations: 6 yearly opportunities after the first gift, 7 of holdout; no amounts."""
    raw = pd.read_csv(DATA / "donation_trans/donationTrans.csv.gz", parse_dates=["Date"])
    year = raw.assign(year=raw["Date"].dt.year - raw["Date"].dt.year.min()).drop_duplicates(["Id", "year"])
    before, after = year[year["year"] <= 6], year[year["year"] > 6]
    found = before.groupby("Id")["year"].agg(["count", "max"]).astype(float)
    future = after.groupby("Id").size().reindex(found.index).fillna(0.0)
    table = pd.DataFrame({"frequency": found["count"] - 1, "recency": found["max"], "T": 6.0, "future": future})
    table = table.assign(orders=found["count"], last=found["count"])
    return Split("donations", table, Horizon("7Y"), "Y", {**MODELS, "BG/BB": clv.BetaGeoBinomialModel})


RAW: dict[str, Callable[[], Raw]] = {
    "cdnow_sample": lambda: cdnow(only_sample=True),
    "cdnow_master": lambda: cdnow(only_sample=False),
    "online_retail": online_retail,
    "complete_journey": complete_journey,
    "apparel": apparel,
}
SHOPS = (*RAW, "donations")


def purchases(shop: Split) -> Iterator[dict[str, object]]:
    """Accuracy of the number of purchases: models, then baselines."""
    X, actual = shop.table, shop.table["future"].to_numpy()
    formula = clv.clv_formula(X["orders"], X["orders"], X["T"], shop.horizon, time_unit=shop.unit)
    for name, kind in shop.models.items():
        try:
            model = kind(time_unit=shop.unit).fit(X)
        except ModelRefused as refused:
            yield {"model": f"{name}: {refused}"}
            continue
        table = model.predict(X, horizon=shop.horizon, interval=0.9)
        drift = drift_of(kind, shop)
        wide = model.predict(X, horizon=shop.horizon, interval=0.9, rate_drift=drift) if drift else table
        predicted = table["expected_purchases"].to_numpy()
        yield accuracy(name, actual, predicted, formula) | {
            "log-likelihood": f"{model.log_likelihood_:.1f}",
            "in 90 % interval": coverage(actual, table, "purchases", predicted),
            "drift a year": f"{drift:.2g}",
            "in 90 %, drift": coverage(actual, wide, "purchases", predicted),
            "fit": model.status_.rung,
            "lifetimes": lifetimes_fit(model, X),
        }
    for name, predicted in {"formula": formula, "last period": X["last"].to_numpy(), "zero": 0.0 * formula}.items():
        yield accuracy(name, actual, predicted, formula)


def lifetimes_fit(model: PurchaseModel, X: pd.DataFrame) -> str:
    """How far the parameters of lifetimes' own fit are from ours, or that it does not end."""
    import lifetimes
    from lifetimes.utils import ConvergenceError

    name = type(model).__name__.replace("Binomial", "BetaBinom").replace("Model", "Fitter")
    fitter = getattr(lifetimes, name)()
    ours = pd.Series(model.params_)
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            found = fitter.fit(X["frequency"], X["recency"], X["T"]).params_
        except (ConvergenceError, ValueError) as error:
            return type(error).__name__
    worst = (found / ours - 1).abs().idxmax()
    far = abs(found[worst] / ours[worst] - 1)
    return f"equal to {far:.0e}" if far < 1e-2 else f"{worst} = {found[worst]:.3g}, ours {ours[worst]:.3g}"


def values(shop: Split) -> Iterator[dict[str, object]]:
    """Accuracy of the value, for shops with amounts."""
    if "worth" not in shop.table:
        return
    X, actual = shop.table, shop.table["worth"].to_numpy()
    formula = clv.clv_formula(X["orders"], X["total"], X["T"], shop.horizon, time_unit=shop.unit)
    for name, kind in shop.models.items():
        try:
            model = clv.CustomerLifetimeValue(kind(time_unit=shop.unit), clv.GammaGammaModel()).fit(X)
        except ModelRefused as refused:
            yield {"model": f"{name}: {refused}"}
            continue
        table = model.predict(X, horizon=shop.horizon)
        drift = drift_of(kind, shop)
        wide = model.predict(X, horizon=shop.horizon, rate_drift=drift) if drift else table
        predicted = table["predicted_clv"].to_numpy()
        yield accuracy(f"{name} × Gamma-Gamma", actual, predicted, formula) | {
            "in 90 % interval": coverage(actual, table, "predicted_clv", predicted),
            "in 90 %, drift": coverage(actual, wide, "predicted_clv", predicted),
            "fit": model.value_.status_.rung,
        }
    baselines = {"formula": formula, "last period": X["last_value"].to_numpy(), "zero": 0.0 * formula}
    for name, predicted in baselines.items():
        yield accuracy(name, actual, predicted, formula)


def accuracy(name: str, actual: np.ndarray, predicted: np.ndarray, formula: np.ndarray) -> dict[str, object]:
    """One line: total bias, errors, order, and the paired comparison with the formula."""
    error = predicted - actual
    gain = (formula - actual) ** 2 - error**2
    margin = 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    verdict = (
        "=" if name == "formula" else "better" if gain.mean() > margin else "worse" if gain.mean() < -margin else "≈"
    )
    varies = np.ptp(predicted) > 0
    return {
        "model": name,
        "total bias": f"{100 * (predicted.sum() / actual.sum() - 1):+.1f} %",
        "RMSE": f"{np.sqrt(np.mean(error**2)):.4g}",
        "vs formula": verdict,
        "MAE": f"{np.mean(np.abs(error)):.4g}",
        "Gini": f"{gini(actual, predicted):.3f}" if varies else "",
        "Spearman": f"{spearmanr(actual, predicted).statistic:.3f}" if varies else "",
    }


def drift_of(kind: type[PurchaseModel], shop: Split) -> float:
    """Drift of the rates, from a fit at half of the time before the cut and what came until the cut."""
    if shop.inner is None or kind is clv.BetaGeoBinomialModel:
        return 0.0
    X = shop.inner.table
    return float(kind().fit(X).estimate_drift(X, X["future"], shop.inner.horizon).per_year)


def coverage(actual: np.ndarray, table: pd.DataFrame, name: str, predicted: np.ndarray) -> str:
    """Share inside the interval, and the lowest and highest of the deciles by prediction."""
    lower, upper = table[f"{name}_p05"].to_numpy(), table[f"{name}_p95"].to_numpy()
    held = (actual >= lower) & (actual <= upper)
    decile = (np.argsort(np.argsort(predicted, kind="stable"), kind="stable") * 10) // len(predicted)
    by_decile = [100 * held[decile == d].mean() for d in range(10)]
    return f"{100 * held.mean():.1f} % ({min(by_decile):.0f}–{max(by_decile):.0f})"


def markdown(rows: list[dict[str, object]]) -> str:
    """A table with the union of the rows' columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def origins() -> str:
    """CDNOW master from several dates: whether an earlier miss foretells a later one."""
    lines = pd.read_csv(DATA / "cdnow/cdnow_master.csv.gz", parse_dates=["date"]).rename(columns={"amount": "value"})
    rows: list[dict[str, object]] = []
    cuts = {"1997-05-31": 122, "1997-06-30": 92, "1997-07-31": 61, "1997-09-30": 273, "1997-12-31": 181}
    for cut, days in cuts.items():
        shop = split("", lines, cut, days)
        row: dict[str, object] = {"cut after": cut, "days": days, "purchases": int(shop.table["future"].sum())}
        for name, kind in MODELS.items():
            total = kind().fit(shop.table).expected_purchases(shop.table, shop.horizon).sum()
            row[name] = f"{100 * (total / shop.table['future'].sum() - 1):+.1f} %"
        rows.append(row)
    return markdown(rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", choices=SHOPS, default=SHOPS)
    for name in parser.parse_args().data:
        shop = split(*RAW[name]()) if name in RAW else donations()
        n, repeat = len(shop.table), int((shop.table["frequency"] > 0).sum())
        print(f"\n### {shop.name}: {n:,} customers, {repeat:,} repeat, horizon {shop.horizon}\n")
        print(markdown(list(purchases(shop))))
        if table := list(values(shop)):
            print("\n" + markdown(table))
        if name == "cdnow_master":
            print("\nTotal bias from other dates:\n\n" + origins())


if __name__ == "__main__":
    main()
