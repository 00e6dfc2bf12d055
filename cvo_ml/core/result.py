"""Results as types with one way to JSON.

What a use case answers is a frozen dataclass that derives from ``Result``. Its fields are what a reader may rely on;
``to_json`` turns it, and everything in it, into values that JSON has words for, and ``from_json`` reads it back.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import (
    Any,
    Final,
    Protocol,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

#: What JSON can say. A reader narrows it before use, so a mistyped key is found by the type checker.
Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


T = TypeVar("T")
_KEY: Final = "json_key"
_OPTIONAL: Final = "json_optional"
_INLINE: Final = "json_inline"
#: metadata of a field that JSON leaves out when it is None
OPTIONAL: Final[Mapping[str, Any]] = {_OPTIONAL: True}
#: metadata of a field that is a result whose fields stand in JSON among those of the whole
INLINE: Final[Mapping[str, Any]] = {_INLINE: True}


def json_key(name: str) -> dict[str, str]:
    """Metadata of a field that has another key in JSON.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Ranked(Result):
    ...     actual: float = dataclasses.field(metadata=json_key("came"))
    ...     auc: float | None = dataclasses.field(default=None, metadata=OPTIONAL)
    >>> Ranked(2.5).to_json(), from_json(Ranked, {"came": 2.5, "auc": 0.75})
    ({'came': 2.5}, Ranked(actual=2.5, auc=0.75))
    """
    return {_KEY: name}


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
        """The fields by name, or by their ``json_key``; a number that is not finite is null, a date is ISO text."""
        document: dict[str, Json] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.metadata.get(_INLINE):
                document |= value.to_json()
            elif not _left_out(field, value):
                document[_key(field)] = to_json(value)
        return document


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
    if _is_unit(value):
        return str(value)
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
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    raise TypeError(f"{type(value).__name__} has no form in JSON: give the result a field that has one")


def _is_unit(value: Any) -> bool:
    """Units such as ``Horizon`` have a text that reads back."""
    return type(value).__module__.startswith("cvo_ml.core.units")


def from_json(kind: type[T], document: Json) -> T:
    """A result as it was written: the inverse of ``to_json`` for fields of results, numbers, texts, dates and lists.

    Keys that the type does not have are passed over, a missing one takes the field's default: an older document stays
    readable where defaults say what it meant. Null is NaN where a number is wanted.

    Parameters
    ----------
    kind:
        A dataclass whose annotations can be resolved; ``Json`` and ``Any`` take what stands there.

    Raises
    ------
    ValueError
        If the document is no such thing; names the field.
    """
    read: T = _read(kind, document, kind.__name__)
    return read


def _key(field: dataclasses.Field[Any]) -> str:
    return field.metadata.get(_KEY) or field.name


def _left_out(field: dataclasses.Field[Any], value: Any) -> bool:
    return value is None and bool(field.metadata.get(_OPTIONAL))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns={"Json": Any})  # what is opaque is taken as it stands


def _read(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if kind is Any:
        return value
    if kind is date:
        return date.fromisoformat(value)
    if dataclasses.is_dataclass(kind):
        return _read_fields(kind, value, where)
    if origin in (Union, types.UnionType):
        return _read_union(get_args(kind), value, where)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        _, item = get_args(kind)
        return {key: _read(item, one, f"{where}[{key!r}]") for key, one in _expect(Mapping, value, where).items()}
    if origin is not None and isinstance(origin, type) and issubclass(origin, Sequence):
        return tuple(_read(get_args(kind)[0], one, where) for one in _expect(list, value, where))
    if kind is float:
        return math.nan if value is None else float(_expect((int, float), value, where))
    return _expect(kind, value, where) if isinstance(kind, type) else value


def _read_fields(kind: Any, value: Any, where: str) -> Any:
    document, hints = _expect(Mapping, value, where), _hints(kind)
    found = {}
    for field in dataclasses.fields(kind):
        if field.metadata.get(_INLINE):
            found[field.name] = _read(hints[field.name], document, where)
        elif (key := _key(field)) in document:
            found[field.name] = _read(hints[field.name], document[key], f"{where}.{key}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where}.{key} is missing")
    return kind(**found)


def _read_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    """Null if it may be; else the first member that the value is."""
    if value is None and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            return _read(kind, value, where)
        except (ValueError, TypeError):
            continue
    raise ValueError(f"{where} is {value!r}, which is none of {', '.join(map(str, kinds))}")


def _expect(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{where} is {value!r}, not {getattr(kind, '__name__', kind)}")
    return value
