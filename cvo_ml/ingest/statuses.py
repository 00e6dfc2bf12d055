"""What a status of an order means: a sale, pending, not a sale, or refunded, in the words of shops and payments.

Words are compared by their letters and digits alone, in any case and without accents, so that ``wc-on-hold``,
``On Hold`` and ``ON_HOLD`` are one. Only sales count. A payment that is authorised or under review is pending: no money
has moved. An order that was paid and waits to be packed is a sale. The words stand in ``statuses.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, get_args

from cvo_ml.config.shops import StatusClass
from cvo_ml.ingest.header_names import key_of

_PREFIX: Final = re.compile(r"(?i)^\s*wc[-_ ]")


def status_key(text: str) -> str:
    """Letters and digits of a status, without a shop's prefix.

    Examples
    --------
    >>> status_key("wc-on-hold"), status_key("On Hold"), status_key("Remboursée"), status_key("PartiallyShipped")
    ('onhold', 'onhold', 'remboursee', 'partiallyshipped')
    """
    return key_of(_PREFIX.sub("", text))


@cache
def _words() -> dict[str, list[str]]:
    """Class, or ``partly`` (refunded), to its words as they are compared."""
    text = resources.files("cvo_ml.ingest").joinpath("statuses.txt").read_text(encoding="utf-8")
    found = re.findall(r"^(\w+):\n((?: +.*\n?)+)", text, re.MULTILINE)
    return {name: [status_key(word) for word in words.split("|")] for name, words in found}


@cache
def _vocabulary() -> dict[str, StatusClass]:
    classes: dict[str, StatusClass] = {"partly": "sale", **{name: name for name in get_args(StatusClass)}}
    return {word: classes[name] for name, words in _words().items() for word in words}


def class_of(text: str, declared: Mapping[str, StatusClass] | None = None) -> StatusClass | None:
    """What a status means; None where nobody knows it.

    Parameters
    ----------
    declared:
        The shop's own words, which come first.

    Examples
    --------
    >>> class_of("wc-processing"), class_of("Storniert"), class_of("PENDING_PAYMENT"), class_of("Remboursée")
    ('sale', 'not_a_sale', 'pending', 'refunded')
    >>> class_of("gone fishing"), class_of("gone fishing", {"Gone fishing": "sale"})
    (None, 'sale')
    """
    key = status_key(text)
    own = {status_key(word): found for word, found in (declared or {}).items()}
    return own.get(key) or _vocabulary().get(key)


def is_partly_refunded(text: str) -> bool:
    """Whether a status says that a part of the value went back."""
    return status_key(text) in _words()["partly"]
