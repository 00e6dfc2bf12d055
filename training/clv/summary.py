"""The evidence of one window of a CLV model: numbers for the tracked run, tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.tracking import Tracking
from cvo_ml.stats.accuracy import Accuracy
from cvo_ml.stats.intervals import Interval


@dataclass(frozen=True)
class Judgement:
    """The evidence of one window.

    Attributes
    ----------
    value, purchases:
        Accuracy of the value and of the number of purchase days, by the name of what predicted it.
    lead:
        For each other prediction of value, how much better the model is, paired (see ``stats.accuracy.paired``).
    hybrid_lead:
        How much better the hybrid is than the model of purchases alone, paired; empty without one.
    by_decile:
        Customers by predicted value: rows, mean predicted, mean actual, share inside the 90 % interval.
    by_frequency:
        Customers by repeat purchases so far: rows, mean expected and mean actual purchase days. Empty at the formula.
    tracking:
        Repeat purchases by the week, before and after the cut; None at the formula.
    coverage:
        Share of customers inside the 90 % interval of value; None at the formula.
    remarks:
        What a grade, which looks at squared errors, does not say: an order no better than chance, or than the baseline.
    """

    cut: date
    horizon: Horizon
    value: Mapping[str, Accuracy]
    purchases: Mapping[str, Accuracy]
    lead: Mapping[str, Mapping[str, Interval]]
    hybrid_lead: Mapping[str, Interval]
    choice: str
    by_decile: Sequence[Mapping[str, float]]
    by_frequency: Sequence[Mapping[str, float]]
    tracking: Tracking | None
    coverage: float | None
    remarks: tuple[str, ...]

    def metrics(self) -> dict[str, float]:
        """What the tracked run shows beyond the accuracy of value."""
        found: dict[str, float | None] = {}
        for name, measured in self.purchases.items():
            prefix = f"{name.replace(' ', '_')}_purchases"
            found |= {f"{prefix}_{each.name}": getattr(measured, each.name) for each in fields(measured)}
        for name, measured in self.value.items():
            found |= {f"{name.replace(' ', '_')}_{k}": getattr(measured, k) for k in ("mae", "spearman")}
        if self.tracking is not None:
            expected, actual = self.tracking.after_the_cut()
            found["tracking_bias_after_cut"] = expected / actual - 1 if actual > 0 else None
        found["coverage_90"] = self.coverage
        return {name: number for name, number in found.items() if number is not None}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        tracked = self.tracking
        return {
            "cut": str(self.cut),
            "horizon_days": self.horizon.days,
            "value": {name: measured.to_json() for name, measured in self.value.items()},
            "purchases": {name: measured.to_json() for name, measured in self.purchases.items()},
            "lead": {
                name: {measure: interval.to_json() for measure, interval in found.items()}
                for name, found in self.lead.items()
            },
            "hybrid_lead": {measure: interval.to_json() for measure, interval in self.hybrid_lead.items()},
            "choice": self.choice,
            "by_decile": [dict(row) for row in self.by_decile],
            "by_frequency": [dict(row) for row in self.by_frequency],
            "coverage_90": self.coverage,
            "remarks": list(self.remarks),
            "tracking": None
            if tracked is None
            else {
                "cut_week": tracked.cut_week,
                "week": tracked.week.tolist(),
                "expected": tracked.expected.tolist(),
                "actual": tracked.actual.tolist(),
            },
        }

    def _pairs(self) -> list[tuple[str, Mapping[str, Interval]]]:
        pairs = [(f"model against {name}", found) for name, found in self.lead.items()]
        return pairs + ([("hybrid against btyd", self.hybrid_lead)] if self.hybrid_lead else [])

    def markdown(self) -> str:
        """The tables for people."""
        parts = [
            f"# CLV in the {self.horizon.days:g} days from {self.cut}",
            "## Value",
            _table(_accuracy_rows(self.value)),
            "How much better the first is (95 % interval, paired; above 0 is better):",
            _table(
                [
                    {"pair": name} | {measure: str(interval) for measure, interval in found.items()}
                    for name, found in self._pairs()
                ]
            ),
            f"Choice: {self.choice}.",
            *(f"Remark: {remark}." for remark in self.remarks),
            "## Value by predicted decile",
            _table(self.by_decile),
        ]
        if self.coverage is not None:
            parts.append(f"{self.coverage:.1%} of the customers lie inside their 90 % interval.")
        parts += ["## Purchase days", _table(_accuracy_rows(self.purchases))]
        if self.by_frequency:
            parts += ["## Purchase days by repeat purchases so far", _table(self.by_frequency)]
        if self.tracking is not None:
            expected, actual = self.tracking.after_the_cut()
            parts.append(f"Whole weeks after the cut: {expected:,.0f} repeat purchases expected, {actual:,.0f} came.")
        return "\n\n".join(parts) + "\n"


def _accuracy_rows(found: Mapping[str, Accuracy]) -> list[dict[str, Any]]:
    return [{"prediction": name, **measured.to_json()} for name, measured in found.items()]


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as Markdown; numbers with four digits."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [" | ".join(name.replace("_", " ") for name in names), "|".join(["---"] * len(names))]
    lines += [" | ".join(_cell(row.get(name)) for name in names) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
