"""A shape of export: who writes it, how, and what is true of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.exports.shop import Truth

Make = Callable[[Path], Truth]
SHAPES: Final[list[Shape]] = []


@dataclass(frozen=True)
class Shape:
    """A shape of export.

    Parameters
    ----------
    make:
        Writes its files into an empty folder, and returns what must be read of them.
    answers:
        Question of ``init`` to the choice that is true here: one at most.
    fails:
        Why it is not read right yet; empty where it is.
    """

    name: str
    locale: str
    make: Make
    answers: Mapping[str, str] = field(default_factory=dict)
    fails: str = ""

    def __str__(self) -> str:
        return self.name


def export(
    name: str, locale: str, *, answers: Mapping[str, str] | None = None, fails: str = ""
) -> Callable[[Make], Make]:
    """Register what a function writes as a shape."""

    def registered(make: Make) -> Make:
        SHAPES.append(Shape(name, locale, make, answers or {}, fails))
        return make

    return registered
