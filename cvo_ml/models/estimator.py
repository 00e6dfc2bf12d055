"""What our estimators share with scikit-learn's: parameters, fitted attributes, and instances in place of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import validate_data

from cvo_ml.core.arrays import Numbers
from cvo_ml.core.errors import UsageError


class NotFitted(UsageError, NotFittedError):
    """An estimator is asked before ``fit``; scikit-learn's ``NotFittedError`` catches it too.

    Examples
    --------
    >>> Estimator().params_
    Traceback (most recent call last):
    cvo_ml.models.estimator.NotFitted: this Estimator is not fitted: call fit first
    """

    @classmethod
    def of(cls, estimator: object) -> NotFitted:
        """The error of ``estimator``."""
        return cls(f"this {type(estimator).__name__} is not fitted: call fit first")


class WrongInput(UsageError, ValueError):
    """X or y is nothing that an estimator can read; a ``ValueError``, as scikit-learn's tools expect."""


class Estimator(BaseEstimator):
    """Base of all our estimators: parameters as scikit-learn's (``get_params``, ``set_params``, ``clone``).

    Parameters are kept as they are given and checked by ``fit``; what is fitted ends with ``_``, and before ``fit`` it
    says that it is not there yet.
    """

    n_features_in_: int
    feature_names_in_: Numbers

    def _remember(self, X: Any) -> None:
        """Keep how many columns X has, and their names where they are texts."""
        validate_data(self, X, skip_check_array=True)

    if not TYPE_CHECKING:  # a type checker would take every attribute to be there

        def __getattr__(self, name: str) -> Any:
            # NotFittedError is an AttributeError, so hasattr stays what it is; the same where a property needs one
            wanted = name.endswith("_") or hasattr(type(self), name)
            if wanted and not name.startswith("_") and not any(known.endswith("_") for known in vars(self)):
                raise NotFitted.of(self)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class ClassifierEstimator(ClassifierMixin, Estimator):
    """The same for classifiers, with ``score``."""


class TransformerEstimator(TransformerMixin, Estimator):
    """The same for what makes columns of columns, with ``fit_transform`` and ``set_output``."""


E = TypeVar("E", bound=Estimator)


def unfitted(given: E | None, kind: type | tuple[type, ...], name: str, default: type[Estimator]) -> E:
    """A copy of the estimator that a parameter ``name`` was given, not fitted; a new ``default`` if None.

    Parameters
    ----------
    kind:
        What it must be an instance of (one of them).

    Raises
    ------
    UsageError
        If it is a class, or an estimator of another kind.

    Examples
    --------
    >>> unfitted(None, Estimator, "value", Estimator)
    Estimator()
    >>> unfitted(Estimator, Estimator, "value", Estimator)
    Traceback (most recent call last):
    cvo_ml.core.errors.UsageError: value is the class Estimator: give an estimator, such as value=Estimator()
    """
    if given is None:
        return cast("E", default())
    if isinstance(given, type):
        raise UsageError(f"{name} is the class {given.__name__}: give an estimator, such as {name}={given.__name__}()")
    if not isinstance(given, kind):
        raise UsageError(
            f"{name} holds a {type(given).__name__}, which cannot be used here: give an estimator, such as "
            f"{name}={default.__name__}()"
        )
    return cast("E", clone(given))
