"""Churn on shops with dates: every closed window predicted by what could be trained when it began.

python benchmarks/churn/point_in_time.py online_retail --horizon 90D [--as-of 2011-12-09]
python benchmarks/churn/point_in_time.py completejourney --horizon 30D     (needs CVO_DATA)

Log loss less than that of recency, of P(alive) and of P(no order) of a model of purchases; the rows of all windows
together, resampled by customer; profit of the top tenth; the trees alone and the stack beside both.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

import cvo_ml as cvo
from cvo_ml.config.jobs import ChurnJob
from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.ingest import read_shop
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.ranking import auc, top_weights
from cvo_ml.stats.retention_profit import Campaign
from training.churn.dataset import closed, windows_of
from training.churn.evaluation import closed_folds, with_and_without_stack
from training.churn.metrics import against_btyd, value_while_active
from training.churn.recipe import calibrate, folds, recency
from training.churn.sections import sections_of
from training.evidence.dates import training_dates


def predictions(tables: Tables, as_of: date, job: ChurnJob) -> pd.DataFrame:
    """One row a customer and window: what came, the own value, and each prediction."""
    dates = training_dates(tables, as_of - job.horizon.delta, job.snapshots_every, 24, job.shortest_history)
    sections = sections_of(job)
    windows = windows_of(tables, dates, sections.dataset, dates)
    tried, parts = folds(windows, sections), []
    for place, fold in enumerate(tried, 1):
        past = closed(windows, fold.window.day, sections.dataset)
        known = closed_folds(tried, fold, job.horizon)
        calibration = calibrate(known, sections.calibration, fold.season, fold.has_purchases)
        _, others = against_btyd(fold.window, past, *with_and_without_stack(tried[:place], sections))
        rows = {
            "model": replace(fold, model=calibration.applied(fold.model)).probability(),
            "recency": recency(past, sections).predict_proba(fold.window.X)[:, 1],
            **others,
        }
        value = value_while_active(fold.window, job.horizon)
        common = {"customer": fold.window.X.index, "day": fold.window.day, "y": fold.window.churned, "value": value}
        parts.append(pd.DataFrame({**common, **rows}))
    return pd.concat(parts, ignore_index=True).dropna()


def by_customer(values: np.ndarray, customers: np.ndarray, replicates: int = 500) -> str:
    """A mean over rows with its 95 % interval, whole customers resampled."""
    _, place = np.unique(customers, return_inverse=True)
    total, rows = np.bincount(place, values), np.bincount(place)
    generator = np.random.default_rng(0)
    picks = generator.integers(0, len(total), (replicates, len(total)))
    draws = total[picks].sum(axis=1) / rows[picks].sum(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{values.mean():.4f} [{low:.4f}, {high:.4f}]"


def main() -> None:
    """Print the comparison."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("shop")
    options.add_argument("--horizon", default="90D")
    options.add_argument("--as-of")
    given = options.parse_args()
    shop = cvo.sample_shop() if given.shop == "online_retail" else None
    shop = shop or load_config(Path(f"configs/shops/{given.shop}.yaml"), ShopConfig)
    tables = read_shop(shop).tables
    last = tables.orders["ordered_at"].max().date()
    job = ChurnJob(horizon=Horizon(given.horizon))
    job = job.model_copy(update={"calibration": job.calibration.model_copy(update={"windows": 24})})
    rows = predictions(tables, parse_as_of(given.as_of) if given.as_of else last, job)
    y, who, value = rows["y"].to_numpy(), rows["customer"].to_numpy(), rows["value"].to_numpy()
    names = [name for name in rows.columns if name not in ("customer", "day", "y", "value")]
    print(f"{given.shop} {given.horizon}: {rows['day'].nunique()} windows, {len(rows):,} rows, churn {y.mean():.3f}")
    offer = Campaign(0.05 * value.mean(), 0.005 * value.mean())
    realised = offer.profit(y, value)
    profit = {}
    for name in names:
        p = rows[name].to_numpy()
        chosen = np.zeros(len(rows))
        for day in rows["day"].unique():
            here = (rows["day"] == day).to_numpy()
            chosen[here] = top_weights(offer.expected_profit(p[here], value[here]), 0.1)
        profit[name] = realised * chosen
        line = logistic_recalibration(y, p)
        print(
            f"  {name:9} log loss {log_loss(y, p).mean():.4f} AUC {auc(y, p):.4f} mean {p.mean():.3f} "
            f"slope {line.slope_interval()} intercept {line.intercept_interval()} "
            f"profit {by_customer(profit[name], who)}"
        )
    ours = log_loss(y, rows["model"].to_numpy())
    for name in names[1:]:
        lead = by_customer(log_loss(y, rows[name].to_numpy()) - ours, who)
        print(f"  lead over {name:9} log loss {lead}, profit {by_customer(profit['model'] - profit[name], who)}")


if __name__ == "__main__":
    main()
