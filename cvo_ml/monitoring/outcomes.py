"""Scores against what happened in their horizon, and the rankings that people use without models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cvo_ml.core.arrays import Flags, Floats, Places
from cvo_ml.core.errors import UsageError
from cvo_ml.core.models import CHURN, CLV, ICP
from cvo_ml.core.result import INLINE, OPTIONAL, Json, Result
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import window_outcome
from cvo_ml.features.labels import is_closed
from cvo_ml.features.value_at_age import profit, value_by_age
from cvo_ml.models.clv.baselines import clv_formula
from cvo_ml.monitoring.truth import TruthDistance
from cvo_ml.stats.calibration import expected_calibration_error, log_loss, logistic_recalibration, reliability
from cvo_ml.stats.intervals import Interval, bootstraps
from cvo_ml.stats.ranking import auc, capture, lift

REPLICATES: Final = 300
FEWEST: Final = 50
#: The churn definition whose outcomes orders alone tell.
EVALUATED: Final = "no_order_within_horizon"
#: Why scores say nothing about a window of another length.
ANOTHER_HORIZON: Final = "another_horizon"
NO_VERDICT_ON_ACTIONS: Final = (
    "The action list itself cannot be judged yet: whether contacting pays shows only against customers "
    "held out, after the contacts are made."
)


@dataclass(frozen=True)
class NotEvaluated(Result):
    """Why scores were not compared with outcomes.

    Parameters
    ----------
    predicted_horizon_days, definition:
        Of the scores, where the reason is that they speak of another window or of another churn.
    """

    reason: str
    predicted_horizon_days: float | None = field(default=None, metadata=OPTIONAL)
    definition: str | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class Ranked(Result):
    """A ranking, and the share of the window's value that its top decile held; NaN where no value came."""

    name: str
    top_decile_share: Interval


@dataclass(frozen=True)
class Deciles(Result):
    """Mean predicted and actual value in each tenth of the customers by prediction, lowest first."""

    predicted: tuple[float, ...]
    actual: tuple[float, ...]
    customers: tuple[int, ...]


@dataclass(frozen=True)
class Reliability(Result):
    """Mean predicted probability and observed churn in groups of equal size, lowest first."""

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    customers: tuple[int, ...]


@dataclass(frozen=True)
class ValueAmounts(Result):
    """Predicted against actual money.

    Parameters
    ----------
    scored:
        Customers with a CLV, of whom the totals are; None in files of versions that summed everybody's.
    interval_coverage:
        The share of customers inside their 90 % interval; None where there are no intervals.
    """

    predicted_total: float
    actual_total: float
    deciles: Deciles
    scored: int | None = field(default=None, metadata=OPTIONAL)
    interval_coverage: float | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class ValueEvaluation(Result):
    """Rankings by value, and the amounts where the CLV was predicted for this very window.

    Parameters
    ----------
    lead:
        By ranking without a model: the top decile's share of predicted_clv less its own; None without a CLV.
    """

    rankings: tuple[Ranked, ...]
    amounts: ValueAmounts | NotEvaluated = field(metadata=INLINE)
    lead: Mapping[str, Interval] | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class GoneCustomers(Result):
    """Customers who got no score because they counted as gone, and how many of them came back all the same."""

    customers: int
    returned: int


@dataclass(frozen=True)
class ChurnEvaluation(Result):
    """Probabilities of the eligible against what they did, and recency alone."""

    eligible: int
    churn_rate: float
    mean_probability: float
    auc: Interval
    auc_recency: float
    auc_lead: Interval
    log_loss: float
    calibration_error: float
    calibration_slope: Interval
    lift_top_decile: float
    reliability: Reliability
    gone: GoneCustomers | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class LookalikeEvaluation(Result):
    """Lookalike scores against who became most valuable at ``age_days``, and the first order's value alone."""

    customers: int
    age_days: float
    auc: Interval
    auc_first_order_value: float
    lift_top_decile: Interval


@dataclass(frozen=True)
class RunEvaluation(Result):
    """How good the scores of a run were.

    Parameters
    ----------
    as_of, horizon_days:
        Date of the scores, and days of the window after it.
    customers, buyers, total_value:
        Customers scored, those of them who bought in the window, and for how much.
    actions:
        What may not yet be said of the actions.
    truth:
        The distance from the truth, where it is known.
    run:
        Name of the run, where it is stored.
    """

    as_of: date
    horizon_days: float
    customers: int
    buyers: int
    total_value: float
    value: ValueEvaluation
    churn: ChurnEvaluation | NotEvaluated
    icp: LookalikeEvaluation | NotEvaluated
    actions: str = NO_VERDICT_ON_ACTIONS
    truth: TruthDistance | None = field(default=None, metadata=OPTIONAL)
    run: str | None = field(default=None, metadata=OPTIONAL)


def evaluate_run(
    scores: pd.DataFrame,
    features: pd.DataFrame,
    tables: Tables,
    as_of: date,
    *,
    horizon: Horizon,
    icp_age: Horizon,
    icp_settings: Mapping[str, Json] | None = None,
) -> RunEvaluation:
    """How good the scores of ``as_of`` were, now that ``horizon`` has passed.

    Parameters
    ----------
    scores, features:
        Indexed by ``customer_id``, as of the cut.
    tables:
        Tables that reach to the end of the horizon.
    icp_age:
        The age at which lookalikes are compared: that of the model.
    icp_settings:
        The lookalike model's settings: ``setting``, ``counts_first_order``.

    Raises
    ------
    UsageError
        If the horizon is not closed in the data.
    """
    if not is_closed(tables, as_of, horizon):
        raise UsageError(f"the data end before {as_of + horizon.delta}: outcomes of {as_of} are not known yet")
    outcome = window_outcome(tables, as_of, horizon, scores.index)
    return RunEvaluation(
        as_of=as_of,
        horizon_days=horizon.days,
        customers=len(scores),
        buyers=int((outcome["orders"] > 0).sum()),
        total_value=float(outcome["value"].sum()),
        value=evaluate_value(scores, features, outcome["value"].to_numpy(), horizon),
        churn=evaluate_churn(scores, features, outcome["orders"].to_numpy() == 0, horizon),
        icp=evaluate_icp(scores, features, tables, as_of, icp_age, icp_settings or {}),
    )


def evaluate_value(scores: pd.DataFrame, features: pd.DataFrame, actual: Floats, horizon: Horizon) -> ValueEvaluation:
    """The share of the window's value that each ranking's top decile held, with the lead over each other ranking.

    Totals, intervals and deciles are compared only where the CLV was predicted for this very window.
    """
    predicted = scores[CLV.score].to_numpy(dtype=np.float64)
    has_clv = bool(np.isfinite(predicted).any())
    others = plain_rankings(scores, features, horizon)
    rankings = {CLV.score: np.nan_to_num(predicted), **others} if has_clv else others

    def captured(i: Places) -> tuple[float, ...]:
        shares = [capture(actual[i], score[i]) for score in rankings.values()]
        return *shares, *(shares[0] - share for share in shares[1:])

    shares = bootstraps(captured, len(actual), replicates=REPLICATES)
    ranked = tuple(map(Ranked, rankings, shares))
    if not has_clv:
        return ValueEvaluation(ranked, NotEvaluated(_reason(scores[CLV.reason])))
    lead = dict(zip(others, shares[len(rankings) :], strict=True))
    predicted_for = float(scores["clv_horizon_days"].dropna().iloc[0])
    if predicted_for != horizon.days:
        return ValueEvaluation(ranked, NotEvaluated(ANOTHER_HORIZON, predicted_for), lead)
    return ValueEvaluation(ranked, _amounts(scores, predicted, actual), lead)


def plain_rankings(scores: pd.DataFrame, features: pd.DataFrame, horizon: Horizon) -> dict[str, Floats]:
    """The orders in which people put customers without a model: recency, RFM, formula CLV.

    RFM is the mean place by recency, frequency and money: finer, and so harder to beat, than summed scores.
    """
    orders, age = features["number_of_orders"].fillna(0), features["days_since_first_order"].fillna(0)
    recency = -features["days_since_last_order"].fillna(np.inf).to_numpy()
    money = features["net_value"].fillna(0).to_numpy(dtype=np.float64)
    places = [rankdata(values) for values in (recency, orders.to_numpy(dtype=np.float64), money)]
    return {
        "recency": recency,
        "RFM": np.mean(places, axis=0),
        "formula CLV": clv_formula(orders, features["net_value"].fillna(0).clip(lower=0), age, horizon),
    }


def _amounts(scores: pd.DataFrame, predicted: Floats, actual: Floats) -> ValueAmounts:
    """Totals, interval coverage and deciles of a prediction for this very window, of those who have one."""
    bounds = scores[["predicted_clv_p05", "predicted_clv_p95"]].to_numpy(dtype=np.float64)
    known = np.isfinite(bounds).all(axis=1)
    inside = (actual >= bounds[:, 0]) & (actual <= bounds[:, 1])
    scored = np.isfinite(predicted)
    mean_predicted, mean_actual, size = reliability(actual[scored], predicted[scored])
    return ValueAmounts(
        predicted_total=float(predicted[scored].sum()),
        actual_total=float(actual[scored].sum()),
        deciles=Deciles(tuple(mean_predicted.tolist()), tuple(mean_actual.tolist()), tuple(size.tolist())),
        scored=int(scored.sum()),
        interval_coverage=float(inside[known].mean()) if known.any() else None,
    )


def evaluate_churn(
    scores: pd.DataFrame, features: pd.DataFrame, churned: Flags, horizon: Horizon
) -> ChurnEvaluation | NotEvaluated:
    """Churn probabilities of the eligible against what they did, and recency alone."""
    probability = scores[CHURN.score].to_numpy(dtype=np.float64)
    rows = np.isfinite(probability)
    if not rows.any():
        return NotEvaluated(_reason(scores[CHURN.reason]))
    if other := sorted(set(scores["churn_definition"].dropna()) - {EVALUATED}):
        return NotEvaluated("another_definition", definition=other[0])
    predicted_for = float(scores["churn_horizon_days"].dropna().iloc[0])
    if predicted_for != horizon.days:
        return NotEvaluated(ANOTHER_HORIZON, predicted_for)
    y, p = churned[rows], probability[rows]
    recency = features["days_since_last_order"].to_numpy(dtype=np.float64)[rows]
    mean_predicted, observed, size = reliability(y, p)

    def with_lead(i: Places) -> tuple[float, float]:
        ours = auc(y[i], p[i])
        return ours, ours - auc(y[i], recency[i])

    auc_interval, lead = bootstraps(with_lead, len(y), replicates=REPLICATES)
    return ChurnEvaluation(
        eligible=int(rows.sum()),
        churn_rate=float(y.mean()),
        mean_probability=float(p.mean()),
        auc=auc_interval,
        auc_recency=auc(y, recency),
        auc_lead=lead,
        log_loss=float(log_loss(y, p).mean()),
        calibration_error=expected_calibration_error(y, p),
        calibration_slope=logistic_recalibration(y, p).slope_interval(),
        lift_top_decile=lift(y, p),
        reliability=Reliability(tuple(mean_predicted.tolist()), tuple(observed.tolist()), tuple(size.tolist())),
        gone=_gone(scores, churned),
    )


def evaluate_icp(
    scores: pd.DataFrame,
    features: pd.DataFrame,
    tables: Tables,
    as_of: date,
    age: Horizon,
    settings: Mapping[str, Json],
) -> LookalikeEvaluation | NotEvaluated:
    """Lookalike scores of customers whose window after the first order closed only after the cut.

    Training saw none of these outcomes. Most valuable = the top fifth of them by what they brought after the first
    order by that age (with it, where the model counts it). A model of leads is judged by leads, when it is trained.
    """
    if settings.get("setting") == "leads":
        return NotEvaluated("judged_by_leads_in_training")
    score = scores[ICP.score].dropna()
    if score.empty:
        return NotEvaluated(_reason(scores[ICP.reason]))
    recent = features.index[features["first_ordered_at"] >= pd.Timestamp(as_of - age.delta)]
    brought = value_by_age(tables, as_of + timedelta(days=age.whole_days + 1), age)
    values, _ = profit(brought, later=not settings.get("counts_first_order", True))
    customers = recent.intersection(values.index).intersection(score.index)
    if len(customers) < FEWEST:
        return NotEvaluated(f"only {len(customers)} customers first ordered in the {age} before the cut")
    value = values.loc[customers].to_numpy()
    top, s = value > max(0.0, float(np.quantile(value, 0.8))), score.loc[customers].to_numpy()
    first = features.loc[customers, "first_order_value"].to_numpy(dtype=np.float64)
    auc_interval, lifted = bootstraps(
        lambda i: (auc(top[i], s[i]), lift(top[i], s[i])), len(s), replicates=REPLICATES
    )  # fmt: skip
    return LookalikeEvaluation(
        customers=len(customers),
        age_days=age.days,
        auc=auc_interval,
        auc_first_order_value=auc(top, first),
        lift_top_decile=lifted,
    )


def _gone(scores: pd.DataFrame, churned: Flags) -> GoneCustomers:
    gone = (scores[CHURN.reason] == "gone_already").to_numpy()
    return GoneCustomers(customers=int(gone.sum()), returned=int((~churned[gone]).sum()))


def _reason(reasons: pd.Series) -> str:
    known = reasons.dropna()
    return str(known.mode().iloc[0]) if len(known) else "no_scores"
