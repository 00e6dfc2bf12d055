"""A walk through the past, in sentences and tables."""

from __future__ import annotations

import math
from collections.abc import Iterator

from cvo_ml.core.blocks import Block, Sentence, TextTable
from cvo_ml.core.models import CHURN, CLV, MODEL_NAMES
from cvo_ml.monitoring.backtest import Backtest, CutRecord
from cvo_ml.monitoring.earnings import ListEarnings
from cvo_ml.monitoring.outcomes import ChurnEvaluation, ValueAmounts, ValueEvaluation
from cvo_ml.report.text.outcomes import NOTHING, ledger_blocks

__all__ = ["Backtest", "backtest_blocks"]


def backtest_blocks(backtest: Backtest) -> Iterator[Block]:
    """The cuts, the ledger and the earnings."""
    columns = ("cut", "grades", ">top decile", ">next best", ">total", f">{CHURN.name} AUC", ">recency")
    rows = [cut_cells(record) for record in backtest.cuts]
    yield TextTable("At each cut: trained before it, judged on the window after it", columns, rows)
    yield Sentence(
        f"Grades of {', '.join(MODEL_NAMES)}. Top decile: share of the window's value held by predicted_clv's "
        "best tenth; next best: by the best ranking without a model.",
        "dim",
    )
    yield from ledger_blocks(backtest.ledger, "as_of")
    if not backtest.earnings:
        return
    title = "What a tenth of the customers, contacted at each cut, would have earned"
    earned = [earnings_cells(line) for line in backtest.earnings]
    yield TextTable(title, ("list", ">earned", ">95 % interval of it", ">ours leads by"), earned)
    action = backtest.plan.contact
    yield Sentence(
        f"Declared assumption: a contact keeps {action.effect.estimate:.1%} of those who leave and costs "
        f"{action.cost:g}; value = what the customer used to bring in such a window.",
        "dim",
    )


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
