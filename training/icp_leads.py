"""Lookalikes of leads that were won and were profitable, among leads of whom most were never asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import IcpJob
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.features.leads import (
    as_numbers,
    field_names,
    lead_fields,
    lead_outcomes,
    refuse_written_later,
    timed_fields,
)
from cvo_ml.features.leak_gate import Evidence, Sample
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.icp import PositiveUnlabelled, SourceRate
from cvo_ml.monitoring.drift import reference_of
from cvo_ml.registry.models import bundle_of
from cvo_ml.stats.intervals import Interval, wilson
from training import plots
from training.icp_asked import hidden_winners, pays, selection
from training.icp_evidence import MODEL, logistic, metrics, nearest_seeds, stability, verdict_on
from training.icp_life import life_of_leads
from training.icp_report import report, with_calendar
from training.leaks import gate_metrics, pass_gate
from training.result import Trained
from training.trials import icp_trial

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
BASELINE: Final = "source rate"
#: Fewest leads that were lost for losses to count as recorded.
FEWEST_LOST: Final = 30


@dataclass(frozen=True)
class LeadRows:
    """Leads with a closed window.

    Parameters
    ----------
    frame:
        Fields, ``created_at, asked, decided, won, profit`` and ``is_top``, by ``lead_id``.
    numbers, texts, timed:
        The fields that a model may read, and those whose values carry their own time.
    basis:
        Of the profit.
    """

    frame: pd.DataFrame
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    timed: tuple[str, ...]
    basis: str

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that a model may read."""
        return (*self.numbers, *self.texts)


def train_on_leads(tables: Tables, as_of: date, job: IcpJob, minima: IcpMinima) -> Trained:
    """Fit on leads whose window is closed when the first of those to judge on came.

    Raises
    ------
    ModelRefused
        If there are too few winners, or a field may know the outcome.
    """
    rows = lead_rows(tables, as_of, job)
    train, test = split_leads(rows.frame, job)
    _check(rows.frame, train, test, job, minima)
    evidence = leak_evidence(rows, train, test, tables, job)
    share = known_share(train)
    model = fit(rows, train, job, minima, share)
    judged = test[test["decided"]] if share is not None else test
    baseline = source_rate(rows, train, job)
    scores = {
        MODEL: _winner(model, judged),
        BASELINE: _winner(baseline, judged),
        **_rivals(model, rows, train, judged, job),
    }
    y = judged["is_top"].to_numpy(dtype=bool)
    verdict = verdict_on(y, scores, BASELINE)
    bad = verdict.grade == "D"
    champion = (
        source_rate(rows, rows.frame, job) if bad else fit(rows, rows.frame, job, minima, known_share(rows.frame))
    )
    found, documents, notes = _about_the_asked(tables, as_of, rows, train, test, model, share, job)
    texts, described = _described(tables, as_of, rows, judged, scores[MODEL], job)
    facts = {"verdict": verdict.as_dict(), "baseline": BASELINE, "leaks": evidence.as_dict()}
    facts |= {"reference": reference_of(rows.frame, champion.columns, _winner(champion, rows.frame))}
    people = lead_fields(tables.get("leads"), as_of, job.leads.known_within)
    return Trained(
        bundle_of("icp", champion, settings(rows, job), facts),
        icp_trial(baseline if bad else model, train, judged, "created_at", settings(rows, job), people),
        {
            "training_rows": len(train),
            "training_positives": int(train["is_top"].sum()),
            "label": label_in_words(rows, job),
        },
        metrics(y, scores, job.capacity) | gate_metrics(evidence) | found,
        {
            "gains": partial(plots.gains, y.astype(float), {name: scores[name] for name in (MODEL, BASELINE)}),
            "importance": partial(plots.importance, model.importance()),
        },
        (*notes, *(("not better than the rate by source out of time: that is champion",) if bad else ())),
        {"stability": {"quarters": stability(y, scores[MODEL], judged["created_at"])}, **documents, **described},
        texts,
    )


def settings(rows: LeadRows, job: IcpJob) -> dict[str, Any]:
    """What a scorer must know: the setting, the windows, and how long fields may take to become known."""
    return {
        "setting": "leads",
        "age_days": job.age.days,
        "decision_days": job.leads.decision.days,
        "known_within_days": job.leads.known_within.days,
        "value_basis": rows.basis,
    }


def label_in_words(rows: LeadRows, job: IcpJob) -> str:
    """What a winner is."""
    top = f", top {job.leads.top_share_of_won:.0%} of the won" if job.leads.top_share_of_won else ""
    return f"won within {job.leads.decision}, {rows.basis} above {job.leads.profit_above:g} within {job.age}{top}"


def lead_rows(tables: Tables, as_of: date, job: IcpJob) -> LeadRows:
    """Leads whose window is closed, with the fields that were known when each came.

    Raises
    ------
    ModelRefused
        If there are no leads or deals, or a field was written later than declared.
    """
    if "leads" not in tables or "deals" not in tables:
        raise ModelRefused(
            "icp: the setting 'leads' needs the tables leads and deals: declare both under tables: of the shop, or set "
            "icp.setting=shop",
            reason_code="no_leads",
        )
    leads = tables.get("leads")
    unread = {*job.leads.written_later, *job.blocked}
    refuse_written_later(leads, set(job.leaks.known_at_conversion) - unread, job.leads.known_within)
    fields = lead_fields(leads, as_of, job.leads.known_within)
    outcomes = lead_outcomes(tables, as_of, job.leads.decision, job.age)
    frame = outcomes.join(fields.drop(columns="created_at"), how="inner")
    won = frame["won"].to_numpy()
    edge = job.leads.profit_above
    if job.leads.top_share_of_won is not None and won.any():
        edge = max(edge, float(np.quantile(frame.loc[won, "profit"], 1 - job.leads.top_share_of_won)))
    frame = frame.assign(is_top=won & (frame["profit"] > edge).to_numpy(), value=frame["profit"])
    read = [name for name in field_names(leads) if name not in unread and frame[name].notna().any()]
    numbers = as_numbers(frame, read)
    frame = frame.assign(**{name: pd.to_numeric(frame[name], errors="coerce").astype("float64") for name in numbers})
    texts = tuple(name for name in read if name not in numbers and frame[name].nunique() > 1)
    return LeadRows(frame, numbers, texts, timed_fields(leads), str(outcomes.attrs["basis"]))


def split_leads(frame: pd.DataFrame, job: IcpJob) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Those whose window was closed when the first of the leads to judge on came, and the latter."""
    start = frame["created_at"].quantile(1 - job.test_share)
    window = timedelta(days=job.leads.decision.whole_days + job.age.whole_days)
    return frame[frame["created_at"] + window <= start], frame[frame["created_at"] >= start]


def known_share(frame: pd.DataFrame) -> Interval | None:
    """Share of leads whose outcome is known; None where only wins are on record, so that nobody can tell."""
    lost = int((frame["decided"] & ~frame["won"]).sum())
    return wilson(int(frame["decided"].sum()), len(frame)) if lost >= FEWEST_LOST else None


def fit(
    rows: LeadRows, frame: pd.DataFrame, job: IcpJob, minima: IcpMinima, share: Interval | None
) -> PositiveUnlabelled:
    """Bagged trees of the winners among these leads against all others."""
    model = PositiveUnlabelled(
        rows.numbers, rows.texts, job.trees.rounds, job.trees.parameters,
        bags=job.bags, per_positive=job.per_positive, fewest_positives=minima.positives,
    )  # fmt: skip
    return model.fit(frame, frame["is_top"].to_numpy(), None if share is None else share.estimate)


def source_rate(rows: LeadRows, frame: pd.DataFrame, job: IcpJob) -> SourceRate:
    """The baseline; of the decided leads where losses are on record."""
    column = job.leads.source if job.leads.source in rows.texts else None
    known = frame[frame["decided"]] if known_share(frame) is not None else frame
    return SourceRate(column).fit(known, known["is_top"].to_numpy())


def leak_evidence(rows: LeadRows, train: pd.DataFrame, test: pd.DataFrame, tables: Tables, job: IcpJob) -> Evidence:
    """The leak gate on the leads that the model is judged with."""
    day = pd.Timestamp(test["created_at"].median()).date()

    def one(X: pd.DataFrame, y: Flags, later: pd.DataFrame) -> Floats:
        trees = BoostedClassifier(rows.numbers, rows.texts, job.trees.rounds, job.trees.parameters)
        return trees.fit(X, y).predict_positive(later)

    return pass_gate(
        Sample(train, train["is_top"].to_numpy(dtype=bool), test, test["is_top"].to_numpy(dtype=bool)),
        rows.fields,
        job.leaks,
        one,
        lambda shop: lead_fields(shop.get("leads"), day, job.leads.known_within),
        tables,
        day,
        rows.timed,
    )


def _rivals(
    model: PositiveUnlabelled, rows: LeadRows, train: pd.DataFrame, judged: pd.DataFrame, job: IcpJob
) -> dict[str, Floats]:
    """Plain classification takes the never asked for losers; so do the others."""
    known = train["is_top"].to_numpy(dtype=bool)
    plain = BoostedClassifier(rows.numbers, rows.texts, job.trees.rounds, job.trees.parameters).fit(train, known)
    return {
        "plain classification": plain.predict_positive(judged),
        "logistic": logistic(train, known, judged, list(rows.numbers), list(rows.texts)),
        "nearest seeds": nearest_seeds(model.models_[0], train[known], judged),
    }


def _about_the_asked(
    tables: Tables,
    as_of: date,
    rows: LeadRows,
    train: pd.DataFrame,
    test: pd.DataFrame,
    model: PositiveUnlabelled,
    share: Interval | None,
    job: IcpJob,
) -> tuple[dict[str, float], dict[str, dict[str, Any]], tuple[str, ...]]:
    frequency = model.elkan_noto_ if share is None else share
    score, known = _winner(model, test), test["is_top"].to_numpy(dtype=bool)
    found = hidden_winners(known, score, frequency, model.elkan_noto_, job.capacity)
    chosen, notes = selection(train, test, rows.numbers, rows.texts, job)
    money, cut = pays(tables, as_of, test[test["decided"]], model, job)
    return found | chosen | money, {"cut_off": cut}, notes


def _described(
    tables: Tables, as_of: date, rows: LeadRows, judged: pd.DataFrame, score: Floats, job: IcpJob
) -> tuple[dict[str, str], dict[str, Mapping[str, Any]]]:
    known = rows.frame[rows.frame["decided"]] if known_share(rows.frame) is not None else rows.frame
    known = with_calendar(known, "created_at")
    met, sections = life_of_leads(tables, as_of, job.age)
    known = known.join(met.reindex(known.index)).fillna(dict.fromkeys(met, False)).astype(dict.fromkeys(met, bool))
    left = sections.pop("left")
    won = known["won"].to_numpy(dtype=bool)
    bad = known[left].any(axis=1).to_numpy() | (known["profit"] <= job.leads.profit_above).to_numpy()
    more = {"when": ["month", "weekday", "hour"], **sections}
    return report(known, rows.fields, job, score=score, test=judged, more=more, against=won & bad, among=won)


def _winner(model: PositiveUnlabelled | SourceRate, frame: pd.DataFrame) -> Floats:
    return np.asarray(model.predict_proba(frame)[:, 1])


def _check(frame: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, job: IcpJob, minima: IcpMinima) -> None:
    learnt = int(train["is_top"].sum())
    if learnt < minima.positives or test["is_top"].sum() == 0:
        raise ModelRefused(
            f"icp: of {len(frame):,} leads with a closed window of {job.leads.decision} + {job.age}, {learnt} winners "
            f"came early enough to learn from and {int(test['is_top'].sum())} late enough to judge, and "
            f"{minima.positives} are needed to learn from: use a longer history of leads, a shorter age or decision, "
            "or a lower leads.profit_above",
            reason_code="too_few_icp_positives",
        )
