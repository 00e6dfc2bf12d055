"""The segments of a date as files for spreadsheets and machines: a folder that appears whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.files import canonical_json, read_json, staged_folder, write_json, write_text
from cvo_ml.core.spreadsheet import table_csv
from cvo_ml.registry.bundles.bundle import load_bundle, save_bundle
from cvo_ml.segments.analysis import Analysis


def summary(analysis: Analysis) -> dict[str, Any]:
    """The analysis without its customers, JSON-ready."""
    chosen, runs = analysis.chosen, analysis.runs
    found: dict[str, Any] = {
        "as_of": str(analysis.as_of),
        "customers": len(analysis.customers),
        "edges": chosen.as_dict(),
        "groups": _records(analysis.profiles("rfm_group")),
        "tiers": _records(analysis.profiles("value_tier")),
        "ladders": {
            name.removeprefix("ladder_"): _records(analysis.profiles(name))
            for name in map(str, analysis.customers)
            if name.startswith("ladder_")
        },
        "vip": int(analysis.customers["is_vip"].sum()),
        "stages": {"unseen": list(analysis.stages.unseen), "flow": analysis.stages.flow()},
        "monthly": [{**month, "matrix": _matrix(month["matrix"])} for month in analysis.monthly],
        "runs": {**runs.facts, "moves": [] if runs.moves is None else _records(runs.moves)},
        "events": {str(name): int(count) for name, count in runs.events["trigger"].value_counts().items()},
        **analysis.facts,
    }
    if analysis.boxes is not None:
        found["coverage"] = {
            "cells_by_boxes": {str(number): count for number, count in analysis.boxes.covered().items()},
            "groups": _records(analysis.boxes.coverage()),
        }
    if analysis.beside is not None:
        fitted, compared = analysis.beside
        found["model_based"] = {
            **compared,
            "criterion": {str(number): value for number, value in fitted.criterion.items()},
            "stability": fitted.stability,
            "stable": fitted.stable,
            "segments": fitted.segments.as_dict(),
        }
    return found


def write(analysis: Analysis, folder: Path) -> list[str]:
    """Write the folder, replacing an earlier one as a whole; the names of the files.

    ``customers.csv, groups.csv, monthly.csv, moves.csv, events.csv, summary.json`` and ``edges/``, the bundle of the
    edges that are in force.
    """
    kept = folder / "edges"
    tables = {
        "customers": analysis.customers.rename_axis("customer_id").reset_index(),
        "groups": analysis.profiles("rfm_group").reset_index(),
        "monthly": _monthly(analysis),
        "events": analysis.runs.events,
        **({} if analysis.runs.moves is None else {"moves": analysis.runs.moves.reset_index()}),
    }
    with staged_folder(folder) as staging:
        for name, table in tables.items():
            write_text(staging / f"{name}.csv", table_csv(table))
        write_json(staging / "summary.json", summary(analysis))
        if analysis.chosen.keep:
            analysis.chosen.save(staging / "edges")
        elif kept.exists():
            _copied(kept, staging / "edges")
        return sorted(path.name for path in staging.iterdir())


def stored_summary(out: Path, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """What ``cvo segment`` found in ``out`` for the date and the edges of a run; None where it did not look at them.

    Raises
    ------
    DamagedFile
        If ``summary.json`` is not what it wrote.
    """
    path = out / "segments" / "summary.json"
    found = read_json(path) if path.is_file() else None
    if found is None:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("edges"), dict):
        raise DamagedFile(f"{path}: is not what cvo segment wrote: run 'cvo segment' again")
    same = (found.get("as_of"), found["edges"].get("version"))
    return found if same == (manifest["as_of"], manifest.get("segments", {}).get("version")) else None


def _copied(source: Path, target: Path) -> None:
    """The bundle as it is: checked when read, so that no damaged one is passed on."""
    save_bundle(load_bundle(source), target)


def _monthly(analysis: Analysis) -> pd.DataFrame:
    rows = [
        (month["from"], month["to"], group, following, int(count))
        for month in analysis.monthly
        for group, line in month["matrix"].iterrows()
        for following, count in line.items()
        if count
    ]
    return pd.DataFrame(rows, columns=["from", "to", "group_before", "group_after", "customers"])


def _matrix(matrix: pd.DataFrame) -> dict[str, dict[str, int]]:
    return {
        str(group): {str(name): int(count) for name, count in line.items() if count}
        for group, line in matrix.iterrows()
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON-ready values; what is not a finite number is null."""
    flat = table.reset_index()
    return [{str(name): _plain(value) for name, value in row.items()} for row in flat.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value


def as_json(analysis: Analysis) -> str:
    """The summary as text for machines."""
    return canonical_json(summary(analysis))
