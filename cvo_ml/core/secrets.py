"""Secrets as a type: printed as ``***`` whatever prints them, and given only to who asks for them by name.

The first line of defence is ``Secret``: no text, log, JSON or pickle of it holds its value. The second is for the
words of others (drivers quote the address that they were given): a program wraps its work in ``remembered`` and passes
what it prints through the function that this yields.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final, NoReturn, final
from urllib.parse import parse_qsl, quote, unquote

from pydantic_core import core_schema

#: What is shown in a secret's place.
HIDDEN: Final = "***"
#: A shorter text is looked for nowhere: it would stand in too many words that are no secret.
SHORTEST: Final = 4
#: A part of a path this long is taken for a token, as in the addresses of webhooks.
LONGEST_WORD: Final = 16
#: An environment variable with such a word in its name holds what nobody else may see.
CONFIDENTIAL: Final = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|(?<=_)pwd|secret|token|credentials?|api_?key|access_?key|private_?key|dsn|webhook)(?:_|$)"
)
#: A secret that is a word or a year cannot be told from one, and stays in the words of others.
_WORD: Final = re.compile(r"[a-z]{1,11}|[A-Z][a-z]{1,10}|[A-Z]{1,11}|[0-9]{1,7}")
_PASSWORD: Final = re.compile(r"""(?i)\b(?:password|passwd|pwd)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s;&'"]+))""")
#: A user alone is a token where the address is a web server's.
_TOKEN: Final = re.compile(r"(?i)https?://[^\s/?#:@]+@")
_USERINFO: Final = re.compile(r"(?i)(?<=://)[^\s/?#]*@")
_QUERY: Final = re.compile(r"(?<=[?&;])([^\s=&;#]+)=[^\s&;#]*")
_NOTED: Final[ContextVar[set[str] | None]] = ContextVar("cvo_secrets", default=None)


@final
class Secret:
    """A text that nobody prints: an address with a password, a token, a key.

    Parameters
    ----------
    value:
        What ``reveal`` gives back.

    Examples
    --------
    >>> token = Secret("hunter2")
    >>> f"{token} {token!r} {token:>5}", token.reveal(), token == Secret("hunter2")
    ('*** ***   ***', 'hunter2', True)
    """

    __slots__ = ("_value",)
    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The value itself; from now on ``remembered`` hides it in the words of others."""
        noted = _NOTED.get()
        if noted is not None:
            noted |= pieces(self._value)
        return self._value

    def hide(self, text: str) -> str:
        """A text that may quote the secret, without it."""
        return _without(text, pieces(self._value))

    def to_json(self) -> str:
        """What a result says of it."""
        return HIDDEN

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, form: str) -> str:
        return format(HIDDEN, form)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode("utf-8", "replace"), other._value.encode("utf-8", "replace"))

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled: pass the name of the environment variable that holds it")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        text = core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
        shown = core_schema.plain_serializer_function_ser_schema(lambda _: HIDDEN)
        return core_schema.union_schema([core_schema.is_instance_schema(cls), text], serialization=shown)


@contextlib.contextmanager
def remembered(*known: str) -> Iterator[Callable[[str], str]]:
    """Note each secret that is revealed until the block ends; yields what hides them in a text.

    Parameters
    ----------
    known:
        Further secrets, such as values of the environment.

    A secret that is a common word stays where it stands: taking ``shop`` out of every sentence would tell it to nobody
    and harm all.

    Examples
    --------
    >>> with remembered() as hidden:
    ...     said = f"cannot reach {Secret('postgresql://me:p%40ss@db/shop').reveal()} as me, p@ss"
    ...     hidden(said)
    'cannot reach *** as me, ***'
    """
    noted = set[str]().union(*map(pieces, known))
    token = _NOTED.set(noted)
    try:
        yield lambda text: _without(text, {piece for piece in noted if not _WORD.fullmatch(piece)})
    finally:
        _NOTED.reset(token)


def confidential(environment: Mapping[str, str]) -> list[str]:
    """The values of an environment that are secrets: by their variable's name, or as addresses with a password.

    Examples
    --------
    >>> confidential({"PWD": "/root", "SHOP_TOKEN": "abcd", "DB": "postgresql://me:pass@db/shop", "X": "https://h/"})
    ['abcd', 'postgresql://me:pass@db/shop']
    """
    return [value for name, value in environment.items() if value and (CONFIDENTIAL.search(name) or is_secret(value))]


def is_secret(text: str) -> bool:
    """Whether a text carries a password or a key: in an address, or as ``password=``; ``${NAME}`` is none.

    Examples
    --------
    >>> [is_secret(text) for text in ("postgresql://me:pass@db/shop", "host=x password=pass", "https://h/?api_key=abcd")]
    [True, True, True]
    >>> [is_secret(text) for text in ("postgresql://${USER}:${PASS}@db", "https://h/p?page=2", "password", "a@b.c")]
    [False, False, False, False]
    """
    plain = re.sub(r"\$\{[A-Z_][A-Z0-9_]*\}", "", text)
    if any(_PASSWORD.finditer(plain)):
        return True
    userinfo = _USERINFO.search(plain)
    if userinfo is not None and (userinfo[0].partition(":")[2] not in ("", "@") or _TOKEN.search(plain)):
        return True
    found = re.findall(r"[?&;]([^\s=&;#]+)=([^\s&;#]+)", plain)
    return "://" in plain and any(CONFIDENTIAL.search(name) for name, _ in found)


def redacted(address: str) -> str:
    """An address as it may be shown: without user and password, values of its query, and parts that look like tokens.

    Examples
    --------
    >>> redacted("postgresql://me:pass@db:5432/shop?sslmode=require"), redacted("sqlite:///mlruns/mlflow.db")
    ('postgresql://db:5432/shop?sslmode=***', 'sqlite:///mlruns/mlflow.db')
    >>> redacted("host=db password='a b' user=me")
    'host=db password=*** user=me'
    """
    plain = _PASSWORD.sub(lambda found: f"{re.split('[= ]', found[0])[0]}={HIDDEN}", _USERINFO.sub("", address))
    return _QUERY.sub(rf"\1={HIDDEN}", plain)


def origin(address: str) -> str:
    """Scheme, host and port of an address whose path is a secret too, as that of a webhook.

    Examples
    --------
    >>> origin("https://me:pass@hooks.example.com:8443/services/T0/B0/abcdef?x=1#y")
    'https://hooks.example.com:8443'
    """
    scheme, found, rest = address.partition("://")
    host = re.split(r"[/?#\\\s]", rest)[0].rpartition("@")[2]
    return f"{scheme}://{host}" if found else HIDDEN


def pieces(value: str) -> set[str]:
    """The texts to look for: the secret, what of it is a secret alone, and each as others would write it.

    Examples
    --------
    >>> {"p%40ss", "p@ss", "postgresql://me:p%40ss@db/shop"} <= pieces("postgresql://me:p%40ss@db/shop")
    True
    >>> "T0123456789ABCDEF" in pieces("https://hooks.example.com/services/T0123456789ABCDEF")
    True
    """
    found = {value, *(first or second for first, second in _PASSWORD.findall(value))}
    if "://" in value:
        found |= _of_address(value)
    found |= {unquote(piece) for piece in found} | {quote(piece, safe="") for piece in found if "://" not in piece}
    found |= {json.dumps(piece)[1:-1] for piece in found} | {repr(piece)[1:-1] for piece in found}
    return {piece for piece in found if len(piece) >= SHORTEST}


def _of_address(value: str) -> set[str]:
    userinfo = _USERINFO.search(value)
    user, _, password = userinfo[0].removesuffix("@").partition(":") if userinfo else ("", "", "")
    found = {password or (user if _TOKEN.search(value) else "")}
    _, _, rest = value.partition("://")
    path, _, query = rest.partition("#")[0].partition("?")
    found |= {text for name, text in parse_qsl(query) if CONFIDENTIAL.search(name) or len(text) >= LONGEST_WORD}
    if value.lower().startswith("http"):
        found |= {part for part in path.split("/")[1:] if len(part) >= LONGEST_WORD}
    return found


def _without(text: str, noted: set[str]) -> str:
    for piece in sorted(noted, key=len, reverse=True):  # an address before the password in it
        text = text.replace(piece, HIDDEN)
    return text
