"""``${NAME}`` in configuration: what an environment variable holds, filled in on reading or, if secret, on use.

A text that would hold a secret with its variables in it stays as it is written, in memory too: whoever connects
resolves it. Of any other text both are known, what was written and what it came to, so that a configuration is written
back with its variables.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from cvo_ml.core.errors import ConfigError
from cvo_ml.core.result import Json
from cvo_ml.core.secrets import CONFIDENTIAL, Secret, is_secret

#: The keys and positions that lead to a text.
Place: TypeAlias = tuple[str | int, ...]
VARIABLE: Final = re.compile(r"\$\{([A-Z_][A-Z0-9_]*)\}")
_DATABASE: Final = re.compile(r"(?i)^(?:postgres(?:ql)?|mysql)://")


@dataclass(frozen=True)
class Filled:
    """A text with variables: as it is written, and with what they hold."""

    written: str
    found: str

    def again(self, value: Json) -> Json:
        """The text to write in place of ``value``, which came of this one: with the folder that was put before it."""
        if not isinstance(value, str):
            return self.written if str(value) == self.found else value
        return value.removesuffix(self.found) + self.written if value.endswith(self.found) else self.written


def filled(content: Any, where: str) -> tuple[Any, dict[Place, Filled]]:
    """A file's content with its variables filled in, secrets excepted, and where that was.

    Parameters
    ----------
    where:
        The file, for messages.

    Raises
    ------
    ConfigError
        If a variable is not set, or a text holds a secret that is no variable's.
    """
    texts = dict(_texts(content, ()))
    for place, text in texts.items():
        if is_secret(text):
            raise ConfigError(
                f"{where}: key {'.'.join(map(str, place))!r} holds a secret: keep it in an environment variable, and "
                "write ${NAME} in its place"
            )
    known = {place: Filled(text, _fill(text, where)) for place, text in texts.items() if VARIABLE.search(text)}
    plain = {place: one for place, one in known.items() if not _is_confidential(one)}
    return _put(content, (), plain), plain


def resolved(text: str, where: str) -> Secret:
    """A text with what its variables hold now, for whoever uses it.

    Raises
    ------
    ConfigError
        If one is not set.
    """
    return Secret(_fill(text, where))


def as_written(content: Mapping[str, Json], variables: Mapping[Place, Filled]) -> dict[str, Json]:
    """Values of a configuration as a file that keeps its variables.

    Examples
    --------
    >>> as_written({"path": "/data/x/orders.csv"}, {("path",): Filled("${FOLDER}/orders.csv", "x/orders.csv")})
    {'path': '/data/${FOLDER}/orders.csv'}
    """
    return {key: _again(value, (key,), variables) for key, value in content.items()}


def _again(value: Json, place: Place, variables: Mapping[Place, Filled]) -> Json:
    if isinstance(value, Mapping):
        return {key: _again(item, (*place, key), variables) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_again(item, (*place, number), variables) for number, item in enumerate(value)]
    return variables[place].again(value) if place in variables else value


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*place, number))
    elif isinstance(value, str):
        yield place, value


def _put(value: Any, place: Place, known: Mapping[Place, Filled]) -> Any:
    if isinstance(value, dict):
        return {key: _put(item, (*place, key), known) for key, item in value.items()}
    if isinstance(value, list):
        return [_put(item, (*place, number), known) for number, item in enumerate(value)]
    return known[place].found if place in known else value


def _fill(text: str, where: str) -> str:
    def held(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ConfigError(f"{where}: the environment variable {match[1]} is not set: set it, or write the value")
        return os.environ[match[1]]

    return VARIABLE.sub(held, text)


def _is_confidential(text: Filled) -> bool:
    names = VARIABLE.findall(text.written)
    return is_secret(text.found) or bool(_DATABASE.search(text.found)) or any(map(CONFIDENTIAL.search, names))
