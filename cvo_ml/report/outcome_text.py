"""What became of the scores, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cvo_ml.report.text import those_gone, unjudged


def value_sentences(value: Mapping[str, Any], days: float, currency: str) -> Iterator[str]:
    """Predicted and actual money."""
    if "predicted_total" not in value:
        yield f"Value: amounts not judged ({unjudged(value, days)})."
        return
    money = "" if currency == "XXX" else f" {currency}"
    came = value["actual_total"]
    gap = f" ({value['predicted_total'] / came - 1:+.0%})" if came else ""
    yield f"Value: predicted {value['predicted_total']:,.0f}, came {came:,.0f}{money}{gap} of {value['scored']:,}."


def churn_sentences(churn: Mapping[str, Any], days: float) -> Iterator[str]:
    """How well churn was ranked and foreseen."""
    if "auc" not in churn:
        yield f"Churn: not judged ({unjudged(churn, days)})."
        return
    yield (
        f"Churn: AUC {_interval(churn['auc'])} against {churn['auc_recency']:.3f} (recency); "
        f"predicted {churn['mean_probability']:.0%}, came {churn['churn_rate']:.0%} of {churn['eligible']:,}."
    )
    if churn["gone"]["customers"]:
        yield f"  {those_gone(churn['gone'])}."


def icp_sentences(icp: Mapping[str, Any], days: float) -> Iterator[str]:
    """How well new customers were ranked."""
    if "auc" not in icp:
        yield f"Lookalike: not judged ({unjudged(icp, days)})."
        return
    yield (
        f"Lookalike: AUC {_interval(icp['auc'])} against {icp['auc_first_order_value']:.3f} (first order value) "
        f"for {icp['customers']:,} customers new before the cut."
    )


def truth_sentences(truth: Mapping[str, Any]) -> Iterator[str]:
    """How far the scores of a simulated shop are from what is true."""
    if "value" in truth:
        value = truth["value"]
        gap = value["predicted_total"] / value["true_total"] - 1
        yield (
            f"value: rank correlation {value['rank_correlation']:.2f}; predicted {value['predicted_total']:,.0f} of a "
            f"true expectation of {value['true_total']:,.0f} ({gap:+.0%}); "
            f"top decile holds {value['top_decile_share']:.1%}, the best possible {value['best_top_decile_share']:.1%}"
        )
    if "churn" in truth:
        churn = truth["churn"]
        yield (
            f"churn: mean error {churn['mean_absolute_error']:.3f}, bias {churn['bias']:+.3f}, "
            f"rank correlation {churn['rank_correlation']:.2f}"
        )
    if "alive" in truth:
        alive = truth["alive"]
        yield (
            f"P(alive): {alive['mean_p_alive']:.2f} on average, {alive['share']:.2f} are alive; "
            f"{alive['mean_p_alive_of_alive']:.2f} for them, {alive['mean_p_alive_of_dropped_out']:.2f} for the others"
        )


def _interval(values: Mapping[str, float]) -> str:
    return f"{values['estimate']:.3f} [{values['lower']:.3f}, {values['upper']:.3f}]"
