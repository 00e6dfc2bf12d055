"""Whether leads and deals carry a lookalike model, against what training finds on the same tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.config.jobs import IcpJob, LeadsJob
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.ingest import read_shop
from cvo_ml.readiness import readiness
from cvo_ml.readiness.leads import assess_leads
from cvo_ml.simulate import simulate_saas, write_saas
from cvo_ml.workflows.simulate import shop_of_tables
from training.icp.dataset import check, lead_rows, split_leads
from training.icp.sections import sections_of

AS_OF, MINIMA = date(2022, 12, 31), IcpMinima()
JOB = IcpJob(setting="leads", age=Horizon("120D"), leads=LeadsJob(profit_above=150.0))
LEADS = sections_of(JOB).leads


@cache
def vendor() -> Tables:
    """Without costs, so that profit is revenue for both."""
    found = simulate_saas("saas", n_leads=4000, seed=3, tables=("leads", "deals", "customers")).tables
    orders = found.orders.drop(columns="cost", errors="ignore")
    return Tables({**found.frames, "orders": orders}, found.currency)


def changed(**changes: Callable[[pd.DataFrame], pd.DataFrame]) -> Tables:
    tables = vendor()
    return Tables({**tables.frames, **{name: change(tables.get(name)) for name, change in changes.items()}}, "EUR")


@pytest.mark.parametrize("job", [JOB, JOB.model_copy(update={"age": Horizon("60D"), "test_share": 0.2})])
def test_winners_losses_and_those_to_learn_from_are_counted_as_training_does(job: IcpJob) -> None:
    found = assess_leads(vendor(), AS_OF, MINIMA, job)
    assert found is not None
    assert found.numbers is not None
    rows = lead_rows(vendor(), AS_OF, sections_of(job).leads)
    train, test = split_leads(rows.frame, sections_of(job).leads)
    check(rows.frame, train, test, sections_of(job).leads, MINIMA)  # training does not refuse
    assert found.status == "ready"
    assert found.numbers == {
        "leads": len(rows.frame),
        "asked": rows.frame["asked"].sum(),
        "lost": (rows.frame["decided"] & ~rows.frame["won"]).sum(),
        "winners": rows.frame["is_top"].sum(),
        "positives": train["is_top"].sum(),
    }


def test_the_amount_of_the_deal_counts_where_there_are_no_orders() -> None:
    bare = changed(orders=lambda rows: rows.iloc[:0])
    found = assess_leads(bare, AS_OF, MINIMA, JOB)
    assert found is not None
    assert found.numbers is not None
    assert found.numbers["winners"] == lead_rows(bare, AS_OF, LEADS).frame["is_top"].sum() > 0


def test_too_few_winners_are_refused_as_training_refuses_them_and_what_would_help_is_said() -> None:
    few = changed(leads=lambda rows: rows.iloc[::8])
    found = assess_leads(few, AS_OF, MINIMA, JOB)
    assert found is not None
    assert found.status == "refused"
    assert "early enough to learn from, and 60 are needed" in found.reasons[0]
    assert "times as many won leads" in found.helps[0]
    rows = lead_rows(few, AS_OF, LEADS)
    with pytest.raises(ModelRefused, match="60 are needed"):
        check(rows.frame, *split_leads(rows.frame, LEADS), LEADS, MINIMA)


def test_wins_alone_are_thin() -> None:
    found = assess_leads(changed(deals=lambda rows: rows[rows["is_won"]]), AS_OF, MINIMA, JOB)
    assert found is not None
    assert found.status == "thin"
    assert "fewer than 30 losses on record" in found.reasons[1]
    assert found.helps == ("deals that were lost, with the day they closed",)


def test_a_field_nobody_vouches_for_is_refused_by_both() -> None:
    """A name that the feature catalogue knows vouches for nothing: it is another's."""
    named = changed(leads=lambda rows: rows.assign(open_tickets=range(len(rows))))
    found = assess_leads(named, AS_OF, MINIMA, JOB)
    assert found is not None
    assert found.status == "refused"
    assert "nobody knows when open_tickets became known" in found.reasons[1]
    with pytest.raises(ModelRefused, match="nobody knows when 'open_tickets' became known") as refused:
        lead_rows(named, AS_OF, LEADS)
    assert refused.value.reason_code == "undeclared_column"
    times = changed(leads=lambda rows: rows.assign(open_tickets=1.5, open_tickets_known_at=rows["created_at"]))
    assert assess_leads(times, AS_OF, MINIMA, JOB).status == "ready"
    assert "open_tickets" in lead_rows(times, AS_OF, LEADS).numbers


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        (lambda: Tables({"orders": vendor().orders, "deals": vendor().get("deals")}, "EUR"), "there are no leads"),
        (lambda: Tables({"orders": vendor().orders, "leads": vendor().get("leads")}, "EUR"), "there are no deals"),
        (lambda: changed(deals=lambda rows: rows.drop(columns=["is_won", "closed_at"])), "no is_won and no closed_at"),
        (lambda: changed(leads=lambda rows: rows[["lead_id", "created_at"]]), "no field that a model may read"),
        (lambda: changed(leads=lambda rows: rows.iloc[:0]), "there are no leads"),
        (lambda: changed(deals=lambda rows: rows.iloc[:0]), "there are no deals"),
        (lambda: changed(leads=lambda rows: rows[rows["created_at"] > "2022-08-01"]), "0 leads have a closed window"),
        (lambda: changed(deals=lambda rows: rows.assign(is_won=False)), "0 won and brought more"),
    ],
)
def test_what_is_missing_is_named(tables: Callable[[], Tables], reason: str) -> None:
    found = assess_leads(tables(), AS_OF, MINIMA, JOB)
    assert found is not None
    assert (found.status, len(found.helps)) == ("refused", 1)
    assert reason in found.reasons[0]


def test_a_shop_without_leads_hears_nothing_of_them() -> None:
    assert assess_leads(Tables({"orders": vendor().orders}, "EUR"), AS_OF, MINIMA, JOB) is None


def test_the_report_of_a_simulated_vendor_judges_both_settings(tmp_path: Path) -> None:
    write_saas(tmp_path / "world", "saas", 2000, 3, tables=["leads", "deals"])
    read = read_shop(shop_of_tables("vendor", tmp_path / "world" / "tables", "EUR"))
    report = readiness(read, as_of=AS_OF, horizon=Horizon("90D"), icp=JOB)
    named = {found.model: found for found in report.models}
    assert {"icp", "icp of leads"} <= set(named)
    assert any(line.startswith("icp of leads: ") and "lost in time" in line for line in report.lines())
    assert report.to_json()["models"]["icp of leads"]["numbers"]["lost"] > 30
