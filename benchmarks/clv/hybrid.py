"""The hybrid beside the model of purchases beneath it, out of time on public shops, as a table for docs/clv.md.

    CVO_DATA=… python benchmarks/clv/hybrid.py [--shop cdnow …]

Each shop is cut once: both see what was before and are judged on the value that came in the horizon after. Leads are
paired, with 95 % bootstrap intervals over customers; "job" says which of them the CLV job, which looks at the window
before the cut only, would have made champion. Where a shop has no amounts each order counts 1.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.clv.holdout import markdown
from cvo_ml.config.jobs import ClvJob
from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import snapshot, window_outcome
from cvo_ml.ingest import read_shop
from cvo_ml.models.clv.baselines import Formula
from cvo_ml.stats.accuracy import accuracy, paired
from training.clv.sections import sections_of
from training.clv.validation import fit, hybrid, validate

DATA = Path(os.environ.get("CVO_DATA", "data"))
YEAR, QUARTER = Horizon("365D"), Horizon("90D")


@dataclass(frozen=True)
class Trial:
    """A shop, the day of the cut and how far to look."""

    tables: Callable[[], Tables]
    cut: date
    horizon: Horizon = QUARTER


def configured(name: str) -> Callable[[], Tables]:
    """The tables of ``configs/shops/NAME.yaml``."""
    return lambda: read_shop(load_config(Path(f"configs/shops/{name}.yaml"), ShopConfig)).tables


def clvtools(file: str) -> Callable[[], Tables]:
    """A data set of CLVTools: one order per customer and day."""

    def read() -> Tables:
        lines = pd.read_csv(DATA / file, parse_dates=["Date"])
        if "Price" in lines:
            lines = lines.groupby(["Id", "Date"], as_index=False)[["Price"]].sum()
        orders = pd.DataFrame(
            {
                "order_id": (lines["Id"].astype(str) + " " + lines["Date"].astype(str)).astype("str"),
                "customer_id": lines["Id"].astype("str"),
                "ordered_at": lines["Date"].astype(TIME_DTYPE),
                "net": lines["Price"].astype(float) if "Price" in lines else 1.0,
            }
        )
        return Tables({"orders": orders}, currency="USD")

    return read


TRIALS = {
    "Online Retail, 90 days to 2011-09-09": Trial(configured("online_retail"), date(2011, 6, 12)),
    "Online Retail, 90 days to 2011-12-08": Trial(configured("online_retail"), date(2011, 9, 10)),
    "CDNOW master": Trial(configured("cdnow"), date(1997, 10, 1)),
    "Complete Journey": Trial(configured("completejourney"), date(2017, 10, 1)),
    "Superstore": Trial(configured("superstore"), date(2021, 12, 30), YEAR),
    "b2b sample": Trial(configured("sales_data_sample_b2b"), date(2005, 3, 1)),
    "apparel": Trial(clvtools("apparel/apparelTrans.csv.gz"), date(2008, 1, 1), YEAR),
    "donations": Trial(clvtools("donation_trans/donationTrans.csv.gz"), date(1981, 12, 31), YEAR),
}


def judged(name: str, trial: Trial) -> list[dict[str, object]]:
    """One line for the model of purchases and one for the hybrid with its leads, or why there is none."""
    tables = trial.tables()
    before = Tables({**tables.frames, "orders": _until(tables, trial.cut)}, tables.currency)
    job = ClvJob(horizon=trial.horizon, validation_horizon=trial.horizon)
    features = snapshot(before, trial.cut)
    fitted = fit(features, sections_of(job).purchases)
    if fitted.scorer is None:
        return [{"shop": name, "model": f"none: {fitted.status.reason}"}]
    actual = window_outcome(tables, trial.cut, trial.horizon, features.index)["value"].to_numpy(dtype=float)
    alone = fitted.scorer.predict(features, horizon=trial.horizon)["predicted_clv"].to_numpy()
    formula = Formula().predict(features, horizon=trial.horizon)["predicted_clv"].to_numpy()
    label = f"{name}: {len(features):,} customers, {trial.horizon}"
    rows = [line(label, f"{fitted.scorer.kind} ({fitted.status.rung})", actual, alone)]
    try:
        trees = hybrid(before, trial.cut, trial.horizon, sections_of(job).hybrid, fitted.scorer)
    except ModelRefused as refused:
        return [*rows, {"model": f"no hybrid: {refused}"}, line("", "formula", actual, formula)]
    values = trees.predict(features, horizon=trial.horizon)["predicted_clv"].to_numpy()
    lead = {f"lead in {measure}": str(found) for measure, found in paired(actual, values, alone).items()}
    rows.append(line("", "hybrid", actual, values) | lead | champion(before, trial, job))
    return [*rows, line("", "formula", actual, formula)]


def champion(before: Tables, trial: Trial, job: ClvJob) -> dict[str, object]:
    """What the job chooses at the cut, from the window before it."""
    try:
        validation = validate(before, trial.cut, sections_of(job).validation)
    except ModelRefused as refused:
        return {"job": f"refused: {refused.reason_code}"}
    chosen = "hybrid" if validation.hybrid_chosen else "purchases"
    return {"job": chosen if validation.verdict.grade != "D" else "baseline (D)"}


def line(shop: str, model: str, actual: np.ndarray, predicted: np.ndarray) -> dict[str, object]:
    """Accuracy of one prediction of value."""
    found = accuracy(actual, predicted)
    return {
        "shop": shop,
        "model": model,
        "total bias": f"{found.total_bias:+.1%}",
        "RMSE": f"{found.rmse:.4g}",
        "Gini": "" if found.gini is None else f"{found.gini:.3f}",
    }


def _until(tables: Tables, cut: date) -> pd.DataFrame:
    """Orders before the cut: what the job would have been given."""
    orders = tables.orders
    return orders[orders["ordered_at"] < pd.Timestamp(cut)].reset_index(drop=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", nargs="*", choices=list(TRIALS), default=list(TRIALS))
    rows = [row for name in parser.parse_args().shop for row in judged(name, TRIALS[name])]
    print(markdown(rows))


if __name__ == "__main__":
    main()
