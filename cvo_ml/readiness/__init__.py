"""Readiness: what the tables hold, which model can be trained on them, why not, and what would help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.jobs import ChurnJob, ClvJob, IcpJob
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.readiness import Anchor, ReadinessPolicy, Warnings
from cvo_ml.config.shops import NO_CURRENCY
from cvo_ml.core.result import Json, Result
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.ingest.reader import ReadResult
from cvo_ml.readiness.contents import Contents, contents
from cvo_ml.readiness.models import (
    MAP_NET,
    NO_VALUE,
    Assessment,
    assess_churn,
    assess_clv,
    assess_icp,
)
from cvo_ml.readiness.purchases import Purchases, purchases
from cvo_ml.readiness.table_uses import use_lines, uses_of

__all__ = ["AnchorCheck", "Assessment", "Contents", "Readiness", "readiness", "readiness_policy", "verdict"]

#: So small a share of the orders after a long silence are wrong dates rather than a shop that opened again.
STRAYS: Final = 0.01


@dataclass(frozen=True)
class AnchorCheck(Result):
    """Whether the data meet what another product asks for, and what of it they miss."""

    name: str
    met: bool
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Readiness(Result):
    """The report of ``cvo check``.

    Parameters
    ----------
    contents:
        What the tables hold before ``as_of``.
    models:
        A verdict for each model.
    anchors:
        The same data against what other products ask for.
    warnings:
        Findings that no model refuses, but that a reader should know.
    reads:
        Each table that has rows, and what of the product reads it.
    """

    as_of: str
    horizon: str
    contents: Contents
    models: tuple[Assessment, ...]
    anchors: tuple[AnchorCheck, ...]
    warnings: tuple[str, ...]
    reads: Mapping[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Json]:
        """The fields by name; the verdicts by model."""
        return {**super().to_json(), "models": {verdict.model: verdict.to_json() for verdict in self.models}}

    def lines(self) -> list[str]:
        """The report as plain lines of text."""
        said = [*_contents_lines(self.contents), *use_lines(self.reads), ""]
        for verdict in self.models:
            said.append(f"{verdict.model}: {verdict.status} – {'; '.join(verdict.reasons)}.")
            said += [f"  would help: {help_}." for help_ in verdict.helps]
        said += [f"For comparison, {anchor.name}: {_met(anchor)}." for anchor in self.anchors]
        return said + [f"Note: {warning}{'' if warning.endswith('?') else '.'}" for warning in self.warnings]


def readiness_policy() -> ReadinessPolicy:
    """The policy of ``policies/readiness.yaml``."""
    return load_config(default_config("policies/readiness.yaml"), ReadinessPolicy)


def readiness(
    read: ReadResult,
    *,
    as_of: date,
    horizon: Horizon,
    policy: ReadinessPolicy | None = None,
    churn: ChurnJob | None = None,
    icp: IcpJob | None = None,
    bought: Purchases | None = None,
) -> Readiness:
    """Assess a shop's tables as they stood at ``as_of``.

    Parameters
    ----------
    as_of:
        Rows on or after this day, and rows known only after it, are not looked at.
    horizon:
        The window of the models: of the value that is predicted, and in which no order means churn.
    policy:
        Minima; default: ``policies/readiness.yaml``.
    churn, icp:
        The jobs whose windows and ages count; default: ``jobs/churn.yaml`` and ``jobs/icp.yaml``.
    bought:
        The orders of the tables, where somebody has them already.

    Raises
    ------
    ConfigError
        If one of these files is wrong.
    """
    policy = policy or readiness_policy()
    churn = churn or load_config(default_config("jobs/churn.yaml"), ChurnJob)
    icp = icp or load_config(default_config("jobs/icp.yaml"), IcpJob)
    bought = purchases(read.tables) if bought is None else bought
    found = contents(read, bought, as_of, horizon, policy.warnings.giant_order_times_median)
    models = [
        assess_clv(bought, found, as_of, horizon, policy.clv),
        assess_churn(bought, found, as_of, horizon, policy.churn, churn),
        assess_icp(bought, as_of, policy.icp, icp),
        *_of_relations(read.tables, as_of, horizon, policy, icp),
    ]
    anchors = tuple(_compare(anchor, found, horizon) for anchor in policy.anchors)
    return Readiness(
        str(as_of),
        str(horizon),
        found,
        tuple(models),
        anchors,
        tuple(_warnings(found, policy.warnings)),
        uses_of(read.tables),
    )


def verdict(read: ReadResult, as_of: date, job: FrozenConfig, policy: ReadinessPolicy) -> Assessment | None:
    """The verdict on the one model that a job trains, with the job's own definition and the window that judges it.

    None where nothing is demanded beforehand: churn by a condition of the user's own.
    """
    giant, bought = policy.warnings.giant_order_times_median, purchases(read.tables)
    if isinstance(job, ClvJob):
        window = job.validation_horizon
        return assess_clv(bought, contents(read, bought, as_of, window, giant), as_of, window, policy.clv)
    if isinstance(job, IcpJob):
        leads = _leads(read.tables, as_of, policy, job) if job.setting == "leads" else None
        return leads or assess_icp(bought, as_of, policy.icp, job)
    assert isinstance(job, ChurnJob)
    if job.definition == "condition":
        return None
    from cvo_ml.features.churn_outcomes import CONTRACTUAL  # see _subscriptions

    found = contents(read, bought, as_of, job.horizon, giant)
    if job.definition in CONTRACTUAL:
        return _subscriptions(read.tables, as_of, job.horizon, policy)
    return assess_churn(bought, found, as_of, job.horizon, policy.churn, job)


def _of_relations(
    tables: Tables, as_of: date, horizon: Horizon, policy: ReadinessPolicy, icp: IcpJob
) -> list[Assessment]:
    """The verdicts on what is learnt from further tables, where the shop has them."""
    verdicts = [_subscriptions(tables, as_of, horizon, policy)] if "subscriptions" in tables else []
    leads = _leads(tables, as_of, policy, icp) if {"leads", "deals"} & set(tables) else None
    return verdicts if leads is None else [*verdicts, leads]


def _subscriptions(tables: Tables, as_of: date, horizon: Horizon, policy: ReadinessPolicy) -> Assessment:
    from cvo_ml.features.engine import engine  # takes as long to import as most shops to check
    from cvo_ml.readiness.subscriptions import assess_subscriptions

    with engine(tables) as shop:
        return assess_subscriptions(shop, as_of, horizon, policy.churn)


def _leads(tables: Tables, as_of: date, policy: ReadinessPolicy, job: IcpJob) -> Assessment | None:
    from cvo_ml.features.engine import engine
    from cvo_ml.readiness.leads import assess_leads

    with engine(tables) as shop:
        return assess_leads(shop, as_of, policy.icp, job)


def _compare(anchor: Anchor, found: Contents, horizon: Horizon) -> AnchorCheck:
    missing = []
    if anchor.customers and found.customers < anchor.customers:
        missing.append(f"{anchor.customers:,} customers (here {found.customers:,})")
    history = max(anchor.history_days or 0.0, (anchor.windows_of_history or 0.0) * horizon.days)
    if found.span_days < history:
        missing.append(f"{history:,.0f} days of history (here {found.span_days:,.0f})")
    since, within = found.days_since_last_order, anchor.last_order_within_days
    if within and (since is None or since > within):
        missing.append(
            f"an order in the last {within} days" + (f" (here {since:,.0f} days ago)" if since is not None else "")
        )
    return AnchorCheck(anchor.name, not missing, tuple(missing))


def _met(anchor: AnchorCheck) -> str:
    return "its demands are met" if anchor.met else f"it asks for {' and '.join(anchor.missing)}"


def _silence(found: Contents) -> str:
    """What stands behind a long silence: wrong dates where hardly an order follows, else a hole."""
    silence = f"no orders for {found.longest_silence_days:,} days after {found.silence_from}"
    if found.orders_after_silence > STRAYS * found.orders:
        return f"{silence}: is an export missing?"
    return (
        f"{silence}, then {found.orders_after_silence:,} up to {found.last_order}: are these dates right? "
        "Correct them, or declare extracted_at, which sets rows after it aside"
    )


def _warnings(found: Contents, limits: Warnings) -> list[str]:
    said = []
    if found.days_since_last_order is not None and found.days_since_last_order > limits.stale_days:
        said.append(f"the last order is {found.days_since_last_order:,.0f} days old: export the data again")
    if found.longest_silence_days > limits.hole_days:
        said.append(_silence(found))
    if (found.giant_value_share or 0) > limits.giant_order_value_share:
        said.append(
            f"{found.giant_orders:,} orders are more than {limits.giant_order_times_median} times the median "
            f"and make {found.giant_value_share:.0%} of the value: look at them"
        )
    if (found.refunds_without_order_share or 0) > limits.refunds_without_order_share:
        said.append(f"{found.refunds_without_order_share:.0%} of the refunds name no order and count by customer only")
    if found.quarantined_share > limits.quarantined_share:
        said.append(f"{found.quarantined_share:.1%} of all rows are in quarantine: look at the reasons")
    if not found.orders and found.refunds:
        said.append("all rows are below zero and count as refunds: is the sign of the amounts turned round?")
    if found.orders and found.net <= 0:
        said.append(f"{NO_VALUE}: no value can be predicted and no action can pay: {MAP_NET}")
    if found.orders and found.currency == NO_CURRENCY:
        said.append("the currency is not declared")
    if found.orders and not found.cost_share:
        said.append("no costs: all values are revenue, not profit")
    return said


def _contents_lines(found: Contents) -> list[str]:
    held = [f"Tables: {', '.join(f'{name} {rows:,}' for name, rows in found.tables.items())}."]
    if not found.orders:
        return [*held, "There are no orders before the cut."]
    unit = f" {found.currency}" if found.currency != NO_CURRENCY else ""
    held.append(
        f"{found.orders:,} orders of {found.customers:,} customers from {found.first_order} to {found.last_order} "
        f"({found.span_days:,.0f} days up to the cut), {found.net:,.0f}{unit} net."
    )
    repeat = f"{found.repeat_share:.0%} of the customers ordered on more than one day"
    gap = ""
    if found.gap_median_days is not None:
        gap = f", typically {found.gap_median_days:,.0f} days apart (9 of 10 gaps within {found.gap_p90_days:,.0f})"
    held.append(f"{repeat}{gap}.")
    if found.refunds:
        held.append(f"{found.refunds:,} refunds of {found.refunded_share or 0:.1%} of the value.")
    return held
