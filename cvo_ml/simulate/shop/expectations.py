"""Exact expectations of the purchase process: what the truth says about any future window.

A gap of regularity k passes k stages at rate beta = k lambda. By operational time s a Poisson number
n of stages is passed, and from stage j that makes floor((j + n) / k) orders, each survived with
1 - p; death in time takes exp(-mu s). All of it closed for k = 1 (Poisson), a finite sum else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammainc, gammaln

from cvo_ml.core.arrays import Numbers

_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class Span:
    """A stretch of time with constant parameters; arrays of shape (n,).

    ``length`` is operational time; ``rate``, ``per_order``, ``per_day`` hold inside it; at its beginning
    who is gone comes back, into the first stage, with probability ``back`` (None = nobody).
    """

    length: Numbers
    rate: Numbers
    per_order: Numbers
    per_day: Numbers
    back: Numbers | None = None


def expected_purchases(spans: Sequence[Span], stages: Numbers, once: bool = False) -> tuple[Numbers, Numbers]:
    """Expected orders in consecutive spans.

    Parameters
    ----------
    stages:
        P(alive and in stage j of the gap) at the start, shape (n, k); k = regularity.
    once:
        Who has ordered in the spans does not come back.

    Returns
    -------
    Expected number of orders, shape (n,); the stage probabilities at the end, shape (n, k).
    """
    total = np.zeros(len(stages))
    for span in spans:
        if span.back is not None:
            gone = 1.0 - stages.sum(axis=1) - (total if once else 0.0)
            stages = np.column_stack([stages[:, 0] + span.back * gone, stages[:, 1:]])
        orders, stages = _through(span, stages)
        total += orders
    return total, stages


def any_purchase(spans: Sequence[Span], stages: Numbers) -> Numbers:
    """P(at least one order): the expected orders of customers who would all leave after one."""
    final = [replace(span, per_order=np.ones_like(span.rate)) for span in spans]
    return expected_purchases(final, stages, once=True)[0]


def stages_at_age(age: Numbers, regularity: int, alive: Numbers) -> Numbers:
    """P(alive and in stage j) at ``age`` mean gaps after the last order, none since; shape (n, k).

    Given no order, the number of stages passed is Poisson(k age) cut to below k.
    """
    stage = np.arange(regularity)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_weight = np.where(stage == 0, 0.0, stage * np.log(regularity * age[:, None])) - gammaln(stage + 1)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return alive[:, None] * weight / weight.sum(axis=1, keepdims=True)


def _through(span: Span, stages: Numbers) -> tuple[Numbers, Numbers]:
    if stages.shape[1] == 1:
        hazard = span.rate * span.per_order + span.per_day
        lived = lived_time(hazard, span.length)
        return span.rate * lived * stages[:, 0], stages * np.exp(-hazard * span.length)[:, None]
    passes = span.rate * span.length * stages.shape[1]
    orders, after = np.zeros(len(stages)), np.zeros_like(stages)
    for rows in np.array_split(np.argsort(passes), 1 + len(stages) // _ROWS_AT_ONCE):
        most = float(passes[rows].max(initial=0.0))  # alike rows together: each group needs its own number of terms
        width = int(most + 10 * np.sqrt(most) + 20)
        orders[rows], after[rows] = _through_stages(_part(span, rows), stages[rows], width)
    return orders, after


def _through_stages(span: Span, stages: Numbers, width: int) -> tuple[Numbers, Numbers]:
    k = stages.shape[1]
    beta = k * span.rate[:, None]
    stays = 1.0 - span.per_order[:, None]
    number = np.arange(width)
    passed = _poisson(beta * span.length[:, None], number) * np.exp(-span.per_day * span.length)[:, None]
    nth = np.arange(1, width // k + 2)
    discount = beta / (beta + span.per_day[:, None])
    orders, after = np.zeros(len(stages)), np.zeros_like(stages)
    for j in range(k):
        # the n-th order needs n k - j stages, n - 1 survivals, and no death in time before it
        passes = nth * k - j
        arrives = discount**passes * gammainc(passes, (beta + span.per_day[:, None]) * span.length[:, None])
        orders += stages[:, j] * np.sum(stays ** (nth - 1) * arrives, axis=1)
        survived = passed * stays ** ((j + number) // k)
        for reached in range(k):
            after[:, reached] += stages[:, j] * survived[:, (j + number) % k == reached].sum(axis=1)
    return orders, after


def lived_time(hazard: Numbers, length: Numbers) -> Numbers:
    """Expected time alive within ``length`` under a constant hazard: (1 - exp(-h s)) / h.

    Examples
    --------
    >>> lived_time(np.array([0.0, 1e-12]), np.array([2.0, 2.0])).round(6).tolist()
    [2.0, 2.0]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(hazard > 0, -np.expm1(-hazard * length) / hazard, length)


def _poisson(mean: Numbers, number: Numbers) -> Numbers:
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(number == 0, 0.0, number * np.log(mean))
    return np.exp(log - mean - gammaln(number + 1))


def _part(span: Span, rows: Numbers) -> Span:
    return Span(span.length[rows], span.rate[rows], span.per_order[rows], span.per_day[rows])
