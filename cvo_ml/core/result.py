"""Results as types with one way to JSON.

What a use case answers is a frozen dataclass that derives from ``Result``. Its fields are what a reader may rely on;
``to_json`` turns it, and everything in it, into values that JSON has words for.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

#: What JSON can say. A reader narrows it before use, so a mistyped key is found by the type checker.
Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


@runtime_checkable
class HasJson(Protocol):
    """Whatever knows its own form in JSON."""

    def to_json(self) -> Json:
        """The object as JSON-ready values."""


@dataclasses.dataclass(frozen=True)
class Result:
    """Base of all results: frozen, and JSON-ready in one way.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Counted(Result):
    ...     customers: int
    ...     share: float
    ...     as_of: date
    >>> Counted(3, float("nan"), date(2024, 2, 29)).to_json()
    {'customers': 3, 'share': None, 'as_of': '2024-02-29'}
    """

    def to_json(self) -> dict[str, Json]:
        """The fields by name; a number that is not finite is null, a date is ISO text."""
        return {field.name: to_json(getattr(self, field.name)) for field in dataclasses.fields(self)}


def to_json(value: Any) -> Json:
    """Any value of a result as JSON-ready values.

    NaN and infinity become null, dates and paths text, sets sorted lists, numpy scalars Python's, keys text; an object
    with ``to_json`` speaks for itself, another dataclass by its fields, a pydantic model by its fields.

    Raises
    ------
    TypeError
        If JSON has no word for it.

    Examples
    --------
    >>> to_json({"a": (1.5, float("inf")), "b": Path("x/y")})
    {'a': [1.5, None], 'b': 'x/y'}
    """
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, Enum) else value
    if isinstance(value, Enum):
        return to_json(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, HasJson) and not isinstance(value, type):
        return value.to_json()
    if isinstance(value, datetime):
        return None if value != value else value.isoformat()  # pandas' NaT is a datetime that equals nothing
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    return _compound(value)


def _compound(value: Any) -> Json:
    if isinstance(value, Set):
        return [to_json(item) for item in sorted(value)]
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [to_json(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Path | Decimal):
        return str(value)
    dump = getattr(value, "model_dump", None)  # pydantic, without importing it
    if callable(dump):
        return to_json(dump(mode="json"))
    tolist = getattr(value, "tolist", None)  # numpy's scalars and arrays, pandas' series
    if callable(tolist):
        return to_json(tolist())
    return _text_of_unit(value)


def _text_of_unit(value: Any) -> Json:
    """Units such as ``Horizon`` have a text that reads back; anything else has no word in JSON."""
    if type(value).__module__.startswith("cvo_ml.core.units"):
        return str(value)
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    raise TypeError(f"{type(value).__name__} has no form in JSON: give the result a field that has one")
