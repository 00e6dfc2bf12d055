"""What a person reads line by line: sentences and tables, for whatever shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Sentence:
    """A line of text.

    Parameters
    ----------
    style:
        ``dim`` for an aside, ``yellow`` for a warning, ``bold`` for a heading, empty for plain.
    """

    text: str
    style: str = ""


@dataclass(frozen=True)
class TextTable:
    """Rows of text under a title.

    Parameters
    ----------
    columns:
        Their names; one that begins with ``>`` holds numbers and stands to the right.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


Block: TypeAlias = Sentence | TextTable
