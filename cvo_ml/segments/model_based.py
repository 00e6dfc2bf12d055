"""Segments found by a model, and whether the rules say as much about the future.

The model is k-means or a Gaussian mixture on standardised R, F and M.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

import numpy as np
import pandas as pd
from scipy.stats import multivariate_normal
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture

from cvo_ml.core.arrays import Flags, Floats, Ints
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.result import Json, Result
from cvo_ml.segments.rules.edges import measures
from cvo_ml.stats.intervals import Interval, bootstrap

Method = Literal["kmeans", "mixture"]
Better = Literal["model", "rules", "alike"]

#: Numbers of clusters that are tried.
TRIED: Final = range(2, 9)
#: Rows that the model is fitted to, and that the silhouette looks at.
MOST_FITTED, MOST_JUDGED = 20_000, 2_000
BOOTSTRAPS: Final = 20
FEWEST_CUSTOMERS: Final = 50
#: A cluster whose mean Jaccard similarity over bootstraps is at least this is stable (Hennig 2007).
STABLE: Final = 0.75
#: Folds out of which the comparison with the rules predicts, and replicates of its interval.
FOLDS: Final = 5
REPLICATES: Final = 500


@dataclass(frozen=True)
class ModelSegments(Result):
    """A fitted segmentation that fits into JSON.

    Parameters
    ----------
    mean, scale:
        What the logged measures are standardised by (3,).
    centres:
        Of the clusters, standardised (k, 3).
    covariances, weights:
        Of a mixture's parts (k, 3, 3), (k,); None for k-means.
    names:
        Readable names, one per cluster.
    """

    method: Method
    mean: Floats
    scale: Floats
    centres: Floats
    covariances: Floats | None
    weights: Floats | None
    names: tuple[str, ...]

    def predict(self, rfm: pd.DataFrame) -> pd.Series:
        """The segment of each row: the nearest centre, or the likeliest part of the mixture."""
        codes = self.codes(standardised(rfm, self.mean, self.scale))
        return pd.Series(pd.Categorical.from_codes(codes, pd.Index(self.names, dtype="str")), index=rfm.index)

    def codes(self, X: Floats) -> Ints:
        """Cluster numbers of standardised rows (n, 3)."""
        if self.method == "kmeans":
            # ||x - c||^2 without ||x||^2, which is the same for all centres
            nearest: Ints = np.argmin(-2 * X @ self.centres.T + (self.centres**2).sum(axis=1), axis=1)
            return nearest
        likeliest: Ints = np.argmax(self.densities(X), axis=1)
        return likeliest

    def densities(self, X: Floats) -> Floats:
        """Logarithm of weight times density of each part of a mixture (n, k)."""
        assert self.covariances is not None
        assert self.weights is not None
        parts = zip(self.centres, self.covariances, self.weights, strict=True)
        rows = [multivariate_normal.logpdf(X, centre, spread) + np.log(weight) for centre, spread, weight in parts]
        return np.column_stack([np.atleast_1d(row) for row in rows])


@dataclass(frozen=True)
class FittedSegments(Result):
    """A segmentation with what it was chosen by and how stable it is.

    Parameters
    ----------
    criterion:
        Number of clusters to BIC (mixture, lower is better) or silhouette (k-means, higher is better).
    stability:
        Mean Jaccard similarity of each cluster to its likeness in bootstraps of the customers, by name.
    """

    segments: ModelSegments
    criterion: Mapping[int, float]
    stability: Mapping[str, float]

    @property
    def stable(self) -> bool:
        """Whether every cluster is (mean Jaccard of at least .75, Hennig 2007)."""
        return all(value >= STABLE for value in self.stability.values())


@dataclass(frozen=True)
class Explained(Result):
    """How much of what customers brought later two segmentations explain, out of fold.

    Parameters
    ----------
    rules_explain, model_explains:
        Shares of the variance of the logged value.
    lead:
        Of the model, with its paired bootstrap interval.
    verdict:
        The better one; ``alike`` where the interval holds 0.
    """

    rules_explain: float
    model_explains: float
    lead: Interval
    verdict: Better


@dataclass(frozen=True)
class NotExplained(Result):
    """Why two segmentations cannot be compared."""

    reason: str


@dataclass(frozen=True)
class ModelComparison(Result):
    """A model's segments against the rules, both made one horizon before the date.

    Parameters
    ----------
    cut:
        The date on which both were made.
    stable:
        Whether every segment of the model comes back when customers are drawn again.
    """

    cut: date
    horizon_days: float
    customers: int
    compared: Explained | NotExplained
    stable: bool

    def to_json(self) -> dict[str, Json]:
        """What the comparison says beside the other fields."""
        fields = {name: value for name, value in super().to_json().items() if name != "compared"}
        return {**fields, **self.compared.to_json()}


@dataclass(frozen=True)
class ModelBased(Result):
    """The model's segmentation with its comparison."""

    fitted: FittedSegments
    comparison: ModelComparison

    def to_json(self) -> dict[str, Json]:
        """The fields of both side by side."""
        return {**self.comparison.to_json(), **self.fitted.to_json()}


def fit_segments(
    rfm: pd.DataFrame,
    method: Method = "kmeans",
    *,
    clusters: int | None = None,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
) -> FittedSegments:
    """Find segments in R, F and M.

    Parameters
    ----------
    rfm:
        ``days_since_last_order, number_of_orders, net_value`` per customer.
    clusters:
        How many; None chooses from 2 to 8 by silhouette (k-means) or BIC (mixture).
    bootstraps:
        How often customers are drawn again to see whether the clusters come back.

    Raises
    ------
    ModelRefused
        With fewer than 50 customers, or fewer than two different ones.
    """
    logged = _logged(rfm)
    if len(rfm) < FEWEST_CUSTOMERS or len(np.unique(logged, axis=0)) < 2:
        raise ModelRefused(
            f"model-based segments need {FEWEST_CUSTOMERS} customers who are not all alike, and there are {len(rfm)}: "
            "use the rules",
            reason_code="too_few_customers",
        )
    mean, scale = logged.mean(axis=0), logged.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    X = (logged - mean) / scale
    rng = np.random.default_rng(seed)
    sample = X[np.sort(rng.choice(len(X), MOST_FITTED, replace=False))] if len(X) > MOST_FITTED else X
    distinct = len(np.unique(sample, axis=0))
    tried = [k for k in ([clusters] if clusters else TRIED) if k <= distinct]
    fits = {k: _fit(sample, method, k, mean, scale, seed) for k in tried}
    criterion = {k: _criterion(sample, fit, seed) for k, fit in fits.items()}
    best = max(criterion, key=lambda k: criterion[k] if method == "kmeans" else -criterion[k])
    unnamed = fits[best]
    names = _names(rfm, unnamed.codes(X), best)
    segments = replace(unnamed, names=names)
    stability = _stability(sample, segments, bootstraps, rng)
    return FittedSegments(segments, criterion, dict(zip(names, stability, strict=True)))


def compare(rules: pd.Series, model: pd.Series, later_value: Floats, seed: int = 0) -> Explained | NotExplained:
    """How much of what customers brought later each segmentation explains, out of fold.

    The value is logged, log(1 + v), so that a few large customers do not decide. Each customer is predicted by the mean
    of the segment among the customers of the other folds.

    Parameters
    ----------
    rules, model:
        The segment of each customer on a date (n,).
    later_value:
        What each brought in the window after that date (n,), >= 0.
    """
    logged = np.log1p(np.maximum(later_value, 0.0))
    fold = np.random.default_rng(seed).permutation(len(logged)) % FOLDS
    spread = float(((logged - logged.mean()) ** 2).mean())
    if not spread > 0:
        return NotExplained("nobody brought anything different in the window: there is nothing to explain")
    errors = {name: _errors(segments, logged, fold) for name, segments in (("rules", rules), ("model", model))}
    gain = (errors["rules"] - errors["model"]) / spread
    lead = bootstrap(lambda rows: float(gain[rows].mean()), len(gain), replicates=REPLICATES)
    return Explained(
        rules_explain=1 - float(errors["rules"].mean()) / spread,
        model_explains=1 - float(errors["model"].mean()) / spread,
        lead=lead,
        verdict="model" if lead.lower > 0 else "rules" if lead.upper < 0 else "alike",
    )


def standardised(rfm: pd.DataFrame, mean: Floats, scale: Floats) -> Floats:
    """The logged measures, less ``mean``, over ``scale`` (n, 3)."""
    return np.asarray((_logged(rfm) - mean) / scale)


def _logged(rfm: pd.DataFrame) -> Floats:
    recency, orders, value = measures(rfm)
    # money may be negative; the sign is kept, and the logarithm tames the large
    return np.column_stack([np.log1p(recency), np.log(np.maximum(orders, 1)), np.sign(value) * np.log1p(np.abs(value))])


def _fit(X: Floats, method: Method, k: int, mean: Floats, scale: Floats, seed: int, starts: int = 4) -> ModelSegments:
    names = tuple(str(number) for number in range(k))
    if method == "kmeans":
        centres = KMeans(k, n_init=starts, random_state=seed).fit(X).cluster_centers_
        return ModelSegments(method, mean, scale, centres, None, None, names)
    mixture = GaussianMixture(k, reg_covar=1e-3, random_state=seed).fit(X)
    return ModelSegments(method, mean, scale, mixture.means_, mixture.covariances_, mixture.weights_, names)


def _criterion(X: Floats, fit: ModelSegments, seed: int) -> float:
    if fit.method == "kmeans":
        codes = fit.codes(X)
        if len(np.unique(codes)) < 2:
            return -1.0
        return float(silhouette_score(X, codes, sample_size=min(len(X), MOST_JUDGED), random_state=seed))
    k, d = fit.centres.shape
    parameters = k - 1 + k * d + k * d * (d + 1) / 2
    return float(parameters * np.log(len(X)) - 2 * np.logaddexp.reduce(fit.densities(X), axis=1).sum())


def _stability(X: Floats, fit: ModelSegments, bootstraps: int, rng: np.random.Generator) -> list[float]:
    """Mean over bootstraps of each cluster's best Jaccard similarity (Hennig 2007)."""
    codes = fit.codes(X)
    similarities = []
    for number in range(bootstraps):
        drawn = X[rng.integers(0, len(X), len(X))]
        again = _fit(drawn, fit.method, len(fit.names), fit.mean, fit.scale, number, starts=1).codes(X)
        similarities.append([_best_likeness(codes == own, again) for own in range(len(fit.names))])
    return [float(value) for value in np.mean(similarities, axis=0)]


def _best_likeness(own: Flags, again: Ints) -> float:
    if not own.any():
        return 0.0
    other = np.bincount(again)
    common = np.bincount(again[own], minlength=len(other))
    return float(np.max(common / (own.sum() + other - common)))


def _names(rfm: pd.DataFrame, codes: Ints, k: int) -> tuple[str, ...]:
    """A name for each cluster from where its medians lie among all customers."""
    recency, orders, value = measures(rfm)
    late, later = np.quantile(recency, [1 / 3, 2 / 3])
    little, much = np.quantile(value, [1 / 3, 2 / 3])
    repeat = orders[orders >= 2]
    often = np.quantile(repeat, 2 / 3) if len(repeat) else np.inf
    names: list[str] = []
    for number in range(k):
        own = codes == number
        if not own.any():
            names.append(f"nobody {number + 1}")
            continue
        days, count, money = np.median(recency[own]), np.median(orders[own]), np.median(value[own])
        words = [
            "recent" if days <= late else "slipping" if days <= later else "lapsed",
            "one order" if count < 2 else "frequent" if count >= often else "a few orders",
            "low value" if money <= little else "middle value" if money <= much else "high value",
        ]
        name = ", ".join(words)
        names.append(name if name not in names else f"{name} (about {days:.0f} days, {count:.0f} orders, {money:,.0f})")
    return tuple(name if names.count(name) == 1 else f"{name} {place + 1}" for place, name in enumerate(names))


def _errors(segments: pd.Series, logged: Floats, fold: Ints) -> Floats:
    """Squared error of each customer when predicted by the segment's mean in the other folds."""
    codes, names = pd.factorize(segments.astype("str").to_numpy())
    squared = np.empty(len(logged))
    for held in range(FOLDS):
        seen = fold != held
        counts = np.bincount(codes[seen], minlength=len(names))
        sums = np.bincount(codes[seen], weights=logged[seen], minlength=len(names))
        # a segment without customers in the other folds is predicted by everybody's mean
        means = np.where(counts > 0, sums / np.maximum(counts, 1), logged[seen].mean())
        squared[~seen] = (logged[~seen] - means[codes[~seen]]) ** 2
    return squared
