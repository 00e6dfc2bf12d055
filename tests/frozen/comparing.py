"""Two outputs of a command: what differs between runs and machines is taken out, the rest compares value by value."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

#: Relative difference of two numbers that are the same one on another processor.
TOLERANCE: Final = 1e-7
#: Below this a number is noise around zero.
NOISE: Final = 1e-9
#: Keys whose values belong to the moment, the machine or the person; only their type is kept.
OF_THE_MOMENT: Final = frozenset(
    {"at", "who", "seconds", "git_commit", "pins_hash", "numpy", "python", "libraries", "sha256", "data_hash", "digest"}
)
#: Digests in texts and keys: 12 digits of a version or a run, and whole ones.
DIGEST: Final = re.compile(r"\b(?:[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\b")


def normalised(value: Any, place: Path) -> Any:
    """The value without places, moments and digests.

    Parameters
    ----------
    place:
        The folder in which the command ran; its name becomes ``<place>``.
    """
    if isinstance(value, Mapping):
        return {
            _text(str(key), place): _marked(inner) if key in OF_THE_MOMENT else normalised(inner, place)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [normalised(inner, place) for inner in value]
    return _text(value, place) if isinstance(value, str) else value


def _marked(value: Any) -> str:
    return f"<{type(value).__name__} of the moment>"


def _text(text: str, place: Path) -> str:
    for name in sorted({str(place), str(place.resolve())}, key=len, reverse=True):
        text = text.replace(name, "<place>")
    return DIGEST.sub("<digest>", text)


def differences(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """Each difference as a sentence such as ``models[0].grade: 'A' != 'B'``: expected first."""
    where = path or "the whole"
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key in [*expected, *(key for key in found if key not in expected)]:
            inner = f"{path}.{key}" if path else str(key)
            if key not in found:
                yield f"{inner}: {_shown(expected[key])} != nothing"
            elif key not in expected:
                yield f"{inner}: nothing != {_shown(found[key])}"
            else:
                yield from differences(expected[key], found[key], inner)
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{where}: {len(expected)} items != {len(found)} items"
        for place, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from differences(one, other, f"{path}[{place}]")
    elif type(expected) is not type(found) or not _same(expected, found):
        yield f"{where}: {_shown(expected)} != {_shown(found)}"


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, float):
        both_nan = math.isnan(expected) and math.isnan(found)
        return both_nan or math.isclose(expected, found, rel_tol=TOLERANCE, abs_tol=NOISE)
    return bool(expected == found)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def undecided(found: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The differences that no decision explains; a pattern is a path in which ``*`` stands for anything."""
    allowed = [re.compile(re.escape(pattern).replace(r"\*", ".*")) for pattern in patterns]
    return [text for text in found if not any(rule.fullmatch(text.split(": ", 1)[0]) for rule in allowed)]
