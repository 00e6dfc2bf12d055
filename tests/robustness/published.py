"""What a folder shows to people and programs, and what must hold of it whatever happened before."""

from __future__ import annotations

import hashlib
import itertools
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.core.errors import BundleError
from cvo_ml.core.scratch import PREFIX as SCRATCH
from cvo_ml.core.store import StoredRun, StoreError, current_run, read_scores, served_runs
from cvo_ml.core.workspace import Workspace
from cvo_ml.registry.bundles.bundle import load_bundle

#: what nobody opens: locks, staging, and what the names of a folder lead through
BEHIND: Final = re.compile(r"\..*|published|current|scores")
#: random parts of names: of staging, of temporary folders, of MLflow's runs and models
RANDOM: Final = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{16}|[0-9a-f]{32})(?![0-9a-f])|(?<=tmp)\w{8}|(?<=cvo-scratch-)\w{8}|(?<=[-.])\w{8}$"
)
#: what plotly names the places of its charts
CHART: Final = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: of large files the digest is kept
LARGE: Final = 1 << 20
_KNOWN: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True)
class Move:
    """A line of the audit, as the database keeps it."""

    model: str
    before: str
    version: str
    kind: str
    status: str


@dataclass(frozen=True)
class Registry:
    """What a model store says.

    Parameters
    ----------
    aliases:
        The version by registered name and alias.
    hashes:
        Of the models, by registered name and version.
    moves:
        The audit, oldest first.
    running:
        How many runs are open.
    """

    aliases: dict[tuple[str, str], str]
    hashes: dict[tuple[str, str], str]
    moves: tuple[Move, ...]
    running: int

    @property
    def champions(self) -> dict[str, str]:
        """The champion's hash by registered name."""
        found = {name: version for (name, alias), version in self.aliases.items() if alias == "champion"}
        return {name: self.hashes.get((name, version), version) for name, version in found.items()}


def place(work: Path) -> Workspace:
    """The workspace of the commands that ran in ``work``."""
    return Workspace(work / "out", work / "mlruns")


def shown(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file that people open in a folder of results, by the name they open it by."""
    if not folder.is_dir():
        return {}
    tops = [path for path in folder.iterdir() if not BEHIND.fullmatch(path.name)]
    files = [file for top in tops for file in ([top] if top.is_file() else top.rglob("*")) if file.is_file()]
    named = {str(file.relative_to(folder)): file for file in files}
    return {name: digest(file) for name, file in sorted(named.items()) if not _hidden(name)}


def state(work: Path) -> dict[str, str]:
    """What the results show, and which run is current and which is served for each date."""
    facts = {name: value for folder in ("out", "dossiers") for name, value in shown(work / folder).items()}
    scores = place(work).scores
    try:
        facts["current run"] = current_run(scores).name
    except StoreError as none:
        facts["current run"] = "" if "holds no scores yet" in str(none) else str(none)
    for day, run in served_runs(scores):
        facts[f"served {day}"] = run.name
    return facts


def registry(work: Path) -> Registry:
    """What the model store says; it is opened as SQLite opens it after a crash."""
    database = work / "mlruns" / "mlflow.db"
    if not database.is_file():
        return Registry({}, {}, (), 0)
    with closing(sqlite3.connect(database)) as opened:
        ask = opened.execute
        aliases = {
            (name, alias): str(version)
            for name, alias, version in ask("select name, alias, version from registered_model_aliases")
        }
        hashes = {
            (name, str(version)): value
            for name, version, value in ask("select name, version, value from model_version_tags where key = 'hash'")
        }
        lines = ask(
            "select r.run_uuid, r.status from runs r join experiments e using (experiment_id) "
            "where e.name = 'appointments' order by r.start_time"
        ).fetchall()
        tags: dict[str, dict[str, Any]] = {}
        for run, key, value in ask("select run_uuid, key, value from tags"):
            tags.setdefault(run, {})[key] = value
        running = ask("select count(*) from runs where status = 'RUNNING'").fetchone()[0]
    moves = [_move(tags.get(run, {}), status) for run, status in lines]
    return Registry(aliases, hashes, tuple(moves), running)


def _move(tags: dict[str, Any], status: str) -> Move:
    return Move(*(str(tags.get(key, "")) for key in ("model", "from", "to", "kind")), status)


# --- what must hold ---------------------------------------------------------------------------------------------------


def broken_results(work: Path) -> list[str]:
    """What does not hold of the results: files are those of the current run, its ledgers balance, edges are whole."""
    workspace, faults = place(work), []
    try:
        run = current_run(workspace.scores)
    except StoreError as error:
        named = [path.name for path in (workspace.priorities, workspace.report) if path.exists()]
        absent = "holds no scores yet" in str(error)
        return [f"no run is current, and there are {named}"] * bool(named) if absent else [str(error)]
    faults += _unbalanced(run)
    as_of = str(run.manifest["as_of"])
    for path in (workspace.priorities, workspace.report):
        if not path.is_file():
            faults.append(f"{path.name} is not there")
        elif run.name not in (text := path.read_text(encoding="utf-8")) or as_of not in text:
            faults.append(f"{path.name} does not name run {run.name} of {as_of}")
    if not workspace.shop_file.is_file():
        faults.append("shop.yaml is not there")
    try:
        load_bundle(workspace.edges)
    except BundleError as error:
        faults.append(f"edges: {error}")
    return faults


def _unbalanced(run: StoredRun) -> list[str]:
    rows = run.manifest["row_ledger"]
    lost = [*rows.get("quarantined", {}).values(), *rows.get("excluded", {}).values()]
    faults = []
    if rows["rows_in"] != rows["used"] + sum(lost):
        faults.append(f"rows do not balance: {rows}")
    scores = read_scores(run)
    for name, ledger in run.manifest["customer_ledgers"].items():
        if ledger["known"] != ledger["scored"] + sum(ledger["ineligible"].values()):
            faults.append(f"customers of {name} do not balance: {ledger}")
    if not scores["customer_id"].is_unique or len(scores) != run.manifest["rows"]:
        faults.append("customers are there twice, or are missing")
    if pd.Timestamp(scores["as_of"].iloc[0]).date().isoformat() != run.manifest["as_of"]:
        faults.append("the scores are of another date than their manifest")
    return faults


def broken_registry(found: Registry, *, settled: bool) -> list[str]:
    """What does not hold of the model store.

    Parameters
    ----------
    settled:
        Whether a command has written into it since, which closes what a killed one left open.
    """
    faults = [f"{found.running} runs are open"] if settled and found.running else []
    for name, alias in found.aliases:
        if alias != "champion":
            continue
        version = found.aliases[name, alias]
        told = [move for move in found.moves if move.model == name and move.status == "FINISHED"]
        if not told or told[-1].version != version:
            moving = [move for move in found.moves if move.model == name and move.status == "RUNNING"]
            if settled or not any(move.version == version for move in moving):
                faults.append(f"{name}: version {version} is champion, and no line of the audit says so")
        if settled and any(one.version != other.before for one, other in itertools.pairwise(told)):
            faults.append(f"{name}: a move of the audit does not begin where the one before ended: {told}")
    return faults


def litter(work: Path) -> list[str]:
    """What nobody asked for and no later run will need."""
    found = [str(path.relative_to(work)) for path in (work / "tmp").rglob("*")]
    for folder in ("out", "mlruns", "dossiers", "walk"):
        hidden = [*(work / folder).rglob(".*"), *(work / folder).rglob(f"{SCRATCH}*")]
        found += [str(path.relative_to(work)) for path in hidden if path.name != ".lock" and not _empty_staging(path)]
    for root in (work / "out", work / "walk"):
        sets = root / "published"
        if sets.is_dir():
            stored = sorted(path.name for path in sets.iterdir())
            current = (root / "current").readlink().name if (root / "current").is_symlink() else ""
            found += [f"{root.name}/published/{name}" for name in stored if name > current]
    return sorted(set(found))


def _empty_staging(path: Path) -> bool:
    return path.name == ".staging" and path.is_dir() and not any(path.iterdir())


def listing(work: Path) -> list[str]:
    """Every file and folder with its size, the random parts of names left out."""
    found = [path for folder in ("out", "mlruns", "dossiers", "tmp") for path in (work / folder).rglob("*")]
    sizes = {path: path.lstat().st_size for path in found if path.is_file() and path.name != "mlflow.db"}
    return sorted(f"{RANDOM.sub('*', str(path.relative_to(work)))} {sizes.get(path, '')}" for path in found)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", SCRATCH)) for part in Path(name).parts)


def digest(path: Path) -> str:
    """The first digits of a file's SHA-256; of a page without what plotly makes up for each chart."""
    found = path.stat()
    if found.st_size < LARGE:
        return _digest(path)
    key = (path.name, found.st_size, found.st_mtime_ns)  # copies keep the time
    if key not in _KNOWN:
        _KNOWN[key] = _digest(path)
    return _KNOWN[key]


def _digest(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha256(CHART.sub(b"", content) if path.suffix == ".html" else content).hexdigest()[:16]
