"""``priorities.csv``: the plan as a list that a spreadsheet cannot mistake for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.priorities.words import explained

COLUMNS: Final = (
    "priority_rank",
    "customer_id",
    "next_action",
    "channel",
    "cost",
    "expected_profit_of_action",
    "expected_profit_at_estimate",
    "value",
    "effect",
    "effect_lower",
    "source",
    "version",
    "churn_probability",
    "predicted_clv",
    "rfm_group",
    "value_tier",
    "holdout",
    "considered_action",
    "propensity",
    "priority_reason",
    "why_customer",
    "why_action",
    "assumes",
    "reasons",
)
FROM_SCORES: Final = (
    "next_action", "channel", "expected_profit_of_action", "churn_probability", "predicted_clv", "rfm_group",
    "value_tier", "priority_reason", "reasons",
)  # fmt: skip


def priorities_csv(scores: pd.DataFrame, table: pd.DataFrame, summary: Mapping[str, Any]) -> str:
    """The ranked list as CSV.

    Parameters
    ----------
    scores:
        Indexed by ``customer_id``, with the priority columns of the plan.
    table, summary:
        Those of the plan. Customers without a possible action, opt-outs among them, are not on the list.
    """
    of_scores = scores.loc[table["customer_id"], list(FROM_SCORES)].reset_index(drop=True)
    of_plan = table.rename(columns={"action": "considered_action"}).drop(columns="channel")
    rows = pd.concat([of_plan, of_scores, explained(table, scores, summary)], axis=1)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows[list(COLUMNS)].itertuples(index=False):
        writer.writerow([_cell(value) for value in row])
    return buffer.getvalue()


def _cell(value: object) -> str:
    """A CSV cell; text that a spreadsheet would run as a formula gets a leading apostrophe."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4f}"
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
