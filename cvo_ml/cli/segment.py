"""``cvo segment``: the groups of a date, why customers moved, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import typer

from cvo_ml import workflows
from cvo_ml.cli.options import CONFIGS
from cvo_ml.cli.terminal import console, step
from cvo_ml.cli.views.segments import show
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import CvoError, NoChampion, UsageError
from cvo_ml.core.models import CLV
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.registry.bundles.purchase_columns import buy_till_you_die
from cvo_ml.segments.analysis import analyse
from cvo_ml.segments.clusters import Method
from cvo_ml.segments.run import EDGES
from cvo_ml.segments.segment_files import as_json, write
from cvo_ml.workflows.serving_models import serving_models

METHODS: Final[dict[str, Method]] = {"kmeans": "kmeans", "mixture": "mixture"}


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
    cut = parse_as_of(as_of)
    policy = load_config(default_config("policies/segments.yaml", CONFIGS), SegmentPolicy, overrides)
    actions = load_config(default_config("policies/next_actions.yaml", CONFIGS), NextActions)
    with step(f"Reading {shop.source.path}", machine):
        tables = read_shop(shop, as_of=cut).tables
    purchases, why_not = _purchases(Workspace(out, mlruns), shop.name, tables.currency, cut)
    with step("Segmenting", machine):
        found = analyse(
            tables, cut, policy, actions, out, shop=shop.name, recut=recut, months=months, purchases=purchases,
            method=METHODS.get(method or ""), horizon=Horizon(horizon),
        )  # fmt: skip
        names = [] if dry_run else write(found, out / EDGES.parent)
    if machine:
        typer.echo(as_json(found), nl=False)
        return
    show(console, found, actions, tables.currency)
    if why_not:
        said = why_not if purchases else f"No last-chance window: {why_not}"
        console.print(f"[dim]{said}[/]", highlight=False)
    written = f"{out / EDGES.parent}: {', '.join(names)}" if names else "Dry run: nothing was written, no edge frozen."
    console.print(written, highlight=False)


def _purchases(workspace: Workspace, shop: str, currency: str, cut: date) -> tuple[BuyTillYouDie | None, str]:
    """The champion's model of purchases with what to say of it, or why there is none to use."""
    try:
        models = serving_models(workspace, shop, only=(CLV.name,))
        workflows.check_models(models, shop=shop, currency=currency, as_of=cut)
    except NoChampion:
        return None, f"there is no CLV champion in {workspace.tracking}; 'cvo train {CLV.name}' makes one"
    except CvoError as error:
        return None, str(error)
    champion = models.get(CLV.name)
    if champion is None:
        return None, f"there is no CLV champion ({models.reason(CLV.name)})"
    purchases = buy_till_you_die(champion.model)
    if purchases is None:
        return None, f"the CLV champion is {champion.kind}, which knows no P(alive)"
    return purchases, "; ".join(models.notes)
