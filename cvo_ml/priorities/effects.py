"""What actions do: uplift estimates, measured effects and declared assumptions in one table.

Columns of an effects table: ``customer_id`` (null = everybody without a row of their own), ``action``,
``effect``, ``effect_lower`` (the quantile that ranks), ``source`` and ``version``. Where several sources
speak of the same customer and action the most trusted one counts: uplift, experiment, declared.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.arrays import Floats, Ints, Numbers
from cvo_ml.core.errors import DataError, nearest_name
from cvo_ml.core.files import write_text
from cvo_ml.core.input_files import TABLE, NoInput, open_input
from cvo_ml.core.spreadsheet import exact_csv, text_of

EFFECT_COLUMNS: Final = ("customer_id", "action", "effect", "effect_lower", "source", "version")
#: the most trusted first
SOURCES: Final = ("uplift", "experiment", "declared")
EVERYBODY: Final = -2


def declared_effects(policy: PriorityPolicy) -> pd.DataFrame:
    """The effects table of the policy's assumptions: one row per action, for everybody."""
    rows = [
        (None, action.name, action.effect.estimate, action.effect.low, "declared", action.effect.source)
        for action in policy.actions
    ]
    return _typed(pd.DataFrame(rows, columns=list(EFFECT_COLUMNS)))


def read_effects(path: Path) -> pd.DataFrame:
    """An effects table from a CSV file, such as ``cvo evaluate`` writes.

    Raises
    ------
    DataError
        If the file cannot be read, or lacks a column.
    """
    texts = dict.fromkeys(("customer_id", "action", "source", "version"), "str")
    try:
        with open_input(path) as file:
            file.refuse_larger(TABLE)
            frame = pd.read_csv(io.BufferedReader(file.stream()), dtype=texts)
            file.refuse_changed()
    except (NoInput, OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "system", None) or getattr(error, "reason", None) or error).split())
        raise DataError(f"cannot be read as CSV ({reason})", "give a CSV of effects", file=str(path)) from None
    missing = [name for name in EFFECT_COLUMNS if name not in frame]
    if missing:
        raise DataError(f"columns missing: {', '.join(missing)}", f"give {', '.join(EFFECT_COLUMNS)}", file=str(path))
    for name in ("effect", "effect_lower"):
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise DataError("holds what is no number", "write numbers with a point", file=str(path), column=name)
    for name in texts:
        frame[name] = frame[name].map(text_of, na_action="ignore")
    return _typed(frame[list(EFFECT_COLUMNS)])


def write_effects(effects: pd.DataFrame, path: Path) -> None:
    """Write an effects table as CSV."""
    write_text(path, exact_csv(effects[list(EFFECT_COLUMNS)]))


@dataclass(frozen=True)
class Effects:
    """Resolved effects: arrays of shape (customers, actions), nan where no source speaks.

    ``origin`` is the place in ``origins``, pairs of source and version; -1 where no source speaks.
    """

    estimate: Floats
    lower: Floats
    origin: Ints
    origins: tuple[tuple[str, str], ...]

    def ranking(self, rank_on: str) -> Floats:
        """The effect that decides."""
        return self.lower if rank_on == "lower" else self.estimate


def resolve(effects: pd.DataFrame, customers: pd.Index, policy: PriorityPolicy) -> Effects:
    """The most trusted effect of each customer and action.

    Rows of customers who are not in ``customers`` are left out: they are not in this run.

    Raises
    ------
    DataError
        If an action or source is unknown, a row stands twice, an effect is not finite, or a lower
        quantile is missing or above the effect.
    """
    names = [action.name for action in policy.actions]
    check_effects(effects, names)
    shape = (len(customers), len(names))
    estimate, lower = np.full(shape, np.nan), np.full(shape, np.nan)
    origin = np.full(shape, -1, dtype=np.int64)
    pairs = effects[["source", "version"]].fillna("").astype("str")
    origins = tuple(dict.fromkeys(zip(pairs["source"], pairs["version"], strict=True)))
    code = {pair: place for place, pair in enumerate(origins)}
    for source in reversed(SOURCES):
        for own in (False, True):  # a customer's own row comes after the row for everybody
            rows = effects[(effects["source"] == source) & (effects["customer_id"].notna() == own)]
            if rows.empty:
                continue
            column = pd.Index(names).get_indexer(pd.Index(rows["action"]))
            versions = rows["version"].fillna("").astype("str")
            codes = np.array([code[source, version] for version in versions])
            who = customers.get_indexer(pd.Index(rows["customer_id"])) if own else np.full(len(rows), EVERYBODY)
            for target, values in (
                (estimate, rows["effect"].to_numpy(dtype=np.float64)),
                (lower, rows["effect_lower"].to_numpy(dtype=np.float64)),
                (origin, codes),
            ):
                _put(target, who, column, values)
    return Effects(estimate, lower, origin, origins)


def _put(target: Numbers, who: Ints, column: Ints, values: Numbers) -> None:
    """Write values into their cells, or into the whole column; unknown customers (-1) are left out."""
    for place in np.flatnonzero(who == EVERYBODY):
        target[:, column[place]] = values[place]
    known = who >= 0
    target[who[known], column[known]] = values[known]


def check_effects(effects: pd.DataFrame, actions: Sequence[str]) -> None:
    """Refuse a table of effects that cannot be meant; see ``resolve``.

    Raises
    ------
    DataError
        With the column and the first rows.
    """

    def refuse(bad: pd.Series, column: str, problem: str, remedy: str) -> None:
        if bad.any():
            rows = np.flatnonzero(bad.to_numpy())
            raise DataError(
                problem, remedy, file="effects", column=column, count=len(rows), first_rows=(rows[:3] + 1).tolist()
            )

    unknown = ~effects["action"].isin(actions)
    if unknown.any():
        name = str(effects.loc[unknown, "action"].iloc[0])
        hint = nearest_name(name, list(actions))
        refuse(unknown, "action", f"the policy has no action {name!r}{hint}", f"use one of {', '.join(actions)}")
    refuse(~effects["source"].isin(SOURCES), "source", "is no known source", f"use one of {', '.join(SOURCES)}")
    refuse(~np.isfinite(effects["effect"]), "effect", "is not a finite number", "leave such rows out")
    no_lower = ~(effects["effect_lower"] <= effects["effect"])
    refuse(no_lower, "effect_lower", "is missing or above the effect", "give the effect's lower quantile")
    twice = effects.duplicated(["customer_id", "action", "source"], keep=False)
    refuse(twice, "customer_id", "the same customer, action and source stand twice", "keep one of them")


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    texts = dict.fromkeys(("customer_id", "action", "source", "version"), "str")
    return frame.astype({**texts, "effect": "float64", "effect_lower": "float64"})
