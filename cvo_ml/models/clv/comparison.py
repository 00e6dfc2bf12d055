"""Models of purchases side by side: fitted on one summary, judged on one holdout.

What is compared: parameters with their 95 % intervals (log-normal, from the inverse information), the log-likelihood of
the purchase histories with AIC and BIC, the *order* of customers and the *total* in the holdout, purchases and value
apart, and the time of the fit. Beside them stand two baselines that know no chance.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import ContractError, ModelRefused, UsageError
from cvo_ml.core.figures import FigureSpec
from cvo_ml.core.result import Json, Result
from cvo_ml.core.units import UNIT, Horizon, days_per
from cvo_ml.features import HoldoutWindow
from cvo_ml.models.clv.base import ParametricModel
from cvo_ml.models.clv.baselines import clv_formula, last_period_repeated
from cvo_ml.models.clv.bg_bb import BetaGeoBinomialModel
from cvo_ml.models.clv.bg_nbd import BetaGeoModel, ModifiedBetaGeoModel
from cvo_ml.models.clv.comparison_figures import Answers, figures_of
from cvo_ml.models.clv.gamma_gamma import GammaGammaModel
from cvo_ml.models.clv.histories import numbers
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.pareto_nbd import ParetoNBDModel
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.estimator import unfitted
from cvo_ml.stats.accuracy import Accuracy, accuracy

Compared: TypeAlias = PurchaseModel | CustomerLifetimeValue

#: What the classes are called in the field.
TITLES: Final[Mapping[type[PurchaseModel], str]] = {
    BetaGeoModel: "BG/NBD",
    ModifiedBetaGeoModel: "MBG/NBD",
    ParetoNBDModel: "Pareto/NBD",
    BetaGeoBinomialModel: "BG/BB",
}
#: Columns of the table in a few words.
SHOWN: Final = ("log_likelihood", "aic", "purchases_total_bias", "purchases_gini", "value_total_bias", "value_gini")
FORMULA: Final = "own rate repeated"
LAST_PERIOD: Final = "last period repeated"
_Z: Final = 1.959963984540054
#: Days that count at least in the own rate of a customer, as in the formula of the job.
_SHORTEST_AGE: Final = 30.0


@dataclass(frozen=True)
class ParameterEstimate(Result):
    """A fitted parameter.

    Attributes
    ----------
    standard_error, lower, upper:
        None where the data do not tell; the interval (95 %) is that of the logarithm, of a coefficient its own.
    """

    name: str
    estimate: float
    standard_error: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class ComparedModel(Result):
    """One model.

    Attributes
    ----------
    status:
        ``converged``, the fallback and its reason, or why the model was not fitted; ``baseline``.
    n_parameters, n_customers, log_likelihood, aic, bic:
        Of the purchase histories; those of BG/BB are probabilities of opportunities, the others densities in time.
    purchases, value:
        Against what came; None without a holdout, or where value is not modelled (``value_status`` says why).
    expected_purchases, expected_value:
        Totals in the holdout (purchase days, currency).
    seconds:
        Of the fit, purchases and value.
    """

    name: str
    kind: str
    status: str
    parameters: Sequence[ParameterEstimate] = ()
    n_parameters: int | None = None
    n_customers: float | None = None
    log_likelihood: float | None = None
    aic: float | None = None
    bic: float | None = None
    seconds: float | None = None
    value_status: str = ""
    value_log_likelihood: float | None = None
    expected_purchases: float | None = None
    expected_value: float | None = None
    purchases: Accuracy | None = None
    value: Accuracy | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether it answers at all."""
        return self.kind == "baseline" or self.log_likelihood is not None


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Models on one summary.

    Attributes
    ----------
    customers, unit:
        Of the summary.
    horizon, actual_purchases, actual_value:
        Of the holdout; None without one, or where values are not known.
    models:
        As they were given, then the baselines.
    figures:
        ``tracking`` and ``tracking_cumulative`` (where the holdout knows the days), ``frequency`` (customers by repeat
        purchases), and with a holdout ``holdout_by_frequency`` and ``holdout_by_recency``: expected beside actual.
    """

    customers: int
    unit: str
    horizon: Horizon | None
    actual_purchases: float | None
    actual_value: float | None
    models: Sequence[ComparedModel]
    figures: Mapping[str, FigureSpec]

    @property
    def table(self) -> pd.DataFrame:
        """One row per model: fit, and order and total in the holdout (``purchases_…``, ``value_…``)."""
        return pd.DataFrame([_row(model) for model in self.models]).set_index("model")

    @property
    def parameters(self) -> pd.DataFrame:
        """One row per model and parameter, with standard error and 95 % interval."""
        rows = [{"model": model.name, **parameter.to_json()} for model in self.models for parameter in model.parameters]
        columns = ["model", "name", "estimate", "standard_error", "lower", "upper"]
        table = pd.DataFrame(rows, columns=columns).rename(columns={"name": "parameter"})
        return table.set_index(["model", "parameter"])

    def __repr__(self) -> str:
        judged = "" if self.horizon is None else f", judged on the {self.horizon} after the cut"
        shown = [name for name in SHOWN if self.table[name].notna().any()]
        table = self.table[shown].astype(float).round(3).to_string(na_rep="–")
        return f"{len(self.models)} models of {self.customers:,} customers{judged}\n{table}"

    def __getitem__(self, name: str) -> ComparedModel:
        """The model of that name."""
        for model in self.models:
            if model.name == name:
                return model
        raise KeyError(name)


def compare(
    models: Mapping[str, Compared] | Sequence[Compared],
    summary: pd.DataFrame,
    holdout: HoldoutWindow | None = None,
) -> Comparison:
    """Fit ``models`` on the same summary and set them side by side.

    Parameters
    ----------
    models:
        Models of purchases, or ``CustomerLifetimeValue`` where value counts too, by name or in a list. Copies are
        fitted: those that are given stay as they are.
    summary:
        ``frequency, recency, T`` and ``monetary_value`` where value is modelled, one row per customer, as
        ``rfm_summary`` gives it.
    holdout:
        What came after the summary; None compares the fits alone.

    Raises
    ------
    UsageError
        If a model is no estimator, two have one name, the units differ, or the holdout lacks customers.
    ContractError
        If the summary breaks its contract for every model.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(rng.gamma(0.8, 1.2, 2000)), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> found = compare([BetaGeoModel(), ParetoNBDModel()], X)
    >>> list(found.table.index), found.table["n_parameters"].tolist()
    (['BG/NBD', 'Pareto/NBD', 'own rate repeated'], [4.0, 4.0, nan])
    >>> found.parameters.loc["BG/NBD"].index.tolist()
    ['r', 'alpha', 'a', 'b']
    """
    named = _named(models)
    came = None if holdout is None else _aligned(holdout, summary)
    rows, answers, failures = [], [], []
    for name, model in named.items():
        try:
            row, answer = _fitted(name, model, summary, came)
        except (ModelRefused, ContractError) as refused:
            row, answer = ComparedModel(name, type(_purchases_of(model)).__name__, f"refused: {refused}"), None
            failures.append(refused)
        rows.append(row)
        answers += [] if answer is None else [answer]
    if len(failures) == len(named) and isinstance(failures[0], ContractError):
        raise failures[0]
    unit = str(summary.attrs.get(UNIT) or _purchases_of(next(iter(named.values()))).time_unit)
    for name, purchases, value in _baselines(summary, unit, came):
        rows.append(_measured(ComparedModel(name, "baseline", "baseline"), purchases, value, came))
        if purchases is not None:
            answers.append(Answers(name, "baseline", purchases))
    total = None if came is None else came.outcomes.sum()
    return Comparison(
        customers=len(summary),
        unit=unit,
        horizon=None if came is None else came.horizon,
        actual_purchases=None if total is None else float(total["purchases"]),
        actual_value=None if total is None or "value" not in total else float(total["value"]),
        models=tuple(rows),
        figures=figures_of(answers, summary, came, unit),
    )


def _named(models: Mapping[str, Compared] | Sequence[Compared]) -> dict[str, Compared]:
    """Copies by name, not fitted."""
    if isinstance(models, ParametricModel | CustomerLifetimeValue):
        models = [models]
    given: list[tuple[str | None, Any]] = (
        list(models.items()) if isinstance(models, Mapping) else [(None, model) for model in models]
    )
    if not given:
        raise UsageError("compare: models is empty: give some, such as [BetaGeoModel(), ParetoNBDModel()]")
    named: dict[str, Compared] = {}
    for name, model in given:
        copy = unfitted(model, (PurchaseModel, CustomerLifetimeValue), "models", BetaGeoModel)
        title = name or TITLES.get(type(_purchases_of(copy)), type(_purchases_of(copy)).__name__)
        if title in named:
            raise UsageError(f"compare: two models are called {title!r}: give them as a dict with their names")
        named[title] = copy
    return named


def _purchases_of(model: Compared) -> PurchaseModel:
    if isinstance(model, CustomerLifetimeValue):
        return unfitted(model.transactions, PurchaseModel, "transactions", BetaGeoModel)
    return model


def _aligned(holdout: HoldoutWindow, summary: pd.DataFrame) -> HoldoutWindow:
    """The holdout of the summary's customers, in their order."""
    if not isinstance(holdout, HoldoutWindow):
        raise UsageError(
            f"compare: holdout is a {type(holdout).__name__}: make it with holdout(tables, as_of, horizon), or "
            "HoldoutWindow(frame with purchases and value by customer, '90D')"
        )
    missing = ~summary.index.isin(holdout.outcomes.index)
    if missing.any():
        raise UsageError(f"compare: the holdout lacks {int(missing.sum())} of the summary's {len(summary)} customers")
    before = None if holdout.before is None else holdout.before.reindex(summary.index)
    return HoldoutWindow(holdout.outcomes.loc[summary.index], holdout.horizon, before, holdout.days, holdout.cut)


def _fitted(
    name: str, model: Compared, summary: pd.DataFrame, came: HoldoutWindow | None
) -> tuple[ComparedModel, Answers]:
    purchases, started = _purchases_of(model), time.perf_counter()
    purchases.fit(summary)
    value, value_status = _value_model(model, summary)
    seconds = time.perf_counter() - started
    k, n, log_likelihood = len(purchases.params_), purchases.n_customers_, purchases.log_likelihood_
    row = ComparedModel(
        name=name,
        kind=type(purchases).__name__,
        status=str(purchases.status_),
        parameters=(*_estimates(purchases), *(() if value is None else _estimates(value))),
        n_parameters=k,
        n_customers=n,
        log_likelihood=log_likelihood,
        aic=2.0 * k - 2.0 * log_likelihood,
        bic=k * float(np.log(n)) - 2.0 * log_likelihood,
        seconds=seconds,
        value_status=value_status,
        value_log_likelihood=None if value is None else value.log_likelihood_,
    )
    if came is None:
        return row, Answers(name, "model", None, purchases)
    expected = purchases.expected_purchases(summary, came.horizon)
    worth = None if value is None else expected * value.expected_average_value(summary)
    return _measured(row, expected, worth, came), Answers(name, "model", expected, purchases)


def _value_model(model: Compared, summary: pd.DataFrame) -> tuple[GammaGammaModel | None, str]:
    """The model of value, fitted, or None and why there is none."""
    if not isinstance(model, CustomerLifetimeValue):
        return None, "not modelled"
    value = unfitted(model.value, GammaGammaModel, "value", GammaGammaModel)
    try:
        value.fit(summary)
    except ModelRefused as refused:
        return None, f"refused: {refused}"
    return value, str(value.status_)


def _estimates(model: ParametricModel) -> Iterator[ParameterEstimate]:
    """Parameters with 95 % intervals: of the logarithm for the positive ones, of itself for a coefficient."""
    positive = len(model.prior.names)
    for place, (name, estimate) in enumerate(model.params_.items()):
        error = model.standard_errors_[name]
        if not np.isfinite(error) or error <= 0:
            yield ParameterEstimate(name, estimate, None, None, None)
        elif place < positive:
            factor = float(np.exp(min(_Z * error / estimate, 700.0)))
            yield ParameterEstimate(name, estimate, error, estimate / factor, estimate * factor)
        else:
            yield ParameterEstimate(name, estimate, error, estimate - _Z * error, estimate + _Z * error)


def _baselines(
    summary: pd.DataFrame, unit: str, came: HoldoutWindow | None
) -> Iterator[tuple[str, Floats | None, Floats | None]]:
    """Name, expected purchases and value of the rules that know no chance."""
    if came is None:
        yield FORMULA, None, None
        return
    bought, age = numbers(summary, "frequency") + 1.0, numbers(summary, "T") * days_per(unit)
    rate = clv_formula(bought, bought, age, came.horizon, shortest_age=_SHORTEST_AGE)
    value = None
    if "monetary_value" in summary and "value" in came.outcomes:
        mean = numbers(summary, "monetary_value", nan_allowed=True)
        known = mean > 0
        usual = float(mean[known].mean()) if known.any() else 0.0
        value = rate * np.where(known, mean, usual)
    yield FORMULA, rate, value
    if came.before is not None:
        repeated = [
            last_period_repeated(came.before[name].clip(lower=0).to_numpy(), came.horizon, came.horizon)
            if name in came.before
            else None
            for name in ("purchases", "value")
        ]
        yield LAST_PERIOD, repeated[0], repeated[1]


def _measured(
    row: ComparedModel, purchases: Floats | None, value: Floats | None, came: HoldoutWindow | None
) -> ComparedModel:
    """The row with order and total in the holdout."""
    if came is None or purchases is None:
        return row
    actual = came.outcomes["purchases"].to_numpy(dtype=np.float64)
    row = replace(row, expected_purchases=float(purchases.sum()), purchases=accuracy(actual, purchases))
    if value is None or "value" not in came.outcomes:
        return row
    worth = came.outcomes["value"].to_numpy(dtype=np.float64)
    return replace(row, expected_value=float(value.sum()), value=accuracy(worth, value))


def _row(model: ComparedModel) -> dict[str, Json]:
    row: dict[str, Json] = {
        "model": model.name,
        "status": model.status,
        "n_parameters": model.n_parameters,
        "log_likelihood": model.log_likelihood,
        "aic": model.aic,
        "bic": model.bic,
        "seconds": model.seconds,
    }
    for name, total, measured in (
        ("purchases", model.expected_purchases, model.purchases),
        ("value", model.expected_value, model.value),
    ):
        row[f"expected_{name}"] = total
        for measure in ("total_bias", "gini", "spearman", "top_decile_share", "rmse"):
            row[f"{name}_{measure}"] = None if measured is None else getattr(measured, measure)
    return row
