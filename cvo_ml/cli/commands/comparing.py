"""``cvo compare``: models of purchases side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import Json, MaxBadShare, RequiredAsOf, Shop, answer, chosen_shop, workspace


def compare(
    as_of: RequiredAsOf,
    shop: Shop = None,
    holdout: Annotated[str, typer.Option("--holdout", help="The window after the cut that judges them.")] = "90D",
    models: Annotated[
        str, typer.Option("--models", help="Some of bg_nbd, mbg_nbd, pareto_nbd.")
    ] = "bg_nbd,mbg_nbd,pareto_nbd",
    page: Annotated[
        Optional[Path], typer.Option("--html", help="Write a page with the figures there.", show_default=False)
    ] = None,
    max_bad_share: MaxBadShare = None,
    as_json: Json = False,
) -> None:
    """Set models of purchases and value side by side: fit, order and total in a window that they did not see."""
    from cvo_ml.cli.views.comparison import comparison as show
    from cvo_ml.core.units import Horizon, parse_as_of
    from cvo_ml.workflows.compare import CompareRequest, compare

    place = workspace(quiet=as_json)
    request = CompareRequest(
        shop=chosen_shop(place, shop, max_bad_share), as_of=parse_as_of(as_of), holdout=Horizon(holdout),
        models=tuple(name.strip() for name in models.split(",")), page=page,
    )  # fmt: skip
    answer(compare(request, place), as_json, show)
