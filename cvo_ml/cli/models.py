"""``cvo models``: who is champion, why, and who was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import AsOf, Json, Mlruns, Shop

app = typer.Typer(no_args_is_help=True, help="The registered models: list, show, diff, promote, rollback, export.")

Name = Annotated[str, typer.Argument(help="clv, churn or icp.")]
Version = Annotated[
    Optional[int], typer.Option("--version", min=1, help="A registered version.", show_default="see the command")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


@app.command("list")
def list_(mlruns: Mlruns = Path("mlruns"), as_json: Json = False) -> None:
    """The registered models, their versions, grades and aliases."""
    from cvo_ml.cli import models_commands

    models_commands.list_(mlruns, as_json)


@app.command()
def show(name: Name, version: Version = None, mlruns: Mlruns = Path("mlruns"), as_json: Json = False) -> None:
    """A version's card, its gates and the audit; default: the challenger, else the champion."""
    from cvo_ml.cli import models_commands

    models_commands.show(name, version, mlruns, as_json)


@app.command()
def diff(
    name: Name,
    first: Annotated[Optional[int], typer.Argument(help="A version; default: the champion.")] = None,
    second: Annotated[Optional[int], typer.Argument(help="Another; default: the challenger.")] = None,
    mlruns: Mlruns = Path("mlruns"),
    as_json: Json = False,
) -> None:
    """What differs between two versions: settings, job, data, metrics."""
    from cvo_ml.cli import models_commands

    models_commands.diff(name, first, second, mlruns, as_json)


@app.command()
def promote(
    name: Name,
    version: Version = None,
    gates: Annotated[
        Optional[Path], typer.Option("--gates", help="Default: models/NAME/gates.yaml.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Whatever the gates say; needs --reason.")] = False,
    reason: Reason = "",
    mlruns: Mlruns = Path("mlruns"),
    as_json: Json = False,
) -> None:
    """Make the challenger champion if the evidence of its training opens every gate."""
    from cvo_ml.cli import models_commands

    models_commands.promote(name, version, gates, force, reason, mlruns, as_json)


@app.command()
def rollback(name: Name, reason: Reason, mlruns: Mlruns = Path("mlruns"), as_json: Json = False) -> None:
    """Make the champion before the present one champion again."""
    from cvo_ml.cli import models_commands

    models_commands.rollback(name, reason, mlruns, as_json)


@app.command()
def export(
    name: Name,
    version: Version = None,
    to: Annotated[Path, typer.Option("--to", help="Folder of the dossiers.")] = Path("models"),
    mlruns: Mlruns = Path("mlruns"),
) -> None:
    """Write NAME/export/ and NAME/MODEL_CARD.md, to score without MLflow; default: the champion."""
    from cvo_ml.cli import models_commands

    models_commands.export(name, version, to, mlruns)


@app.command()
def shadow(shop: Shop = None, as_of: AsOf = None, mlruns: Mlruns = Path("mlruns"), as_json: Json = False) -> None:
    """Score with the champions and with the challengers, and compare; nothing is stored."""
    from cvo_ml.cli import models_commands, shops
    from cvo_ml.core.errors import UsageError

    if as_of is None:
        raise UsageError("shadow needs --as-of YYYY-MM-DD: the code never asks the clock what day it is")
    models_commands.shadow(shops.choose(None, shop, ""), as_of, mlruns, as_json)
