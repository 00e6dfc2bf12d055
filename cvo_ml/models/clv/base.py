"""What the fitted CLV models share: scikit-learn parameters, fitted attributes, what is not known of them, JSON.

The log-parameters are taken to be normal around the maximum with the inverse information as covariance (coefficients of
covariates themselves). Integrals over them use the 2k points of the spherical cubature rule, centre ± √k times
each column of a square root of the covariance, which has the right mean and covariance: no seed, same answer always.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import BundleError, UsageError
from cvo_ml.core.result import Json, Result, from_json
from cvo_ml.models.clv.fit import FitStatus, FittedParameters, LogNormalPrior
from cvo_ml.models.estimator import Estimator, NotFitted
from cvo_ml.models.protocol import check_finite

FORMAT = 1


@dataclass(frozen=True)
class FittedDocument(Result):
    """A fitted model as it is written.

    Parameters
    ----------
    format, model:
        What tells a document from a foreign one.
    settings, params, covariance:
        What the constructor took, and the fitted parameters with their covariance in the same order.
    """

    format: int
    model: str
    settings: Mapping[str, Json]
    params: Mapping[str, float]
    log_likelihood: float
    covariance: Sequence[Sequence[float]]
    n_customers: float
    status: FitStatus
    penalty: str


D = TypeVar("D", bound=FittedDocument)


class ParametricModel(Estimator):
    """A model whose fitted state is a few positive parameters.

    Attributes
    ----------
    params_ : dict of str to float
        Natural parameters by the field's names.
    log_likelihood_ : float
        Total log-likelihood of the data, without the prior.
    covariance_ : DataFrame
        Of the natural parameters.
    n_customers_ : float
        Customers used, counted with their weights.
    status_ : FitStatus
        ``converged``, or the fallback and its reason.
    penalty_ : str
        The prior that was used, in words.
    """

    document_type: ClassVar[type[FittedDocument]] = FittedDocument
    prior: ClassVar[LogNormalPrior]
    params_: dict[str, float]
    log_likelihood_: float
    covariance_: pd.DataFrame
    n_customers_: float
    status_: FitStatus
    penalty_: str

    @property
    def standard_errors_(self) -> dict[str, float]:
        """Square roots of the diagonal of ``covariance_``."""
        self._parameters()
        errors = np.sqrt(np.diag(self.covariance_.to_numpy()))
        return dict(zip(self.params_, errors.tolist(), strict=True))

    def draw_parameters(self, n: int, seed: Any) -> Floats:
        """``n`` draws of the natural parameters (n, k), from the normal law of their logarithms.

        ``seed`` is an integer or a numpy Generator.
        """
        covariance = self.covariance_.to_numpy(dtype=np.float64)
        return parameter_draws(self._parameters(), covariance, self._prior(), n, np.random.default_rng(seed))

    def parameter_points(self, stretch: float = 1.0) -> Floats:
        """Equally weighted parameters (2k, k) that stand for the uncertainty of the fit (a cubature rule).

        ``stretch`` moves them further out: to √(k + m) standard deviations in a rule with m parameters of another fit.
        """
        covariance = self.covariance_.to_numpy(dtype=np.float64) * stretch**2
        return cubature_points(self._parameters(), covariance, self._prior())

    def to_json(self) -> dict[str, Json]:
        """The fitted model as plain JSON types.

        Raises
        ------
        UsageError
            If it is not fitted.
        BundleError
            If a number of it is not finite.
        """
        self._parameters()
        document = self._document()
        check_finite(document)
        return document.to_json()

    @classmethod
    def from_json(cls, document: Json) -> Self:
        """The model that ``to_json`` wrote, from its values or JSON text.

        Raises
        ------
        BundleError
            If the document is foreign, of a newer format, incomplete, or holds a number that is not finite.
        """
        content = read_document(document, cls.__name__)
        try:
            written = from_json(cls.document_type, content)
            model = cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in written.settings.items()})
            model._restore(written)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BundleError(
                f"the {cls.__name__} document is incomplete or malformed ({error}): export it again"
            ) from error
        check_finite(written)
        if not all(value > 0 for value in list(model.params_.values())[: len(cls.prior.names)]):
            raise BundleError(f"the {cls.__name__} document has a parameter that is not positive: export it again")
        return model

    def _document(self) -> FittedDocument:
        return self._written_as(FittedDocument)

    def _written_as(self, kind: type[D], **more: Any) -> D:
        """The document of the fitted state, of a type that may have ``more`` fields."""
        return kind(
            format=FORMAT,
            model=type(self).__name__,
            settings=self.get_params(deep=False),
            params=self.params_,
            log_likelihood=self.log_likelihood_,
            covariance=self.covariance_.to_numpy().tolist(),
            n_customers=self.n_customers_,
            status=self.status_,
            penalty=self.penalty_,
            **more,
        )

    def _restore(self, written: FittedDocument) -> None:
        """Take the fitted state from a document."""
        names = list(self._prior().names)
        self.params_ = {name: float(written.params[name]) for name in names}
        covariance = np.asarray(written.covariance, dtype=np.float64).reshape(len(names), len(names))
        self.covariance_ = pd.DataFrame(covariance, index=names, columns=names)
        self.log_likelihood_, self.n_customers_ = written.log_likelihood, written.n_customers
        self.status_, self.penalty_ = written.status, written.penalty

    def _keep(self, fitted: FittedParameters, n_customers: float) -> None:
        names = list(self._prior().names)
        self.params_ = dict(zip(names, fitted.values.tolist(), strict=True))
        self.log_likelihood_ = fitted.log_likelihood
        self.covariance_ = pd.DataFrame(fitted.covariance, index=names, columns=names)
        self.n_customers_ = n_customers
        self.status_ = fitted.status
        self.penalty_ = self._prior().sentence(fitted.strength)

    def _prior(self) -> LogNormalPrior:
        """The prior with a name for every parameter of this model."""
        return self.prior

    def _parameters(self) -> Floats:
        """Fitted natural parameters (k,)."""
        if not hasattr(self, "params_"):
            raise NotFitted.of(self)
        return np.array([self.params_[name] for name in self._prior().names])


def interval_names(interval: float) -> dict[str, float]:
    """Both ends of a central interval by their percent.

    Examples
    --------
    >>> interval_names(0.9)
    {'p05': 0.05, 'p95': 0.95}

    Raises
    ------
    UsageError
        If it is not between 0 and 1.
    """
    if not 0 < interval < 1:
        raise UsageError(f"interval is {interval}: give a probability between 0 and 1, such as 0.9, or None")
    levels = (round(0.5 - interval / 2, 12), round(0.5 + interval / 2, 12))
    return {percent(level): level for level in levels}


def percent(level: float) -> str:
    """The name of a quantile: p05 for 0.05, p97.5 for 0.975."""
    whole, _, rest = f"{100 * level:.6f}".rstrip("0").partition(".")
    return f"p{whole.zfill(2)}" + (f".{rest}" if rest else "")


def check_penalty(penalty: float) -> None:
    """Refuse a penalty that is not a finite number >= 0.

    Raises
    ------
    UsageError
        If it is something else.
    """
    if not (isinstance(penalty, int | float) and math.isfinite(penalty) and penalty >= 0):
        raise UsageError(f"penalty is {penalty!r}: give a number >= 0, the prior's strength in pseudo-observations")


def read_document(document: Json, model: str) -> Mapping[str, Json]:
    """A saved document, checked for kind, format and finite numbers.

    Raises
    ------
    BundleError
        If it is not a document of ``model`` that this version reads.
    """
    try:
        content = json.loads(document) if isinstance(document, str) else document
    except json.JSONDecodeError as error:
        raise BundleError(f"the {model} document is not JSON ({error}): export it again") from error
    if not isinstance(content, Mapping) or content.get("model") != model:
        raise BundleError(f"this is not the document of a {model}")
    if content.get("format") != FORMAT:
        raise BundleError(f"the {model} document has format {content.get('format')!r}, this version reads {FORMAT}")
    check_finite(content)
    return content


def parameter_draws(
    values: Floats, covariance: Floats, scale: LogNormalPrior, n: int, generator: np.random.Generator
) -> Floats:
    """``n`` draws of the natural parameters, shape (n, k)."""
    root = _square_root(values, covariance, scale)
    moves = generator.standard_normal((n, len(values))) @ root.T
    return np.stack([scale.to_values(scale.to_point(values) + move) for move in moves])


def cubature_points(values: Floats, covariance: Floats, scale: LogNormalPrior) -> Floats:
    """Equally weighted natural parameters, shape (2k, k)."""
    moves = np.sqrt(len(values)) * _square_root(values, covariance, scale).T
    centre = scale.to_point(values)
    return np.stack([scale.to_values(centre + sign * move) for sign in (1.0, -1.0) for move in moves])


def _square_root(values: Floats, covariance: Floats, scale: LogNormalPrior) -> Floats:
    """A root of the covariance of the log-parameters (k, k)."""
    slopes = scale.slopes(values)
    variance, axes = np.linalg.eigh(covariance / np.outer(slopes, slopes))
    return np.asarray(axes * np.sqrt(np.maximum(variance, 0.0)))
