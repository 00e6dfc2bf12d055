"""Options that several groups of commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Optional

import typer

# typer reads annotations at run time, and Optional keeps them readable for it on every Python
Shop = Annotated[
    Optional[Path],
    typer.Option("--shop", help="A shop's YAML file, such as configs/shops/cdnow.yaml.", show_default=False),
]
AsOf = Annotated[
    Optional[str], typer.Option("--as-of", help="The cut, YYYY-MM-DD: nothing later is known.", show_default=False)
]
Mlruns = Annotated[Path, typer.Option("--mlruns", help="Folder of MLflow's database and artifacts.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

#: own configuration and thresholds of the folder that a command was started in; only the command line looks there
CONFIGS: Final = Path("configs")
DOSSIERS: Final = Path("models")
