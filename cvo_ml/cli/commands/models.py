"""``cvo models``: who is champion, why, and who was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import DOSSIERS, MLRUNS, AsOf, Json, Mlruns, Shop, chosen_shop, workspace

app = typer.Typer(no_args_is_help=True, help="The registered models: list, show, diff, promote, rollback, export.")

Name = Annotated[str, typer.Argument(help="clv, churn or icp.")]
Version = Annotated[
    Optional[int], typer.Option("--version", min=1, help="A registered version.", show_default="see the command")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


@app.command("list")
def list_(mlruns: Mlruns = MLRUNS, as_json: Json = False) -> None:
    """The registered models, their versions, grades and aliases."""
    from cvo_ml.cli.terminal import answer
    from cvo_ml.cli.views.models import model_list as view
    from cvo_ml.workflows.models import list_models

    answer(list_models(workspace(mlruns=mlruns)), as_json, view)


@app.command()
def show(name: Name, version: Version = None, mlruns: Mlruns = MLRUNS, as_json: Json = False) -> None:
    """A version's card, its gates and the audit; default: the challenger, else the champion."""
    from cvo_ml.cli.terminal import answer
    from cvo_ml.cli.views.models import details as view
    from cvo_ml.workflows.models import ModelRequest, show_model

    answer(show_model(ModelRequest(name=name, version=version), workspace(mlruns=mlruns)), as_json, view)


@app.command()
def diff(
    name: Name,
    first: Annotated[Optional[int], typer.Argument(help="A version; default: the champion.")] = None,
    second: Annotated[Optional[int], typer.Argument(help="Another; default: the challenger.")] = None,
    mlruns: Mlruns = MLRUNS,
    as_json: Json = False,
) -> None:
    """What differs between two versions: settings, job, data, metrics."""
    from cvo_ml.cli.terminal import answer
    from cvo_ml.cli.views.models import diff as view
    from cvo_ml.workflows.models import DiffRequest, diff_models

    found = diff_models(DiffRequest(name=name, first=first, second=second), workspace(mlruns=mlruns))
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
    mlruns: Mlruns = MLRUNS,
    as_json: Json = False,
) -> None:
    """Make the challenger champion if the evidence of its training opens every gate."""
    from cvo_ml.cli.terminal import answer
    from cvo_ml.cli.views.models import moved as view
    from cvo_ml.workflows.models import PromoteRequest, promote_model

    request = PromoteRequest(name=name, version=version, gates=gates, force=force, reason=reason)
    answer(promote_model(request, workspace(mlruns=mlruns)), as_json, view)


@app.command()
def rollback(name: Name, reason: Reason, mlruns: Mlruns = MLRUNS, as_json: Json = False) -> None:
    """Make the champion before the present one champion again."""
    from cvo_ml.cli.terminal import answer
    from cvo_ml.cli.views.models import moved as view
    from cvo_ml.workflows.models import RollbackRequest, rollback_model

    answer(rollback_model(RollbackRequest(name=name, reason=reason), workspace(mlruns=mlruns)), as_json, view)


@app.command()
def export(
    name: Name,
    version: Version = None,
    to: Annotated[Path, typer.Option("--to", help="Folder of the dossiers.")] = DOSSIERS,
    mlruns: Mlruns = MLRUNS,
) -> None:
    """Write NAME/export/ and NAME/MODEL_CARD.md, to score without MLflow; default: the champion."""
    from cvo_ml.cli.terminal import console
    from cvo_ml.cli.views.models import exported as view
    from cvo_ml.workflows.models import ExportRequest, export_model

    view(console, export_model(ExportRequest(name=name, version=version, to=to), workspace(mlruns=mlruns)), to)


@app.command()
def shadow(shop: Shop = None, as_of: AsOf = None, mlruns: Mlruns = MLRUNS, as_json: Json = False) -> None:
    """Score with the champions and with the challengers, and compare; nothing is stored."""
    from cvo_ml.cli.terminal import answer
    from cvo_ml.cli.views.models import shadow as view
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.units import parse_as_of
    from cvo_ml.workflows.models import ShadowRequest, shadow_models

    if as_of is None:
        raise UsageError("shadow needs --as-of YYYY-MM-DD: the code never asks the clock what day it is")
    place = workspace(mlruns=mlruns, quiet=True)
    request = ShadowRequest(shop=chosen_shop(place, shop), as_of=parse_as_of(as_of))
    answer(shadow_models(request, place), as_json, view)
