"""A bundle whose model was parsed once, and how it answers.

LightGBM's text takes long to parse beside scoring one row, so whoever scores more than once keeps a ``LoadedModel``. It
is never changed after it was made: threads may share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import BundleError
from cvo_ml.core.models import model_spec
from cvo_ml.core.units import Horizon
from cvo_ml.features.own import OwnFeatures, Trust
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.models.protocol import Bundled, LifetimeScorer, ProbabilityScorer
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import model_of
from cvo_ml.registry.bundles.own_features import own_features_of
from cvo_ml.registry.bundles.purchase_columns import (
    add_purchase_columns,
    columns_to_score,
    embedded_purchase_model,
    with_purchase_columns,
)


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A bundle with its parsed model; made by ``load_model``.

    Parameters
    ----------
    bundle:
        Where it comes from: settings, facts, hash.
    model:
        The fitted model.
    purchases:
        The model of purchases that the bundle carries, whose columns the model reads; None if it carries none.
    own:
        The features of the user's own that the model reads, from the bundle's own copy of their file.
    """

    bundle: Bundle
    model: Bundled
    purchases: BuyTillYouDie | None = None
    own: OwnFeatures = field(default_factory=OwnFeatures)
    #: what Scores carry of the hash, which takes a pass over all trees
    version: str = field(init=False)
    _faces: dict[Any, bool] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", self.bundle.version)

    @property
    def name(self) -> str:
        """The registered model."""
        return self.bundle.name

    @property
    def kind(self) -> str:
        """Which class the model is of."""
        return self.bundle.kind

    @property
    def grade(self) -> str:
        """The letter earned out of time, or an empty text."""
        return self.bundle.grade

    @property
    def settings(self) -> Mapping[str, Any]:
        """What gives its scores their meaning."""
        return self.bundle.settings

    @cached_property
    def horizon(self) -> Horizon:
        """The window that the scores speak of."""
        return Horizon.of_days(self.bundle.settings["horizon_days"])

    @property
    def input_columns(self) -> list[str]:
        """The columns that a frame to score must have; what the model reads of its own model of purchases is not."""
        return columns_to_score(self.model.columns, self.purchases)

    def completed(self, features: Table) -> Columns:
        """As ``complete``, of columns."""
        rows = Columns.of(features)
        return rows if self.purchases is None else with_purchase_columns(rows, self.purchases, self.horizon)

    def complete(self, features: pd.DataFrame) -> pd.DataFrame:
        """``features`` with the columns of the bundle's own model of purchases, if it carries one."""
        if self.purchases is None:
            return features
        return add_purchase_columns(features, self.purchases, self.horizon)

    def trusting(self, trust: Trust) -> LoadedModel:
        """The same model, whose own features may run if ``trust`` says so."""
        return replace(self, own=replace(self.own, trust=trust)) if self.own else self

    def lifetime_values(
        self, features: pd.DataFrame, *, horizon: Horizon | None = None, discount_rate: float | None = None
    ) -> pd.DataFrame:
        """The value columns of each row, indexed like ``features``; raises and takes what ``value_columns`` does."""
        found = self.value_columns(features, horizon=horizon, discount_rate=discount_rate)
        return pd.DataFrame(found, index=features.index)

    def value_columns(
        self, features: Table, *, horizon: Horizon | None = None, discount_rate: float | None = None
    ) -> dict[str, Floats]:
        """The value columns of each row, (n,) each, by name; horizon and rate are the bundle's unless given.

        Raises
        ------
        BundleError
            If it is no model of values.
        """
        if not self.answers(LifetimeScorer) or self.answers(ProbabilityScorer):
            raise self.not_a("model of values")
        model = cast("LifetimeScorer", self.model)
        rate = float(self.settings.get("discount_rate", 0.0)) if discount_rate is None else discount_rate
        return model.outputs(Columns.of(features), horizon=horizon or self.horizon, discount_rate=rate)

    def probability(self, features: Table) -> Floats:
        """The probability of each row (n,), of the columns that ``features`` have or the bundle adds.

        Raises
        ------
        BundleError
            If it is no model of probabilities.
        """
        if not self.answers(ProbabilityScorer):
            raise self.not_a("model of probabilities")
        return cast("ProbabilityScorer", self.model).predict_proba(self.completed(features))[:, 1]

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """The model's own outputs for each row: a probability, or the value columns; not Scores."""
        return pd.DataFrame(self._outputs(features), index=features.index)

    def score(self, features: pd.DataFrame) -> Floats:
        """The one column that the model exists for (n,): its probability, or its value, currency."""
        return self._outputs(features)[model_spec(self.name).score]

    def _outputs(self, features: pd.DataFrame) -> dict[str, Floats]:
        if not self.answers(ProbabilityScorer):
            return self.value_columns(features)
        return {model_spec(self.name).score: self.probability(features)}

    def answers(self, face: Any) -> bool:
        """Whether the model is what a protocol asks for; found out once, since Python looks at every member anew."""
        found = self._faces.get(face)
        if found is None:
            found = self._faces[face] = isinstance(self.model, face)
        return found

    def not_a(self, what: str) -> BundleError:
        """The refusal of a bundle whose kind answers another question."""
        return BundleError(f"{self.name}: {self.kind} is no {what}: run 'cvo train {self.name}' again")


def load_model(bundle: Bundle) -> LoadedModel:
    """Parse a bundle's model, and the model of purchases that it carries; code that it carries is not run.

    Raises
    ------
    BundleError
        If the kind is unknown, the parts make no such model, or the carried one is another than it names.
    """
    return LoadedModel(bundle, model_of(bundle), embedded_purchase_model(bundle), own_features_of(bundle))
