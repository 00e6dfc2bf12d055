"""Predictive distribution of a customer's value in a span, as an exact mixture: arrays in, arrays out.

With C purchases of a customer who is alive and a posterior spend rate ν ~ Gamma(q + px, v + xm), the value is
V = (v + xm) G / ν' with G ~ Gamma(pC), ν' ~ Gamma(q + px): V / (v + xm) is beta prime given C, so

    P(V / (v + xm) <= s) = 1 − P(alive) + P(alive) Σ_c P(C = c | alive) I_{s/(1+s)}(pc, q + px)

The incomplete beta functions depend on x only, the law of C on (x, T) only: a million customers need few of them. The
values of s and the classes of c lie on lattices that do not depend on who else is in the table, so one customer gets
the same answer alone as among a million.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import betainc, betaincinv, betaln

from cvo_ml.core.arrays import Flags, Floats, Places
from cvo_ml.models.clv.likelihood import trigamma
from cvo_ml.models.clv.purchase_law import PurchaseLaw

_EDGE: Final = 1e-4  # probability below the table
_REST: Final = 1e-5  # probability of more purchases, or more value, than the table holds
_ONE_BY_ONE: Final = 1200  # up to here the laws sum probabilities, beyond they use special functions
_EVERY: Final = 32  # counts up to here one by one, beyond in steps of 4 %
_COUNTS: Final = np.unique(
    np.floor(np.append(np.arange(1.0, _EVERY), _EVERY * np.exp(0.04 * np.arange(330.0))))
)  # up to 1.6e7
_HALVINGS = 24


@dataclass(frozen=True)
class ValueLaw:
    """The law of V / (v + xm) in a span.

    Attributes
    ----------
    law:
        Purchases of customers who are alive, by distinct history.
    position, alive, q:
        For each customer (n,) the row of ``law``, P(alive), and the posterior shape q + px.
    span:
        In the law's unit of time.
    p:
        Shape of one purchase's value.
    """

    law: PurchaseLaw
    position: Places
    alive: Floats
    q: Floats
    span: float
    p: float

    def tabulated(self) -> TabulatedValue:
        """Its distribution, ready for many questions."""
        return TabulatedValue(self.alive, tuple(self._tables()))

    def _order(self) -> Places:
        """Rows ordered by the posterior shape q + px and, if both are small, by history: neighbours in a table are then
        neighbours in memory. By counting where numbers are small."""
        if not len(self.q):
            return np.zeros(0, dtype=np.intp)
        count = np.rint((self.q - self.q.min()) / self.p)
        small = np.iinfo(np.int16).max
        by_history = np.argsort(self.position.astype(np.int16), kind="stable") if self.position.max() < small else None
        shape = count.astype(np.int16) if count.max() < small else self.q
        if by_history is None:
            return np.argsort(shape, kind="stable")
        return np.asarray(by_history[np.argsort(shape[by_history], kind="stable")])

    def _tables(self) -> Iterator[tuple[Places, _Table]]:
        """Customers of one posterior shape after the other, with the table of their distribution."""
        order = self._order()
        stops = np.append(np.flatnonzero(np.diff(self.q[order])) + 1, len(order))
        classes = 8  # neighbours in shape need about as many
        place = np.zeros(int(self.position.max(initial=-1)) + 1, dtype=np.intp)
        for start, stop in zip(np.append(0, stops[:-1]), stops, strict=True):
            rows = order[start:stop]
            if len(rows):
                held = self.position[rows]
                members = np.unique(held) if len(rows) * 8 < len(place) else np.flatnonzero(np.bincount(held))
                place[members] = np.arange(len(members))
                position = place[held]
                law = self.law.rows(members)
                survival = _survival(law, self.span, classes)
                classes = survival.shape[1] + 4
                yield rows, _tabulate(survival, position, self.p, float(self.q[rows[0]]))


@dataclass(frozen=True)
class TabulatedValue:
    """The distribution of V / (v + xm) for each customer (n,), by posterior shape, to about 1e-3 of probability."""

    alive: Floats
    tables: tuple[tuple[Places, _Table], ...]

    def quantiles(self, levels: Floats) -> Floats:
        """Quantiles at probabilities ``levels`` in (0, 1), shape (levels, n)."""
        result = np.zeros((len(levels), len(self.alive)))
        for rows, table in self.tables:
            alive = self.alive[rows]
            # customers of one history who are surely alive share their quantiles: most of a shop, in BG/NBD
            same = bool((alive == 1.0).all())
            place = np.arange(len(table.cumulative)) if same else table.row
            for i, level in enumerate(levels):
                value = table.value_at(np.full(len(place), level) if same else (level - 1.0 + alive) / alive, place)
                result[i, rows] = value[table.row] if same else value
        return result

    def exceedance(self, value: Floats) -> Floats:
        """P(V / (v + xm) > ``value``) (n,); ``value`` (n,) >= 0, at 0 that of any purchase."""
        result = np.zeros(len(self.alive))
        for rows, table in self.tables:
            result[rows] = self.alive[rows] * (1.0 - table.probability_up_to(value[rows]))
        return result


@dataclass(frozen=True)
class _Table:
    """P(V / (v + xm) <= s | alive) of customers with one posterior shape q + px.

    ``log_scale`` (grid,) holds log s, ``cumulative`` (histories, grid) the probabilities, ``silent`` (histories,) that
    of no purchase, ``last`` (histories,) where each history's own table ends, ``row`` (customers,) their history.
    """

    log_scale: Floats
    cumulative: Floats
    silent: Floats
    last: Floats
    row: Places

    def value_at(self, level: Floats, place: Places) -> Floats:
        """Value with probability ``level`` (k,) for the histories ``place`` (k,), 0 below the first purchase."""
        n_rows, width = self.cumulative.shape
        buys = np.flatnonzero(level > self.silent[place])
        row, wanted = place[buys], np.minimum(level[buys], 1.0)
        lifted = (self.cumulative + 2.0 * np.arange(n_rows)[:, None]).ravel()  # rows one above the other: sorted
        flat = np.searchsorted(lifted, wanted + 2.0 * row) - row * width
        inside = np.clip(flat, 1, width - 1)
        below, above = self.cumulative[row, inside - 1], self.cumulative[row, inside]
        share = np.clip((wanted - below) / np.maximum(above - below, 1e-300), 0.0, 1.0)
        step = self.log_scale[1] - self.log_scale[0]
        result = np.zeros(len(level))
        result[buys] = np.where(flat > 0, np.exp(self.log_scale[inside - 1] + share * step), 0.0)
        return result

    def probability_up_to(self, value: Floats) -> Floats:
        """For each customer P(V / (v + xm) <= ``value`` | alive)."""
        step = self.log_scale[1] - self.log_scale[0]
        place = (np.log(np.maximum(value, 1e-300)) - self.log_scale[0]) / step
        place = np.minimum(place, self.last[self.row])
        left = np.clip(np.floor(place), 0, len(self.log_scale) - 2).astype(np.intp)
        below, above = self.cumulative[self.row, left], self.cumulative[self.row, left + 1]
        return np.where(place < 0, self.silent[self.row], below + (place - left) * (above - below))


def _tabulate(survival: Floats, row: Places, p: float, q: float) -> _Table:
    """The table of customers of one posterior shape, from P(purchases >= start of class) (histories, classes)."""
    n_classes = survival.shape[1]
    mass = survival - np.hstack([survival[:, 1:], np.zeros((len(survival), 1))])
    middle = (_COUNTS[:n_classes] + _COUNTS[1 : n_classes + 1] - 1.0) / 2.0
    step = float(np.clip(np.sqrt(trigamma(q)) / 6.0, 1.0 / 256.0, 1.0 / 12.0))
    low = np.floor(_log_odds(np.asarray(betaincinv(p, q, _EDGE))) / step)
    own_top = (survival > 0).sum(axis=1) - 1
    tops, which = np.unique(own_top, return_inverse=True)
    high = np.ceil(_log_odds(betaincinv(p * middle[tops], q, 1.0 - _REST)) / step)
    last = np.maximum(high - low, 1.0)[which]
    log_scale = (low + np.arange(last.max() + 1.0)) * step
    given_count = _beta_prime_cumulative(p * middle[:, None], q, log_scale)
    silent = 1.0 - survival[:, 0]
    return _Table(log_scale, silent[:, None] + mass @ given_count, silent, last, row)


def _beta_prime_cumulative(a: Floats, q: float, log_scale: Floats) -> Floats:
    """I_{s/(1+s)}(a, q) at an even lattice of log s, for shapes a (counts, 1): (counts, grid), to about 1e-6.

    The running trapezoid sum of the density with the first Euler–Maclaurin correction, from the exact value at the
    first point: one exponential per value instead of one incomplete beta function.
    """
    step, log_one_plus = log_scale[1] - log_scale[0], np.logaddexp(0.0, log_scale)
    density = a * log_scale
    density -= (a + q) * log_one_plus
    density -= betaln(a, q)
    np.exp(density, out=density)
    bend = 0.5 * step + step**2 / 12.0 * (a - (a + q) * np.exp(log_scale - log_one_plus))
    bend *= density  # the ends' share of the trapezoids, and their slopes
    area = np.cumsum(density, axis=1)
    area *= step
    area -= bend
    area += bend[:, :1] - step * density[:, :1]
    return np.asarray(np.clip(betainc(a, q, 1.0 / (1.0 + np.exp(-log_scale[0]))) + area, 0.0, 1.0))


def _log_odds(share: Floats) -> Floats:
    return np.asarray(np.log(share) - np.log1p(-share))


def _survival(law: PurchaseLaw, span: float, size: int) -> Floats:
    """P(purchases >= start of each class) (histories, classes), 0 from each history's own end on.

    ``size`` is a first guess of the number of classes; the answer does not depend on it.
    """
    size = min(size, len(_COUNTS) - 1)
    while True:
        counts = _COUNTS[:size]
        if counts[-1] <= _ONE_BY_ONE:
            survival = law.survival_up_to(int(counts[-1]), span)[:, counts.astype(np.intp) - 1]
        else:
            survival = law.rows((slice(None), None)).survival(counts, span)
        if size >= len(_COUNTS) - 1 or not (survival[:, -1] > _REST).any():
            break
        size = min(size + size // 2, len(_COUNTS) - 1)
    survival = np.where(survival > _REST, survival, 0.0)
    survival[:, 0] = np.maximum(survival[:, 0], 1e-300)
    return np.asarray(survival[:, : max(1, int((survival > 0).sum(axis=1).max()))])


@dataclass(frozen=True)
class PredictiveValue:
    """What the discounted value of each customer may be, by chance and by what is not known of the parameters.

    Attributes
    ----------
    fitted:
        Law at the fitted parameters of the value over its scale, and that scale (n,), currency.
    possible:
        The same at parameters that are equally likely; none = quantiles are those of the fitted ones.
    discount:
        Worth of a unit of the undiscounted value now (n,).
    """

    fitted: tuple[TabulatedValue, Floats]
    possible: Sequence[tuple[TabulatedValue, Floats]]
    discount: Floats

    def quantiles(self, levels: Floats) -> Floats:
        """Quantiles (levels, n), currency."""
        law, scale = self.fitted
        undiscounted = mixture_quantiles(levels, self.possible) if self.possible else law.quantiles(levels) * scale
        return undiscounted * self.discount

    def exceedance(self, amount: Floats) -> Floats:
        """P(value > ``amount``) (n,) at the fitted parameters; ``amount`` (n,), currency, >= 0."""
        law, scale = self.fitted
        return law.exceedance(amount / (self.discount * scale))


def mixture_quantiles(levels: Floats, laws: Sequence[tuple[TabulatedValue, Floats]]) -> Floats:
    """Quantiles (levels, n), currency, of a value whose law is an equal mixture of ``laws``, each with its scale (n,).

    The quantile of a mixture lies between the smallest and the largest of its parts' quantiles: bisected there.
    """
    parts = np.stack([law.quantiles(levels) * scale for law, scale in laws])
    low, high = parts.min(axis=0), parts.max(axis=0)

    def above(value: Floats, level: float) -> Flags:
        tail = np.mean([law.exceedance(value / scale) for law, scale in laws], axis=0)
        return np.asarray(tail > 1.0 - level, dtype=np.bool_)

    for i, level in enumerate(levels):
        for _ in range(_HALVINGS):
            middle = (low[i] + high[i]) / 2.0
            upper = above(middle, level)
            low[i], high[i] = np.where(upper, middle, low[i]), np.where(upper, high[i], middle)
        high[i][~above(np.zeros_like(high[i]), level)] = 0.0
    return np.asarray(high, dtype=np.float64)
