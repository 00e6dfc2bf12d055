"""``cvo simulate``: tables with a known truth beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cvo_ml.core.errors import UsageError
from cvo_ml.simulate import Defects, saas_preset, shop_preset, write_saas, write_shop


def simulate(
    kind: str,
    folder: Path,
    preset: str | None,
    size: int | None,
    seed: int | None,
    dirty: bool,
    overwrite: bool,
    overrides: Sequence[str],
    as_json: bool,
) -> None:
    """Write a simulated world and say what it holds."""
    defects = Defects() if dirty else None
    console = Console()
    with console.status("Simulating") as status:

        def progress(done: int) -> None:
            status.update(f"Simulating: {done:,} done")

        if kind == "shop":
            shop = shop_preset(preset or "shop", tuple(overrides))
            manifest = write_shop(folder, shop, size, seed, defects=defects, overwrite=overwrite, progress=progress)
        elif kind == "saas":
            saas = saas_preset(preset or "saas", tuple(overrides))
            manifest = write_saas(folder, saas, size, seed, defects=defects, overwrite=overwrite, progress=progress)
        else:
            raise UsageError(f"{kind!r} cannot be simulated: use shop or saas")
    if as_json:
        print(json.dumps(manifest, indent=2, ensure_ascii=False))
    else:
        _show(console, folder, manifest)


def _show(console: Console, folder: Path, manifest: dict[str, Any]) -> None:
    table = Table(title=f"{folder}: seed {manifest['seed']}", title_justify="left", show_edge=False)
    table.add_column("file")
    table.add_column("rows", justify="right")
    for name, facts in sorted(manifest["files"].items()):
        table.add_row(name, f"{facts['rows']:,}")
    console.print(table)
    console.print("truth/ holds what no model may read: rates, dropout, effects, label propensity.", highlight=False)
