"""What each ``cvo models`` command does, and its words for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.markdown import Markdown
from rich.table import Table

from cvo_ml import workflows
from cvo_ml.cli.options import DOSSIERS
from cvo_ml.cli.terminal import console, print_json
from cvo_ml.config.gates import load_gates
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import NoChampion, UsageError
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.core.result import to_json
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.registry.bundles.card import model_card
from cvo_ml.registry.bundles.export import export as write_export
from cvo_ml.registry.bundles.gate import decide
from cvo_ml.registry.tracking import CHALLENGER, CHAMPION, Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory, Promotion
from cvo_ml.registry.tracking.promotion import evidence_of
from cvo_ml.registry.tracking.promotion import promote as make_champion
from cvo_ml.registry.tracking.run import flat
from cvo_ml.workflows.serving_models import challengers, open_tracker, serving_models, shop_of

#: Facts that a difference of two versions is about; the rest follows from them.
COMPARED: Final = ("trained_as_of", "shop", "data_hash", "git_commit", "pins_hash", "job", "metrics")


def list_(mlruns: Path, as_json: bool) -> None:
    """List what is registered."""
    tracker = Tracker.existing(mlruns)
    rows = [row.to_json() for row in tracker.registered()] if tracker else []
    if as_json:
        print_json({"models": rows})
        return
    table = Table(title="Registered models", title_justify="left", show_edge=False)
    columns = ("name", "version", "alias", "grade", "shop", "as_of", "hash")
    for column in columns:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*(str(row.get(column, "")) for column in columns))
    console.print(table if rows else "No registered models yet: run 'cvo train clv churn icp' or 'cvo demo'.")


def show(name: str, version: int | None, mlruns: Path, as_json: bool) -> None:
    """Card, gates and audit of one version."""
    tracker = _tracker(name, mlruns)
    chosen = version or tracker.version_of(name, CHALLENGER) or _version(tracker, name, CHAMPION)
    bundle, evidence = tracker.bundle(name, chosen), evidence_of(tracker, name, chosen)
    current = tracker.version_of(name)
    checks = [] if chosen == current else decide(evidence, load_gates(name, dossiers=DOSSIERS), current)
    history = ChampionHistory(tracker).history(name)
    if as_json:
        found = {"version": chosen, "champion": current, "settings": bundle.settings, "facts": bundle.facts}
        gates = [check.__dict__ for check in checks]
        print_json({**found, "evidence": evidence, "gates": gates, "audit": [past.to_json() for past in history]})
        return
    console.print(Markdown(model_card(bundle, evidence)))
    _gates(chosen, checks)
    _audit(history)


def diff(name: str, first: int | None, second: int | None, mlruns: Path, as_json: bool) -> None:
    """Settings and facts that differ."""
    tracker = _tracker(name, mlruns)
    versions = (first or _version(tracker, name, CHAMPION), second or _version(tracker, name, CHALLENGER))
    bundles = [tracker.bundle(name, version) for version in versions]
    told = [
        {"kind": bundle.kind, "hash": bundle.version, "grade": bundle.grade}
        | dict(flat(bundle.settings))
        | dict(flat({key: bundle.facts.get(key) for key in COMPARED}))
        for bundle in bundles
    ]
    keys = [key for key in dict.fromkeys([*told[0], *told[1]]) if told[0].get(key) != told[1].get(key)]
    if as_json:
        print_json({"versions": versions, "differences": {key: [side.get(key) for side in told] for key in keys}})
        return
    table = Table(title=f"{name}: what differs", title_justify="left", show_edge=False)
    for column in ("", *(f"version {version}" for version in versions)):
        table.add_column(column)
    for key in keys:
        table.add_row(key, *(_cell(side.get(key)) for side in told))
    console.print(table if keys else f"Versions {versions[0]} and {versions[1]} are the same model.")


def promote(
    name: str, version: int | None, gates: Path | None, force: bool, reason: str, mlruns: Path, as_json: bool
) -> None:
    """Make a challenger champion."""
    if force and not reason.strip():
        raise UsageError("--force needs --reason: whoever overrides the gates says why, and the audit keeps it")
    tracker = _tracker(name, mlruns)
    _moved(
        make_champion(tracker, name, load_gates(name, gates, DOSSIERS), version=version, force=force, why=reason),
        as_json,
    )


def rollback(name: str, reason: str, mlruns: Path, as_json: bool) -> None:
    """Give the place back."""
    if not reason.strip():
        raise UsageError("--reason is empty: say why, the audit keeps it")
    _moved(ChampionHistory(_tracker(name, mlruns)).rollback(name, reason), as_json)


def export(name: str, version: int | None, to: Path, mlruns: Path) -> None:
    """Write a dossier."""
    tracker = _tracker(name, mlruns)
    chosen = version or _version(tracker, name, CHAMPION)
    bundle = tracker.bundle(name, chosen)
    folder = write_export(bundle, model_card(bundle, evidence_of(tracker, name, chosen)), to)
    console.print(f"{folder} (version {chosen}, {bundle.version}) and the card beside it.", highlight=False)
    without = f"Without MLflow: cvo score --models {to} --shop YOUR_SHOP.yaml --as-of YYYY-MM-DD"
    console.print(without, highlight=False, soft_wrap=True)


def shadow(shop: ShopConfig, as_of: str, mlruns: Path, as_json: bool) -> None:
    """Champions and challengers on the same customers."""
    cut = parse_as_of(as_of)
    workspace = Workspace(Path("out"), mlruns)
    behind, serving = challengers(open_tracker(workspace, shop.name)), serving_models(workspace, shop.name)
    read = read_shop(shop, as_of=cut)
    found = workflows.shadow_scores(read.tables, cut, serving, behind, shop=shop.name)
    if as_json:
        print_json({"as_of": str(cut), "models": to_json(found)})
        return
    table = Table(title=f"Champion and challenger as of {cut}", title_justify="left", show_edge=False)
    sides = [comparison.to_json() for comparison in found.values()]
    for column in ("", *found):
        table.add_column(column, justify="left" if not column else "right")
    for key in dict.fromkeys(key for numbers in sides for key in numbers):
        table.add_row(key.replace("_", " "), *(_cell(numbers.get(key)) for numbers in sides))
    console.print(table)


def _tracker(name: str, mlruns: Path) -> Tracker:
    if name not in MODEL_NAMES:
        raise UsageError(f"no model {name!r}: use {', '.join(MODEL_NAMES)}")
    workspace = Workspace(Path("out"), mlruns)
    return open_tracker(workspace, shop_of(workspace, None))


def _version(tracker: Tracker, name: str, alias: str) -> int:
    found = tracker.version_of(name, alias)
    if found is None:
        raise NoChampion(f"no {alias} for {name!r} is registered: run 'cvo train {name}' first, or name a version")
    return found


def _moved(moved: Promotion, as_json: bool) -> None:
    if as_json:
        print_json(moved.to_json())
        return
    before = "nobody" if moved.before is None else f"version {moved.before}"
    said = f"{moved.name}: version {moved.version} is champion, {before} was ({moved.kind}: {moved.why})"
    console.print(said, highlight=False, markup=False)


def _gates(version: int, checks: list[Any]) -> None:
    if not checks:
        return
    table = Table(title=f"Gates of version {version}", title_justify="left", show_edge=False)
    for column in ("gate", "", "found"):
        table.add_column(column)
    for check in checks:
        table.add_row(check.gate, "[green]open[/]" if check.is_open else "[red]closed[/]", check.found)
    console.print(table)


def _audit(history: list[Promotion]) -> None:
    table = Table(title="Audit", title_justify="left", show_edge=False)
    for column in ("when (UTC)", "who", "what", "from", "to", "why"):
        table.add_column(column)
    for past in history:
        before = "" if past.before is None else str(past.before)
        table.add_row(_when(past.at), past.who, past.kind, before, str(past.version), past.why)
    console.print(table)


def _when(milliseconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,.4g}" if isinstance(value, float) else str(value)
