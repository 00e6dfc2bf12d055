"""CDNOW master: does a share of customers who never leave explain the missing holdout purchases?

    CVO_DATA=… python benchmarks/clv/cdnow_master.py

BG/NBD is mixed with a class that stays for ever, with the same purchase rates or with its own; fitted before the cut.
"""

from __future__ import annotations

import numpy as np
from holdout import cdnow
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
    X = cdnow(only_sample=False).table
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


if __name__ == "__main__":
    main()
