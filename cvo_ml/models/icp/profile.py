"""Who the most profitable customers are, in claims that a person can check: lift, interval, support, false discoveries.

Pure: frames and flags in, tables out. A claim compares the rate of winners at one level of one field with the rate of
all; its p value is Fisher's exact test of the level against the rest, adjusted over all claims by Benjamini-Hochberg.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from cvo_ml.core.arrays import Flags
from cvo_ml.stats.intervals import Interval, wilson
from cvo_ml.stats.multiple_testing import benjamini_hochberg

#: Levels with fewer people are no claim; text fields are looked at in their commonest levels; numbers in fifths.
LEAST_SUPPORT: Final = 30
MOST_LEVELS: Final = 20
PARTS: Final = 5
#: A finding has an adjusted p of at most this.
FALSE_DISCOVERIES: Final = 0.05
CLAIM_COLUMNS: Final = (
    "section", "field", "level", "people", "winners", "rate", "base", "lift", "lower", "upper", "p", "q"
)  # fmt: skip


def levels(values: pd.Series) -> list[tuple[str, Flags]]:
    """The levels of a field with the rows that have each: texts by value, numbers by fifths (few values: each)."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return [("yes", values.to_numpy(dtype=bool))]
    if not pd.api.types.is_numeric_dtype(values.dtype):
        texts = values.astype("object").where(values.notna(), "not known").astype(str)
        return [(str(name), (texts == name).to_numpy()) for name in texts.value_counts().index[:MOST_LEVELS]]
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    distinct = np.unique(known)
    if len(distinct) <= PARTS + 2:
        return [(f"{value:g}", numbers == value) for value in distinct]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1)))
    ranges = [
        (
            f"{low:.4g} to {high:.4g}",
            (numbers >= low) & ((numbers < high) if place + 2 < len(edges) else numbers <= high),
        )
        for place, (low, high) in enumerate(pairwise(edges))
    ]
    return [*ranges, ("not known", np.isnan(numbers))]


def claims(
    rows: pd.DataFrame,
    winner: Flags,
    sections: Mapping[str, Sequence[str]],
    among: Mapping[str, Flags] | None = None,
) -> pd.DataFrame:
    """Every level with support as a claim; adjusted over all of them together.

    Parameters
    ----------
    rows:
        (n, fields).
    winner:
        (n,).
    sections:
        Section to the fields that it looks at.
    among:
        Section to the people (n,) that it is about, where it is not about all: what only buyers can meet must be
        compared among buyers.

    Returns
    -------
    pandas.DataFrame
        ``CLAIM_COLUMNS``, strongest first within a section; the interval is Wilson's of the rate over the base rate.
    """
    compared = []
    for section, fields in sections.items():
        about = (among or {}).get(section, np.ones(len(rows), dtype=bool))
        part, won = rows[about], winner[about]
        base = float(won.mean()) if len(won) else 0.0
        for name in fields:
            for level, inside in levels(part[name]):
                if inside.sum() < LEAST_SUPPORT or inside.all() or base in (0.0, 1.0):
                    continue
                compared.append((section, name, level, *_compared(inside, won, base)))
    table = pd.DataFrame(compared, columns=list(CLAIM_COLUMNS[:-1]))
    table["q"] = benjamini_hochberg(table["p"].to_numpy(dtype=np.float64))
    order = table.assign(place=table["section"].map({name: place for place, name in enumerate(sections)}))
    return order.sort_values(["place", "q", "level"], kind="stable", ignore_index=True)[list(CLAIM_COLUMNS)]


def findings(table: pd.DataFrame) -> pd.DataFrame:
    """The claims that survive the control of false discoveries."""
    return table[table["q"] <= FALSE_DISCOVERIES]


@dataclass(frozen=True)
class Rule:
    """A few conditions, and the rate of winners among the later people who meet them all."""

    conditions: tuple[str, ...]
    people: int
    lift: Interval


def rules(rows: pd.DataFrame, winner: Flags, later: pd.DataFrame, later_winner: Flags, most: int = 5) -> list[Rule]:
    """A short list of readable rules: the leaves of a small tree, judged on later people.

    Parameters
    ----------
    rows, later:
        The same fields of earlier and later people.

    Returns
    -------
    list
        Rules whose lift on the later people is above 1 with its whole interval, best first.
    """
    from sklearn.tree import DecisionTreeClassifier

    numbers = [str(name) for name in rows if pd.api.types.is_numeric_dtype(rows[name].dtype)]
    texts = {str(name): list(rows[name].dropna().value_counts().index[:8]) for name in rows if name not in numbers}
    coded, coded_later = (_coded(frame, numbers, texts) for frame in (rows, later))
    smallest = max(LEAST_SUPPORT, len(rows) // 20)
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=smallest, random_state=0).fit(coded, winner)
    base, leaf, kept = float(later_winner.mean()), tree.apply(coded_later), []
    for place, conditions in _paths(tree.tree_, [str(name) for name in coded]):
        inside = leaf == place
        if not conditions or inside.sum() < LEAST_SUPPORT or base == 0:
            continue
        lift = _lift(int(later_winner[inside].sum()), int(inside.sum()), base)
        if lift.lower > 1:
            kept.append(Rule(conditions, int(inside.sum()), lift))
    return sorted(kept, key=lambda rule: -rule.lift.estimate)[:most]


def representation(rows: pd.DataFrame, selected: Flags, fields: Sequence[str]) -> pd.DataFrame:
    """Share of each group among the selected against its share of all: what a ranking does to age, gender, region.

    Returns
    -------
    pandas.DataFrame
        ``field, level, people, share_of_all, share_of_selected, ratio, lower, upper``: ``ratio`` is the group's rate of
        being selected over everybody's; below .8 is the four-fifths rule's sign of adverse impact.
    """
    base, groups = float(selected.mean()), []
    for name in fields:
        for level, inside in levels(rows[name]):
            if inside.sum() < LEAST_SUPPORT or base == 0:
                continue
            ratio = _lift(int(selected[inside].sum()), int(inside.sum()), base)
            shares = float(inside.mean()), float(inside[selected].mean())
            groups.append((name, level, int(inside.sum()), *shares, ratio.estimate, ratio.lower, ratio.upper))
    names = ["field", "level", "people", "share_of_all", "share_of_selected", "ratio", "lower", "upper"]
    return pd.DataFrame(groups, columns=names)


def _compared(inside: Flags, winner: Flags, base: float) -> tuple[int, int, float, float, float, float, float, float]:
    people, won = int(inside.sum()), int(winner[inside].sum())
    others, others_won = len(inside) - people, int(winner.sum()) - won
    p = float(fisher_exact(np.array([[won, people - won], [others_won, others - others_won]])).pvalue)
    lift = _lift(won, people, base)
    return people, won, won / people, base, lift.estimate, lift.lower, lift.upper, p


def _lift(won: int, people: int, base: float) -> Interval:
    rate = wilson(won, people)
    return Interval(rate.estimate / base, rate.lower / base, rate.upper / base)


def _coded(frame: pd.DataFrame, numbers: Sequence[str], texts: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Numbers as they are (missing: NaN, which the tree sends one way), one column per common text."""
    columns = {name: frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in numbers}
    for name, common in texts.items():
        values = frame[name].astype("object")
        columns |= {f"{name} = {level}": (values == level).to_numpy(dtype=np.float64) for level in common}
    return pd.DataFrame(columns)


def _paths(tree: Any, names: Sequence[str]) -> list[tuple[int, tuple[str, ...]]]:
    """Each leaf with the conditions that lead to it, the later replacing the wider of one field."""
    left, right = tree.children_left, tree.children_right
    feature, threshold = tree.feature, tree.threshold
    leaves: list[tuple[int, tuple[str, ...]]] = []

    def walk(node: int, path: dict[tuple[str, bool], str]) -> None:
        if left[node] < 0:
            leaves.append((node, tuple(path.values())))
            return
        name, edge = names[feature[node]], float(threshold[node])
        below, above = (f"not {name}", name) if " = " in name else (f"{name} <= {edge:.4g}", f"{name} > {edge:.4g}")
        walk(left[node], {**path, (name, False): below})
        walk(right[node], {**path, (name, True): above})

    walk(0, {})
    return leaves
