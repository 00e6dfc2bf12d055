"""Shops and software vendors whose truth is known."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import pyarrow.parquet as pq

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.shops import ShopConfig, TableConfig
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import UsageError
from cvo_ml.core.result import Json, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.workspace import Workspace
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
from cvo_ml.simulate.presets import preset_names
from cvo_ml.workflows.shops import save_shop

LOGGER: Final = logging.getLogger(__name__)

SHOP: Final = "shop"
SAAS: Final = "saas"
#: Enough customers for every model, few enough for a demo.
DEMO_SIZE: Final = {SHOP: 8_000, SAAS: 60_000}


class SimulateRequest(FrozenConfig):
    """What to make.

    Parameters
    ----------
    kind:
        ``shop`` or ``saas``.
    folder:
        A new one.
    preset, size, seed:
        None = the kind's own: preset, customers (shop) or leads (saas), and the preset's seed.
    dirty:
        Add late rows, duplicates, test orders, mixed zones.
    overwrite:
        Replace a folder that an earlier call wrote.
    overrides:
        Of the preset, such as ``margin.mean=0.4``.
    """

    kind: str
    folder: Path
    preset: str | None = None
    size: int | None = None
    seed: int | None = None
    dirty: bool = False
    overwrite: bool = False
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class SimulateResult(Result):
    """What was written, and where; ``shop`` is the configuration that reads the tables."""

    folder: Path
    manifest: SimulationManifest
    shop: Path

    def to_json(self) -> dict[str, Json]:
        """The manifest of the folder, and the shop's file."""
        return {**self.manifest.to_json(), "shop": str(self.shop)}


def simulate(request: SimulateRequest, workspace: Workspace) -> SimulateResult:
    """Write a simulated business, and beside it the ``shop.yaml`` that reads its tables.

    Raises
    ------
    UsageError
        If there is no such kind, or the folder is not free.
    ConfigError
        If the preset or an override is wrong.
    """
    _refuse_other(request.kind)
    defects = Defects() if request.dirty else None

    def progress(done: int) -> None:
        workspace.progress.tell(f"Simulating: {done:,} done")

    with logged(LOGGER, "simulate", kind=request.kind):
        if request.kind == SHOP:
            shop = shop_preset(request.preset or SHOP, request.overrides)
            manifest = write_shop(
                request.folder, shop, request.size, request.seed, defects=defects, overwrite=request.overwrite,
                progress=progress,
            )  # fmt: skip
        else:
            saas = saas_preset(request.preset or SAAS, request.overrides)
            manifest = write_saas(
                request.folder, saas, request.size, request.seed, defects=defects, overwrite=request.overwrite,
                progress=progress,
            )  # fmt: skip
    name = re.sub(r"\W+", "_", request.folder.resolve().name).strip("_") or request.kind
    tables = shop_of_tables(name, request.folder / "tables", str(cast(Mapping[str, Json], manifest.preset)["currency"]))
    return SimulateResult(request.folder, manifest, save_shop(tables, request.folder / "shop.yaml"))


def _refuse_other(kind: str) -> None:
    """Refuse what is no kind of business; a preset is named as one."""
    if kind in DEMO_SIZE:
        return
    of = next((each for each in DEMO_SIZE if kind in preset_names(each)), None)
    remedy = "use shop or saas" if of is None else f"it is a preset: cvo simulate {of} FOLDER --preset {kind}"
    raise UsageError(f"{kind!r} cannot be simulated: {remedy}")


def simulated_shop(kind: str, workspace: Workspace, size: int | None, seed: int | None) -> tuple[ShopConfig, Truth]:
    """Simulate the kind's preset into the workspace: a shop to read like any other, and its truth.

    Raises
    ------
    UsageError
        If there is no such kind.
    """
    _refuse_other(kind)
    folder, people = workspace.simulated, size or DEMO_SIZE[kind]
    with workspace.progress.step(f"Simulating {kind}"):
        if kind == SHOP:
            write_shop(folder, SHOP, people, seed, overwrite=True)
            shop = read_simulated_shop(folder)
            return shop_of_tables("simulated_shop", folder / "tables", shop.tables.currency), shop.truth
        write_saas(folder, SAAS, people, seed, overwrite=True)
        saas = read_simulated_saas(folder)
        return shop_of_tables("simulated_saas", folder / "tables", saas.tables.currency), saas.truth


def shop_of_tables(name: str, tables: Path, currency: str) -> ShopConfig:
    """A shop configuration for a folder of canonical tables, ``orders.parquet`` among them."""
    files = {path.stem: path for path in sorted(tables.glob("*.parquet"))}
    columns = {table: _columns(table, path) for table, path in files.items()}
    sides = {
        table: TableConfig.model_validate(
            {"source": {"path": str(path)}, "columns": columns[table], "profile": _profile(table, path)}
        )
        for table, path in files.items()
        if table != "orders"
    }
    content = {"name": name, "currency": currency, "source": {"path": str(files["orders"])}}
    return ShopConfig.model_validate({**content, "columns": columns["orders"], "tables": sides})


def _columns(table: str, path: Path) -> dict[str, str]:
    names = set(pq.read_schema(path).names)
    return {column: column for column in CONTRACTS[table].names if column in names}


def _profile(table: str, path: Path) -> dict[str, str]:
    """Further columns of the tables that may have some."""
    if not CONTRACTS[table].profile:
        return {}
    return {column: column for column in pq.read_schema(path).names if column not in CONTRACTS[table].names}
