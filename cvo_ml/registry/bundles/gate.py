"""Whether the evidence that training stored opens the gates that people set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cvo_ml.config.gates import Gates


@dataclass(frozen=True)
class Check:
    """One gate: its name as in ``gates.yaml``, whether it is open, and a clause with the numbers."""

    gate: str
    is_open: bool
    found: str


def decide(evidence: Mapping[str, Any], gates: Gates, champion: int | None) -> list[Check]:
    """Every gate of a challenger, in the order of ``gates.yaml``.

    Parameters
    ----------
    evidence:
        As training wrote it into the run (``gate.json``).
    champion:
        The version that is champion now: evidence against another one says nothing.

    Examples
    --------
    >>> decide({"window": {"rows": 500}}, Gates(), 3)[0].found
    'the evidence is not against version 3, the champion now: train again'
    """
    against = evidence.get("champion", {}).get("version")
    if against != champion:
        return [
            Check("champion", False, f"the evidence is not against version {champion}, the champion now: train again")
        ]
    compared: list[Check] = []
    if evidence.get("not_comparable"):
        compared = [Check("comparable", False, str(evidence["not_comparable"]))]
    elif champion is not None:
        compared = [check(evidence, gates) for check in (_improvement, _profit, _slices, _shift)]
    return [_rows(evidence, gates), *compared, *_calibration(evidence, gates), _scored(evidence, gates)]


def closed(checks: list[Check]) -> str:
    """The closed gates in one clause; empty if all are open."""
    return "; ".join(f"gate {check.gate!r}: {check.found}" for check in checks if not check.is_open)


def audit_metrics(evidence: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that an audit line keeps."""
    found: dict[str, Any] = {
        "improvement": evidence.get("improvement", {}).get("estimate"),
        "improvement_lower": evidence.get("improvement", {}).get("lower"),
        "profit_challenger": evidence.get("profit", {}).get("challenger"),
        "profit_champion": evidence.get("profit", {}).get("champion"),
        "calibration_slope": (evidence.get("calibration") or {}).get("estimate"),
        "psi": evidence.get("psi"),
        "window_rows": evidence.get("window", {}).get("rows"),
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def _rows(evidence: Mapping[str, Any], gates: Gates) -> Check:
    rows = evidence["window"]["rows"]
    return Check("window_rows", rows >= gates.window_rows, f"{rows:,} customers judge, at least {gates.window_rows:,}")


def _improvement(evidence: Mapping[str, Any], gates: Gates) -> Check:
    found, words = evidence["improvement"], evidence["measure"].replace("_", " ")
    is_open = found["lower"] is not None and found["lower"] >= gates.improvement
    return Check("improvement", is_open, f"{words} {_relative(found)}, lower bound at least {gates.improvement:+.1%}")


def _profit(evidence: Mapping[str, Any], gates: Gates) -> Check:
    found = evidence["profit"]
    lower, least = found["difference"]["lower"], gates.profit * abs(found["champion"])
    numbers = f"{found['challenger']:,.3g} against {found['champion']:,.3g} per customer"
    bounds = f"lower bound of the difference {_number(lower)}, at least {least:,.3g}"
    return Check("profit", lower is not None and lower >= least, f"{numbers}, {bounds}")


def _slices(evidence: Mapping[str, Any], gates: Gates) -> Check:
    known = {name: found for name, found in evidence["slices"].items() if found["upper"] is not None}
    if not known:
        return Check("slices", True, "no slice is large enough to be judged")
    worst = min(known, key=lambda name: known[name]["upper"])
    is_open = known[worst]["upper"] >= gates.slices
    return Check(
        "slices", is_open, f"worst on {worst}: {_relative(known[worst])}, upper bound at least {gates.slices:+.1%}"
    )


def _shift(evidence: Mapping[str, Any], gates: Gates) -> Check:
    found = evidence["psi"]
    return Check(
        "score_shift",
        found is not None and found < gates.score_shift,
        f"PSI {_number(found)}, below {gates.score_shift:g}",
    )


def _calibration(evidence: Mapping[str, Any], gates: Gates) -> list[Check]:
    if gates.calibration_slope is None:
        return []
    low, high = gates.calibration_slope
    found = evidence["calibration"] or {"estimate": None, "lower": None, "upper": None}
    is_open = found["lower"] is not None and found["lower"] <= high and found["upper"] >= low
    numbers = f"{_number(found['estimate'])} [{_number(found['lower'])}, {_number(found['upper'])}]"
    return [Check("calibration_slope", is_open, f"slope {numbers}, to meet {low:g} to {high:g}")]


def _scored(evidence: Mapping[str, Any], gates: Gates) -> Check:
    known, scored = evidence["eligible"]["known"], evidence["eligible"]["scored"]
    is_open = known > 0 and scored >= gates.scored * known
    return Check(
        "scored", is_open, f"{scored:,} of {known:,} eligible customers have a score, at least {gates.scored:.1%}"
    )


def _relative(found: Mapping[str, float | None]) -> str:
    estimate, lower, upper = (found[name] for name in ("estimate", "lower", "upper"))
    return (
        "unknown"
        if estimate is None or lower is None or upper is None
        else f"{estimate:+.1%} [{lower:+.1%}, {upper:+.1%}]"
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.3g}"
