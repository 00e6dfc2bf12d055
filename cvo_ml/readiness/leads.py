"""Whether leads and deals carry a lookalike model: who won in time, who lost, and which fields a model may read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.config.jobs import IcpJob
from cvo_ml.config.readiness import ICP_LOSSES, IcpMinima
from cvo_ml.core.contracts import LEADS
from cvo_ml.core.models import ICP
from cvo_ml.core.tables import Tables
from cvo_ml.features.engine import Engine
from cvo_ml.features.leads import lead_outcomes
from cvo_ml.readiness.models import Assessment

NAME: Final = f"{ICP.name} of leads"
#: What a deal must say beyond what its contract requires.
NEEDED: Final = ("is_won", "closed_at")


def assess_leads(source: Tables | Engine, as_of: date, minima: IcpMinima, job: IcpJob) -> Assessment | None:
    """Lookalikes of leads (``icp.setting: leads``); None where there are neither leads nor deals."""
    tables = source.tables if isinstance(source, Engine) else source
    if "leads" not in tables and "deals" not in tables:
        return None
    fields = _fields(tables.get("leads"), job)
    absent = _absent(tables, fields)
    if absent is not None:
        return Assessment(NAME, "refused", absent[:1], absent[1:])
    numbers = _numbers(_outcomes(source, as_of, job), job)
    text = (
        "{leads:,.0f} leads have a closed window of {decision} + {age}: {asked:,.0f} were asked, {lost:,.0f} lost in "
        "time, {winners:,.0f} won and brought more than {least:g}, {positives:,.0f} of them early enough to learn from"
    ).format(decision=job.leads.decision, age=job.age, least=job.leads.profit_above, **numbers)
    if numbers["positives"] < minima.positives:
        factor = math.ceil(minima.positives / max(numbers["positives"], 1))
        help_ = (
            f"about {factor} times as many won leads, or a longer history, a shorter icp.age or leads.decision, or a "
            "lower leads.profit_above"
        )
        return Assessment(NAME, "refused", (f"{text}, and {minima.positives} are needed",), (help_,), numbers=numbers)
    silent = _unvouched(tables.get("leads"), fields, job)
    if silent:
        reason = f"nobody knows when {', '.join(silent)} became known, and training refuses such fields"
        help_ = "their times (<field>_known_at), or their names under leaks.known_at_conversion or leads.written_later"
        return Assessment(NAME, "refused", (text, reason), (help_,), numbers=numbers)
    if numbers["lost"] < ICP_LOSSES:
        reason = f"with fewer than {ICP_LOSSES} losses on record, the lost look like those who were never asked"
        help_ = "deals that were lost, with the day they closed"
        return Assessment(NAME, "thin", (text, reason), (help_,), numbers=numbers)
    return Assessment(NAME, "ready", (text,), numbers=numbers)


def _absent(tables: Tables, fields: Sequence[str]) -> tuple[str, str] | None:
    """What is not there at all, and what would help."""
    for name in ("leads", "deals"):
        if name not in tables or tables.get(name).empty:
            return f"there are no {name}", f"a table of {name}"
    absent = [name for name in NEEDED if name not in tables.get("deals")]
    if absent:
        return f"the deals have no {' and no '.join(absent)}", f"map {' and '.join(absent)} of the deals"
    if not fields:
        return "the leads have no field that a model may read", "map what is known when a lead comes (profile:)"
    return None


def _outcomes(source: Tables | Engine, as_of: date, job: IcpJob) -> pd.DataFrame:
    """Each lead with a closed window: ``created_at``, ``asked``, ``lost`` in time, and ``winner``."""
    found = lead_outcomes(source, as_of, job.leads.decision, job.age)
    return pd.DataFrame(
        {
            "created_at": found["created_at"],
            "asked": found["asked"],
            "lost": found["decided"] & ~found["won"],
            "winner": found["won"] & (found["profit"] > job.leads.profit_above),
        }
    )


def _numbers(known: pd.DataFrame, job: IcpJob) -> dict[str, float]:
    window = job.leads.decision.delta + job.age.delta
    early = known["created_at"] + window <= known["created_at"].quantile(1 - job.test_share)
    counts = {"leads": len(known), "asked": known["asked"].sum(), "lost": known["lost"].sum(),
              "winners": known["winner"].sum(), "positives": (known["winner"] & early).sum()}  # fmt: skip
    return {name: float(count) for name, count in counts.items()}


def _fields(leads: pd.DataFrame, job: IcpJob) -> list[str]:
    """The columns that a model may read: neither the contract's, nor times, nor empty, nor left out by the job."""
    unread = {*job.leads.written_later, *job.blocked, *LEADS.names}
    names = [str(name) for name in leads if name not in unread and leads[name].notna().any()]
    return [name for name in names if leads[name].dtype.kind != "M" and not name.endswith("_at")]


def _unvouched(leads: pd.DataFrame, fields: Sequence[str], job: IcpJob) -> list[str]:
    vouched = set(job.leaks.known_at_conversion)
    return [name for name in fields if name not in vouched and f"{name}_known_at" not in leads]
