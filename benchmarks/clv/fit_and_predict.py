"""Speed of BG/NBD, Gamma-Gamma and 12-month CLV against lifetimes, as ratios in one run.

    python benchmarks/clv/fit_and_predict.py [--customers 1000000] [--repeats 3] [--lifetimes-customers 50000]
    python benchmarks/clv/fit_and_predict.py --memory 10000000

Times are process CPU seconds, medians of the repeats for both, with one BLAS thread (idle ones count as CPU). lifetimes
fits all customers; its CLV is timed on ``--lifetimes-customers`` of them and scaled up, since it costs the same for
every customer. ``--memory`` groups and fits that many customers and reports peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import warnings
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from benchmarks.measuring import Seconds, median_cpu, peak_memory, timed
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoModel,
    CustomerLifetimeValue,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    PurchaseHistories,
    group_histories,
)


def shop(n: int, seed: int = 1) -> pd.DataFrame:
    """Two years of daily data of a BG/NBD shop with Gamma-Gamma spend."""
    rng = np.random.default_rng(seed)
    T = rng.integers(1, 731, n).astype(float)
    wanted = rng.poisson(rng.gamma(0.25, 1 / 30.0, n) * T)
    x = np.minimum(wanted, rng.geometric(rng.beta(0.8, 2.5, n)))
    last = np.where(x > 0, np.ceil(rng.beta(np.maximum(x, 1), wanted - x + 1) * T), 0.0)
    x = np.minimum(x, last)
    value = rng.gamma(6.25 * np.maximum(x, 1)) / (np.maximum(x, 1) * rng.gamma(3.74, 1 / 15.44, n))
    return pd.DataFrame({"frequency": x, "recency": last, "T": T, "monetary_value": np.where(x > 0, value, 0.0)})


def compare(X: pd.DataFrame, repeats: int, sample: int) -> dict[str, dict[str, float]]:
    """CPU seconds of both, ratio, and how far the answers are apart."""
    import lifetimes

    history = [X[c] for c in ("frequency", "recency", "T")]
    paying = X[X["frequency"] > 0]
    spend = paying["frequency"], paying["monetary_value"]
    ours, model = median_cpu(lambda: BetaGeoModel().fit(X), repeats)
    theirs, oracle = median_cpu(lambda: lifetimes.BetaGeoFitter().fit(*history), repeats)
    shift = X["frequency"].sum() * np.log(oracle._scale)
    gain = model.log_likelihood_ - (shift - oracle._negative_log_likelihood_ * len(X))
    table = {"BG/NBD fit": row(ours, theirs, log_likelihood_gain=gain)}
    ours, value = median_cpu(lambda: GammaGammaModel().fit(X), repeats)
    theirs, oracle_value = median_cpu(lambda: lifetimes.GammaGammaFitter().fit(*spend), repeats)
    gain = value.log_likelihood_ + oracle_value._negative_log_likelihood_ * len(paying)
    table["Gamma-Gamma fit"] = row(ours, theirs, repeaters=len(paying), log_likelihood_gain=gain)
    clv = CustomerLifetimeValue().fit(X)
    year = Horizon("12M")
    ours, answer = median_cpu(lambda: clv.predict(X, horizon=year, interval=None), repeats)
    oracle.params_[:], oracle_value.params_[:] = list(model.params_.values()), list(value.params_.values())
    few = X.head(sample)
    theirs, expected = median_cpu(lambda: lifetimes_value(oracle, oracle_value, few), repeats)
    monthly, _ = median_cpu(lambda: lifetimes_monthly_value(oracle, oracle_value, few), repeats)
    far = np.abs(answer["predicted_clv"].to_numpy()[: len(few)] / expected - 1).max()
    scale = len(X) / len(few)
    table["12-month CLV, one step"] = row(ours, theirs * scale, largest_relative_difference=far)
    ours, _ = median_cpu(lambda: clv.predict(X, horizon=year, discount_rate=0.1, interval=None), repeats)
    table["12-month CLV, discounted"] = row(ours, monthly * scale)
    ours, _ = median_cpu(lambda: clv.predict(X, horizon=year), repeats)
    table["12-month CLV, with 90 % interval"] = row(ours, theirs * scale, monthly_ratio=monthly * scale / ours)
    ours, _ = median_cpu(lambda: clv.predict(X, horizon=year, discount_rate=0.1), repeats)
    table["12-month CLV, discounted, with 90 % interval"] = row(ours, monthly * scale)
    return table


def compare_cdnow(repeats: int) -> dict[str, dict[str, float]]:
    """Fits of the CDNOW sample, weeks, of every model that both have."""
    import lifetimes

    X = pd.read_csv(Path(lifetimes.__file__).parent / "datasets" / "cdnow_customers_summary.csv")
    history = [X[c] for c in ("frequency", "recency", "T")]
    pairs = {
        "BG/NBD": (BetaGeoModel, lifetimes.BetaGeoFitter),
        "MBG/NBD": (ModifiedBetaGeoModel, lifetimes.ModifiedBetaGeoFitter),
        "Pareto/NBD": (ParetoNBDModel, lifetimes.ParetoNBDFitter),
    }
    table: dict[str, dict[str, float]] = {}
    for name, (kind, fitter) in pairs.items():
        ours, model = median_cpu(partial(kind(time_unit="W").fit, X), 3 * repeats)
        theirs, oracle = median_cpu(partial(fitter().fit, *history), repeats)
        likelihood = model._likelihood(group_histories(*(c.to_numpy() for c in history)))
        gain = model.log_likelihood_ - likelihood(np.log(oracle.params_.to_numpy()))[0]
        table[f"CDNOW {name} fit"] = row(ours, theirs, log_likelihood_gain=gain)
    return table


def with_more(histories: PurchaseHistories, columns: list[np.ndarray]) -> PurchaseHistories:
    """The histories with further customers' frequency, recency and T grouped in."""
    return histories + group_histories(*columns)


def memory(n: int) -> dict[str, float]:
    """Peak memory of grouping and fitting ``n`` customers, drawn a million at a time as a database would send them."""
    start, grouping = Seconds.now(), 0.0
    histories = group_histories(*np.empty((3, 0)))
    for i in range(0, n, 1_000_000):
        X = shop(min(1_000_000, n - i), seed=i)
        columns = [X[c].to_numpy() for c in ("frequency", "recency", "T")]
        histories, taken = timed(partial(with_more, histories, columns))
        grouping += taken.cpu
    model, fitting = timed(lambda: BetaGeoModel().fit_histories(histories))
    return {
        "customers": n, "distinct histories": len(histories), "group_s": grouping, "fit_s": fitting.cpu,
        "peak_gib": peak_memory() / 2**30, "all_s": Seconds.now().since(start).cpu,
        "converged": float(model.status_.converged),
    }  # fmt: skip


def lifetimes_value(purchases: Any, value: Any, X: pd.DataFrame) -> np.ndarray:
    """Expected purchases of 12 months times expected value, in one step."""
    history = X["frequency"], X["recency"], X["T"]
    number = purchases.conditional_expected_number_of_purchases_up_to_time(12 * 30.4375, *history)
    return np.asarray(number * value.conditional_expected_average_profit(X["frequency"], X["monetary_value"]))


def lifetimes_monthly_value(purchases: Any, value: Any, X: pd.DataFrame) -> pd.Series:
    """lifetimes' own customer_lifetime_value: month by month."""
    columns = [X[c] for c in ("frequency", "recency", "T", "monetary_value")]
    found: pd.Series = value.customer_lifetime_value(purchases, *columns, time=12, discount_rate=0.01, freq="D")
    return found


def row(ours: float, theirs: float, **more: float) -> dict[str, float]:
    """One line of the table."""
    return {"ours_s": ours, "lifetimes_s": theirs, "ratio": theirs / ours, **{k: float(v) for k, v in more.items()}}


def main() -> None:
    """Run and print the table as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--lifetimes-customers", type=int, default=50_000)
    parser.add_argument("--memory", type=int, metavar="CUSTOMERS")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.memory:
        print(json.dumps(memory(options.memory), indent=1))
        return
    table = compare_cdnow(options.repeats)
    table |= compare(shop(options.customers), options.repeats, options.lifetimes_customers)
    print(json.dumps({"customers": options.customers, **table}, indent=1))


if __name__ == "__main__":
    main()
