"""CDNOW master: does a share of customers who never leave explain the missing holdout purchases?

    CVO_DATA=… python benchmarks/clv/cdnow_master.py

BG/NBD is mixed with a class that stays for ever, with the same purchase rates or with its own; fitted before the cut.
Then customers may come back, on every shop: weekly, on or off, with a free distribution over 55 pairs of purchase and
departure rate (by EM), and one rate of return for all, chosen by its likelihood before the cut.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaln, expit, gammaln

from benchmarks.clv.holdout import RAW, cdnow, markdown, split
from cvo_ml.models.clv import BetaGeoModel, group_histories
from cvo_ml.models.clv.bg_nbd import BetaGeoLaw

RETURNS = (0.0, 0.006, 0.012, 0.02, 0.03, 0.05)
CASES = (
    ("cdnow_sample", "1997-06-30", 273), ("cdnow_sample", "1997-09-30", 273), ("cdnow_sample", "1997-12-31", 181),
    ("cdnow_master", "1997-06-30", 273), ("cdnow_master", "1997-09-30", 273), ("cdnow_master", "1997-12-31", 181),
    ("online_retail", "2011-06-11", 181), ("complete_journey", "2017-06-30", 184), ("apparel", "2006-12-31", 728),
)  # fmt: skip


def classes(point: np.ndarray, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Log-likelihoods (3, n): leaver still there, leaver gone, one who never leaves."""
    r, alpha, a, b = np.exp(point[:4])
    r_stay, alpha_stay = np.exp(point[5:7]) if len(point) > 5 else (r, alpha)
    buys = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
    there = buys + betaln(a, b + x) - (r + x) * np.log(alpha + T)
    gone = buys + betaln(a + 1, b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
    stays = gammaln(r_stay + x) - gammaln(r_stay) + r_stay * np.log(alpha_stay) - (r_stay + x) * np.log(alpha_stay + T)
    share = np.log(expit([-point[4], -point[4], point[4]]))[:, None]
    parts: np.ndarray = share + np.stack([there, np.where(x > 0, gone, -np.inf), stays])
    return parts


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
    """Print, by shop and cut, log-likelihood and total bias for each weekly probability of coming back."""
    rows = []
    for name, cut, days in CASES:
        lines = RAW[name]()[1]
        if name == "cdnow_master":  # a quarter, for time
            lines = lines[lines["customer_id"] % 4 == 1]
        counts, future = weekly_counts(lines, pd.Timestamp(cut), days)
        most = 3.0 if name == "complete_journey" else 1.2  # purchases a week
        grid = [(rate, leave) for rate in np.geomspace(0.002, most, 11) for leave in (0.0, 0.006, 0.02, 0.06, 0.2)]
        row: dict[str, object] = {"shop": name, "cut after": cut, "days": days}
        found = {}
        for back in RETURNS:
            parts = [on_or_off(counts, rate, leave, back, round(days / 7)) for rate, leave in grid]
            weight, likelihood = free_distribution(np.array([part[0] for part in parts]))
            bias = (weight * np.array([part[1] for part in parts])).sum() / future - 1
            found[back] = likelihood, bias
        best = max(found, key=lambda back: found[back][0])
        row |= {"return 0": f"{found[0.0][1]:+.1%}", "best return": best, "its bias": f"{found[best][1]:+.1%}"}
        rows.append(row | {"gain in log-likelihood": f"{found[best][0] - found[0.0][0]:.1f}"})
    print(markdown(rows))


def weekly_counts(lines: pd.DataFrame, end: pd.Timestamp, days: int) -> tuple[np.ndarray, float]:
    """Purchase days by customer and week before the cut (n, weeks), NaN before the first, and purchases after it."""
    visits = lines[lines["date"] <= end + pd.Timedelta(days=days)].drop_duplicates(["customer_id", "date"])
    first = visits.groupby("customer_id")["date"].transform("min")
    visits, first = visits[first <= end], first[first <= end]
    ago = ((end - visits["date"]).dt.days // 7).to_numpy()
    weeks = ((end - first).dt.days // 7).to_numpy()
    row = pd.factorize(visits["customer_id"])[0]
    counts = np.full((row.max() + 1, weeks.max()), np.nan)
    counts[np.arange(weeks.max())[::-1] < weeks[np.unique(row, return_index=True)[1]][:, None]] = 0.0
    again = ((visits["date"] > first) & (visits["date"] <= end) & (ago < weeks)).to_numpy()
    np.add.at(counts, (row[again], weeks.max() - 1 - ago[again]), 1.0)
    return counts, float((visits["date"] > end).sum())


def on_or_off(counts: np.ndarray, rate: float, leave: float, back: float, weeks: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood and expected purchases of the next ``weeks`` (n,) of a customer who starts on."""
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
    for _ in range(weeks):
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
