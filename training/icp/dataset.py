"""Leads with a closed window, the fields that were known when each came, and who was a winner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

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
from training.icp.sections import LeadsSpec


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


def lead_rows(tables: Tables, as_of: date, leads: LeadsSpec) -> LeadRows:
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
    table = tables.get("leads")
    refuse_written_later(table, set(leads.declared) - leads.unread, leads.known_within)
    fields = lead_fields(table, as_of, leads.known_within)
    outcomes = lead_outcomes(tables, as_of, leads.decision, leads.age)
    frame = outcomes.join(fields.drop(columns="created_at"), how="inner")
    won = frame["won"].to_numpy()
    edge = leads.profit_above
    if leads.top_share_of_won is not None and won.any():
        edge = max(edge, float(np.quantile(frame.loc[won, "profit"], 1 - leads.top_share_of_won)))
    frame = frame.assign(is_top=won & (frame["profit"] > edge).to_numpy(), value=frame["profit"])
    read = [name for name in field_names(table) if name not in leads.unread and frame[name].notna().any()]
    numbers = as_numbers(frame, read)
    frame = frame.assign(**{name: pd.to_numeric(frame[name], errors="coerce").astype("float64") for name in numbers})
    texts = tuple(name for name in read if name not in numbers and frame[name].nunique() > 1)
    _refuse_unvouched((*numbers, *texts), timed_fields(table), leads.declared)
    return LeadRows(frame, numbers, texts, timed_fields(table), str(outcomes.attrs["basis"]))


def _refuse_unvouched(read: Sequence[str], timed: Sequence[str], declared: Sequence[str]) -> None:
    """Refuse fields of which nobody says when they were known, whatever else bears their name."""
    silent = [name for name in read if name not in timed and name not in declared]
    if silent:
        raise ModelRefused(
            f"icp: nobody knows when {', '.join(map(repr, silent))} became known: give the times (a column "
            f"{silent[0]}_known_at), or name what was filled in before the outcome under leaks.known_at_conversion and "
            "what was filled in later under leads.written_later",
            reason_code="undeclared_column",
        )


def split_leads(frame: pd.DataFrame, leads: LeadsSpec) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Those whose window was closed when the first of the leads to judge on came, and the latter."""
    start = frame["created_at"].quantile(1 - leads.test_share)
    window = timedelta(days=leads.decision.whole_days + leads.age.whole_days)
    return frame[frame["created_at"] + window <= start], frame[frame["created_at"] >= start]


def check(frame: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, leads: LeadsSpec, minima: IcpMinima) -> None:
    """Refuse too few winners to learn from, or none to judge on.

    Raises
    ------
    ModelRefused
        With the reason code ``too_few_icp_positives``.
    """
    learnt = int(train["is_top"].sum())
    if learnt < minima.positives or test["is_top"].sum() == 0:
        raise ModelRefused(
            f"icp: of {len(frame):,} leads with a closed window of {leads.decision} + {leads.age}, {learnt} winners "
            f"came early enough to learn from and {int(test['is_top'].sum())} late enough to judge, and "
            f"{minima.positives} are needed to learn from: use a longer history of leads, a shorter age or decision, "
            "or a lower leads.profit_above",
            reason_code="too_few_icp_positives",
        )


def settings(rows: LeadRows, leads: LeadsSpec) -> dict[str, Any]:
    """What a scorer must know: the setting, the windows, and how long fields may take to become known."""
    return {
        "setting": "leads",
        "age_days": leads.age.days,
        "decision_days": leads.decision.days,
        "known_within_days": leads.known_within.days,
        "value_basis": rows.basis,
    }


def label_in_words(rows: LeadRows, leads: LeadsSpec) -> str:
    """What a winner is."""
    top = f", top {leads.top_share_of_won:.0%} of the won" if leads.top_share_of_won else ""
    return f"won within {leads.decision}, {rows.basis} above {leads.profit_above:g} within {leads.age}{top}"
