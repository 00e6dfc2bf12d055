"""``cvo models``: who is champion, why, and who was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cvo_ml.cli.options import DOSSIERS, MLRUNS, AsOf, Json, Mlruns, Shop, answer, chosen_shop, workspace

if TYPE_CHECKING:
    from cvo_ml.core.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True, help="The registered models: list, show, diff, promote, rollback, export, shadow, migrate."
)

Whose = Annotated[
    Optional[str],
    typer.Option("--shop", help="The shop's name or YAML file; default: the only one with models.", show_default=False),
]

Name = Annotated[str, typer.Argument(help="clv, churn or icp.")]
Version = Annotated[
    Optional[int], typer.Option("--version", min=1, help="A registered version.", show_default="see the command")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


@app.command("list")
def list_(shop: Whose = None, mlruns: Mlruns = MLRUNS, as_json: Json = False) -> None:
    """The registered models of all shops, or of one: their versions, grades and aliases."""
    from cvo_ml.cli.views.models import model_list as view
    from cvo_ml.workflows.models import ShopRequest, list_models

    place = workspace(mlruns=mlruns)
    answer(list_models(ShopRequest(shop=_name(shop, place)), place), as_json, view)


@app.command()
def show(
    name: Name, version: Version = None, shop: Whose = None, mlruns: Mlruns = MLRUNS, as_json: Json = False
) -> None:
    """A version's card, its gates and the audit; default: the challenger, else the champion."""
    from cvo_ml.cli.views.models import details as view
    from cvo_ml.workflows.models import ModelRequest, show_model

    place = workspace(mlruns=mlruns)
    request = ModelRequest(shop=_name(shop, place), name=name, version=version)
    answer(show_model(request, place), as_json, view)


@app.command()
def diff(
    name: Name,
    first: Annotated[Optional[int], typer.Argument(help="A version; default: the champion.")] = None,
    second: Annotated[Optional[int], typer.Argument(help="Another; default: the challenger.")] = None,
    shop: Whose = None,
    mlruns: Mlruns = MLRUNS,
    as_json: Json = False,
) -> None:
    """What differs between two versions: settings, job, data, metrics."""
    from cvo_ml.cli.views.models import diff as view
    from cvo_ml.workflows.models import DiffRequest, diff_models

    place = workspace(mlruns=mlruns)
    found = diff_models(DiffRequest(shop=_name(shop, place), name=name, first=first, second=second), place)
    answer(found, as_json, lambda console, result: view(console, name, result))


@app.command()
def promote(
    name: Name,
    version: Version = None,
    gates: Annotated[
        Optional[Path], typer.Option("--gates", help="Default: models/NAME/gates.yaml.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Whatever the gates say; needs --reason.")] = False,
    reason: Reason = "",
    shop: Whose = None,
    mlruns: Mlruns = MLRUNS,
    as_json: Json = False,
) -> None:
    """Make the challenger champion if the evidence of its training opens every gate."""
    from cvo_ml.cli.views.models import moved as view
    from cvo_ml.workflows.models import PromoteRequest, promote_model

    place = workspace(mlruns=mlruns)
    request = PromoteRequest(
        shop=_name(shop, place), name=name, version=version, gates=gates, force=force, reason=reason
    )
    answer(promote_model(request, place), as_json, view)


@app.command()
def rollback(name: Name, reason: Reason, shop: Whose = None, mlruns: Mlruns = MLRUNS, as_json: Json = False) -> None:
    """Make the champion before the present one champion again."""
    from cvo_ml.cli.views.models import moved as view
    from cvo_ml.workflows.models import RollbackRequest, rollback_model

    place = workspace(mlruns=mlruns)
    request = RollbackRequest(shop=_name(shop, place), name=name, reason=reason)
    answer(rollback_model(request, place), as_json, view)


@app.command()
def export(
    name: Name,
    version: Version = None,
    to: Annotated[Path, typer.Option("--to", help="Folder of the dossiers.")] = DOSSIERS,
    shop: Whose = None,
    mlruns: Mlruns = MLRUNS,
) -> None:
    """Write NAME/export/ and NAME/MODEL_CARD.md, to score without MLflow; default: the champion."""
    from cvo_ml.cli.terminal import console
    from cvo_ml.cli.views.models import exported as view
    from cvo_ml.workflows.models import ExportRequest, export_model

    place = workspace(mlruns=mlruns)
    request = ExportRequest(shop=_name(shop, place), name=name, version=version, to=to)
    view(console, export_model(request, place), to)


@app.command()
def shadow(shop: Shop = None, as_of: AsOf = None, mlruns: Mlruns = MLRUNS, as_json: Json = False) -> None:
    """Score with the champions and with the challengers, and compare; nothing is stored."""
    from cvo_ml.cli.views.models import shadow as view
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.units import parse_as_of
    from cvo_ml.workflows.models import ShadowRequest, shadow_models

    if as_of is None:
        raise UsageError("shadow needs --as-of YYYY-MM-DD: the code never asks the clock what day it is")
    place = workspace(mlruns=mlruns, quiet=True)
    request = ShadowRequest(shop=chosen_shop(place, shop), as_of=parse_as_of(as_of))
    answer(shadow_models(request, place), as_json, view)


@app.command()
def migrate(mlruns: Mlruns = MLRUNS, as_json: Json = False) -> None:
    """Give each shop's models names of their own, where an older version registered all shops' under one name."""
    from cvo_ml.cli.views.models import migrated as view
    from cvo_ml.workflows.models import migrate_models

    answer(migrate_models(workspace(mlruns=mlruns)), as_json, view)


def _name(shop: str | None, place: Workspace) -> str | None:
    """The name of the shop that is named, or whose file is."""
    from cvo_ml.workflows.shops import choose_shop

    if shop is None or not (shop.endswith((".yaml", ".yml")) or Path(shop).is_file()):
        return shop
    return choose_shop(place, shop=Path(shop)).name
