"""The one table of models: what each is called, what it scores, and how its score reads.

``clv``, ``churn`` and ``icp`` are spelled here and nowhere else: other parts go through ``MODELS``, or name a row of
the table (``CLV.name``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from cvo_ml.core.errors import UsageError, nearest_name

Unit = Literal["currency", "probability"]


@dataclass(frozen=True)
class ModelSpec:
    """A registered model.

    Parameters
    ----------
    name:
        Its name in the registry, in commands and in configuration; also its group of columns in Scores.
    title:
        Its name for people.
    score:
        The column of Scores that it exists for.
    unit:
        What that column counts in; a probability lies in [0, 1].
    label:
        The column that people see of it, a name for a range of scores; None where there is none.
    reason:
        The column of Scores that says why its values are null.
    """

    name: str
    title: str
    score: str
    unit: Unit
    label: str | None
    reason: str

    @property
    def is_probability(self) -> bool:
        """Whether the score lies in [0, 1]."""
        return self.unit == "probability"


CLV: Final = ModelSpec("clv", "Customer lifetime value", "predicted_clv", "currency", None, "clv_reason")
CHURN: Final = ModelSpec("churn", "Churn", "churn_probability", "probability", "churn_band", "churn_reason")
ICP: Final = ModelSpec("icp", "Lookalikes (ICP)", "icp_score", "probability", "icp_tier", "icp_reason")

#: Every registered model, in the order in which they are trained, shown and scored.
MODELS: Final[tuple[ModelSpec, ...]] = (CLV, CHURN, ICP)
MODEL_NAMES: Final[tuple[str, ...]] = tuple(model.name for model in MODELS)


def model_spec(name: str) -> ModelSpec:
    """The row of the table with this name.

    Raises
    ------
    UsageError
        If there is none; names the nearest.

    Examples
    --------
    >>> model_spec("churn").score
    'churn_probability'
    """
    for model in MODELS:
        if model.name == name:
            return model
    raise UsageError(f"no model {name!r}{nearest_name(name, MODEL_NAMES)}: use {', '.join(MODEL_NAMES)}")
