"""What pydantic found wrong with a value, in words that say what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cvo_ml.core.errors import UsageError

_LONGEST: Final = 60  # a longer value helps nobody
_TEXTS: Final[Mapping[str, str]] = {
    "bool": "write true or false",
    "date": "write a date such as 2024-06-30",
    "datetime": "write a date such as 2024-06-30, or a time such as 2024-06-30T18:00:00Z",
    "decimal": "write a number",
    "dict": "write 'key: value' lines",
    "finite_number": "write a finite number",
    "float": "write a number",
    "invalid_key": "write keys that are texts, in quotes where they look like numbers",
    "int": "write a whole number",
    "list": "write a list",
    "model": "write 'key: value' lines",
    "string": "write a text",
    "string_too_short": "write a text that is not empty",
    "tuple": "write a list",
}
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than": ("gt", "write a number above {}"),
    "greater_than_equal": ("ge", "write a number of at least {}"),
    "less_than": ("lt", "write a number below {}"),
    "less_than_equal": ("le", "write a number of at most {}"),
    "literal_error": ("expected", "write {}"),
}


def remedy(item: ErrorDetails) -> str:
    """What to write and what was found, for one entry of ``ValidationError.errors()``; a validator's own words first.

    Examples
    --------
    >>> remedy({"type": "greater_than", "msg": "Input should be greater than 0", "input": -1, "ctx": {"gt": 0}})
    'write a number above 0 (found -1)'
    >>> remedy({"type": "int_parsing", "msg": "Input should be a valid integer, unable to parse ...", "input": "many"})
    "write a whole number (found 'many')"
    """
    words, found = _words(item), repr(item["input"])
    said_already = item["type"] == "value_error" and found in words
    return words if said_already or len(found) > _LONGEST else f"{words} (found {found})"


def _words(item: ErrorDetails) -> str:
    kind = str(item["type"])
    if kind in _BOUNDS:
        name, text = _BOUNDS[kind]
        return text.format(_plain(item["ctx"][name]))
    if kind in _TEXTS or kind.split("_")[0] in _TEXTS:
        return _TEXTS.get(kind, _TEXTS.get(kind.split("_")[0], ""))
    return str(item["msg"]).removeprefix("Value error, ")


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def refused_request(error: Exception) -> UsageError | None:
    """What is wrong with the values of a use case's request, as a sentence; None for any other error."""
    if not isinstance(error, ValidationError) or not error.title.endswith("Request"):
        return None
    return UsageError("; ".join(f"{place_of(item)}: {remedy(item)}" for item in error.errors()))


def place_of(item: ErrorDetails) -> str:
    """The key that an entry is about, such as ``trees.rounds``; without the alternatives of a union of types."""
    return ".".join(str(part) for part in item["loc"] if part not in ("str", "float", "int", "bool"))
