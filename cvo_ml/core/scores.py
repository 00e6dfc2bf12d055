"""The Scores table: one row per customer and ``as_of``, the only output contract.

Every value has one meaning, and a null always has its group's reason. This is format 2; a stored run of format 1 is
read as format 2 whose further columns are null with the reason ``older_format`` (``core.store.of_format_1``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.contract import TIME_DTYPE, Column, Kind, TableContract
from cvo_ml.core.errors import ContractError
from cvo_ml.core.models import CHURN, CLV, ICP, MODELS

#: The part that fills a column: a model's name, or one of those below.
Group = str
RUN: Final = "run"
ECONOMICS: Final = "economics"
TOTAL: Final = "total"
REASONS: Final = "reasons"
SEGMENT: Final = "segment"
PRIORITY: Final = "priority"

#: Why a column has no value that this version declares and does not compute yet.
NOT_COMPUTED_YET: Final = "not_computed_yet"
#: Why a column has no value that the format of a stored run did not have.
OLDER_FORMAT: Final = "older_format"


@dataclass(frozen=True)
class ScoreColumn:
    """A column of Scores: which part fills it, what it holds, what it means."""

    name: str
    kind: Kind
    group: Group
    meaning: str


def _group(group: Group, *columns: tuple[str, Kind, str]) -> tuple[ScoreColumn, ...]:
    return tuple(ScoreColumn(name, kind, group, meaning) for name, kind, meaning in columns)


SCORE_COLUMNS: Final[tuple[ScoreColumn, ...]] = (
    *_group(
        RUN,
        ("customer_id", "id", "the customer"),
        ("as_of", "time", "the cut date, 00:00 in the shop's zone: nothing later is known"),
        ("currency", "text", "currency of all money in the row"),
        ("value_basis", "text", "revenue, gross_margin or contribution"),
    ),
    *_group(
        CLV.name,
        ("clv_model", "text", "kind of the CLV model"),
        ("clv_model_version", "text", "prefix of the model hash"),
        ("clv_grade", "text", "A to D, out of time, against the baseline"),
        ("clv_horizon_days", "number", "length of the predicted window in days"),
        ("discount_rate", "number", "annual rate applied to predicted_clv"),
        ("historic_clv", "money", "net value so far less refunds known, undiscounted"),
        ("predicted_clv", "money", "expected discounted value in [as_of, as_of + horizon)"),
        ("predicted_clv_p05", "money", "5 % quantile of the value in the window"),
        ("predicted_clv_p95", "money", "95 % quantile of the value in the window"),
        ("total_clv", "money", "historic_clv + predicted_clv"),
        ("historic_number_of_orders", "number", "orders so far"),
        ("predicted_number_of_orders", "number", "expected orders in the window"),
        ("average_order_value", "money", "sum of net / orders with net > 0"),
        ("average_days_between_orders", "number", "(last - first order day) / (orders - 1)"),
        ("expected_date_of_next_order", "time", "median day of the next order; null where none is the likelier"),
        ("p_alive", "number", "probability that the customer still buys"),
        ("p_top_decile", "number", "P(value in the window > the reference's 90th percentile)"),
    ),
    *_group(
        CHURN.name,
        ("churn_model", "text", "kind of the churn model"),
        ("churn_model_version", "text", "prefix of the model hash"),
        ("churn_grade", "text", "A to D, out of time, against the baseline"),
        ("churn_definition", "text", "what counts as churned"),
        ("churn_horizon_days", "number", "length of the churn window in days"),
        ("churn_probability", "number", "probability of churn within the window"),
        ("churn_probability_p05", "number", "lower bound of its 90 % interval: calibration and wandering level"),
        ("churn_probability_p95", "number", "upper bound of its 90 % interval"),
        ("churn_band", "text", "low, medium or high"),
    ),
    *_group(
        ICP.name,
        ("icp_model", "text", "kind of the lookalike model"),
        ("icp_model_version", "text", "prefix of the model hash"),
        ("icp_grade", "text", "A to D, out of time, against the baseline"),
        ("icp_score", "number", "probability of becoming a most profitable customer"),
        ("icp_percentile", "number", "0-100 against the model's reference customers"),
        ("icp_tier", "text", "top 10 %, next 20 %, rest"),
    ),
    *_group(
        ECONOMICS,
        ("predicted_revenue", "money", "expected net value in the window, before costs"),
        ("predicted_cost_to_serve", "money", "expected cost to serve in the window"),
        ("margin_rate", "number", "share of net value that is left after the costs of orders; may be negative"),
        ("value_at_risk", "money", "churn_probability x value in the window while active, never below 0"),
    ),
    *_group(
        TOTAL,
        ("clv_total_grade", "text", "A to D, or U: how near the sum of predicted_clv has come, in closed windows"),
        ("season_factor", "number", "what the season of the window makes of orders and values, as a product"),
    ),
    *_group(
        REASONS,
        ("reasons", "text", "JSON: by model, the three features that move the score most, in probability or money"),
    ),
    *_group(
        SEGMENT,
        ("rfm_r", "number", "recency score, 1 to rfm_scale"),
        ("rfm_f", "number", "frequency score, 1 to rfm_scale"),
        ("rfm_m", "number", "money score, 1 to rfm_scale"),
        ("rfm_scale", "number", "number of levels"),
        ("rfm_cell", "text", "the three scores side by side"),
        ("rfm_group", "text", "name of the group the cell belongs to"),
        ("rfm_group_previous", "text", "group in the run before"),
        ("rfm_change_cause", "text", "own behaviour, moved edge or data correction"),
        ("value_tier", "text", "tier by value so far"),
    ),
    *_group(
        PRIORITY,
        ("expected_profit_of_action", "money", "effect x value at stake - cost"),
        ("next_action", "text", "what to do; null for the held out and where nothing pays"),
        ("channel", "text", "by which channel"),
        ("priority_rank", "number", "1 = first; batch only"),
        ("holdout", "flag", "kept untreated, so that the effect can be measured"),
    ),
)

#: The column that says why a value of the group is null.
REASON_COLUMNS: Final[dict[Group, str]] = {
    **{model.name: model.reason for model in MODELS},
    **{group: f"{group}_reason" for group in (ECONOMICS, TOTAL, REASONS, SEGMENT, PRIORITY)},
}
#: Groups that format 1 did not have as they are now.
SINCE_FORMAT_2: Final[tuple[Group, ...]] = (ECONOMICS, TOTAL, REASONS)


def columns_of(group: Group) -> list[str]:
    """The value columns of a group, without its reason.

    Examples
    --------
    >>> columns_of("run")
    ['customer_id', 'as_of', 'currency', 'value_basis']
    """
    return [column.name for column in SCORE_COLUMNS if column.group == group]


def score_columns() -> list[str]:
    """All columns of Scores in their order, each group followed by its reason."""
    ordered: list[str] = []
    for group in (RUN, *REASON_COLUMNS):
        ordered += columns_of(group)
        if group in REASON_COLUMNS:
            ordered.append(REASON_COLUMNS[group])
    return ordered


def model_columns(model: str) -> list[str]:
    """The columns that one model alone can fill, the run's before them and the reasons behind them.

    Examples
    --------
    >>> model_columns(ICP.name)[4:]  # doctest: +NORMALIZE_WHITESPACE
    ['icp_model', 'icp_model_version', 'icp_grade', 'icp_score', 'icp_percentile', 'icp_tier', 'icp_reason',
     'reasons', 'reasons_reason']
    """
    return [*columns_of(RUN), *columns_of(model), REASON_COLUMNS[model], *columns_of(REASONS), REASON_COLUMNS[REASONS]]


SCORES: Final = TableContract(
    "scores",
    (
        *(
            Column(column.name, column.kind, required=column.group == RUN, meaning=column.meaning)
            for column in SCORE_COLUMNS
            if column.kind != "flag"
        ),
        *(Column(reason, "text", meaning=f"why {group} values are null") for group, reason in REASON_COLUMNS.items()),
    ),
    key=("customer_id", "as_of"),
)


def by_model(reasons: str) -> str:
    """The reasons of churn, a JSON list, as the JSON of the column ``reasons``.

    Examples
    --------
    >>> json.loads(by_model('[{"feature": "recency"}]')) == {CHURN.name: [{"feature": "recency"}]}
    True
    """
    return json.dumps({CHURN.name: json.loads(reasons)}, ensure_ascii=False)


@dataclass(frozen=True)
class Reason:
    """What moves a score: the feature, its direction (up or down) and its effect, in probability or money.

    Parameters
    ----------
    lever:
        What a person can act on, of which the feature is the strongest column; empty where features stand alone.
    """

    feature: str
    direction: str
    effect: float
    lever: str = ""


def reasons_of(text: object, model: str = CHURN.name) -> list[Reason]:
    """The reasons of one model in a cell of the column ``reasons``, strongest first; none in a null.

    Examples
    --------
    >>> reasons_of(by_model('[{"feature": "recency", "direction": "up", "effect": 0.2}]'))
    [Reason(feature='recency', direction='up', effect=0.2, lever='')]
    """
    if not isinstance(text, str):
        return []
    return [Reason(**reason) for reason in json.loads(text).get(model, ())]


def validate_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Check a Scores table and return it with its columns in order.

    Raises
    ------
    ContractError
        If a column is missing or has the wrong type, a customer stands twice, or a value is
        null and its group gives no reason.
    """
    missing = [name for name in score_columns() if name not in scores.columns]
    if missing:
        raise ContractError(f"columns missing: {', '.join(missing)}", "fill them or give a reason", file="table scores")
    SCORES.validate(scores)
    for group, reason in REASON_COLUMNS.items():
        unexplained = scores[columns_of(group)].isna().any(axis=1) & scores[reason].isna()
        if unexplained.any():
            rows = np.flatnonzero(unexplained.to_numpy())
            names = scores[columns_of(group)].iloc[rows].isna().any()
            raise ContractError(
                f"null without a reason in {', '.join(names.index[names])}",
                f"set {reason}",
                file="table scores",
                column=reason,
                count=len(rows),
                first_rows=(rows[:3] + 1).tolist(),
            )
    return scores[score_columns()]


def scores_hash(scores: pd.DataFrame) -> str:
    """A SHA-256 of the values, the same for the same customers and scores in any row order."""
    ordered = scores[score_columns()].sort_values("customer_id", kind="stable")
    digest = hashlib.sha256()
    for name in ordered.columns:
        digest.update(name.encode())
        digest.update(_column_bytes(ordered[name]))
    return digest.hexdigest()


def _column_bytes(values: pd.Series) -> bytes:
    if pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        numbers = values.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
        return np.where(np.isnan(numbers), np.nan, numbers + 0.0).tobytes()
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.astype(TIME_DTYPE).astype("int64").to_numpy().tobytes()
    # as Python objects at once: going through Arrow's texts one at a time takes twice as long
    texts = [
        "\x00" if missing else str(text)
        for text, missing in zip(values.to_numpy(dtype=object), values.isna(), strict=True)
    ]
    return "\x1f".join(texts).encode("utf-8", "surrogatepass")
