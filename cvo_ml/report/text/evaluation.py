"""Whether the contacts of a plan paid, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from cvo_ml.core.blocks import Block, Sentence, TextTable
from cvo_ml.priorities.evaluation import Difference, NotCompared, PlanEvaluation, TreatedComparison


def evaluation_blocks(plan: PlanEvaluation) -> Iterator[Block]:
    """Treated beside held out, action by action."""
    columns = ("action", ">treated", ">held out", ">extra value each", ">profit each, 95 % interval", "verdict")
    compared = {"all together": plan.evaluation.together, **plan.evaluation.actions}
    rows = [(name, f"{one.treated:,}", f"{one.held_out:,}", *comparison_cells(one)) for name, one in compared.items()]
    yield TextTable(f"What the contacts of {plan.as_of} did", columns, rows)
    yield from map(Sentence, sentences(plan))


def sentences(plan: PlanEvaluation) -> Iterator[str]:
    """What the comparison says beyond its table."""
    together = plan.evaluation.together
    if together.suspicious:
        yield (
            f"Sample ratio mismatch (p = {together.sample_ratio_p:.1e}): treated and held out were not parted as "
            "planned, so nothing below may be trusted"
        )
    if plan.recorded is None:
        yield "No contact is recorded in the treatments table: this holds if the list was worked off as planned."
    else:
        yield (
            f"{plan.recorded.sent:,} of {plan.recorded.planned:,} planned contacts are recorded; "
            f"{plan.recorded.held_out_reached:,} held-out customers were contacted all the same."
        )
    if isinstance(difference := together.difference, Difference):
        profit = difference.profit
        yield (
            f"In all the contacts earned {profit.estimate:,.0f} [{profit.lower:,.0f}, {profit.upper:,.0f}] "
            f"after their cost; what was known before left {difference.variance_kept:.0%} of the variance (CUPED)."
        )
    for name, value in plan.evaluation.policies.items():
        if isinstance(value, NotCompared):
            yield f"{name}: not estimated ({value.reason})"
        else:
            one = value.snips
            yield (
                f"{name}: {one.estimate:,.2f} [{one.lower:,.2f}, {one.upper:,.2f}] per planned customer "
                f"(worth {value.effective_sample_size:,.0f} customers)"
            )


def comparison_cells(comparison: TreatedComparison) -> tuple[str, str, str]:
    """A comparison as cells: extra value each, profit each with its interval, verdict or why there is none."""
    difference = comparison.difference
    if isinstance(difference, NotCompared):
        return "–", "–", difference.reason
    profit = difference.profit_per_contact
    return (
        f"{difference.extra_value.estimate:,.2f}",
        f"{profit.estimate:,.2f} [{profit.lower:,.2f}, {profit.upper:,.2f}]",
        comparison.verdict or "",
    )
