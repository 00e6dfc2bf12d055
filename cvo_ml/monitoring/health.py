"""What a scoring run keeps about itself, so that a later look needs neither data nor models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.models import ModelSpec, model_spec
from cvo_ml.core.result import OPTIONAL, Json, Result, from_json
from cvo_ml.core.store import StoredRun
from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import visible_table
from cvo_ml.monitoring.drift import Drift, ModelReference, drift

#: reasons for which a customer is not eligible, rather than left out
NOT_ELIGIBLE: Final = frozenset({"gone_already", "no_order_left"})


@dataclass(frozen=True)
class HealthBasis:
    """What the health of a run is judged by: a bundle's parameters, and the rows that its model learned from."""

    parameters: Mapping[str, Json] = field(default_factory=dict)
    reference: ModelReference | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, Json], reference: Json) -> HealthBasis:
        """From what a bundle keeps; an older one may keep no reference."""
        return cls(parameters, from_json(ModelReference, reference) if reference else None)


@dataclass(frozen=True)
class ModelHealth(Result):
    """One model's part in a run.

    Parameters
    ----------
    scored, eligible:
        Customers with a score, and those who should have one.
    different_scores:
        How many different values the scores have.
    parameters:
        The named numbers of the model's law.
    drift:
        None where the bundle keeps no reference, or nobody has a score.
    """

    scored: int
    eligible: int
    different_scores: int
    parameters: Mapping[str, float] = field(default_factory=dict)
    drift: Drift | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class Health(Result):
    """Volume, freshness, and the models of one run; ``days_since_last_order`` is None without an order."""

    customers: int = 0
    orders: int = 0
    days_since_last_order: int | None = None
    models: Mapping[str, ModelHealth] = field(default_factory=dict)


def stored_health(run: StoredRun) -> Health | None:
    """The health that a run keeps; None if a version stored it that kept none.

    Raises
    ------
    DamagedFile
        If what it keeps is no such thing.
    """
    if "health" not in run.manifest:
        return None
    try:
        return from_json(Health, run.manifest["health"])
    except ValueError as error:
        raise DamagedFile(f"{run.folder}: its health cannot be read ({error}): run 'cvo score' again") from None


def health(scores: pd.DataFrame, features: pd.DataFrame, tables: Tables, models: Mapping[str, HealthBasis]) -> Health:
    """Drift, spread, share of the eligible scored, and freshness of one run.

    Parameters
    ----------
    scores, features:
        Indexed by ``customer_id``, in the same order.
    models:
        By name.
    """
    ordered = tables.orders["ordered_at"]
    silence: int | None = None
    if len(scores):
        as_of = pd.Timestamp(scores["as_of"].iloc[0])
        ordered = visible_table(tables, "orders", as_of.date())["ordered_at"]
        silence = (as_of - pd.Timestamp(ordered.max())).days if len(ordered) else None
    parts = {name: _of_model(model_spec(name), scores, features, trained) for name, trained in models.items()}
    return Health(len(scores), len(ordered), silence, parts)


def _of_model(model: ModelSpec, scores: pd.DataFrame, features: pd.DataFrame, trained: HealthBasis) -> ModelHealth:
    column = scores[model.score].astype("float64")
    has = column.notna()
    moved: Drift | None = None
    if trained.reference is not None and has.any():
        moved = drift(trained.reference, features[has.to_numpy()], np.asarray(column[has], dtype=np.float64))
    return ModelHealth(
        scored=int(has.sum()),
        eligible=int((has | ~scores[model.reason].isin(NOT_ELIGIBLE)).sum()),
        different_scores=int(column[has].nunique()),
        parameters={
            name.rpartition(".params.")[2]: value
            for name, value in numbers_in(trained.parameters)
            if ".params." in name
        },
        drift=moved,
    )


def numbers_in(value: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """The named finite numbers in nested parameters, such as ``transactions.params.a``; lists are left out.

    Examples
    --------
    >>> dict(numbers_in({"a": 1, "b": {"c": 2.5, "d": [3]}, "e": True}))
    {'a': 1.0, 'b.c': 2.5}
    """
    for key, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            yield from numbers_in(item, f"{prefix}{key}.")
        elif isinstance(item, int | float) and not isinstance(item, bool) and np.isfinite(item):
            yield f"{prefix}{key}", float(item)
