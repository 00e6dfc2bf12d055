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
    """

    name: str
    locale: str
    make: Make
    answers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def export(name: str, locale: str, *, answers: Mapping[str, str] | None = None) -> Callable[[Make], Make]:
    """Register what a function writes as a shape."""

    def registered(make: Make) -> Make:
        SHAPES.append(Shape(name, locale, make, answers or {}))
        return make

    return registered
