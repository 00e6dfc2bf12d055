"""Leads with a closed window, the fields that were known when each came, and who was a winner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

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
    _refuse_unvouched((*numbers, *texts), timed_fields(leads), job)
    return LeadRows(frame, numbers, texts, timed_fields(leads), str(outcomes.attrs["basis"]))


def _refuse_unvouched(read: Sequence[str], timed: Sequence[str], job: IcpJob) -> None:
    """Refuse fields of which nobody says when they were known, whatever else bears their name."""
    silent = [name for name in read if name not in timed and name not in job.leaks.known_at_conversion]
    if silent:
        raise ModelRefused(
            f"icp: nobody knows when {', '.join(map(repr, silent))} became known: give the times (a column "
            f"{silent[0]}_known_at), or name what was filled in before the outcome under leaks.known_at_conversion and "
            "what was filled in later under leads.written_later",
            reason_code="undeclared_column",
        )


def split_leads(frame: pd.DataFrame, job: IcpJob) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Those whose window was closed when the first of the leads to judge on came, and the latter."""
    start = frame["created_at"].quantile(1 - job.test_share)
    window = timedelta(days=job.leads.decision.whole_days + job.age.whole_days)
    return frame[frame["created_at"] + window <= start], frame[frame["created_at"] >= start]


def check(frame: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, job: IcpJob, minima: IcpMinima) -> None:
    """Refuse too few winners to learn from, or none to judge on.

    Raises
    ------
    ModelRefused
        With the reason code ``too_few_icp_positives``.
    """
    learnt = int(train["is_top"].sum())
    if learnt < minima.positives or test["is_top"].sum() == 0:
        raise ModelRefused(
            f"icp: of {len(frame):,} leads with a closed window of {job.leads.decision} + {job.age}, {learnt} winners "
            f"came early enough to learn from and {int(test['is_top'].sum())} late enough to judge, and "
            f"{minima.positives} are needed to learn from: use a longer history of leads, a shorter age or decision, "
            "or a lower leads.profit_above",
            reason_code="too_few_icp_positives",
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
