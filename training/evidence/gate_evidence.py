"""The evidence of a gate: challenger against champion on the same rows, which neither has learned from.

A promotion reads it from the run and computes nothing (docs/models.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.errors import CvoError
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.evidence import (
    ChampionComparison,
    Eligible,
    GateEvidence,
    JudgingWindow,
    ModelMark,
    Opponent,
    Profit,
)
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.registry.tracking.champions import Incumbent
from cvo_ml.stats.grading import SMALLEST_SLICE
from cvo_ml.stats.intervals import Interval, bootstrap, mean_interval
from cvo_ml.stats.profit import decision_profit
from cvo_ml.stats.shift import psi, reference
from training.evidence.window import EvaluationWindow

#: Settings that say what is predicted: models that differ in them have no common outcome.
OUTCOME: Final = (
    "horizon_days",
    "definition",
    "discount_rate",
    "age_days",
    "top_share",
    "setting",
    "counts_first_order",
    "decision_days",
)


def evidence(
    window: EvaluationWindow, bundle: Bundle, incumbent: Incumbent | None, policy: PriorityPolicy
) -> GateEvidence:
    """What the gates of this model are decided on, as it will be read back: a number that is not finite is unknown.

    Parameters
    ----------
    bundle:
        The challenger, fitted on everything known.
    incumbent:
        The champion; None if there is none.
    policy:
        Whose action's cost and effect give decisions their profit.
    """
    ours = window.predict(window.evaluated, window.features_for(window.evaluated))
    now = _scores(bundle, window)
    alone = GateEvidence(
        measure=window.measure,
        window=JudgingWindow(str(window.opened), len(window.features)),
        skill={"challenger": window.skill(ours, np.arange(len(ours)))},
        calibration=window.slope(ours) if window.slope is not None and np.ptp(ours) > 0 else None,
        eligible=Eligible(len(now), int(np.isfinite(now).sum())),
        challenger=_mark(bundle),
    )
    found = alone if incumbent is None else _against(alone, window, bundle, incumbent, policy, ours, now)
    return GateEvidence.of(found.to_json())


def _against(
    alone: GateEvidence,
    window: EvaluationWindow,
    bundle: Bundle,
    incumbent: Incumbent,
    policy: PriorityPolicy,
    ours: Floats,
    now: Floats,
) -> GateEvidence:
    theirs, who, reason = _opponent(window, bundle, incumbent)
    champion = Opponent(incumbent.version, who)
    if incumbent.bundle is None or theirs is None:
        return replace(alone, champion=champion, not_comparable=reason)
    champion = replace(champion, mark=_mark(incumbent.bundle))
    try:
        shift = psi(reference(_scores(incumbent.bundle, window)), now)
    except CvoError as error:
        why = f"the champion cannot score today's customers: {error}"
        return replace(alone, champion=champion, not_comparable=why)
    every = np.arange(len(ours))
    skill = {name: window.skill(p, every) for name, p in (("challenger", ours), ("champion", theirs))}
    return replace(alone, champion=champion, skill=skill, comparison=_compared(window, ours, theirs, policy, shift))


def _mark(bundle: Bundle) -> ModelMark:
    return ModelMark(bundle.version, bundle.grade, bundle.kind)


def _compared(
    window: EvaluationWindow, ours: Floats, theirs: Floats, policy: PriorityPolicy, shift: float
) -> ChampionComparison:
    action = {"effect": policy.contact.effect.estimate, "cost": policy.contact.cost}
    earned = [decision_profit(window.stake(predicted), window.actual, **action) for predicted in (ours, theirs)]
    judged = {name: np.flatnonzero(rows) for name, rows in window.slices.items() if rows.sum() >= SMALLEST_SLICE}
    every = np.arange(len(ours))
    return ChampionComparison(
        float(shift),
        improvement(window, ours, theirs, every),
        {name: improvement(window, ours, theirs, rows) for name, rows in judged.items()},
        Profit(float(earned[0].mean()), float(earned[1].mean()), mean_interval(earned[0] - earned[1])),
    )


def improvement(window: EvaluationWindow, ours: Floats, theirs: Floats, among: Places) -> Interval:
    """How much better the challenger is on some rows, as a share of the champion's measure; paired bootstrap."""

    def relative(rows: Places) -> float:
        before = window.skill(theirs, among[rows])
        return (window.skill(ours, among[rows]) - before) / abs(before) if before else float("nan")

    return bootstrap(relative, len(among), replicates=600)


def _opponent(window: EvaluationWindow, bundle: Bundle, incumbent: Incumbent) -> tuple[Floats | None, str, str]:
    """The champion's prediction, which model gave it, and why there is none.

    A champion that has learned from the window is stood for by the model that was judged when it was trained.
    """
    if incumbent.bundle is None:
        return None, "", f"the champion cannot be read: {incumbent.fault}"
    for key in OUTCOME:
        ours, theirs = bundle.settings.get(key), incumbent.bundle.settings.get(key)
        if ours != theirs:
            return None, "", f"the champion predicts another outcome ({key} {theirs} and not {ours})"
    reason = "the run of the champion holds no model that was judged"
    for who, found in (("the champion", incumbent.bundle), ("its model as judged", incumbent.judged)):
        if found is None:
            continue
        knows = str(found.facts.get("trained_as_of", "9999"))
        if knows > str(window.opened):
            reason = f"{who} has learned from data until {knows}, and the window that judges opens on {window.opened}"
            continue
        try:
            return window.predict(found, window.features_for(found)), who, ""
        except CvoError as error:
            reason = f"{who} cannot score the window: {error}"
    return None, "", reason


def _scores(bundle: Bundle, window: EvaluationWindow) -> Floats:
    """What a bundle says of today's customers (n,)."""
    if window.eligible.empty:
        return np.empty(0)
    return load_model(bundle).score(window.eligible_for(bundle))
