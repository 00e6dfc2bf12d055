"""Two versions of a model side by side, in tables that fit a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cvo_ml.core.blocks import Block, Sentence, TextTable
from cvo_ml.core.result import Json

Pair = tuple[Json, Json]
#: Sections by what a key begins with; the first that fits. The rest is of the model itself.
SECTIONS: Final = (
    ("Data and code", ("trained_as_of", "shop", "data_hash", "git_commit", "pins_hash")),
    ("The model of purchases inside", ("btyd.",)),
    ("Job", ("job.",)),
    ("Metrics", ("metrics.",)),
)
OWN: Final = "Model"
COMPARED: Final = "Metrics of what it was compared with"
#: What a key need not say again, below its section's title.
_SAID: Final = ("metrics.", "job.", "btyd.parameters.model.", "btyd.parameters.", "btyd.")
#: What says whether the future leaks into the features is about the model's own data.
_LEAKS: Final = "metrics.leak_"
#: A digest is told from another by this much of it, and a list by this many of its items.
_DIGITS: Final = 12
_ITEMS: Final = 4


def model_differences(versions: tuple[int, int], differences: Mapping[str, Pair]) -> Iterator[Block]:
    """What differs, by section, each value of the first version beside that of the second; numbers with their change.

    Examples
    --------
    >>> [block] = model_differences((1, 2), {"metrics.model_auc": (0.75, 0.8)})
    >>> block.title, *block.rows
    ('Metrics', ('model auc', '0.75', '0.8', '+0.05'))
    """
    first, second = versions
    if not differences:
        yield Sentence(f"Versions {first} and {second} are the same model.")
    sections: dict[str, dict[str, Pair]] = {}
    for key, pair in differences.items():
        sections.setdefault(_section(key, differences), {})[key] = pair
    for title in (OWN, *(name for name, _ in SECTIONS), COMPARED):
        rows = [_row(key, pair) for key, pair in sections.get(title, {}).items()]
        if rows and any(row[-1] for row in rows):
            yield TextTable(title, ("", f">version {first}", f">version {second}", ">change"), rows)
        elif rows:
            yield TextTable(title, ("", f"version {first}", f"version {second}"), [row[:-1] for row in rows])


def _section(key: str, differences: Mapping[str, Pair]) -> str:
    for title, beginnings in SECTIONS:
        if key.startswith(beginnings):
            return COMPARED if _is_of_another(key, differences) else title
    return OWN


def _is_of_another(key: str, differences: Mapping[str, Pair]) -> bool:
    """Whether a metric of the model stands here too under another name's: ``recency_auc`` beside ``model_auc``."""
    own = "metrics.model_"
    ends = tuple(f"_{other.removeprefix(own)}" for other in differences if other.startswith(own))
    return key.startswith("metrics.") and not key.startswith((own, _LEAKS)) and key.endswith(ends)


def _row(key: str, pair: Pair) -> tuple[str, ...]:
    left, right = pair
    name = next((key.removeprefix(said) for said in _SAID if key.startswith(said)), key)
    words = name.replace(".", " ").replace("_", " ")
    if _is_number(left) and _is_number(right):
        assert isinstance(left, int | float)
        assert isinstance(right, int | float)
        return words, _number(left), _number(right), _number(right - left, sign="+")
    return words, _cell(left, right), _cell(right, left), ""


def _cell(value: Json, other: Json) -> str:
    """A value; of a list, what it holds more than the other."""
    if value is None:
        return ""
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return f"{len(value)} × {len(value[0])} numbers"
        own = [str(item) for item in value if not isinstance(other, list) or item not in other]
        more = f", {len(own) - _ITEMS} more" if len(own) > _ITEMS else ""
        return f"+ {', '.join(own[:_ITEMS])}{more}" if own else ""
    if _is_number(value):
        assert isinstance(value, int | float)
        return _number(value)
    text = str(value)
    head, _, tail = text.partition(" ")
    is_digest = len(head) >= 2 * _DIGITS and all(sign in "0123456789abcdef" for sign in head)
    return f"{head[:_DIGITS]} {tail}".strip() if is_digest else text


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign},.4g}"
