"""``cvo init``: from a stranger's files to a shop's file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import Json, answer, workspace


def init(
    files: Annotated[list[str], typer.Argument(help="Files, folders, databases' files, or env://NAME.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("shop.yaml"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    answers: Annotated[
        Optional[list[str]],
        typer.Option("--answer", help="question=choice, for what has two readings.", show_default=False),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take what has one reading, leave the rest open.")
    ] = False,
    columns: Annotated[
        str, typer.Option("--columns", help="meaning=header, ... where headers do not tell, such as net=Amount.")
    ] = "",
    name: Annotated[Optional[str], typer.Option("--name", help="Of the shop.", show_default=False)] = None,
    currency: Annotated[
        Optional[str], typer.Option("--currency", help="ISO code, where no file says it.", show_default=False)
    ] = None,
    timezone: Annotated[
        Optional[str], typer.Option("--timezone", help="Such as Europe/Berlin: whose days count.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at files, and write shop.yaml: each decision with its evidence, and as a question what has two readings."""
    from cvo_ml.cli.terminal import console
    from cvo_ml.cli.views.init import ask
    from cvo_ml.cli.views.init import init as show
    from cvo_ml.workflows.init import InitRequest, init, pairs_of
    from cvo_ml.workflows.shops import columns_of

    request = InitRequest(
        files=tuple(files), out=out, name=name, currency=currency, timezone=timezone, columns=columns_of(columns),
        answers=pairs_of("--answer", answers or ()), only_sure=yes, overwrite=overwrite,
    )  # fmt: skip
    can_ask = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    found = init(request, workspace(quiet=as_json), (lambda question: ask(console, question)) if can_ask else None)
    answer(found, as_json, show)
