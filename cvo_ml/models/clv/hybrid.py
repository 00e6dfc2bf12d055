"""Boosted trees on top of a buy-till-you-die model, for shops whose tables say more than frequency and recency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from cvo_ml.core.arrays import Flags, Floats, Numbers
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import BundleError, ModelRefused, UsageError
from cvo_ml.core.result import Json, Result
from cvo_ml.core.units import Horizon
from cvo_ml.models.boosting import BoostedClassifier, TreeParameters
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.scorers import OUTPUTS, SCORERS, BuyTillYouDie, Scorer
from cvo_ml.models.protocol import Parts

#: What the trees read of the model beneath, beside the columns of the snapshot.
PURCHASE_COLUMNS: Final = ("btyd_value", "btyd_orders", "btyd_alive", "btyd_buys", "btyd_log_value_if_buys")
#: Fewer buying, or fewer silent, rows than this cannot train the trees.
FEWEST_ROWS: Final = 200
_FOLDS: Final = 3
_SPREAD: Final = (0.1, 2.0)  # of the log of the value: beyond, the mean of a log-normal is its tail alone
_SMEAR: Final = (0.5, 2.0)
_SMALLEST: Final = 1e-6  # of a probability or an amount before its logarithm


@dataclass(frozen=True)
class HybridParameters(Result):
    """What a bundle holds of the hurdle, beside the trees' text.

    Parameters
    ----------
    base_kind, base:
        The model beneath: its kind and its parameters.
    features, snapshot:
        All columns to score, and those that the trees read.
    """

    base_kind: str
    base: Mapping[str, Json]
    horizon_days: int | float
    features: Sequence[str]
    snapshot: Sequence[str]
    rounds: int
    parameters: Mapping[str, Json]
    reference_p90: float | None
    smear: float
    trees: Mapping[str, TreeParameters]


class HybridLifetimeValue(Scorer):
    """Hurdle on top of buy-till-you-die: P(buys) x log-normal value with a modelled spread, by LightGBM.

    With z the snapshot and the outputs of the model beneath, a customer brings nothing with probability 1 − π(z), else
    V with log V ~ N(log A + μ(z) + log c, σ²(z)); A is the model's own expected value given a purchase, so trees learn
    what differs from it and large customers stay large; c makes the total right on customers that the trees had not
    seen. E[V] = π A c exp(μ + σ²/2); quantiles follow in closed form.

    The number of orders, P(alive) and the next order are those of the model beneath. Money is discounted as there.

    Parameters
    ----------
    base:
        Fitted scorer, on data up to the date of scoring.
    horizon:
        The one window that the trees know.
    features:
        Number columns of the snapshot.
    rounds, parameters:
        As for ``BoostedClassifier``.
    reference_p90:
        As for ``BuyTillYouDie``.
    """

    kind: ClassVar[str] = "clv.hybrid_hurdle_lightgbm"

    def __init__(
        self,
        base: BuyTillYouDie,
        horizon: Horizon,
        features: Sequence[str],
        rounds: int = 60,
        parameters: Mapping[str, Any] | None = None,
        reference_p90: float | None = None,
    ) -> None:
        self.base, self.horizon, self.features = base, Horizon(horizon), tuple(features)
        self.rounds, self.parameters, self.reference_p90 = rounds, dict(parameters or {}), reference_p90

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return tuple(dict.fromkeys((*self.base.columns, *self.features)))

    @property
    def model(self) -> CustomerLifetimeValue:
        """The ``CustomerLifetimeValue`` beneath."""
        return self.base.model

    @property
    def orders_per_purchase_day(self) -> float:
        """That of the model beneath."""
        return self.base.orders_per_purchase_day

    def fit(self, X: pd.DataFrame, value: Floats, customer: Numbers) -> Self:
        """Grow the trees on closed windows.

        Parameters
        ----------
        X:
            (n, ...) snapshots with ``features`` and ``PURCHASE_COLUMNS``, the latter by a model that was fitted on data
            before the same snapshot (``with_purchase_columns``).
        value:
            What came in the ``horizon`` after each snapshot (n,), currency.
        customer:
            Of each row (n,): the spread and the total are judged on customers that the trees did not see.

        Raises
        ------
        ModelRefused
            With fewer than 200 rows that bought or that did not.
        """
        buys = value > 0
        if min(buys.sum(), len(buys) - buys.sum()) < FEWEST_ROWS:
            raise ModelRefused(
                f"the hybrid needs {FEWEST_ROWS} rows with and without value and has {buys.sum():,} and "
                f"{len(buys) - buys.sum():,}: use a longer history or more customers",
                reason_code="too_few_rows",
            )
        away = np.log(np.maximum(value, _SMALLEST)) - _anchor(X)
        fold = pd.factorize(pd.Series(customer))[0] % _FOLDS
        chance, middle = np.zeros(len(X)), np.zeros(len(X))
        for k in range(_FOLDS):
            seen, held = fold != k, fold == k
            hurdle, size = self._grow(X[seen], buys[seen], away[seen])
            chance[held], middle[held] = hurdle.predict_positive(X[held]), size.predict_positive(X[held])
        squares = np.maximum((away - middle)[buys] ** 2, _SMALLEST)
        self.spread_ = self._trees({"objective": "gamma"}, rounds=max(1, self.rounds // 2)).fit(X[buys], squares)
        self.hurdle_, self.size_ = self._grow(X, buys, away)
        unscaled = chance * np.exp(_anchor(X) + middle + self._spread(X) ** 2 / 2)
        self.smear_ = float(np.clip(value.sum() / unscaled.sum(), *_SMEAR))
        return self

    def outputs(self, X: Columns, *, horizon: Horizon, discount_rate: float = 0.0) -> dict[str, Floats]:
        """The columns of ``OUTPUTS`` for each row of a snapshot, (n,) each.

        Raises
        ------
        UsageError
            For another horizon than that of the training.
        """
        if Horizon(horizon).days != self.horizon.days:
            raise UsageError(f"the trees know a horizon of {self.horizon} and not {horizon}: train again for it")
        table = self.base.outputs(X, horizon=horizon, discount_rate=discount_rate)
        Z = X.with_numbers(**purchase_columns(X, self.base, self.horizon))
        undiscounted = np.maximum(Z.numbers("btyd_value"), _SMALLEST)
        shrink: Floats | float = table["predicted_clv"] / undiscounted if discount_rate else 1.0
        chance = self.hurdle_.predict_positive(Z)
        middle = _anchor(Z) + self.size_.predict_positive(Z) + np.log(self.smear_)
        spread = self._spread(Z)
        table["predicted_clv"] = shrink * chance * np.exp(middle + spread**2 / 2)
        for name, level in (("predicted_clv_p05", 0.05), ("predicted_clv_p95", 0.95)):
            table[name] = shrink * _quantile(level, chance, middle, spread)
        if self.reference_p90 is not None:
            limit = np.log(np.maximum(self.reference_p90 / np.maximum(shrink, _SMALLEST), _SMALLEST))
            table["p_top_decile"] = chance * ndtr((middle - limit) / spread)
        else:
            table["p_top_decile"] = np.full(len(X), np.nan)
        return {name: table[name] for name in OUTPUTS}

    def importance(self) -> dict[str, float]:
        """Total gain of each column in the trees of size."""
        return self.size_.importance()

    def to_parts(self) -> Parts:
        """The parameters, and the trees as text."""
        trees = {"hurdle": self.hurdle_, "size": self.size_, "spread": self.spread_}
        parameters = HybridParameters(
            base_kind=self.base.kind,
            base=self.base.to_parts().parameters,
            horizon_days=self.horizon.days,
            features=self.columns,
            snapshot=self.features,
            rounds=self.rounds,
            parameters=self.parameters,
            reference_p90=self.reference_p90,
            smear=self.smear_,
            trees={name: each.parameters_as(TreeParameters) for name, each in trees.items()},
        )
        return Parts.of(parameters, {f"{name}.txt": each.files()["trees.txt"] for name, each in trees.items()})

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave.

        Raises
        ------
        BundleError
            If the model beneath is of a kind that is not known.
        """
        p, kinds = parts.read(HybridParameters), {kind.kind: kind for kind in SCORERS}
        if p.base_kind not in kinds:
            raise BundleError(f"the hybrid stands on {p.base_kind!r}, which this version does not know")
        base, horizon = kinds[p.base_kind].from_parts(Parts(p.base)), Horizon.of_days(p.horizon_days)
        model = cls(base, horizon, p.snapshot, p.rounds, p.parameters, p.reference_p90)
        model.hurdle_, model.size_, model.spread_ = (
            BoostedClassifier.of(p.trees[name], parts.files[f"{name}.txt"]) for name in ("hurdle", "size", "spread")
        )
        model.smear_ = p.smear
        return model

    def _grow(self, X: pd.DataFrame, buys: Flags, away: Floats) -> tuple[BoostedClassifier, BoostedClassifier]:
        hurdle = self._trees({}).fit(X, buys)
        return hurdle, self._trees({"objective": "regression"}).fit(X[buys], away[buys])

    def _trees(self, own: Mapping[str, Any], rounds: int | None = None) -> BoostedClassifier:
        columns = (*self.features, *PURCHASE_COLUMNS)
        return BoostedClassifier(columns, (), rounds or self.rounds, {"num_threads": 1, **self.parameters, **own})

    def _spread(self, X: Table) -> Floats:
        """Standard deviation of the log of the value (n,)."""
        return np.clip(np.sqrt(self.spread_.predict_positive(X)), *_SPREAD)


def with_purchase_columns(X: pd.DataFrame, base: BuyTillYouDie, horizon: Horizon) -> pd.DataFrame:
    """A snapshot with the columns of ``PURCHASE_COLUMNS``: what the buy-till-you-die model says of the ``horizon``."""
    return X.assign(**purchase_columns(Columns(X), base, horizon))


def purchase_columns(X: Columns, base: BuyTillYouDie, horizon: Horizon) -> dict[str, Floats]:
    """The columns of ``PURCHASE_COLUMNS``, (n,) each."""
    clv, X = base.model, base.with_codes(X)
    where = clv.transactions_.situation(X)
    found = clv.values_in(X, where, horizon=horizon, interval=None)
    buys, value = 1.0 - clv.transactions_.no_purchase_in(where, horizon), found["predicted_clv"]
    given = np.maximum(value, _SMALLEST) / np.clip(buys, _SMALLEST, 1.0)
    orders = found["predicted_number_of_orders"] * base.orders_per_purchase_day
    return dict(zip(PURCHASE_COLUMNS, (value, orders, found["p_alive"], buys, np.log(given)), strict=True))


def _anchor(X: Table) -> Floats:
    return Columns.of(X).numbers("btyd_log_value_if_buys")


def _quantile(level: float, chance: Floats, middle: Floats, spread: Floats) -> Floats:
    """The value whose probability is ``level``, 0 where a customer brings nothing with a larger one (n,)."""
    rest = (level - (1.0 - chance)) / np.maximum(chance, _SMALLEST)
    above = np.exp(middle + spread * ndtri(np.clip(rest, 1e-12, 1.0 - 1e-12)))
    return np.where(rest > 0, above, 0.0)
