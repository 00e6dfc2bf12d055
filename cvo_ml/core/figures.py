"""A figure as data and encoding: who computes knows what is shown, and ``report`` how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cvo_ml.core.result import Result

Role: TypeAlias = Literal["actual", "model", "baseline"]


@dataclass(frozen=True)
class Series(Result):
    """One line, or one set of bars.

    Parameters
    ----------
    x, y:
        Of equal length; a missing y leaves a gap.
    role:
        What it is, from which colour and stroke follow.
    mark:
        How it is drawn.
    """

    name: str
    x: Sequence[float | str]
    y: Sequence[float | None]
    role: Role = "model"
    mark: Literal["line", "bar"] = "line"


@dataclass(frozen=True)
class FigureSpec(Result):
    """A figure: one idea, its title and its axes with their units.

    Parameters
    ----------
    line:
        Where an upright line stands, on the x axis, and what is written at it.

    Examples
    --------
    >>> FigureSpec("Orders", "week", "orders", [Series("actual", [1, 2], [5.0, 7.0], "actual")]).series[0].y
    [5.0, 7.0]
    """

    title: str
    x: str
    y: str
    series: Sequence[Series]
    line: tuple[float, str] | None = None
