"""The leak gate itself: columns that know the outcome are refused before a model learns from them.

Provenance comes first, because a real leak need not be strong: a column counts as known only if its table says
when its rows happened and when they became known, or if the owner of the data declares it. Strength comes second: a
column far above all others is named. Then the harness itself is tried: shuffled labels must not be learnable, and
later rows must change no feature. The estimator is an argument; nothing here knows a model.
The statistics are ``cvo_ml.stats.column_leakage``; training calls the gate through ``training.evidence.leak_gate``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats, Ints
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import ModelRefused, UsageError
from cvo_ml.core.result import Json, Result
from cvo_ml.features.catalogue import CATALOGUE
from cvo_ml.features.first_order import FIRST_ORDER_FEATURES, FIRST_ORDER_TEXTS
from cvo_ml.stats.column_leakage import Dominance, bins, chance_error, dominance, folded_auc, single_auc
from cvo_ml.stats.ranking import auc

#: ``(X, y, X_to_score) -> scores``: fits on the first two and scores the third.
FitAndScore = Callable[[pd.DataFrame, Flags, pd.DataFrame], Floats]

#: Least AUC of a column that may be called too good, and least distance to the rest (docs/decisions/0008).
FLOOR: Final = 0.85
GAP: Final = 0.65
#: Largest number of columns that may hold one and the same leak.
MOST_TOGETHER: Final = 3
#: Standard errors from 0.5 beyond which shuffled labels have been learnt.
CHANCE_ERRORS: Final = 4.0
#: Lines happen with their order.
HAPPENS_WITH: Final = {"order_lines": "orders"}


@dataclass(frozen=True)
class GateSample:
    """Rows to learn from and rows to judge on.

    Parameters
    ----------
    X, y:
        (n, columns) and (n,), earlier.
    later_X, later_y:
        (m, columns) and (m,), later; None for data without dates, which are judged in folds.
    """

    X: pd.DataFrame
    y: Flags
    later_X: pd.DataFrame | None = None
    later_y: Flags | None = None


@dataclass(frozen=True)
class Evidence(Result):
    """What the gate saw.

    Parameters
    ----------
    provenance:
        Column to the table it comes from, or ``declared``.
    alone:
        Column to the AUC of that column alone.
    dominant:
        Columns far above the rest, if any.
    shuffled_auc, shuffled_error:
        AUC on shuffled labels and its standard error; NaN without an estimator.
    changed:
        Features that later rows change.
    acknowledged:
        Dominant columns that the config accepts.
    """

    provenance: Mapping[str, str]
    alone: Mapping[str, float] = field(default_factory=dict)
    dominant: Dominance | None = None
    shuffled_auc: float = float("nan")
    shuffled_error: float = float("nan")
    changed: tuple[str, ...] = ()
    acknowledged: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """JSON-ready; the ten strongest columns."""
        strongest = sorted(self.alone.items(), key=lambda pair: -pair[1])[:10]
        return {
            "provenance": dict(self.provenance),
            "auc_alone": {name: round(value, 4) for name, value in strongest if value == value},
            "dominant": list(self.dominant.names) if self.dominant else [],
            "acknowledged": list(self.acknowledged),
            "shuffled_auc": None if np.isnan(self.shuffled_auc) else round(self.shuffled_auc, 4),
            "changed_by_later_rows": list(self.changed),
        }


def provenance(
    columns: Iterable[str],
    declared: Iterable[str] = (),
    timed: Iterable[str] = (),
    own: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Where each column comes from.

    Parameters
    ----------
    own:
        Features of the user's own that are made of known rows alone: column to what it is made of.
    timed:
        Columns whose every value carries the time at which it became known (``<column>_known_at``).

    Raises
    ------
    ModelRefused
        If a column's table does not say when its rows happened and no one declares the column.
    """
    vouched, with_time, made = set(declared), set(timed), own or {}
    found, unknown = dict[str, str](), list[str]()
    for name in columns:
        if (table := _table_with_time(name)) is not None:
            found[name] = table
        elif name in with_time:
            found[name] = "known_at of each value"
        elif name in made:
            found[name] = made[name]
        elif name in vouched:
            found[name] = "declared"
        else:
            unknown.append(name)
    if unknown:
        raise ModelRefused(
            f"leak gate: nobody knows when {_listed(unknown)} became known: a column is used only if its table has an "
            "event time and known_at, or if the config declares it under leaks.known_at_conversion: declare what was "
            "filled in before the outcome, leave out the rest",
            reason_code="undeclared_column",
        )
    return found


def _table_with_time(column: str) -> str | None:
    """The table that a feature is made of, if it says when its rows happened."""
    if column in FIRST_ORDER_FEATURES or column in FIRST_ORDER_TEXTS:
        return "orders"
    if column not in CATALOGUE:
        return None
    table = CATALOGUE[column].table
    contract = CONTRACTS.get(HAPPENS_WITH.get(table, table))
    return table if table == "calendar" or (contract is not None and contract.event_time is not None) else None


def strength(sample: GateSample, columns: Iterable[str]) -> dict[str, float]:
    """AUC of each column alone, out of time (in folds without dates), its levels encoded by rates of other rows."""
    found = {}
    for name in columns:
        codes, later = _codes(sample.X[name], None if sample.later_X is None else sample.later_X[name])
        if later is None or sample.later_y is None:
            found[name] = folded_auc(codes, sample.y)
        else:
            found[name] = single_auc(codes, sample.y, later, sample.later_y)
    return found


def shuffled(sample: GateSample, fit_and_score: FitAndScore, seed: int = 7) -> tuple[float, float]:
    """AUC of a model learnt from shuffled labels, and its standard error by chance.

    A row that stands among the earlier and the later rows (same index) has one label in both, so that a model that
    was judged on what it learnt from shows itself.

    Raises
    ------
    UsageError
        Without later rows to judge on.
    """
    if sample.later_X is None or sample.later_y is None:
        raise UsageError("shuffled labels need later rows to be judged on: give later_X and later_y")
    keys = pd.concat([sample.X.index.to_series(), sample.later_X.index.to_series()])
    rows, unique = pd.factorize(keys)
    labels = np.concatenate([sample.y, sample.later_y])
    one_each = np.zeros(len(unique), dtype=bool)
    one_each[rows] = labels
    drawn = np.random.default_rng(seed).permutation(one_each)[rows]
    y, later_y = drawn[: len(sample.X)], drawn[len(sample.X) :]
    return auc(later_y, fit_and_score(sample.X, y, sample.later_X)), chance_error(later_y)


def check(
    sample: GateSample,
    columns: Iterable[str],
    *,
    declared: Iterable[str] = (),
    acknowledged: Iterable[str] = (),
    timed: Iterable[str] = (),
    fit_and_score: FitAndScore | None = None,
    changed: tuple[str, ...] = (),
    own: Mapping[str, str] | None = None,
) -> Evidence:
    """All four checks; the evidence if none fails.

    Parameters
    ----------
    declared, acknowledged:
        ``leaks.known_at_conversion`` and ``leaks.acknowledged`` of the job.
    timed, own:
        As for ``provenance``.
    fit_and_score:
        The estimator, for the shuffled labels; they are left out where it is None.
    changed:
        What ``changed_by_later_rows`` found.

    Raises
    ------
    ModelRefused
        With the reason code ``undeclared_column``, ``future_rows``, ``dominant_column`` or ``shuffled_labels``.
    """
    names, accepted = list(columns), set(acknowledged)
    sources = provenance(names, declared, timed, own)
    _refuse_changed(changed)
    alone = strength(sample, names)
    # an accepted column must not hide the next one
    _refuse_dominant({name: alone[name] for name in names if name not in accepted})
    learnt, error = shuffled(sample, fit_and_score) if fit_and_score else (float("nan"), float("nan"))
    _refuse_learnt(learnt, error)
    return Evidence(sources, alone, None, learnt, error, changed, tuple(sorted(accepted & set(names))))


def _refuse_changed(changed: tuple[str, ...]) -> None:
    if changed:
        raise ModelRefused(
            f"leak gate: rows after the date change {_listed(changed)}: take them through engine.at or engine.visible, "
            "and let a feature of your own read nothing but the tables that it is given",
            reason_code="future_rows",
        )


def _refuse_dominant(alone: Mapping[str, float]) -> None:
    dominant = dominance(alone, FLOOR, GAP, MOST_TOGETHER)
    if dominant is not None:
        raise ModelRefused(
            f"leak gate: {_listed(dominant.names)} alone reaches AUC {dominant.weakest:.3f}, far above the next "
            f"column's {dominant.rest:.3f}: make sure that it was known before the outcome and acknowledge it under "
            "leaks.acknowledged, or leave it out",
            reason_code="dominant_column",
        )


def _refuse_learnt(learnt: float, error: float) -> None:
    """Whether the AUC of shuffled labels is beyond chance; NaN = not asked."""
    if abs(learnt - 0.5) > CHANCE_ERRORS * error:
        raise ModelRefused(
            f"leak gate: shuffled labels are predicted with AUC {learnt:.3f} where chance gives 0.5 ± {error:.3f}: the "
            "rows to judge on are among those to learn from",
            reason_code="shuffled_labels",
        )


def _codes(values: pd.Series, later: pd.Series | None) -> tuple[Ints, Ints | None]:
    """Number columns in bins of the earlier rows, text columns as levels."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        after = None if later is None else bins(later.to_numpy(dtype=np.float64, na_value=np.nan), numbers)
        return bins(numbers, numbers), after
    both = values if later is None else pd.concat([values, later])
    codes = pd.factorize(both)[0].astype(np.int64)
    return codes[: len(values)], None if later is None else codes[len(values) :]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
