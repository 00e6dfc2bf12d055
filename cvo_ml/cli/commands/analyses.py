"""``cvo analyze``: what customers are worth, who stays, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import AsOf, Json, MaxBadShare, Shop, answer, chosen_shop, workspace


def analyze(
    name: Annotated[
        Optional[str], typer.Argument(help="An analysis; without one they are listed.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Run all of them.")] = False,
    shop: Shop = None,
    as_of: AsOf = None,
    overrides: Annotated[
        Optional[list[str]],
        typer.Option("--set", help="A setting: months=24; with --all retention.months=24.", show_default=False),
    ] = None,
    page: Annotated[
        Optional[Path], typer.Option("--html", help="Write a page with the figures there.", show_default=False)
    ] = None,
    max_bad_share: MaxBadShare = None,
    as_json: Json = False,
) -> None:
    """Analyze a shop: profit per customer, who stays, the biggest lever; each number with its interval and action."""
    from cvo_ml.cli.views import analyses as view
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.units import parse_as_of
    from cvo_ml.workflows.analyze import AnalyzeRequest, analyses, analyze

    if name is None and not every:
        answer(analyses(), as_json, view.listed)
        return
    if name is not None and every:
        raise UsageError(f"--all runs every analysis and {name!r} is one of them: give one of the two")
    place = workspace(quiet=as_json)
    request = AnalyzeRequest(
        shop=chosen_shop(place, shop, max_bad_share), names=(name,) if name else (), page=page,
        as_of=parse_as_of(as_of) if as_of else None, overrides=tuple(overrides or ()),
    )  # fmt: skip
    answer(analyze(request, place), as_json, view.analyzed)
