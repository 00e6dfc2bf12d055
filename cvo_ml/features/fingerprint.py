"""What a model's features mean, as a short hash that its bundle carries."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cvo_ml.core.errors import UsageError
from cvo_ml.features.catalogue import CATALOGUE
from cvo_ml.features.first_order import FIRST_ORDER_FEATURES, FIRST_ORDER_TEXTS, with_basket
from cvo_ml.features.value_at_age import first_orders

FIRST_ORDER: Final = (*FIRST_ORDER_FEATURES, *FIRST_ORDER_TEXTS)


def feature_hash(names: Iterable[str], own: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """What the features mean, in 12 hexadecimal digits: it changes when a function, unit, source or order does.

    Parameters
    ----------
    own:
        What makes each column that the caller brings and nobody here can describe; by name alone if that is empty.

    Raises
    ------
    UsageError
        If another name is in neither the catalogue nor the features of the first order.
    """
    digest, brought = hashlib.sha256(), own or {}
    for name in names:
        digest.update(repr((name, *_meaning(name, brought))).encode())
    return digest.hexdigest()[:12]


def described(names: Iterable[str]) -> list[str]:
    """Those of the names that ``feature_hash`` knows."""
    return [name for name in names if name in CATALOGUE or name in FIRST_ORDER]


def _meaning(name: str, brought: Mapping[str, tuple[str, ...]]) -> tuple[Any, ...]:
    if name in CATALOGUE:
        known = CATALOGUE[name]
        about = (known.unit, known.window, known.table, known.columns, known.relation, known.empty)
        return (*about, _source(known.build))
    if name in FIRST_ORDER:
        return (_source(first_orders), _source(with_basket))
    if name in brought:
        return brought[name]
    raise UsageError(f"feature {name!r} is not in the catalogue: see docs/features.md")


def _source(function: Any) -> str:
    return textwrap.dedent(inspect.getsource(function))
