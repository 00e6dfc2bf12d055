"""CDNOW master: does a share of customers who never leave explain the missing holdout purchases?

    CVO_DATA=… python benchmarks/clv/cdnow_master.py

BG/NBD is mixed with a class that stays for ever, with the same purchase rates or with its own; fitted before the cut.
Then customers may come back: weekly, on or off, with a free distribution over 91 pairs of purchase rate and departure
rate (by EM), and one rate of return for all, of which the profile likelihood is printed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from holdout import cdnow, split
from scipy.optimize import minimize
from scipy.special import betaln, expit, gammaln

from cvo_ml.models.clv import BetaGeoModel, group_histories
from cvo_ml.models.clv.bg_nbd_distribution import BetaGeoLaw


def classes(point: np.ndarray, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Log-likelihoods (3, n): leaver still there, leaver gone, one who never leaves."""
    r, alpha, a, b = np.exp(point[:4])
    r_stay, alpha_stay = np.exp(point[5:7]) if len(point) > 5 else (r, alpha)
    buys = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    there = buys + betaln(a, b + x) - (r + x) * np.log(alpha + T)
    gone = buys + betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
    stays = gammaln(r_stay + x) - gammaln(r_stay) + r_stay * np.log(alpha_stay) - (r_stay + x) * np.log(alpha_stay + T)
    share = np.log(expit([-point[4], -point[4], point[4]]))[:, None]
    return share + np.stack([there, np.where(x > 0, gone, -np.inf), stays])


def main() -> None:
    """Print gain in log-likelihood, share that never leaves, and total bias of the holdout."""
    X = split(*cdnow(only_sample=False)).table
    columns = [X[c].to_numpy(float) for c in ("frequency", "recency", "T")]
    groups, plain = group_histories(*columns), BetaGeoModel().fit(X)
    known = (groups.frequency, groups.recency, groups.T)
    start = np.log(list(plain.params_.values()))
    for name, own in (("the same rates", []), ("own rates", start[:2])):

        def loss(point: np.ndarray) -> float:
            return -float(groups.count @ np.logaddexp.reduce(classes(point, *known), axis=0))

        starts = [np.concatenate([start, [share], own]) for share in (-3.0, -1.0, 0.0)]
        found = min((minimize(loss, s, method="BFGS") for s in starts), key=lambda result: result.fun)
        parts = classes(found.x, *columns)
        weight = np.exp(parts - np.logaddexp.reduce(parts, axis=0))
        r, alpha, a, b = np.exp(found.x[:4])
        r_stay, alpha_stay = np.exp(found.x[5:7]) if len(own) else (r, alpha)
        x, T = columns[0], columns[2]
        leavers = BetaGeoLaw(r + x, alpha + T, a + 0.0 * x, b + x).expected(np.full((1, len(x)), 273.0))[0]
        total = (weight[0] * leavers + weight[2] * 273.0 * (r_stay + x) / (alpha_stay + T)).sum()
        gain = -found.fun - plain.log_likelihood_
        print(f"{name}: gain {gain:.1f}, share {expit(found.x[4]):.3f}, bias {total / X['future'].sum() - 1:+.3f}")
    returning()


def returning() -> None:
    """Print log-likelihood and total bias by the weekly probability that a customer who is off comes back."""
    counts, future = weekly_counts()
    grid = [
        (rate, leave) for rate in np.geomspace(0.002, 1.2, 13) for leave in (0, 0.004, 0.01, 0.025, 0.06, 0.15, 0.4)
    ]
    for back in (0.0, 0.004, 0.008, 0.012, 0.018, 0.026):
        parts = [on_or_off(counts, rate, leave, back) for rate, leave in grid]
        weight, likelihood = free_distribution(np.array([part[0] for part in parts]))
        total = (weight * np.array([part[1] for part in parts])).sum()
        print(f"return {back}: log-likelihood {likelihood:.1f}, bias {total / future - 1:+.3f}")


def weekly_counts() -> tuple[np.ndarray, float]:
    """Purchase days per customer and week before the cut (n, 38), NaN before the first; purchases in 39 weeks after."""
    _, lines, cut, days = cdnow(only_sample=False)
    end, days_of = pd.Timestamp(cut), lines.drop_duplicates(["customer_id", "date"])
    first = days_of.groupby("customer_id")["date"].transform("min")
    ago = ((end - days_of["date"]).dt.days // 7).to_numpy()
    weeks = ((end - first).dt.days // 7).to_numpy()
    row = pd.factorize(days_of["customer_id"])[0]
    counts = np.full((row.max() + 1, weeks.max()), np.nan)
    counts[np.arange(weeks.max())[::-1] < weeks[np.unique(row, return_index=True)[1]][:, None]] = 0.0
    again = (days_of["date"] > first) & (days_of["date"] <= end) & (ago < weeks)
    np.add.at(counts, (row[again], weeks.max() - 1 - ago[again]), 1.0)
    after = (days_of["date"] > end) & (days_of["date"] <= end + pd.Timedelta(days=days))
    return counts, float(after.sum())


def on_or_off(counts: np.ndarray, rate: float, leave: float, back: float) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood and expected purchases of the next 39 weeks (n,) of a customer who starts on."""
    on, log_likelihood = np.ones(len(counts)), np.zeros(len(counts))
    for week in counts.T:
        known = ~np.isnan(week)
        bought = np.where(known, week, 0.0)
        stays = on * (1 - leave) + (1 - on) * back
        buys = stays * np.exp(-rate + bought * np.log(rate) - gammaln(bought + 1))
        both = buys + np.where(bought == 0, 1 - stays, 0.0)
        on = np.where(known, buys / both, on)
        log_likelihood += np.where(known, np.log(both), 0.0)
    expected = np.zeros(len(counts))
    for _ in range(39):
        on = on * (1 - leave) + (1 - on) * back
        expected += rate * on
    return log_likelihood, expected


def free_distribution(parts: np.ndarray) -> tuple[np.ndarray, float]:
    """Posterior weights (classes, n) and log-likelihood of a mixture of ``parts`` (classes, n) with free shares."""
    top = parts.max(axis=0)
    scaled = np.exp(parts - top)
    share = np.full(len(parts), 1 / len(parts))
    for _ in range(1500):
        share = share * (scaled @ (1 / (share @ scaled))) / parts.shape[1]
    mixed = share @ scaled
    return share[:, None] * scaled / mixed, float((np.log(mixed) + top).sum())


if __name__ == "__main__":
    main()
