"""Scores, manifest and outcomes as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from cvo_ml.report import charts
from cvo_ml.report.templates import fill
from cvo_ml.report.text import evidence, money_words

MODEL_TITLES: Final = {"clv": "Customer value", "churn": "Churn", "icp": "Lookalike (ICP)"}
GRADES: Final = {
    "A": "better than its baseline, calibrated, no slice worse",
    "B": "better than its baseline for certain",
    "C": "better than its baseline, but it may be luck",
    "D": "not better: the baseline itself is used",
}


def render(
    scores: pd.DataFrame,
    manifest: Mapping[str, Any],
    outcomes: Mapping[str, Any] | None,
    segments: str = "",
    priorities: str = "",
) -> str:
    """The report's HTML.

    Parameters
    ----------
    scores:
        A Scores table.
    manifest:
        What the score store keeps with it.
    outcomes:
        What ``monitoring.judge`` found, or None before the horizon has passed.
    segments, priorities:
        The HTML of ``segment_section`` and of ``priorities_section``.
    """
    currency = str(manifest["currency"])
    return fill(
        "page.html",
        manifest=manifest,
        currency=currency,
        money_words=money_words(currency),
        summary=summary(scores, manifest["plan"]),
        priorities=priorities,
        charts=_charts(scores, outcomes, currency),
        segments=segments,
        outcomes=outcomes,
        models=[_model(name, manifest["models"][name]) for name in MODEL_TITLES],
        grades=GRADES,
        row_ledger=_ledger_rows(manifest["row_ledger"]),
        customer_ledgers=manifest["customer_ledgers"],
    )


def summary(scores: pd.DataFrame, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The few numbers at the top."""
    horizon = scores["clv_horizon_days"].dropna()
    return {
        "customers": len(scores),
        "horizon": float(horizon.iloc[0]) if len(horizon) else None,
        "historic": float(scores["historic_clv"].sum()),
        "predicted": float(scores["predicted_clv"].sum()) if scores["predicted_clv"].notna().any() else None,
        "actions": plan["contacts"],
        "profit": plan["expected_profit"],
        "held_out": plan["held_out"],
    }


def _charts(scores: pd.DataFrame, outcomes: Mapping[str, Any] | None, currency: str) -> dict[str, str]:
    drawn = {}
    if scores["rfm_group"].notna().any():
        drawn["segments"] = charts.html(charts.segments(scores, currency))
    if outcomes is not None:
        value, churn = outcomes["value"], outcomes["churn"]
        if outcomes["total_value"] > 0:
            drawn["rankings"] = charts.html(charts.rankings(value["rankings"], outcomes["horizon_days"]))
        if "deciles" in value:
            drawn["deciles"] = charts.html(charts.deciles(value["deciles"], currency))
        if "reliability" in churn:
            drawn["reliability"] = charts.html(charts.reliability(churn["reliability"]))
    return drawn


def _model(name: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    verdict = facts.get("verdict", {})
    return {
        "title": MODEL_TITLES[name],
        "kind": facts.get("kind", ""),
        "version": facts.get("version", ""),
        "grade": verdict.get("grade", ""),
        "evidence": evidence(name, facts["metrics"]) if "metrics" in facts else "",
        "slope": verdict.get("slope"),
        "worse": verdict.get("worse_slices", []),
        "notes": facts.get("notes", []),
        "reason": facts.get("reason", ""),
    }


def _ledger_rows(ledger: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [
        ("rows in", ledger["rows_in"]),
        ("used", ledger["used"]),
        *((f"quarantined: {reason}", count) for reason, count in ledger["quarantined"].items()),
        *((f"excluded by rule: {rule}", count) for rule, count in ledger["excluded"].items()),
    ]
