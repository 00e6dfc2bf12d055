"""A walk through the past, as cells of tables."""

from __future__ import annotations

import math

from cvo_ml.core.models import CLV, MODEL_NAMES
from cvo_ml.monitoring.backtest import Backtest, CutRecord
from cvo_ml.monitoring.earnings import ListEarnings
from cvo_ml.monitoring.outcomes import ChurnEvaluation, ValueAmounts, ValueEvaluation
from cvo_ml.report.text.outcomes import NOTHING

__all__ = ["Backtest", "cut_cells", "earnings_cells"]


def cut_cells(record: CutRecord) -> tuple[str, ...]:
    """Cut, grades, share of the top decile, that of the next best ranking, total, churn AUC, AUC of recency."""
    grades = " ".join(record.models[name].grade or NOTHING for name in MODEL_NAMES)
    churn = record.evaluation.churn
    aucs = (NOTHING, NOTHING)
    if isinstance(churn, ChurnEvaluation):
        aucs = (f"{churn.auc.estimate:.3f}", f"{churn.auc_recency:.3f}")
    return str(record.cut), grades, *_value_cells(record.evaluation.value), *aucs


def earnings_cells(line: ListEarnings) -> tuple[str, str, str, str]:
    """List, what it earned, its interval, the lead over it."""
    earned, lead = line.earned, line.lead
    ahead = "" if lead is None else f"{lead.estimate:+,.0f} [{lead.lower:+,.0f}, {lead.upper:+,.0f}]"
    return line.ranking, f"{earned.estimate:,.0f}", f"{earned.lower:,.0f} – {earned.upper:,.0f}", ahead


def _value_cells(value: ValueEvaluation) -> tuple[str, str, str]:
    shares = {row.name: row.top_decile_share.estimate for row in value.rankings}
    known = {name: share for name, share in shares.items() if math.isfinite(share)}
    ours = known.pop(CLV.score, None)
    best = max(known.values(), default=None)
    total = NOTHING
    if isinstance(amounts := value.amounts, ValueAmounts) and amounts.actual_total:
        total = f"{amounts.predicted_total / amounts.actual_total - 1:+.0%}"
    return NOTHING if ours is None else f"{ours:.1%}", NOTHING if best is None else f"{best:.1%}", total
