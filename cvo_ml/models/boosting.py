"""Gradient-boosted classification on named columns, kept as LightGBM's own text."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Objects, Outcomes, Places
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import BundleError
from cvo_ml.core.result import Json, Result
from cvo_ml.models.protocol import Parts

#: Small trees and a slow rate: shops have thousands of rows, not millions. Deterministic, so that the
#: same rows give the same trees in any process.
DEFAULTS: Final[Mapping[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.8,
    "lambda_l2": 1.0,
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 2,
    "verbosity": -1,
}
#: At most this many categories of a text column get a code; the rest count as missing.
MOST_CATEGORIES: Final = 30
#: Scored in pieces, so that the matrix of a million rows is never laid out.
ROWS_AT_ONCE: Final = 65_536
#: So few rows are scored by one thread.
FEW_ROWS: Final = 64
#: LightGBM measures the depth of every tree anew at each call for contributions and writes it into the trees, which
#: other threads read at the same time to size their buffers; plain predictions write nothing.
_CONTRIBUTIONS: Final = threading.Lock()
_NOT_A_NUMBER: Final = re.compile(r"^leaf_value=.*\b(?:nan|inf)\b", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class TreeParameters(Result):
    """What a bundle holds of trees, beside their text.

    Parameters
    ----------
    levels:
        Text column to its coded categories, in order.
    parameters:
        LightGBM parameters that differ from ``DEFAULTS``.
    """

    features: Sequence[str]
    categories: Sequence[str]
    levels: Mapping[str, Sequence[str]]
    rounds: int
    parameters: Mapping[str, Json]


P = TypeVar("P", bound=TreeParameters)


class BoostedClassifier:
    """LightGBM for a yes/no outcome on a frame's columns, read by name.

    Parameters
    ----------
    features:
        Number columns, in the order in which the trees know them.
    categories:
        Text columns; unseen values count as missing.
    rounds:
        Number of trees, > 0.
    parameters:
        LightGBM parameters that differ from ``DEFAULTS``.
    """

    def __init__(
        self,
        features: Sequence[str],
        categories: Sequence[str] = (),
        rounds: int = 150,
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.features, self.categories = tuple(features), tuple(categories)
        self.rounds, self.parameters = rounds, dict(parameters or {})

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a frame to score must have."""
        return (*self.features, *self.categories)

    def fit(self, X: pd.DataFrame, y: Outcomes) -> BoostedClassifier:
        """Fit on rows sorted by the caller: trees depend on row order.

        Parameters
        ----------
        X:
            (n, ...) with ``columns``.
        y:
            (n,) of 0 and 1.
        """
        import lightgbm

        self.levels_ = {
            name: [str(level) for level in X[name].value_counts(dropna=True).index[:MOST_CATEGORIES]]
            for name in self.categories
        }
        data = lightgbm.Dataset(
            self._matrix(Columns(X)),
            label=np.asarray(y).astype(np.float64),
            feature_name=list(self.columns),
            categorical_feature=list(self.categories),
            free_raw_data=True,
        )
        self.booster_ = lightgbm.train({**DEFAULTS, **self.parameters}, data, num_boost_round=self.rounds)
        return self

    def predict_positive(self, X: Table) -> Floats:
        """Probability of the outcome, (n,)."""
        rows = Columns.of(X)
        if len(rows) == 0:
            return np.empty(0)
        parts = [self._predict(self._matrix(piece)) for piece in rows.pieces(ROWS_AT_ONCE)]
        return np.concatenate(parts).astype(np.float64, copy=False)

    def contributions(self, X: Table) -> Floats:
        """Additive effect of each column on the log-odds, (n, columns + 1); the last is the base (TreeSHAP)."""
        matrix = self._matrix(Columns.of(X))
        with _CONTRIBUTIONS:
            return np.asarray(self._predict(matrix, pred_contrib=True), dtype=np.float64)

    def leaves(self, X: Table) -> Places:
        """The leaf that each row falls into, by tree; (n, trees)."""
        return np.asarray(self._predict(self._matrix(Columns.of(X)), pred_leaf=True), dtype=np.intp)

    def importance(self) -> dict[str, float]:
        """Total gain of each column."""
        gains = self.booster_.feature_importance(importance_type="gain")
        return dict(zip(self.columns, map(float, gains), strict=True))

    def parameters_as(self, kind: type[P], **more: Any) -> P:
        """The parameters as a type that may have ``more`` fields."""
        return kind(
            features=self.features,
            categories=self.categories,
            levels=self.levels_,
            rounds=self.rounds,
            parameters=self.parameters,
            **more,
        )

    def files(self) -> dict[str, str]:
        """The trees as text."""
        return {"trees.txt": self.booster_.model_to_string()}

    def to_parts(self) -> Parts:
        """The parameters, and the trees as text."""
        return Parts.of(self.parameters_as(TreeParameters), self.files())

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave, with or without more parameters.

        Raises
        ------
        BundleError
            If the trees cannot be read, name other columns than the parameters, there are none, or a leaf is no number.
        """
        return cls.of(parts.read(TreeParameters), parts.files["trees.txt"])

    @classmethod
    def of(cls, parameters: TreeParameters, trees: str) -> Self:
        """Rebuild from parameters and the trees' text; raises as ``from_parts``."""
        import lightgbm

        if _NOT_A_NUMBER.search(trees):
            raise BundleError("the trees hold a value that is not a finite number: train or export it again")
        model = cls(parameters.features, parameters.categories, parameters.rounds, parameters.parameters)
        model.levels_ = {name: list(levels) for name, levels in parameters.levels.items()}
        try:
            model.booster_ = lightgbm.Booster(model_str=trees)
        except lightgbm.basic.LightGBMError as error:
            raise BundleError(f"the trees cannot be read ({error}): train or export it again") from None
        if tuple(model.booster_.feature_name()) != model.columns:
            raise BundleError("the trees were grown on other columns than the bundle names: train or export it again")
        if model.booster_.num_trees() == 0:
            raise BundleError("the model holds no trees: train or export it again")
        return model

    def _predict(self, matrix: Floats, **wanted: bool) -> Any:
        """What LightGBM says of each row of a matrix."""
        # threads that wait for each other cost a few rows a thousand times what the trees do
        threads = {"num_threads": 1} if len(matrix) <= FEW_ROWS else {}
        return self.booster_.predict(matrix, **wanted, **threads)

    def _matrix(self, X: Columns) -> Floats:
        X.require(self.columns)
        columns = [X.parsed(name) for name in self.features]
        columns += [_codes(X.texts(name), self.levels_[name]) for name in self.categories]
        # row by row, as LightGBM predicts fastest
        matrix = np.column_stack(columns)
        # an infinity would be binned with the largest value in silence
        infinite = np.isinf(matrix)
        if infinite.any():
            matrix[infinite] = np.nan
        return matrix


def _codes(texts: Objects, levels: Sequence[str]) -> Floats:
    """The place of each text among ``levels``, NaN where it has none (n,)."""
    places = {level: float(place) for place, level in enumerate(levels)}
    return np.array([places.get(text, np.nan) for text in texts], dtype=np.float64)
