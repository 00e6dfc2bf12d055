"""Shops for the CLV tests: where CDNOW lies, a summary by hand, a simulator with known parameters."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest


def cdnow_file(name: str) -> Path:
    """A data file inside the installed lifetimes package (importing its loader needs an old setuptools)."""
    spec = importlib.util.find_spec("lifetimes")
    if spec is None or spec.origin is None:
        pytest.skip("lifetimes is not installed: its copy of CDNOW is not there")
    return Path(spec.origin).parent / "datasets" / name


def rfm_by_hand(lines: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """The field's summary in days: repeat purchase days, first to last, first to ``end``, mean value of repeat days."""
    days = lines.groupby(["customer_id", "date"])["value"].sum().reset_index()
    span = days.groupby("customer_id")["date"].agg(["min", "max", "count"])
    repeat = days[days["date"] > days.groupby("customer_id")["date"].transform("min")]
    return pd.DataFrame(
        {
            "frequency": span["count"] - 1.0,
            "recency": (span["max"] - span["min"]).dt.days.astype(float),
            "T": (end - span["min"]).dt.days.astype(float),
            "monetary_value": repeat.groupby("customer_id")["value"].mean().reindex(span.index).fillna(0.0),
        }
    )


def purchase_model(kind: type, unit: str, params: dict[str, float], **settings: object) -> object:
    """A model with given parameters, as if it had been fitted."""
    zeros = [[0.0] * len(params)] * len(params)
    document = {
        "format": 1, "model": kind.__name__, "settings": {"time_unit": unit, **settings}, "params": params,
        "log_likelihood": 0.0, "covariance": zeros, "n_customers": 1.0, "status": {"rung": "converged", "reason": ""},
        "penalty": "none",
    }  # fmt: skip
    return kind.from_json(document)


def simulate_shop(
    n: int, r: float, alpha: float, a: float, b: float, *, longest: float = 365.0, seed: int = 0
) -> pd.DataFrame:
    """Customers of a BG/NBD shop with T uniform on (0, ``longest``)."""
    return simulate_with_future(n, r, alpha, a, b, longest=longest, seed=seed)[["frequency", "recency", "T"]]


def simulate_with_future(
    n: int, r: float, alpha: float, a: float, b: float, *, longest: float = 365.0, span: float = 365.0, seed: int = 0
) -> pd.DataFrame:
    """The same with Gamma-Gamma values (6, 4, 15), and ``future`` purchases and ``worth`` in the ``span`` after T.

    By order statistics: given the number of purchases that would come, their times are uniform; the customer leaves
    after the G-th, G geometric. Exact, and vectorised for rates of a million purchases.
    """
    rng = np.random.default_rng(seed)
    T = rng.uniform(0.02, 1.0, n) * longest
    rate = rng.gamma(r, 1 / alpha, n)
    wanted, later = rng.poisson(rate * T), rng.poisson(rate * span)
    leaves_after = rng.geometric(np.clip(rng.beta(a, b, n), 1e-12, 1.0))
    x = np.minimum(wanted, leaves_after)
    last = rng.beta(np.maximum(x, 1), wanted - x + 1) * T  # x-th smallest of `wanted` uniform times
    future = np.minimum(wanted + later, leaves_after) - x
    price = rng.gamma(4.0, 1 / 15.0, n)

    def spend(count: np.ndarray) -> np.ndarray:
        return np.where(count > 0, rng.gamma(6.0 * np.maximum(count, 1)) / price, 0.0)

    return pd.DataFrame(
        {
            "frequency": x.astype(float),
            "recency": np.where(x > 0, last, 0.0),
            "T": T,
            "monetary_value": spend(x) / np.maximum(x, 1),
            "future": future,
            "worth": spend(future),
        }
    )


def simulate_pareto(n: int, r: float, alpha: float, s: float, beta: float, seed: int = 0) -> pd.DataFrame:
    """Customers of a Pareto/NBD shop with T uniform on (0, 500); a binary column z."""
    rng = np.random.default_rng(seed)
    T, z = rng.uniform(10.0, 500.0, n), rng.integers(0, 2, n).astype(float)
    rate = rng.gamma(r, 1 / alpha, n) * np.exp(0.8 * z)
    life = np.minimum(rng.exponential(size=n) * beta / np.maximum(rng.gamma(s, size=n), 1e-300), T)
    x = rng.poisson(rate * life)
    last = np.where(x > 0, rng.beta(np.maximum(x, 1), 1.0) * life, 0.0)
    return pd.DataFrame({"frequency": x.astype(float), "recency": last, "T": T, "z": z})


def simulate_opportunities(n: int, law: tuple[float, float, float, float], periods: int, seed: int = 0) -> pd.DataFrame:
    """Donors by BG/BB: of ``periods`` opportunities each, by the law's alpha, beta, gamma, delta."""
    rng = np.random.default_rng(seed)
    there = np.minimum(rng.geometric(rng.beta(law[2], law[3], n)) - 1, periods)
    bought = (rng.random((n, periods)) < rng.beta(law[0], law[1], (n, 1))) & (np.arange(periods) < there[:, None])
    last = (bought * np.arange(1, periods + 1)).max(axis=1)
    return pd.DataFrame({"frequency": bought.sum(axis=1), "recency": last, "T": float(periods)})
