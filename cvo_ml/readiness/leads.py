"""Whether leads and deals carry a lookalike model: who won in time, who lost, and which fields a model may read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.config.jobs import IcpJob
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.core.contracts import LEADS
from cvo_ml.core.minima import ICP_LOSSES
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.readiness.models import Verdict

NAME: Final = "icp of leads"
#: What a deal must say beyond what its contract requires.
NEEDED: Final = ("is_won", "closed_at")


def judge_leads(tables: Tables, as_of: date, minima: IcpMinima, job: IcpJob) -> Verdict | None:
    """Lookalikes of leads (``icp.setting: leads``); None where there are neither leads nor deals.

    Profit is looked at as revenue here, refunds and costs left out: training may find fewer winners, never more.
    """
    if "leads" not in tables and "deals" not in tables:
        return None
    fields = _fields(tables.get("leads"), job)
    absent = _absent(tables, fields)
    if absent is not None:
        return Verdict(NAME, "refused", absent[:1], absent[1:])
    numbers = _numbers(_outcomes(tables, as_of, job), job)
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
        return Verdict(NAME, "refused", (f"{text}, and {minima.positives} are needed",), (help_,), numbers=numbers)
    silent = _unvouched(tables.get("leads"), fields, job)
    if silent:
        reason = f"nobody knows when {', '.join(silent)} became known, and training refuses such fields"
        help_ = "their times (<field>_known_at), or their names under leaks.known_at_conversion or leads.written_later"
        return Verdict(NAME, "refused", (text, reason), (help_,), numbers=numbers)
    if numbers["lost"] < ICP_LOSSES:
        reason = f"with fewer than {ICP_LOSSES} losses on record, the lost look like those who were never asked"
        help_ = "deals that were lost, with the day they closed"
        return Verdict(NAME, "thin", (text, reason), (help_,), numbers=numbers)
    return Verdict(NAME, "ready", (text,), numbers=numbers)


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


def _outcomes(tables: Tables, as_of: date, job: IcpJob) -> pd.DataFrame:
    """Each lead with a closed window: ``created_at``, ``asked``, ``lost`` in time, and ``winner``."""
    cut = midnight(as_of)
    leads, deals = (_known(tables.get(name), cut) for name in ("leads", "deals"))
    window = job.leads.decision.delta + job.age.delta
    created = leads.loc[leads["created_at"] + window <= cut].set_index("lead_id")["created_at"]
    deals = deals.join(created.rename("came"), on="lead_id", how="inner")
    deadline = deals["came"] + job.leads.decision.delta
    opened = deals["created_at"] if "created_at" in deals else deals["closed_at"]
    closed = deals[deals["closed_at"] < deadline]
    is_won = closed["is_won"].fillna(False).astype(bool)
    won = closed[is_won].sort_values("closed_at", kind="stable").drop_duplicates("lead_id")
    winners = won.loc[_worth(tables, won, job).to_numpy() > job.leads.profit_above, "lead_id"]
    return pd.DataFrame(
        {
            "created_at": created,
            "asked": created.index.isin(deals.loc[opened < deadline, "lead_id"]),
            "lost": created.index.isin(closed["lead_id"]) & ~created.index.isin(won["lead_id"]),
            "winner": created.index.isin(winners),
        }
    )


def _worth(tables: Tables, won: pd.DataFrame, job: IcpJob) -> pd.Series:
    """Net of each won lead's orders within the age; the deal's amount where there are no orders."""
    if tables.orders.empty or "customer_id" not in won:
        return won["amount"].fillna(0.0) if "amount" in won else pd.Series(0.0, index=won.index)
    starts = won.dropna(subset="customer_id").groupby("customer_id")["closed_at"].min().rename("start")
    orders = tables.orders.join(starts, on="customer_id", how="inner")
    age = orders["ordered_at"] - orders["start"]
    net = orders[(age >= pd.Timedelta(0)) & (age < job.age.delta)].groupby("customer_id")["net"].sum()
    brought: pd.Series = won["customer_id"].map(net.to_dict()).astype("float64").fillna(0.0)
    return brought


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


def _known(rows: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    return rows if "known_at" not in rows else rows[rows["known_at"].isna() | (rows["known_at"] <= cut)]
