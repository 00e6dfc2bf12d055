"""Stored runs against what came after them: outcomes, the ledger, alarms."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import DamagedFile, UsageError
from cvo_ml.core.files import finite, read_json, write_json
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
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.features.customer import customer_features
from cvo_ml.features.labels import is_closed
from cvo_ml.ingest import ReadResult
from cvo_ml.monitoring import distance_from_truth, judge, ledger
from cvo_ml.monitoring.alarms import Alarm, alarms
from cvo_ml.monitoring.health import SCORE_COLUMNS
from cvo_ml.monitoring.ledger import Closed
from cvo_ml.monitoring.outcome_summary import realised
from cvo_ml.monitoring.truth import Truth

#: folder of the outcome ledger beside the scores
LEDGER: Final = "outcomes"
#: what ``outcomes.json`` always holds
JUDGEMENT: Final = frozenset({"run", "as_of", "horizon_days", "customers", "value", "churn", "icp", "actions"})


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
