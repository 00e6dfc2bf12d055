"""What became of the scores, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cvo_ml.core.blocks import Block, Sentence, TextTable
from cvo_ml.monitoring.outcome_summary import OutcomeLine, ProbabilityOutcome
from cvo_ml.monitoring.outcomes import (
    ANOTHER_HORIZON,
    ChurnEvaluation,
    GoneCustomers,
    LookalikeEvaluation,
    NotEvaluated,
    Ranked,
    RunEvaluation,
    ValueEvaluation,
)
from cvo_ml.monitoring.truth import TruthDistance
from cvo_ml.stats.intervals import Interval

#: where there is nothing to say
NOTHING: Final = "–"


def evaluation_blocks(evaluation: RunEvaluation, currency: str) -> Iterator[Block]:
    """How good the scores of one run were."""
    days = evaluation.horizon_days
    if evaluation.total_value > 0:
        yield _rankings(evaluation.value.rankings, days)
    else:
        yield Sentence(f"No value came in the {days:.0f} days after {evaluation.as_of}: no ranking can be judged.")
    yield from map(Sentence, value_sentences(evaluation.value, days, currency))
    yield from map(Sentence, churn_sentences(evaluation.churn, days))
    yield from map(Sentence, icp_sentences(evaluation.icp, days))
    if evaluation.truth is not None:
        yield Sentence("Against the known truth:")
        yield from (Sentence(f"  {sentence}") for sentence in truth_sentences(evaluation.truth))
    yield Sentence(str(evaluation.actions), "yellow")


def ledger_blocks(lines: Sequence[OutcomeLine], by: str) -> Iterator[Block]:
    """Predicted and realised, one line per part and group; nothing of an empty ledger."""
    if not lines:
        return
    columns = (
        "model", by.replace("_", " "), ">customers", ">predicted", ">came", ">95 % of it", ">ranking", ">in interval",
    )  # fmt: skip
    rows = [(line.part, line.group, f"{line.customers:,}", *outcome_cells(line)) for line in lines]
    yield TextTable("Outcome ledger: what became of the scores", columns, rows)
    yield Sentence(
        "95 %: churn that came; CLV's error in total. Ranking: AUC of churn; share of value in CLV's top decile. "
        "In interval: customers within their 90 % interval.",
        "dim",
    )


def _rankings(rankings: Sequence[Ranked], days: float) -> TextTable:
    shares = [(ranked.name, ranked.top_decile_share) for ranked in rankings]
    rows = [(name, f"{share.estimate:.1%}", f"{share.lower:.1%} – {share.upper:.1%}") for name, share in shares]
    title = f"Share of the next {days:.0f} days' value in each ranking's top decile"
    return TextTable(title, ("ranking", ">share", ">95 % interval of the share"), rows)


def value_sentences(value: ValueEvaluation, days: float, currency: str) -> Iterator[str]:
    """Predicted and actual money."""
    amounts = value.amounts
    if isinstance(amounts, NotEvaluated):
        yield f"Value: amounts not judged ({not_evaluated(amounts, days)})."
        return
    money = "" if currency == "XXX" else f" {currency}"
    actual = amounts.actual_total
    gap = f" ({amounts.predicted_total / actual - 1:+.0%})" if actual else ""
    yield f"Value: predicted {amounts.predicted_total:,.0f}, came {actual:,.0f}{money}{gap} of {amounts.scored:,}."


def churn_sentences(churn: ChurnEvaluation | NotEvaluated, days: float) -> Iterator[str]:
    """How well churn was ranked and foreseen."""
    if isinstance(churn, NotEvaluated):
        yield f"Churn: not judged ({not_evaluated(churn, days)})."
        return
    yield (
        f"Churn: AUC {_interval(churn.auc)} against {churn.auc_recency:.3f} (recency); "
        f"predicted {churn.mean_probability:.0%}, came {churn.churn_rate:.0%} of {churn.eligible:,}."
    )
    if churn.gone is not None and churn.gone.customers:
        yield f"  {gone_customers(churn.gone)}."


def icp_sentences(icp: LookalikeEvaluation | NotEvaluated, days: float) -> Iterator[str]:
    """How well new customers were ranked."""
    if isinstance(icp, NotEvaluated):
        yield f"Lookalike: not judged ({not_evaluated(icp, days)})."
        return
    yield (
        f"Lookalike: AUC {_interval(icp.auc)} against {icp.auc_first_order_value:.3f} (first order value) "
        f"for {icp.customers:,} customers new before the cut."
    )


def truth_sentences(truth: TruthDistance) -> Iterator[str]:
    """How far the scores of a simulated shop are from what is true."""
    if (value := truth.value) is not None:
        gap = value.predicted_total / value.true_total - 1
        yield (
            f"value: rank correlation {value.rank_correlation:.2f}; predicted {value.predicted_total:,.0f} of a "
            f"true expectation of {value.true_total:,.0f} ({gap:+.0%}); "
            f"top decile holds {value.top_decile_share:.1%}, the best possible {value.best_top_decile_share:.1%}"
        )
    if (churn := truth.churn) is not None:
        yield (
            f"churn: mean error {churn.mean_absolute_error:.3f}, bias {churn.bias:+.3f}, "
            f"rank correlation {churn.rank_correlation:.2f}"
        )
    if (alive := truth.alive) is not None:
        yield (
            f"P(alive): {alive.mean_p_alive:.2f} on average, {alive.share:.2f} are alive; "
            f"{alive.mean_p_alive_of_alive:.2f} for them, {alive.mean_p_alive_of_dropped_out:.2f} for the others"
        )


def outcome_cells(line: OutcomeLine) -> tuple[str, str, str, str, str]:
    """A line of the ledger as cells: predicted, came, 95 % of it, ranking, in interval."""
    outcome = line.outcome
    if isinstance(outcome, ProbabilityOutcome):
        actual = outcome.actual
        return (
            f"{outcome.predicted:.1%}",
            f"{actual.estimate:.1%}",
            f"{actual.lower:.1%} – {actual.upper:.1%}",
            NOTHING if outcome.auc is None else f"{outcome.auc:.3f}",
            NOTHING,
        )
    bias, held = outcome.bias, outcome.interval_coverage
    return (
        f"{outcome.predicted:,.0f}",
        f"{outcome.actual:,.0f}",
        NOTHING if bias is None else f"{bias.lower:+.0%} – {bias.upper:+.0%}",
        NOTHING if outcome.top_decile_share is None else f"{outcome.top_decile_share:.1%}",
        NOTHING if held is None else f"{held.estimate:.1%}",
    )


def not_evaluated(part: NotEvaluated, days: float) -> str:
    """Why a part of the outcomes says nothing about a window of ``days``.

    Examples
    --------
    >>> not_evaluated(NotEvaluated(ANOTHER_HORIZON, 365.0), 90)
    'predicted for 365 days, and this window has 90'
    >>> not_evaluated(NotEvaluated("too_few_buyers"), 90)
    'too_few_buyers'
    """
    if part.reason == ANOTHER_HORIZON:
        return f"predicted for {part.predicted_horizon_days:.0f} days, and this window has {days:.0f}"
    return part.reason


def gone_customers(gone: GoneCustomers) -> str:
    """How many of those who counted as gone came back.

    Examples
    --------
    >>> gone_customers(GoneCustomers(customers=200, returned=50))
    'Of 200 customers who counted as gone already, and so have no churn score, 50 (25 %) bought again'
    """
    return (
        f"Of {gone.customers:,} customers who counted as gone already, and so have no churn score, "
        f"{gone.returned:,} ({gone.returned / gone.customers:.0%}) bought again"
    ).replace("%)", " %)")


def _interval(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]"
