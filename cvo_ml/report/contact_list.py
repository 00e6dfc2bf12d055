"""``priorities.csv`` and ``scores.csv``: the plan, and everybody's scores, as lists that a spreadsheet cannot run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from cvo_ml.core.spreadsheet import exact_csv, table_csv
from cvo_ml.core.store import StoredRun
from cvo_ml.priorities.summary import PlanSummary
from cvo_ml.report.text.plan import explained

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
    "as_of",
    "run",
)
#: Rows of a list of everybody that are made into text at once.
ROWS_AT_ONCE: Final = 50_000
FROM_SCORES: Final = (
    "next_action", "channel", "expected_profit_of_action", "churn_probability", "predicted_clv", "rfm_group",
    "value_tier", "priority_reason", "reasons",
)  # fmt: skip


def priorities_csv(scores: pd.DataFrame, table: pd.DataFrame, summary: PlanSummary, run: StoredRun) -> str:
    """The ranked list as CSV; each row names its date and its run.

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
    rows["as_of"], rows["run"] = str(run.manifest["as_of"]), run.name
    return table_csv(rows[list(COLUMNS)])


def scores_csv(scores: pd.DataFrame, run: StoredRun) -> Iterator[str]:
    """Everybody's Scores as CSV in pieces: every column of the contract (docs/scores.md), then the run.

    Numbers are written with all their digits; nulls are empty.
    """
    for start in range(0, max(len(scores), 1), ROWS_AT_ONCE):
        piece = exact_csv(scores.iloc[start : start + ROWS_AT_ONCE].assign(run=run.name))
        yield piece if start == 0 else piece.partition("\n")[2]
