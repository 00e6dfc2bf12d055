"""What our estimators share with scikit-learn's: what is not fitted says so, and an estimator is an instance."""

from __future__ import annotations

from typing import TypeVar, cast

from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError

from cvo_ml.core.errors import UsageError


class NotFitted(UsageError, NotFittedError):
    """An estimator is asked before ``fit``; scikit-learn's ``NotFittedError`` catches it too.

    Examples
    --------
    >>> raise NotFitted.of(Estimator())
    Traceback (most recent call last):
    cvo_ml.models.estimator.NotFitted: this Estimator is not fitted: call fit first
    """

    @classmethod
    def of(cls, estimator: object) -> NotFitted:
        """The error of ``estimator``."""
        return cls(f"this {type(estimator).__name__} is not fitted: call fit first")


class Estimator(BaseEstimator):
    """Base of all our estimators: parameters as scikit-learn's (``get_params``, ``set_params``, ``clone``)."""


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
