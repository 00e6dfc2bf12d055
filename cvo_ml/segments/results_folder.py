"""The segments of a date as files for spreadsheets and machines: a folder that appears whole, and is read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.files import read_json, write_json, write_text
from cvo_ml.core.result import Result
from cvo_ml.core.spreadsheet import table_csv
from cvo_ml.core.store import StoredRun
from cvo_ml.segments.group_profiles import Concentration, ParetoShares
from cvo_ml.segments.history import run_segments
from cvo_ml.segments.model_based import Explained, ModelComparison, NotExplained
from cvo_ml.segments.movement import FlipRate, PeriodMovement
from cvo_ml.segments.profile import SegmentProfile
from cvo_ml.stats.intervals import Interval

SUMMARY: Final = "summary.json"
EDGES: Final = "edges"


@dataclass(frozen=True)
class SegmentFindings(Result):
    """What a stored profile says that the scores of its date do not show.

    Parameters
    ----------
    model_based:
        None where no model was set beside the rules.
    """

    pareto: tuple[Concentration, ...]
    monthly: tuple[PeriodMovement, ...]
    model_based: ModelComparison | None


def write_profile(profile: SegmentProfile, folder: Path) -> list[str]:
    """Write the files of the folder and the names of all that is in it; what is not of these is left alone.

    ``customers.csv, groups.csv, monthly.csv, moves.csv, events.csv, summary.json`` and ``edges/``, the bundle of the
    edges that are in force. Each list names the date that it is of.

    Parameters
    ----------
    folder:
        In a set that is being published.
    """
    last = profile.history.last
    tables = {
        "customers": profile.customers.rename_axis("customer_id").reset_index(),
        "groups": profile.profiles("rfm_group").reset_index(),
        "monthly": _monthly(profile),
        "events": profile.history.events,
        **({} if last is None else {"moves": last.moves.reset_index()}),
    }
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table_csv(table.assign(segments_as_of=str(profile.as_of))))
    if last is None:
        (folder / "moves.csv").unlink(missing_ok=True)
    write_json(folder / SUMMARY, profile.to_json())
    profile.chosen.save(folder / EDGES)
    lists = [f"{name}.csv" for name in tables]
    return sorted([*lists, SUMMARY, *([EDGES] if (folder / EDGES).is_dir() else [])])


def stored_findings(folder: Path, run: StoredRun) -> SegmentFindings | None:
    """What ``cvo segment`` found for the date and the edges of a run; None where it did not look at them.

    Parameters
    ----------
    folder:
        Of the segments, as ``write_profile`` wrote it.

    Raises
    ------
    DamagedFile
        If ``summary.json`` is not what it wrote.
    """
    path = folder / SUMMARY
    if not path.is_file():
        return None
    stored = read_json(path)
    if not isinstance(stored, dict) or not isinstance(stored.get("edges"), dict):
        raise DamagedFile(f"{path}: is not what cvo segment wrote: run 'cvo segment' again")
    segments = run_segments(run)
    version = None if segments is None else segments.in_force.version
    if (stored.get("as_of"), stored["edges"].get("version")) != (run.manifest["as_of"], version):
        return None
    try:
        return _findings(stored)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DamagedFile(f"{path}: is not what cvo segment wrote: run 'cvo segment' again") from None


def _findings(stored: Mapping[str, Any]) -> SegmentFindings:
    model_based = stored.get("model_based")
    return SegmentFindings(
        pareto=tuple(_concentration(row) for row in stored.get("pareto", [])),
        monthly=tuple(_period(month) for month in stored.get("monthly", [])),
        model_based=None if model_based is None else _comparison(model_based),
    )


def _concentration(row: Mapping[str, Any]) -> Concentration:
    shares = (
        None
        if "reason" in row
        else ParetoShares(*(_interval(row.get(name)) for name in ("customers_for_80", "top_20_holds", "gini")))
    )
    return Concentration(
        row["base"], row["measure"], int(row["customers"]), _number(row.get("total")), shares, row.get("reason", "")
    )


def _period(month: Mapping[str, Any]) -> PeriodMovement:
    matrix = pd.DataFrame.from_dict(month["matrix"], orient="index").fillna(0).astype("int64")
    flips = month["flips"]
    rate = None if flips["rate"] is None else _interval(flips["rate"])
    return PeriodMovement(
        since=date.fromisoformat(month["from"]),
        until=date.fromisoformat(month["to"]),
        matrix=matrix,
        net_flow=dict(month["net_flow"]),
        flips=FlipRate(flips["customers"], flips["moved"], rate, dict(flips["causes"])),
    )


def _comparison(row: Mapping[str, Any]) -> ModelComparison:
    compared = (
        NotExplained(row["reason"])
        if "reason" in row
        else Explained(row["rules_explain"], row["model_explains"], _interval(row["lead"]), row["verdict"])
    )
    cut = date.fromisoformat(row["cut"])
    return ModelComparison(cut, float(row["horizon_days"]), int(row["customers"]), compared, bool(row["stable"]))


def _interval(values: Mapping[str, Any] | None) -> Interval:
    known = values or {}
    estimate, lower, upper = (_number(known.get(name)) for name in ("estimate", "lower", "upper"))
    return Interval(estimate, lower, upper, float(known.get("level", 0.95)))


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _monthly(profile: SegmentProfile) -> pd.DataFrame:
    rows = [
        (str(month.since), str(month.until), group, following, int(count))
        for month in profile.monthly
        for group, line in month.matrix.iterrows()
        for following, count in line.items()
        if count
    ]
    return pd.DataFrame(rows, columns=["from", "to", "group_before", "group_after", "customers"])
