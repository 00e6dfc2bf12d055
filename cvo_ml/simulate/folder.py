"""A simulated business on disk: tables/ and truth/ as Parquet, written in a stream, and manifest.json.

Memory holds one chunk of customers, however many there are. The folder appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.config.simulation import Defects, SaasConfig, ShopConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.files import staged_folder
from cvo_ml.core.tables import Tables
from cvo_ml.simulate.defects import spoil
from cvo_ml.simulate.saas.saas import SimulatedSaas, saas_world
from cvo_ml.simulate.saas.truth import SaasTruth
from cvo_ml.simulate.shop.shop import SimulatedShop, shop_world
from cvo_ml.simulate.shop.truth import ShopTruth
from cvo_ml.simulate.simulation import Part, World, chosen_tables, collect

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = 65_536
Manifest = dict[str, Any]
Progress = Callable[[int], None]


def write_shop(
    folder: str | Path,
    preset: str | ShopConfig = "shop",
    n_customers: int | None = None,
    seed: int | None = None,
    *,
    tables: Iterable[str] | None = None,
    chunk_customers: int = CHUNK,
    defects: Defects | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Simulate a shop into ``folder`` and return its manifest.

    Parameters
    ----------
    tables:
        Only these (and ``orders``); the truth is always written.
    chunk_customers:
        Customers held in memory before their rows are written, at least one block of the preset.
        It changes the row groups of the files, never the rows.
    defects:
        Plant faults: the orders are then a raw export (see ``defects``).
    progress:
        Called with the number of customers done after each block.

    Raises
    ------
    UsageError
        If the folder exists and ``overwrite`` is false, or a table is unknown.
    """
    world = shop_world(preset, n_customers, seed)
    return write_world(folder, world, tables, chunk_customers, defects, overwrite, progress)


def write_saas(
    folder: str | Path,
    preset: str | SaasConfig = "saas",
    n_leads: int | None = None,
    seed: int | None = None,
    *,
    tables: Iterable[str] | None = None,
    chunk_customers: int = CHUNK,
    defects: Defects | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Simulate a software vendor into ``folder``; see ``write_shop``."""
    world = saas_world(preset, n_leads, seed)
    return write_world(folder, world, tables, chunk_customers, defects, overwrite, progress)


def write_world(
    folder: str | Path,
    world: World,
    tables: Iterable[str] | None,
    chunk_customers: int,
    defects: Defects | None,
    overwrite: bool,
    progress: Progress | None,
) -> Manifest:
    """Write all parts of a world into a staging folder, then rename it once; of a failure nothing stays."""
    place = Path(folder)
    _refuse_unknown_folder(place, overwrite)
    with staged_folder(place) as staging:
        for part in ("tables", "truth"):
            (staging / part).mkdir()
        _stream(staging, parts_of(world, tables, defects), chunk_customers, progress)
        manifest = _manifest(staging, world, defects)
        (staging / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return manifest


def parts_of(world: World, tables: Iterable[str] | None, defects: Defects | None) -> Iterator[Part]:
    """The world's parts, spoilt if asked for."""
    for number, part in enumerate(world.parts(chosen_tables(world, tables))):
        yield spoil(part, number, world, defects) if defects else part


def dirty_frames(
    world: World, defects: Defects, tables: Iterable[str] | None = None
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Tables with planted faults, in memory, and the truth with its table ``defects``."""
    return collect(parts_of(world, tables, defects))


def read_shop(folder: str | Path) -> SimulatedShop:
    """A shop written by ``write_shop`` without defects.

    Raises
    ------
    DataError
        If the folder holds no shop, a file differs from the manifest, or faults were planted.
    """
    manifest, frames, truth = _read(Path(folder), "shop")
    config = ShopConfig.model_validate(manifest["preset"])
    return SimulatedShop(Tables(frames, config.currency), ShopTruth(config, truth), config, manifest["seed"])


def read_saas(folder: str | Path) -> SimulatedSaas:
    """A software vendor written by ``write_saas`` without defects; see ``read_shop``."""
    manifest, frames, truth = _read(Path(folder), "saas")
    config = SaasConfig.model_validate(manifest["preset"])
    return SimulatedSaas(Tables(frames, config.currency), SaasTruth(config, truth), config, manifest["seed"])


def _stream(staging: Path, parts: Iterable[Part], chunk_customers: int, progress: Progress | None) -> None:
    held: dict[Path, list[pa.Table]] = {}
    writers: dict[Path, pq.ParquetWriter] = {}
    waiting = done = 0
    with ExitStack() as stack:
        for part in parts:
            for path, rows in _files(staging, part):
                held.setdefault(path, []).append(rows)
            waiting, done = waiting + part.customers, done + part.customers
            if waiting >= chunk_customers:
                _flush(held, writers, stack)
                waiting = 0
            if progress:
                progress(done)
        _flush(held, writers, stack)


def _files(staging: Path, part: Part) -> Iterator[tuple[Path, pa.Table]]:
    for folder, tables in (("tables", part.tables), ("truth", part.truth)):
        for name, rows in tables.items():
            yield staging / folder / f"{name}.parquet", rows


def _flush(held: dict[Path, list[pa.Table]], writers: dict[Path, pq.ParquetWriter], stack: ExitStack) -> None:
    for path, rows in held.items():
        if path not in writers:
            writers[path] = stack.enter_context(pq.ParquetWriter(path, rows[0].schema, compression="zstd"))
        writers[path].write_table(pa.concat_tables(rows))
    held.clear()


def _manifest(staging: Path, world: World, defects: Defects | None) -> Manifest:
    return {
        "format": FORMAT,
        "kind": world.kind,
        "seed": world.seed,
        "customers" if world.kind == "shop" else "leads": world.size,
        "numpy": np.__version__,
        "defects": defects.model_dump() if defects else None,
        "files": {
            str(path.relative_to(staging)): {"rows": pq.ParquetFile(path).metadata.num_rows, "sha256": _sha256(path)}
            for path in sorted(staging.glob("*/*.parquet"))
        },
        "preset": world.config.model_dump(mode="json"),
    }


def _read(folder: Path, kind: str) -> tuple[Manifest, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    manifest = _read_manifest(folder)
    if manifest["kind"] != kind:
        raise DataError(
            f"holds a simulated {manifest['kind']}, not a {kind}", f"use read_{manifest['kind']}", file=str(folder)
        )
    if manifest["defects"]:
        raise DataError("has planted faults", "read its tables like any export", file=str(folder))
    for name, expected in manifest["files"].items():
        if not (folder / name).is_file() or _sha256(folder / name) != expected["sha256"]:
            raise DataError("differs from the manifest", "simulate the folder again", file=str(folder / name))
    tables, truth = (
        {path.stem: pd.read_parquet(path) for path in sorted((folder / part).glob("*.parquet"))}
        for part in ("tables", "truth")
    )
    return manifest, tables, truth


def _read_manifest(folder: Path) -> Manifest:
    try:
        manifest: Manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(
            f"has no readable {MANIFEST}", "name a folder that cvo simulate wrote", file=str(folder)
        ) from None
    if manifest.get("format") != FORMAT:
        raise DataError(f"has format {manifest.get('format')}, not {FORMAT}", "simulate it again", file=str(folder))
    return manifest


def _refuse_unknown_folder(place: Path, overwrite: bool) -> None:
    """Never delete what this module did not write."""
    if not place.exists():
        return
    if not overwrite:
        raise UsageError(f"{place} exists: name a new folder, or ask to overwrite it")
    if not (place / MANIFEST).is_file():
        raise UsageError(f"{place} was not written by the simulator: it is not overwritten; name another folder")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
