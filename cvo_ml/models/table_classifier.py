"""A yes/no classifier on a table's columns: frames by name, arrays by place, labels of any kind, as scikit-learn's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite, check_consistent_length, column_or_1d, validate_data

from cvo_ml.core.arrays import Flags, Numbers
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.estimator import ClassifierEstimator, WrongInput


class HoldsTrees:
    """What has grown trees inside."""

    trees_: BoostedClassifier

    @property
    def trees(self) -> BoostedClassifier:
        """The trees, as they were grown.

        Raises
        ------
        NotFitted
            Before ``fit``.
        """
        return self.trees_


class TableClassifier(ClassifierEstimator):
    """Reads X and y for a classifier whose trees know columns by name.

    X is a frame, whose columns are read by name, in whatever order and beside whatever others; or an array, whose
    columns are read by place. A missing number is one of the values that trees know.

    Attributes
    ----------
    classes_ : array (2,)
        Labels in order: of no, and of yes.
    n_features_in_ : int
        Columns of X in ``fit``.
    feature_names_in_ : array
        Their names; not there where X was an array.
    """

    features: Sequence[str] | None
    categories: Sequence[str]
    rounds: int
    parameters: Mapping[str, Any] | None
    classes_: Numbers

    def grower(self, X: Any = None) -> BoostedClassifier:
        """The trees that ``fit`` would grow on X, not grown; X tells the columns where ``features`` does not."""
        numbers, texts = self.features, tuple(self.categories)
        if numbers is None:
            numbers, texts = _kinds(X, texts)
        return BoostedClassifier(numbers, texts, self.rounds, self.parameters)

    def predict(self, X: Any) -> Numbers:
        """The label that is likelier (n,)."""
        yes = self.predict_proba(X)[:, 1] >= 0.5
        return np.asarray(self.classes_[yes.astype(np.intp)])

    def _learned_from(self, X: Any, y: Any) -> tuple[pd.DataFrame, Flags]:
        """X as a frame, and who is a yes (n,); keeps the labels and the columns.

        Raises
        ------
        WrongInput
            If y is missing or holds more than two labels; scikit-learn's ``ValueError`` for other faults.
        """
        if y is None:
            raise WrongInput(f"{type(self).__name__} requires y to be passed, but the target y is None")
        if not _is_array(X):
            self._remember(X)
            frame = X
        else:
            array = validate_data(self, X, ensure_all_finite="allow-nan")
            frame = pd.DataFrame(array, columns=_places(array.shape[1]), copy=False)
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_consistent_length(frame, labels)
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        if len(self.classes_) > 2:
            raise WrongInput(
                f"Only binary classification is supported. The type of the target is {type_of_target(labels)}: "
                f"give two labels, such as 0 and 1"
            )
        if len(self.classes_) == 2:
            return frame, np.asarray(labels == self.classes_[1])
        return frame, np.asarray(labels != np.zeros(1, dtype=labels.dtype)[0])

    def _rows(self, X: Any) -> Any:
        """X as it can be scored: what has named columns as it is, an array with the columns of ``fit``."""
        if not _is_array(X):
            return X
        names = getattr(self, "feature_names_in_", None)
        array = validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        return pd.DataFrame(array, columns=_places(array.shape[1]) if names is None else names, copy=False)

    def _rebuilt_on(self, columns: Sequence[str]) -> Self:
        """What a bundle does not say: labels 0 and 1, and the columns."""
        self.classes_ = np.array([0, 1])
        self.feature_names_in_, self.n_features_in_ = np.array(columns, dtype=object), len(columns)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


def _is_array(X: Any) -> bool:
    """Whether columns have places and no names, as in a frame with numbers for names."""
    if isinstance(X, pd.DataFrame):
        return pd.api.types.is_integer_dtype(X.columns.dtype)
    return isinstance(X, list | tuple) or issparse(X) or hasattr(X, "__array__")


def _places(n: int) -> list[str]:
    return [f"x{place}" for place in range(n)]


def _kinds(X: Any, categories: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Number and text columns of a frame; ``categories`` are text whatever they hold."""
    numbers, texts = [], list(categories)
    for name in X.columns:
        if name in categories:
            continue
        kind = X[name].dtype
        if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
            numbers.append(name)
        elif pd.api.types.is_datetime64_any_dtype(kind):
            raise WrongInput(f"column {name!r} holds dates: leave it out by features=[...], or make it a number")
        else:
            texts.append(name)
    return numbers, tuple(texts)
