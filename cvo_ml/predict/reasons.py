"""Which columns move each score most, for models that are explained column by column."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Floats

MOST_REASONS: Final = 3


def reasons_by_column(names: tuple[str, ...], effects: Floats) -> list[str]:
    """The columns that move each probability most, as JSON: feature, direction, effect in probability.

    Parameters
    ----------
    names, effects:
        (k,) columns, and (n, k) what each does to the probability of each row.

    Examples
    --------
    >>> reasons_by_column(("age",), np.array([[-.25]]))
    ['[{"feature": "age", "direction": "down", "effect": -0.25}]']
    """
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :MOST_REASONS]
    texts = []
    for row, places in zip(effects, order, strict=True):
        named = [(names[place], float(row[place])) for place in places]
        top = [
            {"feature": name, "direction": "up" if effect > 0 else "down", "effect": round(effect, 4)}
            for name, effect in named
        ]
        texts.append(json.dumps(top))
    return texts
