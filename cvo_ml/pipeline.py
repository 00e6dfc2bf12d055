"""The stages in their order: read, features, scores, segments, priorities, store, outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.config.loader import as_mapping
from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import DamagedFile, DataError, ModelRefused, UsageError
from cvo_ml.core.files import finite, read_json, write_json
from cvo_ml.core.ledger import CustomerLedger
from cvo_ml.core.store import (
    RUN_NAME,
    StoredRun,
    StoreError,
    current_run,
    open_run,
    read_columns,
    read_scores,
    served_runs,
)
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight, parse_as_of
from cvo_ml.features.customer import customer_features, known_customers
from cvo_ml.features.labels import is_closed
from cvo_ml.features.leads import customer_leads
from cvo_ml.monitoring import distance_from_truth, judge, ledger
from cvo_ml.monitoring.alarms import Alarm, alarms
from cvo_ml.monitoring.health import SCORE_COLUMNS, health
from cvo_ml.monitoring.ledger import Closed
from cvo_ml.monitoring.realised import realised
from cvo_ml.monitoring.truth import Truth
from cvo_ml.predict import ModelSet, score
from cvo_ml.predict.shadow import shadow
from cvo_ml.priorities import Plan, circumstances, declared_effects, plan
from cvo_ml.priorities.runs import keep
from cvo_ml.registry.models import changed_features
from cvo_ml.segments import EDGES, Segmented, segment_customers
from cvo_ml.transactions import ReadResult
from cvo_ml.transactions.readiness import readiness, readiness_policy

#: folder of the outcome ledger beside the scores
LEDGER: Final = "outcomes"
#: what ``outcomes.json`` always holds
JUDGEMENT: Final = frozenset({"run", "as_of", "horizon_days", "customers", "value", "churn", "icp", "actions"})


@dataclass(frozen=True)
class Scored:
    """A scored population: the table, what it was computed from, its ledgers, its segments' edges and its plan."""

    scores: pd.DataFrame
    features: pd.DataFrame
    ledgers: Mapping[str, CustomerLedger]
    segmented: Segmented
    plan: Plan


def default_cut(tables: Tables, horizon: Horizon) -> date:
    """The latest date whose horizon lies wholly in the data; the last day may be half a day, so it is left out.

    Raises
    ------
    DataError
        If the orders span less than three horizons: one to judge, two to learn from.
    """
    times = tables.orders["ordered_at"]
    if times.empty:
        raise DataError("the orders table is empty", "give the shop's orders; subscriptions alone cannot be scored yet")
    last, first = times.max().date(), times.min().date()
    cut: date = last - horizon.delta
    if (cut - first).days < 2 * horizon.days:
        raise DataError(
            f"orders span {first} to {last}, and a horizon of {horizon} needs at least {3 * horizon.whole_days} days",
            "give a longer history or a shorter --horizon",
        )
    return cut


def day_after_last_row(tables: Tables) -> date:
    """The first date that sees all rows of all tables.

    Raises
    ------
    DataError
        If no table holds a row with a time.
    """
    times = [
        frame[event_time].max()
        for name, frame in tables.frames.items()
        if (event_time := CONTRACTS[name].event_time) is not None and event_time in frame and len(frame)
    ]
    known = [time for time in times if pd.notna(time)]
    if not known:
        raise DataError("no row is left to look at", "check the mapping and the rules that exclude rows")
    last: date = max(known).date()
    return last + timedelta(days=1)


def score_customers(
    tables: Tables,
    as_of: date,
    models: ModelSet,
    segments: SegmentPolicy,
    priorities: PriorityPolicy,
    *,
    shop: str,
    out: Path | None = None,
) -> Scored:
    """Scores, segments and priorities of every customer known at ``as_of``.

    Parameters
    ----------
    out:
        The folder of results, whose frozen edges and earlier runs the segments refer to; None = neither.

    Raises
    ------
    ModelRefused
        If a model was trained on another shop, in another currency, or with data after ``as_of``.
    BundleError
        If the frozen edges are damaged.
    """
    check_models(models, shop=shop, currency=tables.currency, as_of=as_of)
    features = customer_features(tables, as_of).reindex(known_customers(tables, as_of))
    leads = _lead_fields(tables, as_of, models)
    scores = score(features, models, as_of=as_of, currency=tables.currency, leads=leads)
    segmented = segment_customers(scores, features, tables, as_of, segments, shop=shop, out=out)
    scores = pd.concat([scores, segmented.columns], axis=1)
    planned = plan(scores, declared_effects(priorities), priorities, circumstances(tables, as_of))
    scores = pd.concat([scores, planned.columns], axis=1)
    return Scored(scores, features, ledgers(scores), segmented, planned)


def shadow_scores(
    tables: Tables, as_of: date, serving: ModelSet, behind: ModelSet, *, shop: str
) -> dict[str, dict[str, Any]]:
    """Champions and challengers on the customers known at ``as_of``; nothing is stored.

    Raises
    ------
    ModelRefused
        If a model was made for something else.
    """
    for models in (serving, behind):
        check_models(models, shop=shop, currency=tables.currency, as_of=as_of)
    features = customer_features(tables, as_of).reindex(known_customers(tables, as_of))
    return shadow(features, serving, behind, as_of=as_of, currency=tables.currency)


def _lead_fields(tables: Tables, as_of: date, models: ModelSet) -> pd.DataFrame | None:
    """The fields of the leads that customers were, by customer, where the lookalike model reads them."""
    settings = models.bundles["icp"].settings if "icp" in models.bundles else {}
    if settings.get("setting") != "leads":
        return None
    return customer_leads(tables, as_of, Horizon.of_days(settings["known_within_days"]))


def ledgers(scores: pd.DataFrame) -> dict[str, CustomerLedger]:
    """For each model: customers known = scored + ineligible, by reason."""
    found = {}
    for group, column in (("clv", "predicted_clv"), ("churn", "churn_probability"), ("icp", "icp_score")):
        missing = scores[column].isna()
        reasons = scores.loc[missing, f"{group}_reason"].value_counts()
        ineligible = {str(reason): int(count) for reason, count in reasons.items()}
        found[group] = CustomerLedger(len(scores), int((~missing).sum()), ineligible)
    return found


def store(
    scored: Scored, read: ReadResult, models: ModelSet, as_of: date, out: Path, shop: str, priorities: PriorityPolicy
) -> StoredRun:
    """Write the run into ``out/scores`` and the list into ``out/priorities.csv``; the run first, each whole."""
    limits = readiness_policy()
    manifest = {
        "shop": shop,
        "currency": read.tables.currency,
        "value_basis": "revenue",
        "data_hash": read.fingerprint,
        "rows": len(scored.scores),
        "row_ledger": read.ledger.as_dict(),
        "readiness": readiness(read, as_of=as_of, horizon=_horizon(models), policy=limits).lines(),
        "customer_ledgers": {name: found.as_dict() for name, found in scored.ledgers.items()},
        "notes": [
            *models.notes,
            *filter(None, map(changed_features, models.bundles.values())),
            *read.notes,
            *staleness(read.tables, as_of, limits.warnings.stale_days),
        ],
        "models": {name: describe(models, name) for name in ("clv", "churn", "icp")},
        "health": health(scored.scores, scored.features, read.tables, _described_models(models)),
        "segments": scored.segmented.as_dict(),
        "priorities": as_mapping(priorities),
        "plan": scored.plan.summary,
        "as_of": str(as_of),
    }
    run = keep(out, scored.scores, scored.plan, manifest)
    scored.segmented.chosen.save(out / EDGES)
    return run


def staleness(tables: Tables, as_of: date, most_days: int) -> list[str]:
    """A sentence if the data stop over ``most_days`` before ``as_of``: the scores then speak of unmeasured silence."""
    last = tables.orders["ordered_at"].max()
    if pd.isna(last) or (midnight(as_of) - last).days <= most_days:
        return []
    return [
        f"the last order is of {last.date()}, {(midnight(as_of) - last).days:,} days before {as_of}: if the data end "
        "there, give a newer extract or an earlier --as-of"
    ]


def _horizon(models: ModelSet) -> Horizon:
    """The churn model's window, else 90 days: what readiness is asked about."""
    settings = models.bundles["churn"].settings if "churn" in models.bundles else {"horizon_days": 90.0}
    return Horizon.of_days(settings["horizon_days"])


def describe(models: ModelSet, name: str) -> dict[str, Any]:
    """What a manifest says of a model: kind, version and facts, or why there is none."""
    if name not in models.bundles:
        return {"reason": models.reason(name)}
    bundle = models.bundles[name]
    facts = {key: value for key, value in bundle.facts.items() if key != "reference"}
    return {"kind": bundle.kind, "version": bundle.version, "settings": dict(bundle.settings), **facts}


def described_briefly(models: ModelSet, name: str) -> dict[str, str]:
    """Kind, version and grade of a model, or why there is none."""
    if name not in models.bundles:
        return {"reason": models.reason(name)}
    bundle = models.bundles[name]
    return {"kind": bundle.kind, "version": bundle.version, "grade": bundle.grade}


def _described_models(models: ModelSet) -> dict[str, dict[str, Any]]:
    """What the health of a run is judged by: parameters, and the rows that the model learned from."""
    return {
        name: {"parameters": bundle.parameters, "reference": bundle.facts.get("reference")}
        for name, bundle in models.bundles.items()
    }


def outcomes(
    run: StoredRun, tables: Tables, horizon: Horizon | None, out: Path, truth: Truth | None = None
) -> dict[str, Any]:
    """Judge a stored run by what came after, and by the truth where it is known; write ``out/outcomes.json``.

    Parameters
    ----------
    horizon:
        The window to judge; None takes the longest one that was predicted and is over.

    Raises
    ------
    UsageError
        If the window is not over in the tables.
    """
    as_of = parse_as_of(str(run.manifest["as_of"]))
    window = horizon or _window_that_is_over(run, tables, as_of)
    scores = read_scores(run).set_index("customer_id", drop=False).rename_axis(None)
    features = customer_features(tables, as_of).reindex(scores.index)
    icp = run.manifest["models"]["icp"].get("settings", {})
    icp_age = Horizon.of_days(icp.get("age_days", window.days))
    judged = judge(scores, features, tables, as_of, horizon=window, icp_age=icp_age, icp_settings=icp)
    if truth is not None:
        judged["truth"] = distance_from_truth(scores, truth, as_of, window)
    write_json(out / "outcomes.json", finite({**judged, "run": run.name}))
    return judged


def close_outcomes(out: Path, read: ReadResult, shop: str) -> list[Closed]:
    """Close every run of ``out`` whose window is over in the data; returns what is new or revised."""
    return ledger.close(out / LEDGER, out / "scores", read.tables, data_hash=read.fingerprint, shop=shop)


def realised_outcomes(out: Path, by: str) -> list[dict[str, Any]]:
    """The ledger of ``out`` in lines, one per model and group; JSON-ready."""
    return [finite(line) for line in realised(ledger.read(out / LEDGER), by)]


def distances(out: Path, truth: Truth, horizon: Horizon) -> dict[date, dict[str, Any]]:
    """How far the scores of each date were from what is true of a simulated shop."""
    found = {}
    for as_of, run in sorted(served_runs(out / "scores"), key=lambda served: served[0]):
        scores = read_scores(run).set_index("customer_id", drop=False).rename_axis(None)
        found[as_of] = finite(distance_from_truth(scores, truth, as_of, horizon))
    return found


def alarms_of(out: Path, policy: MonitoringPolicy) -> tuple[StoredRun, list[Alarm]]:
    """The current run, and what is worth saying about it beside the run before and the outcomes so far.

    Raises
    ------
    StoreError
        If nothing was scored.
    """
    run = current_run(out / "scores")
    earlier = served_runs(out / "scores", before=parse_as_of(str(run.manifest["as_of"])))
    before = next((found for _, found in earlier), None)
    unchanged = before is not None and _same_scores(run, before)
    closed = ledger.read(out / LEDGER)
    return run, alarms(run.manifest, before.manifest if before else None, closed, policy, unchanged)


def _same_scores(run: StoredRun, other: StoredRun) -> bool:
    names = ["customer_id", *SCORE_COLUMNS.values()]
    first, second = (read_columns(found, names).sort_values("customer_id", ignore_index=True) for found in (run, other))
    return first.equals(second)


def check_shop(run: StoredRun, shop: str) -> None:
    """Refuse to judge a run by the orders of another shop.

    Raises
    ------
    UsageError
        If the run is not of ``shop``.
    """
    if run.manifest["shop"] != shop:
        raise UsageError(
            f"{run.folder}: these scores are of shop {run.manifest['shop']!r} and this is {shop!r}: "
            "name the shop that was scored (--shop)"
        )


def check_window(tables: Tables, as_of: date, horizon: Horizon) -> None:
    """Refuse a date whose window cannot be judged, before anything is trained for it.

    Raises
    ------
    UsageError
        If the window after ``as_of`` is not over in the data.
    """
    if not is_closed(tables, as_of, horizon):
        raise UsageError(
            f"the data end before {as_of + horizon.delta}, so the {horizon} after {as_of} cannot be judged: "
            "give an earlier --as-of or a shorter --horizon"
        )


def _window_that_is_over(run: StoredRun, tables: Tables, as_of: date) -> Horizon:
    """The longest horizon of the run's models that is over; if none is, the shortest, which is then refused."""
    settings = [model.get("settings", {}) for model in run.manifest["models"].values()]
    days = sorted({float(found["horizon_days"]) for found in settings if "horizon_days" in found})
    spans = [Horizon.of_days(number) for number in days] or [Horizon("90D")]
    over = [span for span in spans if is_closed(tables, as_of, span)]
    return over[-1] if over else spans[0]


def stored_outcomes(out: Path, run: StoredRun) -> dict[str, Any] | None:
    """The outcomes in ``out`` if they judge the scores of this run: its own, or those of the run that it plans anew.

    Raises
    ------
    DamagedFile
        If ``outcomes.json`` is not what ``cvo outcomes`` wrote.
    """
    path = out / "outcomes.json"
    if not path.is_file():
        return None
    found = read_json(path)
    if not (isinstance(found, dict) and found.keys() >= JUDGEMENT and RUN_NAME.fullmatch(_place(run, found["run"]))):
        raise DamagedFile(f"{path}: is not what cvo outcomes wrote: delete it and run 'cvo outcomes' again")
    return found if found["run"] == run.name or _judges(found["run"], run) else None


def _place(run: StoredRun, name: Any) -> str:
    return f"{run.folder.parent.name}/{name}"


def _judges(name: str, run: StoredRun) -> bool:
    """Whether the run of that name and the same date has the same scores; another plan changes no outcome."""
    try:
        return _same_scores(run, open_run(run.folder.with_name(name)))
    except StoreError:
        return False


def check_models(models: ModelSet, *, shop: str, currency: str, as_of: date) -> None:
    """Refuse models that were made for something else.

    Raises
    ------
    ModelRefused
        If a model was trained on another shop, in another currency, or with data after ``as_of``.
    """
    for name, bundle in models.bundles.items():
        facts = bundle.facts
        for what, trained, wanted in (("shop", facts.get("shop"), shop), ("currency", facts.get("currency"), currency)):
            if trained is not None and trained != wanted:
                raise ModelRefused(
                    f"{name}: the champion was trained on {what} {trained!r} and this is {wanted!r}: "
                    f"run 'cvo train {name}' on this shop, or keep its models in a folder of their own (--mlruns)",
                    reason_code=f"other_{what}",
                )
        if str(facts.get("trained_as_of", "")) > str(as_of):
            raise ModelRefused(
                f"{name}: the champion learned from data up to {facts['trained_as_of']}, after as_of {as_of}, so its "
                f"scores would know the future: score a later date, or train for this one in a folder of its own "
                f"(cvo train {name} --as-of {as_of} --mlruns FOLDER)",
                reason_code="trained_after_as_of",
            )


__all__ = [
    "Scored",
    "alarms_of",
    "check_models",
    "check_shop",
    "check_window",
    "close_outcomes",
    "day_after_last_row",
    "default_cut",
    "describe",
    "described_briefly",
    "distances",
    "ledgers",
    "outcomes",
    "realised_outcomes",
    "score_customers",
    "shadow_scores",
    "store",
    "stored_outcomes",
]
