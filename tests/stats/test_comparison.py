"""Two groups: published figures, and intervals that cover as often as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from cvo_ml.stats.comparison import Sample, adjusted, difference, sample_ratio


def test_the_difference_has_the_values_of_growthbook() -> None:
    """GrowthBook's statistics: absolute .29, CI (.04538, .53462), p .02016."""
    gap, p = difference(Sample(3461, 2422.7, 134698.29), Sample(3407, 1396.87, 52377.9767))
    assert (gap.estimate, gap.lower, gap.upper, p) == pytest.approx((0.29, 0.04538, 0.53462, 0.02016), abs=5e-6)


def test_the_difference_has_the_values_of_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 2, 40), rng.normal(0, 5, 25)
    oracle = ttest_ind(a, b, equal_var=False)
    gap, p = difference(Sample.of(a), Sample.of(b))
    bounds = oracle.confidence_interval(0.95)
    assert (gap.lower, gap.upper, p) == pytest.approx((bounds.low, bounds.high, oracle.pvalue))


def test_samples_add() -> None:
    values = np.random.default_rng(1).normal(size=30)
    whole, parts = Sample.of(values), Sample.of(values[:11]) + Sample.of(values[11:])
    assert (parts.n, parts.mean, parts.variance) == pytest.approx((30, whole.mean, whole.variance))


def test_sample_ratio_has_the_published_values(public_data: Path) -> None:
    """GrowthBook's statistics: [1000, 1200] gives 2.008e-5, Cookie Cats .0086."""
    assert sample_ratio((1000, 1200), 0.5) == pytest.approx(2.008e-5, rel=1e-3)
    [file] = [*(public_data / "cookie_cats").glob("*.csv*"), *(public_data / "cookie_cats").glob("*.parquet")]
    cats = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    counts = cats["version"].value_counts()
    assert sample_ratio((int(counts["gate_30"]), int(counts["gate_40"])), 0.5) == pytest.approx(0.0086, abs=5e-5)


def test_too_little_gives_no_interval() -> None:
    gap, p = difference(Sample.of(np.array([1.0])), Sample.of(np.array([2.0, 3.0])))
    assert np.isnan([gap.lower, gap.upper, p]).all()
    assert np.isnan(sample_ratio((0, 0), 0.9))


def test_what_was_known_before_takes_noise_away_and_leaves_the_effect() -> None:
    rng = np.random.default_rng(2)
    covered, widths = 0, []
    for _ in range(200):
        before = rng.normal(size=(400, 2))
        treated = rng.random(400) < 0.8
        outcome = 3 * before[:, 0] - before[:, 1] + rng.normal(size=400) + 0.5 * treated
        less = adjusted(outcome, before, treated)
        gap, _ = difference(Sample.of(less[treated]), Sample.of(less[~treated]))
        plain, _ = difference(Sample.of(outcome[treated]), Sample.of(outcome[~treated]))
        covered += gap.lower <= 0.5 <= gap.upper
        widths.append((gap.upper - gap.lower) / (plain.upper - plain.lower))
    assert 0.91 <= covered / 200 <= 0.99
    assert np.mean(widths) == pytest.approx(1 / np.sqrt(11), rel=0.05)  # 1 of 11 parts of the variance is left
