"""The score store: plain Parquet files with a manifest, written whole or not at all.

Layout: ``<root>/as_of=YYYY-MM-DD/<run>/part-0.parquet``, further tables and ``manifest.json``;
``<root>/current`` names the served run, and ``<root>/served.json`` that of each date. A run is named by the hash of its
scores and manifest: the same run has the same name, and it never changes. Where ``<root>/runs`` leads to another
folder, the runs lie there: the pointers are those of a published set (``core.publication``).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.core.errors import ContractError, CvoError, DamagedFile
from cvo_ml.core.files import canonical_json, read_json, sha256_of, staged_folder, write_json, write_text
from cvo_ml.core.score_cells import null_columns
from cvo_ml.core.scores import (
    OLDER_FORMAT,
    REASON_COLUMNS,
    REASONS,
    SINCE_FORMAT_2,
    by_model,
    score_columns,
    scores_hash,
    validate_scores,
)

#: 1: Scores without economics, season and reasons by model. 2: all columns of ``core.scores``.
FORMAT_VERSION: Final = 2
#: the run that is served, and that of each date
CURRENT: Final = "current"
SERVED: Final = "served.json"
POINTERS: Final = (CURRENT, SERVED)
#: leads to the runs where they do not lie beside their pointers
RUNS: Final = "runs"
#: the pointer of a date in stores that were written before ``served.json``
SERVED_OF_DATE: Final = "served"
STAGING: Final = ".staging"
RUN_NAME: Final = re.compile(r"as_of=\d{4}-\d\d-\d\d/[0-9a-f]{12}")


class StoreError(CvoError):
    """The score store holds no such run, or a run that does not match its manifest."""

    exit_code = 3


@dataclass(frozen=True)
class StoredRun:
    """One run in the store: its folder and its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The run's name, a prefix of the hash of its scores and manifest."""
        return self.folder.name


def write_run(
    root: Path, scores: pd.DataFrame, manifest: Mapping[str, Any], tables: Mapping[str, pd.DataFrame] | None = None
) -> StoredRun:
    """Store scores with their manifest and make them the current run.

    Parameters
    ----------
    manifest:
        What else to keep with the scores: ledgers, models, configuration. JSON-ready.
    tables:
        Further tables of the run by name, such as the plan; ``read_table`` gives them back.

    Raises
    ------
    ContractError
        If the scores break their contract; the store is unchanged then.
    """
    scores = validate_scores(scores).sort_values("customer_id", kind="stable", ignore_index=True)
    as_of = pd.Timestamp(scores["as_of"].iloc[0]).date().isoformat() if len(scores) else str(manifest["as_of"])
    described = {
        **manifest,
        "format_version": FORMAT_VERSION,
        "as_of": as_of,
        "rows": len(scores),
        "scores_hash": scores_hash(scores),
    }
    name = _name(described)
    folder = _runs(root) / f"as_of={as_of}" / name
    run = _finished(folder) or _written(folder, scores, described, tables or {})
    write_json(root / SERVED, {**_served_names(root), as_of: folder.name})
    write_text(root / CURRENT, f"as_of={as_of}/{folder.name}\n")
    return run


def pointed_at(root: Path) -> str:
    """The name ``as_of=YYYY-MM-DD/<run>`` of the run that is served; empty if there is none."""
    try:
        named = (root / CURRENT).read_bytes().decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""
    return named if RUN_NAME.fullmatch(named) else ""


def seed_pointers(root: Path, other: Path) -> None:
    """Write the pointers of a store into another folder, whatever version wrote them."""
    if served := _served_names(root):
        write_json(other / SERVED, dict(served))
    if named := pointed_at(root):
        write_text(other / CURRENT, f"{named}\n")


def _runs(root: Path) -> Path:
    """Where the runs lie; by names, so that a run's path does not lead through the set that it was found by."""
    link = root / RUNS
    return Path(os.path.normpath(root / link.readlink())) if link.is_symlink() else root


def _served_names(root: Path) -> dict[str, str]:
    """The served run of each date; of an earlier version's store, by the pointer of each date."""
    try:
        stored = read_json(root / SERVED)
    except FileNotFoundError:
        if not (root / CURRENT).exists():  # what lies there is of a first run that was killed
            return {}
        days = {folder.name.removeprefix("as_of="): _served_of_date(folder) for folder in root.glob("as_of=????-??-??")}
        return {day: name for day, name in sorted(days.items()) if name and _day(day)}
    except DamagedFile:
        stored = None
    if not isinstance(stored, dict):  # guessing would drop the history of every date
        raise StoreError(f"{root / SERVED}: is damaged: delete it, and score again")
    return {str(day): str(name) for day, name in stored.items()}


def served_runs(
    root: Path, *, before: date | None = None, since: date | None = None
) -> Iterator[tuple[date, StoredRun]]:
    """The run that was served for each date, latest date first; what is damaged or unfinished is left out.

    A run is read and checked when it is reached, so that looking for the latest does not read them all.

    Parameters
    ----------
    before, since:
        Only dates < ``before`` and >= ``since``.
    """
    for name, served in sorted(_served_names(root).items(), reverse=True):
        day = _day(name)
        if day is None or (before is not None and day >= before) or (since is not None and day < since):
            continue
        place = f"as_of={name}/{served}"
        run = _finished(_runs(root) / place) if RUN_NAME.fullmatch(place) else None
        if run is not None:
            yield day, run


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _served_of_date(folder: Path) -> str | None:
    """The run that the date's own pointer names; without one the first by name, the same for everybody."""
    pointer = folder / SERVED_OF_DATE
    if pointer.is_file():
        return pointer.read_bytes().decode("utf-8", "replace").strip()
    runs = (_finished(path.parent) for path in sorted(folder.glob("[0-9a-f]*/manifest.json")))
    return next((run.name for run in runs if run is not None), None)


def _finished(folder: Path) -> StoredRun | None:
    """The run that stands there already: a run's name says what it holds, so it is never written twice."""
    try:
        return open_run(folder)
    except StoreError:
        return None


def _name(described: Mapping[str, Any]) -> str:
    """A run's name: what its scores and manifest are, so a change of either shows."""
    return hashlib.sha256(canonical_json(described).encode()).hexdigest()[:12]


def _written(
    folder: Path, scores: pd.DataFrame, described: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> StoredRun:
    with staged_folder(folder, folder.parent.parent / STAGING) as staging:
        hashes = {}
        for name, frame in {"part-0": scores, **tables}.items():
            file = staging / f"{name}.parquet"
            pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), file, compression="zstd")
            hashes[file.name] = sha256_of(file)
        text = canonical_json({**described, "files": hashes})
        write_text(staging / "manifest.json", text)
    return StoredRun(folder, json.loads(text))  # as whoever opens it sees it, with its names in the same order


def current_run(root: Path) -> StoredRun:
    """The run that ``current`` names.

    Raises
    ------
    StoreError
        If nothing was scored yet, or the named run is gone.
    """
    pointer = root / CURRENT
    if not pointer.is_file():
        raise StoreError(f"{root}: holds no scores yet: run 'cvo score' first")
    named = pointed_at(root)
    if not named:
        raise StoreError(f"{pointer}: is damaged: run 'cvo score' again")
    return open_run(_runs(root) / named)


def open_run(folder: Path) -> StoredRun:
    """The run in ``folder``, its files checked against the manifest.

    Raises
    ------
    StoreError
        If the manifest is missing, of a newer format, or a file differs from it.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise StoreError(f"{folder}: has no manifest: the run was not finished, score again")
    try:
        manifest = read_json(path)
        newer = manifest["format_version"] > FORMAT_VERSION
        files = dict(manifest["files"])
        whole = _name({key: value for key, value in manifest.items() if key != "files"}) == folder.name
    except (DamagedFile, TypeError, KeyError, ValueError, AttributeError):
        raise StoreError(f"{path}: the manifest is damaged: score again") from None
    if newer:
        raise StoreError(f"{folder}: was written by a newer version of cvo-ml: update this one")
    if not whole:
        raise StoreError(f"{path}: the manifest was changed, it is not what the run's name stands for: score again")
    for name, expected in files.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != expected:
            raise StoreError(f"{folder / name}: does not match its manifest: score again")
    return StoredRun(folder, manifest)


def read_columns(run: StoredRun, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns of a run's Scores, unchecked but for the files' hashes."""
    parts = [pq.read_table(run.folder / name, columns=list(columns)).to_pandas() for name in _parts(run)]
    frame: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return frame


def read_scores(run: StoredRun) -> pd.DataFrame:
    """The Scores table of a run; one of format 1 has nulls, with their reason, where it had no such column.

    Raises
    ------
    StoreError
        If it has not the columns of today: another version of the package wrote it.
    """
    stored = pd.concat([pq.read_table(run.folder / name).to_pandas() for name in _parts(run)], ignore_index=True)
    try:
        return validate_scores(of_format_1(stored) if run.manifest["format_version"] == 1 else stored)
    except (ContractError, KeyError) as other:
        problem = other.problem if isinstance(other, ContractError) else f"no column {other}"
        text = f"{run.folder}: was written by another version of cvo-ml ({problem}): run 'cvo score' again"
        raise StoreError(text) from None


def _parts(run: StoredRun) -> list[str]:
    return [name for name in run.manifest["files"] if name.startswith("part-")]


def read_table(run: StoredRun, name: str) -> pd.DataFrame:
    """A further table of a run.

    Raises
    ------
    StoreError
        If the run has no such table: an older version of the package wrote it.
    """
    file = f"{name}.parquet"
    if file not in run.manifest["files"]:
        raise StoreError(f"{run.folder}: holds no table {name!r}: run 'cvo score' again")
    frame: pd.DataFrame = pq.read_table(run.folder / file).to_pandas()
    return frame


def of_format_1(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores as format 1 stored them, with the columns of today.

    What format 1 did not have is null with the reason ``older_format``; its reasons, which were those of churn alone,
    stand under churn.
    """
    reasons = scores["reasons"]
    nulls = [null_columns(scores.index, group, OLDER_FORMAT) for group in SINCE_FORMAT_2]
    today = pd.concat([scores.drop(columns="reasons"), *nulls], axis=1)
    has = reasons.notna()
    today.loc[has, "reasons"] = [by_model(text) for text in reasons[has]]
    today.loc[has, REASON_COLUMNS[REASONS]] = None
    return today[score_columns()]
