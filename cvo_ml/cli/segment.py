"""``cvo segment``: the groups of a date, why customers moved, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from cvo_ml.cli.options import CONFIGS
from cvo_ml.cli.terminal import console, step
from cvo_ml.cli.views.segments import show
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import canonical_json
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.workspace import Silent, Workspace
from cvo_ml.workflows.segment import SegmentRequest, SegmentResult
from cvo_ml.workflows.segment import segment as segment_shop

METHODS: Final = ("kmeans", "mixture")


def segment(
    shop: ShopConfig,
    as_of: str,
    out: Path,
    mlruns: Path,
    *,
    months: int,
    recut: bool,
    dry_run: bool,
    method: str | None,
    horizon: str,
    overrides: Sequence[str],
    machine: bool,
) -> None:
    """Segment the shop as of a date; write ``out/segments`` unless it is a dry run.

    Raises
    ------
    UsageError
        If the method is unknown.
    """
    if method is not None and method not in METHODS:
        raise UsageError(f"--model {method!r} is unknown: use {' or '.join(METHODS)}")
    request = SegmentRequest.model_validate(
        {
            "shop": shop, "as_of": parse_as_of(as_of), "months": months, "recut": recut, "dry_run": dry_run,
            "method": method, "horizon": Horizon(horizon), "overrides": tuple(overrides),
        }
    )  # fmt: skip
    workspace = Workspace(out, mlruns, CONFIGS, progress=_Steps(machine))
    result = segment_shop(request, workspace)
    if machine:
        typer.echo(canonical_json(result.to_json()), nl=False)
        return
    _show(result, workspace)


def _show(result: SegmentResult, workspace: Workspace) -> None:
    show(console, result.profile, result.actions, result.currency)
    if result.no_window:
        console.print(f"[dim]No last-chance window: {result.no_window}[/]", highlight=False)
    for note in result.notes:
        console.print(f"[dim]{note}[/]", highlight=False)
    written = f"{workspace.segments}: {', '.join(result.files)}"
    console.print(written if result.files else "Dry run: nothing was written, no edge frozen.", highlight=False)


@dataclass(frozen=True)
class _Steps(Silent):
    """Steps as the terminal shows them."""

    machine: bool

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        with step(text, self.machine):
            yield
