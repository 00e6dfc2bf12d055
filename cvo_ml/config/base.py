"""The base of all configuration: frozen, and unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from cvo_ml.config.variables import Filled, Place

#: A share of a whole that may be none or all of it: [0, 1].
Share = Annotated[float, Field(ge=0, le=1)]
#: A share of a whole that is at least something: (0, 1].
SomeShare = Annotated[float, Field(gt=0, le=1)]
#: A share of a whole that is neither none nor all of it, or a probability that decides: (0, 1).
ProperShare = Annotated[float, Field(gt=0, lt=1)]
#: A whole number of things, at least one; more than a billion of anything was mistyped.
PositiveCount = Annotated[int, Field(gt=0, le=1_000_000_000)]
#: A whole number of things, perhaps none.
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
#: How often something is fitted or looked at: each costs time.
Repeats = Annotated[int, Field(gt=0, le=10_000)]
#: Days, at most a hundred years of them.
Days = Annotated[int, Field(gt=0, le=36_525)]


class FrozenConfig(BaseModel):
    """A configuration object: immutable, with no room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
    _variables: Mapping[Place, Filled] = PrivateAttr(default_factory=dict)

    @property
    def variables(self) -> Mapping[Place, Filled]:
        """The texts of the file that had ``${NAME}`` in them, by their keys."""
        return self._variables

    def with_variables(self, variables: Mapping[Place, Filled]) -> Self:
        """The same, with what is known of its file."""
        known = self.model_copy()
        known._variables = dict(variables)
        return known
