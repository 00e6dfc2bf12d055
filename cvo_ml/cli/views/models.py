"""The registered models, on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.report.screen import Screen, table
from cvo_ml.report.text.model_differences import model_differences
from cvo_ml.workflows.models import ExportResult, Migrated, ModelDetails, ModelDiff, ModelList, Promotion, ShadowResult

LISTED: Final = ("name", "version", "alias", "grade", "shop", "as_of", "hash")


def model_list(screen: Screen, result: ModelList) -> None:
    """Every version with its alias and grade."""
    listed = table("Registered models", *(column.replace("_", " ") for column in LISTED))
    for row in result.models:
        listed.add_row(*(str(getattr(row, column)) for column in LISTED))
    nothing = f"No registered models yet: run 'cvo train {' '.join(MODEL_NAMES)}' or 'cvo demo'."
    screen.print(listed if result.models else nothing)


def details(screen: Screen, result: ModelDetails) -> None:
    """Card, gates and audit."""
    screen.markdown(result.card)
    if result.gates:
        gates = table(f"Gates of version {result.version}", "gate", "", "found")
        for check in result.gates:
            gates.add_row(check.gate, ("open", "green") if check.is_open else ("closed", "red"), check.found)
        screen.print(gates)
    audit = table("Audit", "when (UTC)", "who", "what", "from", "to", "why")
    for past in result.audit:
        when = datetime.fromtimestamp(past.at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        before = "" if past.before is None else str(past.before)
        audit.add_row(when, past.who, past.kind, before, str(past.version), past.why)
    screen.print(audit)


def diff(screen: Screen, name: str, result: ModelDiff) -> None:
    """What differs, side by side."""
    screen.say(f"{name}: what differs between versions {result.versions[0]} and {result.versions[1]}", style="bold")
    screen.blocks(model_differences(result.versions, result.differences))


def moved(screen: Screen, result: Promotion) -> None:
    """Who is champion now."""
    before = "nobody" if result.before is None else f"version {result.before}"
    screen.say(f"{result.name}: version {result.version} is champion, {before} was ({result.kind}: {result.why})")


def migrated(screen: Screen, result: Migrated) -> None:
    """What is registered under its shop's name now."""
    for move in result.moved:
        said = (
            f"{move.name} version {move.before} of shop {move.shop!r} is {move.registered_name} version {move.version}"
        )
        screen.say(said)
    for sentence in result.left:
        screen.say(f"Left as it was: {sentence}")
    if not result.moved and not result.left:
        screen.say("Nothing to move: every model has its shop's name.")


def exported(screen: Screen, result: ExportResult, to: Path) -> None:
    """Where the dossier is, and how to score with it."""
    screen.say(f"{result.folder} (version {result.version}, {result.hash}) and the card beside it.")
    without = f"Without MLflow: cvo score --models {to} --shop YOUR_SHOP.yaml --as-of YYYY-MM-DD"
    screen.say(without, soft_wrap=True)


def shadow(screen: Screen, result: ShadowResult) -> None:
    """Champions beside challengers."""
    shown = table(f"Champion and challenger as of {result.as_of}", "", *(f">{name}" for name in result.models))
    sides = [comparison.to_json() for comparison in result.models.values()]
    for key in dict.fromkeys(key for numbers in sides for key in numbers):
        shown.add_row(key.replace("_", " "), *(_cell(numbers.get(key)) for numbers in sides))
    screen.print(shown)
    screen.notes(result.notes or ())


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,.4g}" if isinstance(value, float) else str(value)
