"""Lookalikes of leads that were won and were profitable, among leads of whom most were never asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.boosted import Trees
from cvo_ml.config.jobs import IcpJob
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features.leads import lead_fields
from cvo_ml.features.leak_gate import Evidence, GateSample
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.icp import PositiveUnlabelled, SourceRate
from cvo_ml.monitoring.drift import reference_of
from cvo_ml.registry.bundles.kinds import bundle_of
from training.evidence import plots
from training.evidence.leak_gate import gate_metrics, pass_gate
from training.evidence.result import Trained
from training.icp.contact_threshold import pays
from training.icp.dataset import LeadRows, check, label_in_words, lead_rows, settings, split_leads
from training.icp.metrics import MODEL, logistic, metrics, nearest_seeds, stability, verdict_on
from training.icp.profile_features import life_of_leads
from training.icp.profile_report import report, with_calendar
from training.icp.sections import IcpSections, LearningSpec, sections_of
from training.icp.selection_bias import Asked, asked_record, hidden_winners, known_share, over_all_leads, selection
from training.icp.window import icp_window

BASELINE: Final = "source rate"


def train_on_leads(tables: Tables, as_of: date, job: IcpJob, minima: IcpMinima) -> Trained:
    """Fit on leads whose window is closed when the first of those to judge on came.

    Raises
    ------
    ModelRefused
        If there are too few winners, or a field may know the outcome.
    """
    sections = sections_of(job)
    leads, learning = sections.leads, sections.learning
    rows = lead_rows(tables, as_of, leads)
    train, test = split_leads(rows.frame, leads)
    check(rows.frame, train, test, leads, minima)
    evidence = leak_evidence(rows, train, test, tables, learning, leads.known_within)
    asked = asked_record(rows, train, learning.trees)
    judged = test if asked is None else test[test["decided"]]
    model, baseline = fit(rows, train, learning, minima, asked), source_rate(rows, train, leads.source)
    unlabelled = model if asked is None else fit(rows, train, learning, minima, None)
    scores = {
        MODEL: _winner(model, judged),
        BASELINE: _winner(baseline, judged),
        **({} if asked is None else {"positive unlabelled": _winner(unlabelled, judged)}),
        **_rivals(model, rows, train, judged, learning.trees),
    }
    y = judged["is_top"].to_numpy(dtype=bool)
    verdict = verdict_on(y, scores, BASELINE)
    bad = verdict.grade == "D"
    champion = source_rate(rows, rows.frame, leads.source) if bad else refit(rows, learning, minima)
    found, notes = selection(rows, train, test, learning.trees, asked)
    found |= _about_the_hidden(test, model, unlabelled, asked, job.capacity)
    money, cut = pays(tables, as_of, test[test["decided"]], model, sections.contact)
    texts, described = _described(tables, as_of, rows, judged, scores[MODEL], sections)
    facts = {"verdict": verdict.to_json(), "baseline": BASELINE, "leaks": evidence.to_json()}
    facts |= {"reference": reference_of(rows.frame, champion.columns, _winner(champion, rows.frame)).to_json()}
    people = lead_fields(tables.get("leads"), as_of, leads.known_within)
    return Trained(
        bundle_of("icp", champion, settings(rows, leads), facts),
        icp_window(baseline if bad else model, train, judged, "created_at", settings(rows, leads), people),
        {
            "training_rows": len(train),
            "training_positives": int(train["is_top"].sum()),
            "label": label_in_words(rows, leads),
            "learns_from": "known winners against all others" if asked is None else "decided leads",
        },
        metrics(y, scores, job.capacity) | gate_metrics(evidence) | found | money,
        {
            "gains": partial(plots.gains, y.astype(float), {name: scores[name] for name in (MODEL, BASELINE)}),
            "importance": partial(plots.importance, model.importance()),
        },
        (*notes, *(("not better than the rate by source out of time: that is champion",) if bad else ())),
        {"stability": {"quarters": stability(y, scores[MODEL], judged["created_at"])}, "cut_off": cut, **described},
        texts,
    )


def fit(
    rows: LeadRows, frame: pd.DataFrame, learning: LearningSpec, minima: IcpMinima, asked: Asked | None
) -> PositiveUnlabelled:
    """Bagged trees of the winners against the decided who are none; of all others where only wins are on record."""
    model = PositiveUnlabelled(
        rows.numbers, rows.texts, learning.trees.rounds, learning.trees.parameters,
        bags=learning.bags, per_positive=learning.per_positive, fewest_positives=minima.positives,
    )  # fmt: skip
    is_top = frame["is_top"].to_numpy(dtype=bool)
    if asked is None:
        return model.fit(frame, is_top)
    decided = frame["decided"].to_numpy(dtype=bool)
    return model.fit(frame[decided], is_top[decided], 1.0, weight=asked.weight[decided], reference=frame)


def refit(rows: LeadRows, learning: LearningSpec, minima: IcpMinima) -> PositiveUnlabelled:
    """The same on all leads with a closed window."""
    return fit(rows, rows.frame, learning, minima, asked_record(rows, rows.frame, learning.trees))


def source_rate(rows: LeadRows, frame: pd.DataFrame, source: str) -> SourceRate:
    """The baseline; of the decided leads where losses are on record."""
    column = source if source in rows.texts else None
    known = frame[frame["decided"]] if known_share(frame) is not None else frame
    return SourceRate(column).fit(known, known["is_top"].to_numpy())


def leak_evidence(
    rows: LeadRows,
    train: pd.DataFrame,
    test: pd.DataFrame,
    tables: Tables,
    learning: LearningSpec,
    known_within: Horizon,
) -> Evidence:
    """The leak gate on the leads that the model is judged with."""
    day = pd.Timestamp(test["created_at"].median()).date()

    def one(X: pd.DataFrame, y: Flags, later: pd.DataFrame) -> Floats:
        trees = BoostedClassifier(rows.numbers, rows.texts, learning.trees.rounds, learning.trees.parameters)
        return trees.fit(X, y).predict_positive(later)

    return pass_gate(
        GateSample(train, train["is_top"].to_numpy(dtype=bool), test, test["is_top"].to_numpy(dtype=bool)),
        rows.fields,
        learning.leaks,
        one,
        lambda shop: lead_fields(shop.get("leads"), day, known_within),
        tables,
        day,
        rows.timed,
    )


def _rivals(
    model: PositiveUnlabelled, rows: LeadRows, train: pd.DataFrame, judged: pd.DataFrame, trees: Trees
) -> dict[str, Floats]:
    """Plain classification takes the never asked for losers; so do the others."""
    known = train["is_top"].to_numpy(dtype=bool)
    plain = BoostedClassifier(rows.numbers, rows.texts, trees.rounds, trees.parameters).fit(train, known)
    return {
        "plain classification": plain.predict_positive(judged),
        "logistic": logistic(train, known, judged, list(rows.numbers), list(rows.texts)),
        "nearest seeds": nearest_seeds(model.models_[0], train[known], judged),
    }


def _about_the_hidden(
    test: pd.DataFrame,
    model: PositiveUnlabelled,
    unlabelled: PositiveUnlabelled,
    asked: Asked | None,
    capacity: float,
) -> dict[str, float]:
    score, known = _winner(model, test), test["is_top"].to_numpy(dtype=bool)
    found = hidden_winners(known, score, asked, unlabelled.elkan_noto_, capacity)
    return found if asked is None else found | over_all_leads(test, score, asked)


def _described(
    tables: Tables, as_of: date, rows: LeadRows, judged: pd.DataFrame, score: Floats, sections: IcpSections
) -> tuple[dict[str, str], dict[str, Mapping[str, Any]]]:
    known = rows.frame[rows.frame["decided"]] if known_share(rows.frame) is not None else rows.frame
    known = with_calendar(known, "created_at")
    met, parts = life_of_leads(tables, as_of, sections.profile.age)
    flags = dict.fromkeys(met.select_dtypes("bool"), False)
    known = known.join(met.reindex(known.index)).fillna(flags).astype(dict.fromkeys(flags, bool))
    left = parts.pop("left")
    won = known["won"].to_numpy(dtype=bool)
    bad = known[left].any(axis=1).to_numpy() | (known["profit"] <= sections.leads.profit_above).to_numpy()
    more = {"when": ["month", "weekday", "hour"], **parts}
    return report(
        known, rows.fields, sections.profile, score=score, test=judged, more=more, against=won & bad, among=won
    )


def _winner(model: PositiveUnlabelled | SourceRate, frame: pd.DataFrame) -> Floats:
    return np.asarray(model.predict_proba(frame)[:, 1])
