"""What was found out about files: decisions with their evidence, questions with their choices, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cvo_ml.core.result import Json, Result

#: Keys of a shop's file, such as ``source.delimiter``, and their values.
Settings = Mapping[str, Json]

#: Stands for the first source in the settings of a table that is read from it too.
SAME: Final = "the first source"


@dataclass(frozen=True)
class Decision(Result):
    """What has one reading.

    Parameters
    ----------
    what:
        What was decided, such as ``delimiter``.
    value:
        The reading, in words.
    evidence:
        What in the file says so.
    settings:
        The keys that it sets in the shop's file; none where the default says the same.
    """

    what: str
    value: str
    evidence: str
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class OpenQuestion(Result):
    """What has several readings.

    Parameters
    ----------
    name:
        Under which it is answered.
    ask:
        The question, with what stands in the file.
    choices:
        Name of each reading to the keys that it sets.
    rows:
        Numbers of the first rows that show it (1 = the first after the header).
    shown:
        What stands in those rows.
    """

    name: str
    ask: str
    choices: Mapping[str, Settings]
    rows: tuple[int, ...] = ()
    shown: tuple[str, ...] = ()


@dataclass
class FoundOut:
    """All that was found out about a shop's files, in the order in which it was looked at."""

    decisions: list[Decision] = field(default_factory=list)
    questions: list[OpenQuestion] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def decide(self, what: str, value: object, evidence: str, settings: Settings | None = None) -> None:
        """Note what has one reading."""
        self.decisions.append(Decision(what, str(value), evidence, settings or {}))

    def ask(
        self, name: str, ask: str, choices: Mapping[str, Settings], rows: Sequence[int] = (), shown: Sequence[str] = ()
    ) -> None:
        """Note what has several readings."""
        self.questions.append(OpenQuestion(name, ask, choices, tuple(map(int, rows)), tuple(shown)))

    def name_file(self, file: str, since: int) -> None:
        """Say of what is missing, from a place in the list on, in which file that is."""
        self.missing[since:] = [f"{file}: {text}" for text in self.missing[since:]]

    def settings(self) -> dict[str, Json]:
        """All keys that the decisions set."""
        return {key: value for decision in self.decisions for key, value in decision.settings.items()}


def counted(number: int, thing: str) -> str:
    """A number and its thing.

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {thing}{'s' * (number != 1)}"
