"""The model card: what a version is for, what it learned from, how good it is, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final

from cvo_ml.core.markdown import markdown_table
from cvo_ml.core.models import CHURN, CLV, ICP
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.evidence import GateEvidence, Opponent

#: What the lookalike model is called where it reads leads, which is another question.
LEADS: Final = f"{ICP.name} of leads"
PURPOSE: Final[Mapping[str, str]] = {
    CLV.name: "What a customer is expected to bring within the horizon, with an interval: for budgets and the order in "
    "which customers are served.",
    CHURN.name: "The probability that a customer who is not gone yet orders nothing within the horizon: to decide whom "
    "a contact may keep.",
    ICP.name: "How much a new customer looks like those who became the most valuable, from the first order alone: for "
    "acquisition and welcome programmes.",
    LEADS: "The probability that a lead, if asked, is won and becomes profitable: for the order in which "
    "sales ask and from which score on asking pays.",
}
LIMITS: Final[Mapping[str, tuple[str, ...]]] = {
    CLV.name: (
        "An expectation over many customers: one customer's value can lie anywhere in the interval.",
        "Seasons, promotions and price changes are not in the model: any window is predicted like the past.",
        "The effect of an action is not predicted: who is worth most is not who reacts most.",
    ),
    CHURN.name: (
        "Silence is not departure: some who are silent for the horizon come back.",
        "Who is likely to leave is not who can be kept: only an experiment with a holdout measures that.",
        "Probabilities are calibrated on the last closed windows and drift with season and offer.",
    ),
    ICP.name: (
        "It ranks customers after their first order; prospects without one are not scored.",
        "It repeats whom the shop attracted so far: customers it never reached are unknown to it.",
    ),
    LEADS: (
        "Given the fields, who was asked must not depend on who would win: what sales saw beyond them stays in it.",
        "Scores of leads like whom nobody was asked are guesses: ask a few of them by chance.",
        "Who will be won is not who is won by being asked first: only an experiment measures that.",
    ),
}
FAIRNESS: Final = (
    "No field on age, sex, origin, health or belief is read. The country, where it is among the columns, and habits of "
    "buying can stand for such traits: compare the slices above before a score decides prices, credit or access, for "
    "which this model is not made."
)


def model_card(bundle: Bundle, evidence: GateEvidence) -> str:
    """The card as Markdown, from the bundle's facts and the evidence of its gates; it names no customer."""
    return "\n\n".join(_parts(bundle, evidence)) + "\n"


def grade_sentence(bundle: Bundle, measure: str | None = None) -> str:
    """The grade and what it rests on, Markdown.

    Parameters
    ----------
    measure:
        What the advantage over the baseline is counted in, where it is known.
    """
    advantage = bundle.facts.get("verdict", {}).get("advantage")
    by = f" in {measure.replace('_', ' ')}" if measure else ""
    grade = f"Grade **{bundle.grade or 'none'}** against {bundle.facts.get('baseline', 'its baseline')}"
    better = f": advantage{by} {_interval(advantage)}" if advantage else ""
    return f"{grade}{better}."


def _parts(bundle: Bundle, evidence: GateEvidence) -> Iterator[str]:
    facts, verdict = bundle.facts, bundle.facts.get("verdict", {})
    yield f"# {bundle.name}: {bundle.kind} {bundle.version}"
    about = LEADS if bundle.settings.get("setting") == "leads" else bundle.name
    yield f"## Purpose\n\n{PURPOSE.get(about, 'See its decision page.')}"
    yield "## Data\n\n" + _table(
        {
            "shop": facts.get("shop", "unknown"),
            "known until": facts.get("trained_as_of", "unknown"),
            "currency": facts.get("currency", "unknown"),
            "fingerprint of the data": facts.get("data_hash", "unknown"),
            "commit": facts.get("git_commit", "unknown"),
            "digest of the pins": facts.get("pins_hash", "unknown"),
            **{name.replace("_", " "): value for name, value in bundle.settings.items()},
        }
    )
    window = evidence.window
    yield (
        f"## Window\n\nJudged on {window.rows:,} customers in the window that opened on "
        f"{window.opened or 'unknown'}, by a model that knew nothing of it. "
        "The model itself was then fitted on everything known."
    )
    yield "## Metrics\n\n" + _metrics(bundle, verdict, evidence.measure)
    yield "## Slices\n\n" + _slices(verdict)
    if evidence.champion is not None:
        yield "## Against the champion\n\n" + _against(evidence, evidence.champion)
    notes = [*LIMITS.get(about, ()), *facts.get("notes", ())]
    yield "## Limits\n\n" + "\n".join(f"* {note}" for note in notes)
    columns = ", ".join(f"`{name}`" for name in _columns(bundle))
    yield f"## Fairness\n\nIt reads: {columns}.\n\n{FAIRNESS}"


def _metrics(bundle: Bundle, verdict: Mapping[str, Any], measure: str | None) -> str:
    numbers = {name.replace("_", " "): _number(value, 4) for name, value in bundle.facts.get("metrics", {}).items()}
    return f"{grade_sentence(bundle, measure)}\n\n{_table(numbers)}"


def _slices(verdict: Mapping[str, Any]) -> str:
    slices = verdict.get("slices", {})
    if not slices:
        return "None is judged."
    worse = ", ".join(verdict.get("worse_slices", ())) or "none"
    return f"Advantage over the baseline; significantly worse: {worse}.\n\n" + _table(
        {name: _interval(found) for name, found in slices.items()}
    )


def _against(evidence: GateEvidence, champion: Opponent) -> str:
    found = evidence.comparison
    if found is None:
        return f"Not comparable with version {champion.version}: {evidence.not_comparable or 'unknown'}."
    measure = (evidence.measure or "").replace("_", " ")
    return f"Version {champion.version}, judged with {champion.judged_with}.\n\n" + _table(
        {
            f"improvement of the {measure} (relative)": _interval(found.improvement.to_json()),
            "profit per customer, less the champion's": _interval(found.profit.difference.to_json()),
            "shift of the scores (PSI)": f"{found.psi:.3g}" if isfinite(found.psi) else "unknown",
        }
    )


def _columns(bundle: Bundle) -> list[str]:
    names = [*bundle.parameters.get("features", ()), *bundle.parameters.get("categories", ())]
    return [str(name) for name in names]


def _table(rows: Mapping[str, Any]) -> str:
    return markdown_table(["", ""], rows.items())


def _interval(found: Mapping[str, Any]) -> str:
    if any(found.get(name) is None for name in ("estimate", "lower", "upper")):
        return "unknown"
    return f"{_number(found['estimate'])} [{_number(found['lower'])}, {_number(found['upper'])}]"


def _number(value: float, digits: int = 3) -> str:
    """A number as people read it; squared errors of money have seven digits.

    Examples
    --------
    >>> _number(635123.4), _number(0.06441), _number(-1234.5)
    ('635,123', '0.0644', '-1,234')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"
