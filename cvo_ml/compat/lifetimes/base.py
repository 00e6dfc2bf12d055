"""What lifetimes' fitters share: parameters, their errors, saving, the form of answers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import write_text
from cvo_ml.core.input_files import read_input
from cvo_ml.models.clv.base import ParametricModel

#: Two-sided 95 % of the normal law, as lifetimes rounds it.
Z: Final = 1.96
#: Repeat customers: with fewer the numbers would be the prior's.
FEWEST: Final = 10


class ConvergenceWarning(UserWarning):
    """The data determine the parameters badly; the model says how it was fitted all the same."""


class BaseFitter:
    """What all fitters share.

    Parameters
    ----------
    penalizer_coef:
        Weight of the sum of squared parameters beside the mean log-likelihood, as in lifetimes; 0 = none.

    Attributes
    ----------
    model_ : estimator
        The fitted model of this package, which can do more (``to_json``, ``draw_parameters``, intervals).
    params_ : Series
        By name, in the order of lifetimes.
    data : DataFrame
        What was fitted to, with ``weights``.
    variance_matrix_, standard_errors_, confidence_intervals_, summary
        Of the parameters, at the maximum.
    """

    _model: ClassVar[type[ParametricModel]]

    def __init__(self, penalizer_coef: float = 0.0) -> None:
        self.penalizer_coef = penalizer_coef

    @property
    def params_(self) -> pd.Series:
        """The fitted parameters by name."""
        return pd.Series(self._fitted().params_, dtype="float64")

    @property
    def variance_matrix_(self) -> pd.DataFrame:
        """Covariance of the parameters."""
        covariance: pd.DataFrame = self._fitted().covariance_
        return covariance

    @property
    def standard_errors_(self) -> pd.Series:
        """Standard errors of the parameters."""
        return pd.Series(self._fitted().standard_errors_, dtype="float64")

    @property
    def confidence_intervals_(self) -> pd.DataFrame:
        """Both ends of the 95 % intervals."""
        reach = Z * self.standard_errors_
        return pd.DataFrame({"lower 95% bound": self.params_ - reach, "upper 95% bound": self.params_ + reach})

    @property
    def summary(self) -> pd.DataFrame:
        """Parameters, standard errors, intervals."""
        table = pd.DataFrame({"coef": self.params_, "se(coef)": self.standard_errors_})
        return table.join(self.confidence_intervals_)

    @property
    def _negative_log_likelihood_(self) -> float:
        """Of the mean customer, as lifetimes keeps it."""
        return float(-self._fitted().log_likelihood_ / self._fitted().n_customers_)

    def save_model(self, path: str | Path, save_data: bool = True, *unused: Any, **ignored: Any) -> None:
        """Write the fitted model as JSON; the data it was fitted to only if wanted."""
        say_unused(ignored)
        document = {
            "fitter": type(self).__name__,
            "model": self._fitted().to_json(),
            "data": self.data.reset_index(names="index").to_dict(orient="list") if save_data else None,
        }
        write_text(Path(path), json.dumps(document, default=str))

    def load_model(self, path: str | Path) -> None:
        """Read what ``save_model`` wrote.

        Raises
        ------
        UsageError
            If it is no such file. Files of lifetimes are programs, and are not run.
        """
        try:
            document = json.loads(read_input(Path(path), 1 << 30))
            if document["fitter"] != type(self).__name__:
                raise UsageError(f"{path}: holds a {document['fitter']}, and this is a {type(self).__name__}")
            self.model_ = self._model.from_json(document["model"])
            data = document["data"]
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"{path}: is not what save_model wrote (files of lifetimes are programs, and are not run): fit again"
            ) from None
        self.data = pd.DataFrame() if data is None else pd.DataFrame(data).set_index("index").rename_axis(None)

    def __repr__(self) -> str:
        name = f"lifetimes.{type(self).__name__}"
        if not hasattr(self, "model_"):
            return f"<{name}>"
        shown = ", ".join(f"{par}: {value:.2f}" for par, value in sorted(self.params_.items()))
        return f"<{name}: fitted with {len(self.data)} subjects, {shown}>"

    def _fitted(self) -> Any:
        if not hasattr(self, "model_"):
            raise ValueError("Model has not been fit yet. Please call the .fit method first.")
        return self.model_

    def _unload_params(self, *names: str) -> list[float]:
        return [float(self._fitted().params_[name]) for name in names]

    def _warn_of_fallback(self) -> None:
        if not self._fitted().status_.converged:
            warnings.warn(f"{type(self).__name__}: {self._fitted().status_}", ConvergenceWarning, stacklevel=3)


def check_inputs(frequency: Floats, recency: Any = None, T: Any = None, monetary_value: Any = None) -> None:
    """Refuse impossible histories.

    Raises
    ------
    ValueError
        With the words of lifetimes, whose users may look for them.
    """
    if recency is not None:
        if any(len(values) == 0 for values in (recency, frequency, T)):
            raise ValueError("There exists a zero length vector in one of frequency, recency or T.")
        if (recency > T).any():
            raise ValueError("Some values in recency vector are larger than T vector.")
        if (recency[frequency == 0] != 0).any():
            raise ValueError("There exist non-zero recency values when frequency is zero.")
        if (recency < 0).any():
            raise ValueError("There exist negative recency (ex: last order set before first order)")
    if (frequency != np.floor(frequency)).any():
        raise ValueError("There exist non-integer values in the frequency vector.")
    if monetary_value is not None and (monetary_value <= 0).any():
        raise ValueError("There exist non-positive (<= 0) values in the monetary_value vector.")


class AnswerForm:
    """Gives answers the form of the arguments: a Series with their index, an array of their shape, or a number."""

    def __init__(self, whole: Floats, *arguments: Any) -> None:
        self.shape = whole.shape
        self._index = next((one.index for one in arguments if isinstance(one, pd.Series)), None)

    def __call__(self, values: Floats) -> Any:
        if self._index is not None and len(self._index) == len(values):
            return pd.Series(values, index=self._index)
        return float(values[0]) if self.shape == () else np.asarray(values).reshape(self.shape)


def data_frame(columns: dict[str, Any], frequency: Any, index: Any) -> pd.DataFrame:
    return pd.DataFrame(columns, index=getattr(frequency, "index", None) if index is None else index)


def say_unused(settings: dict[str, Any]) -> None:
    used = {name for name, value in settings.items() if value not in (None, False)}
    if used:
        warnings.warn(f"these settings of an optimizer change nothing here: {', '.join(sorted(used))}", stacklevel=4)
