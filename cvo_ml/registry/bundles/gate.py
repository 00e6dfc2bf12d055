"""Whether the evidence that training stored opens the gates that people set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, nan

from cvo_ml.config.gates import Gates
from cvo_ml.registry.bundles.evidence import Eligible, GateEvidence, Profit
from cvo_ml.stats.intervals import Interval


@dataclass(frozen=True)
class Check:
    """One gate: its name as in ``gates.yaml``, whether it is open, and a clause with the numbers."""

    gate: str
    is_open: bool
    found: str


def decide(evidence: GateEvidence, gates: Gates, champion: int | None) -> list[Check]:
    """Every gate of a challenger, in the order of ``gates.yaml``.

    Parameters
    ----------
    evidence:
        As training wrote it into the run (``gate.json``).
    champion:
        The version that is champion now: evidence against another one says nothing.

    Examples
    --------
    >>> decide(GateEvidence(), Gates(), 3)[0].found
    'the evidence is not against version 3, the champion now: train again'
    """
    against = None if evidence.champion is None else evidence.champion.version
    if against != champion:
        return [
            Check("champion", False, f"the evidence is not against version {champion}, the champion now: train again")
        ]
    compared: list[Check] = []
    if evidence.not_comparable:
        compared = [Check("comparable", False, evidence.not_comparable)]
    elif champion is not None and evidence.comparison is None:
        compared = [Check("comparable", False, "the evidence holds no comparison with the champion: train again")]
    elif (found := evidence.comparison) is not None:
        compared = [
            _improvement(evidence.measure, found.improvement, gates),
            _profit(found.profit, gates),
            _slices(found.slices, gates),
            _shift(found.psi, gates),
        ]
    return [_rows(evidence, gates), *compared, *_calibration(evidence, gates), _scored(evidence.eligible, gates)]


def closed(checks: list[Check]) -> str:
    """The closed gates in one clause; empty if all are open."""
    return "; ".join(f"gate {check.gate!r}: {check.found}" for check in checks if not check.is_open)


def audit_metrics(evidence: GateEvidence) -> dict[str, float]:
    """The numbers that an audit line keeps."""
    found: dict[str, float] = {}
    if (compared := evidence.comparison) is not None:
        found |= {"improvement": compared.improvement.estimate, "improvement_lower": compared.improvement.lower}
        found |= {"profit_challenger": compared.profit.challenger, "profit_champion": compared.profit.champion}
    if evidence.calibration is not None:
        found["calibration_slope"] = evidence.calibration.estimate
    if compared is not None:
        found["psi"] = compared.psi
    found["window_rows"] = float(evidence.window.rows)
    return {name: float(value) for name, value in found.items() if isfinite(value)}


def _rows(evidence: GateEvidence, gates: Gates) -> Check:
    rows = evidence.window.rows
    return Check("window_rows", rows >= gates.window_rows, f"{rows:,} customers judge, at least {gates.window_rows:,}")


def _improvement(measure: str | None, found: Interval, gates: Gates) -> Check:
    words = (measure or "").replace("_", " ")
    is_open = found.lower >= gates.improvement
    return Check("improvement", is_open, f"{words} {_relative(found)}, lower bound at least {gates.improvement:+.1%}")


def _profit(found: Profit, gates: Gates) -> Check:
    lower, least = found.difference.lower, gates.profit * abs(found.champion)
    numbers = f"{found.challenger:,.3g} against {found.champion:,.3g} per customer"
    bounds = f"lower bound of the difference {_number(lower)}, at least {least:,.3g}"
    return Check("profit", lower >= least, f"{numbers}, {bounds}")


def _slices(slices: Mapping[str, Interval], gates: Gates) -> Check:
    known = {name: found for name, found in slices.items() if isfinite(found.upper)}
    if not known:
        return Check("slices", True, "no slice is large enough to be judged")
    worst = min(known, key=lambda name: known[name].upper)
    is_open = known[worst].upper >= gates.slices
    return Check(
        "slices", is_open, f"worst on {worst}: {_relative(known[worst])}, upper bound at least {gates.slices:+.1%}"
    )


def _shift(psi: float, gates: Gates) -> Check:
    return Check("score_shift", psi < gates.score_shift, f"PSI {_number(psi)}, below {gates.score_shift:g}")


def _calibration(evidence: GateEvidence, gates: Gates) -> list[Check]:
    if gates.calibration_slope is None:
        return []
    low, high = gates.calibration_slope
    found = evidence.calibration or Interval(nan, nan, nan)
    numbers = f"{_number(found.estimate)} [{_number(found.lower)}, {_number(found.upper)}]"
    return [Check("calibration_slope", found.meets(low, high), f"slope {numbers}, to meet {low:g} to {high:g}")]


def _scored(eligible: Eligible, gates: Gates) -> Check:
    known, scored = eligible.known, eligible.scored
    is_open = known > 0 and scored >= gates.scored * known
    return Check(
        "scored", is_open, f"{scored:,} of {known:,} eligible customers have a score, at least {gates.scored:.1%}"
    )


def _relative(found: Interval) -> str:
    if not all(map(isfinite, (found.estimate, found.lower, found.upper))):
        return "unknown"
    return f"{found.estimate:+.1%} [{found.lower:+.1%}, {found.upper:+.1%}]"


def _number(value: float) -> str:
    """Not finite means that JSON has null for it."""
    return f"{value:,.3g}" if isfinite(value) else "unknown"
