"""What training found for the gates of a challenger, as ``gate.json`` in its run holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cvo_ml.core.result import OPTIONAL, Json, Result, from_json
from cvo_ml.stats.intervals import Interval

#: The key that only a comparison has.
COMPARED: Final = "improvement"


@dataclass(frozen=True)
class JudgingWindow(Result):
    """The window that judges: when it opened (ISO), and how many customers are in it."""

    opened: str | None = field(default=None, metadata=OPTIONAL)
    rows: int = 0


@dataclass(frozen=True)
class Eligible(Result):
    """How many customers of the day of training are known, and how many have a score."""

    known: int = 0
    scored: int = 0


@dataclass(frozen=True)
class ModelMark(Result):
    """Which model it is."""

    hash: str
    grade: str
    kind: str


@dataclass(frozen=True)
class Opponent(Result):
    """The champion that the challenger met.

    Parameters
    ----------
    judged_with:
        Which model predicted the window in its name.
    mark:
        None where it cannot be read, or predicted nothing here.
    """

    version: int
    judged_with: str = ""
    mark: ModelMark | None = None

    def to_json(self) -> dict[str, Json]:
        """One level."""
        found: dict[str, Json] = {"version": self.version, "judged_with": self.judged_with}
        return found if self.mark is None else found | self.mark.to_json()

    @classmethod
    def of(cls, document: Json) -> Opponent:
        """As it was written."""
        found = from_json(cls, document)
        marked = isinstance(document, Mapping) and "hash" in document
        return cls(found.version, found.judged_with, from_json(ModelMark, document) if marked else None)


@dataclass(frozen=True)
class Profit(Result):
    """Currency per customer that decisions by each earn, and their difference."""

    challenger: float
    champion: float
    difference: Interval


@dataclass(frozen=True)
class ChampionComparison(Result):
    """Challenger against champion on the same rows.

    Parameters
    ----------
    psi:
        Shift of the scores of today's customers; NaN where it is not known.
    improvement, slices:
        Relative to the champion's measure.
    """

    psi: float
    improvement: Interval
    slices: Mapping[str, Interval]
    profit: Profit


@dataclass(frozen=True)
class GateEvidence(Result):
    """What the gates of a challenger are decided on; without arguments, that of a training that stored none.

    Parameters
    ----------
    measure:
        What ``skill`` is measured in.
    skill:
        Of ``challenger`` and, where they are compared, of ``champion``; NaN where it is not known.
    calibration:
        The slope; None where the predictions have none.
    champion:
        None where there was none.
    not_comparable:
        Why there is no comparison.
    """

    measure: str | None = None
    window: JudgingWindow = JudgingWindow()
    skill: Mapping[str, float] | None = None
    calibration: Interval | None = None
    eligible: Eligible = Eligible()
    challenger: ModelMark | None = None
    champion: Opponent | None = None
    not_comparable: str | None = None
    comparison: ChampionComparison | None = None

    def to_json(self) -> dict[str, Json]:
        """As ``gate.json`` holds it: what is not there has no key, and the comparison is not a level of its own."""
        document = super().to_json()
        compared = document.pop("comparison")
        known = {key: value for key, value in document.items() if value is not None or key == "calibration"}
        return {**known, **(compared if isinstance(compared, Mapping) else {})}

    @classmethod
    def of(cls, document: Mapping[str, Json]) -> GateEvidence:
        """From a stored ``gate.json``, whatever keys an older run left out.

        Raises
        ------
        ValueError
            If a part of it is no such thing.
        """
        plain = {key: value for key, value in document.items() if key != "champion"}
        found = from_json(cls, plain)
        champion = Opponent.of(document["champion"]) if "champion" in document else None
        comparison = from_json(ChampionComparison, document) if COMPARED in document else None
        return replace(found, champion=champion, comparison=comparison)
