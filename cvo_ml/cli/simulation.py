"""``cvo simulate`` and ``cvo demo --simulated``: tables with a known truth beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
from rich.table import Table

from cvo_ml.cli.terminal import console, print_json
from cvo_ml.config.shops import ShopConfig, TableConfig
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import UsageError
from cvo_ml.monitoring.truth import Truth
from cvo_ml.simulate import (
    Defects,
    read_simulated_saas,
    read_simulated_shop,
    saas_preset,
    shop_preset,
    write_saas,
    write_shop,
)
from cvo_ml.simulate.folder import SimulationManifest

#: Enough customers for every model, few enough for a demo.
DEMO_SIZE: Final = {"shop": 8_000, "saas": 60_000}


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
    """Write a simulated business and say what it holds."""
    defects = Defects() if dirty else None
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
        print_json(manifest.to_json())
    else:
        _show(folder, manifest)


def _show(folder: Path, manifest: SimulationManifest) -> None:
    table = Table(title=f"{folder}: seed {manifest.seed}", title_justify="left", show_edge=False)
    table.add_column("file")
    table.add_column("rows", justify="right")
    for name, file in sorted(manifest.files.items()):
        table.add_row(name, f"{file.rows:,}")
    console.print(table)
    console.print("truth/ holds what no model may read: rates, dropout, effects, label propensity.", highlight=False)


def world(kind: str, folder: Path, size: int | None, seed: int | None) -> tuple[ShopConfig, Truth]:
    """Simulate the default preset into ``folder``: a shop to read like any other, and its truth.

    Raises
    ------
    UsageError
        If there is no such kind.
    """
    if kind == "shop":
        write_shop(folder, "shop", size or DEMO_SIZE[kind], seed, overwrite=True)
        shop = read_simulated_shop(folder)
        return declared("simulated_shop", folder / "tables", shop.tables.currency), shop.truth
    if kind == "saas":
        write_saas(folder, "saas", size or DEMO_SIZE[kind], seed, overwrite=True)
        saas = read_simulated_saas(folder)
        return declared("simulated_saas", folder / "tables", saas.tables.currency), saas.truth
    raise UsageError(f"{kind!r} cannot be simulated: use shop or saas")


def declared(name: str, tables: Path, currency: str) -> ShopConfig:
    """A shop configuration for a folder of canonical tables, ``orders.parquet`` among them."""
    found = {path.stem: path for path in sorted(tables.glob("*.parquet"))}
    columns = {table: _columns(table, path) for table, path in found.items()}
    sides = {
        table: TableConfig.model_validate(
            {"source": {"path": str(path)}, "columns": columns[table], "profile": _profile(table, path)}
        )
        for table, path in found.items()
        if table != "orders"
    }
    content = {"name": name, "currency": currency, "source": {"path": str(found["orders"])}}
    return ShopConfig.model_validate({**content, "columns": columns["orders"], "tables": sides})


def _columns(table: str, path: Path) -> dict[str, str]:
    names = set(pq.read_schema(path).names)
    return {column: column for column in CONTRACTS[table].names if column in names}


def _profile(table: str, path: Path) -> dict[str, str]:
    """Further columns of the tables that describe people."""
    if table not in ("customers", "leads"):
        return {}
    return {column: column for column in pq.read_schema(path).names if column not in CONTRACTS[table].names}
