"""A simulated business on disk: tables/ and truth/ as Parquet, written in a stream, and manifest.json.

Memory holds one chunk of customers, however many there are. The folder appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.config.simulation import Defects, SimulatedSaasConfig, SimulatedShopConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.files import sha256_of, staged_folder
from cvo_ml.core.input_files import TABLE, NoInput, read_input, read_json_input
from cvo_ml.core.paths import inside
from cvo_ml.core.result import Json, Result
from cvo_ml.core.tables import Tables
from cvo_ml.simulate.defects import break_references, spoil
from cvo_ml.simulate.saas.saas import SimulatedSaas, saas_simulation
from cvo_ml.simulate.saas.truth import SaasTruth
from cvo_ml.simulate.shop.shop import SimulatedShop, shop_simulation
from cvo_ml.simulate.shop.truth import ShopTruth
from cvo_ml.simulate.simulation import Part, Simulation, chosen_tables, collect

FORMAT = 1
MANIFEST = "manifest.json"
CHUNK = 65_536
Kind = Literal["shop", "saas"]
Progress = Callable[[int], None]


@dataclass(frozen=True)
class SimulatedFile(Result):
    """A file of the folder: its rows, and the hash of its bytes."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class SimulationManifest(Result):
    """What a folder of a simulated business holds, and all that is needed to simulate it again.

    Parameters
    ----------
    size:
        Customers of a shop, leads of a software vendor.
    numpy:
        The version whose random streams were drawn.
    defects:
        Shares of the planted faults; None = none were planted.
    files:
        By path in the folder.
    preset:
        The whole preset.
    """

    kind: str
    seed: int
    size: int
    numpy: str
    defects: Json
    files: Mapping[str, SimulatedFile]
    preset: Json

    def to_json(self) -> dict[str, Json]:
        """The fields with the format first; the size is named after what it counts."""
        fields = super().to_json()
        kind, seed, size = (fields.pop(name) for name in ("kind", "seed", "size"))
        return {"format": FORMAT, "kind": kind, "seed": seed, _size_name(self.kind): size, **fields}

    @classmethod
    def from_json(cls, values: Mapping[str, Json]) -> SimulationManifest:
        """Rebuild from what ``to_json`` gave.

        Raises
        ------
        KeyError, TypeError
            If it is something else.
        """
        known: Mapping[str, Any] = values
        files = {name: SimulatedFile(int(file["rows"]), str(file["sha256"])) for name, file in known["files"].items()}
        kind, seed, size = known["kind"], int(known["seed"]), int(known[_size_name(known["kind"])])
        return cls(kind, seed, size, known["numpy"], known["defects"], files, known["preset"])


def _size_name(kind: str) -> str:
    return "customers" if kind == "shop" else "leads"


def write_shop(
    folder: str | Path,
    preset: str | SimulatedShopConfig = "shop",
    n_customers: int | None = None,
    seed: int | None = None,
    *,
    tables: Iterable[str] | None = None,
    chunk_customers: int = CHUNK,
    defects: Defects | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulationManifest:
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
    simulation = shop_simulation(preset, n_customers, seed)
    return write_simulation(folder, simulation, tables, chunk_customers, defects, overwrite, progress)


def write_saas(
    folder: str | Path,
    preset: str | SimulatedSaasConfig = "saas",
    n_leads: int | None = None,
    seed: int | None = None,
    *,
    tables: Iterable[str] | None = None,
    chunk_customers: int = CHUNK,
    defects: Defects | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulationManifest:
    """Simulate a software vendor into ``folder``; see ``write_shop``."""
    simulation = saas_simulation(preset, n_leads, seed)
    return write_simulation(folder, simulation, tables, chunk_customers, defects, overwrite, progress)


def write_simulation(
    folder: str | Path,
    simulation: Simulation,
    tables: Iterable[str] | None,
    chunk_customers: int,
    defects: Defects | None,
    overwrite: bool,
    progress: Progress | None,
) -> SimulationManifest:
    """Write all parts of a simulation into a staging folder, then rename it once; of a failure nothing stays."""
    place = Path(folder)
    _refuse_unknown_folder(place, overwrite)
    with staged_folder(place) as staging:
        for part in ("tables", "truth"):
            (staging / part).mkdir()
        _stream(staging, parts_of(simulation, tables, defects), chunk_customers, progress)
        manifest = _manifest(staging, simulation, defects)
        (staging / MANIFEST).write_text(
            json.dumps(manifest.to_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return manifest


def parts_of(simulation: Simulation, tables: Iterable[str] | None, defects: Defects | None) -> Iterator[Part]:
    """The simulation's parts, spoilt if asked for."""
    before: Counter[str] = Counter()
    for number, part in enumerate(simulation.parts(chosen_tables(simulation, tables))):
        if defects:
            part = spoil(part, number, simulation, defects)
        if defects and defects.broken_references:
            part = break_references(part, number, simulation, defects.broken_references, before)
        before.update({name: rows.num_rows for name, rows in part.tables.items()})
        yield part


def dirty_frames(
    simulation: Simulation, defects: Defects, tables: Iterable[str] | None = None
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Tables with planted faults, in memory, and the truth with its table ``defects``."""
    return collect(parts_of(simulation, tables, defects))


def read_simulated_shop(folder: str | Path) -> SimulatedShop:
    """A shop written by ``write_shop`` without defects.

    Raises
    ------
    DataError
        If the folder holds no shop, a file differs from the manifest, or faults were planted.
    """
    manifest, frames, truth = _read(Path(folder), "shop")
    config = SimulatedShopConfig.model_validate(manifest.preset)
    return SimulatedShop(Tables(frames, config.currency), ShopTruth(config, truth), config, manifest.seed)


def read_simulated_saas(folder: str | Path) -> SimulatedSaas:
    """A software vendor written by ``write_saas`` without defects; see ``read_simulated_shop``."""
    manifest, frames, truth = _read(Path(folder), "saas")
    config = SimulatedSaasConfig.model_validate(manifest.preset)
    return SimulatedSaas(Tables(frames, config.currency), SaasTruth(config, truth), config, manifest.seed)


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


def _manifest(staging: Path, simulation: Simulation, defects: Defects | None) -> SimulationManifest:
    files = {
        str(path.relative_to(staging)): SimulatedFile(pq.ParquetFile(path).metadata.num_rows, sha256_of(path))
        for path in sorted(staging.glob("*/*.parquet"))
    }
    return SimulationManifest(
        kind=simulation.kind,
        seed=simulation.seed,
        size=simulation.size,
        numpy=np.__version__,
        defects=defects.model_dump() if defects else None,
        files=files,
        preset=simulation.config.model_dump(mode="json"),
    )


def _read(folder: Path, kind: Kind) -> tuple[SimulationManifest, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    manifest = _read_manifest(folder)
    if manifest.kind != kind:
        raise DataError(
            f"holds a simulated {manifest.kind}, not a {kind}", f"use read_simulated_{manifest.kind}", file=str(folder)
        )
    if manifest.defects:
        raise DataError("has planted faults", "read its tables like any export", file=str(folder))
    parts: dict[str, dict[str, pd.DataFrame]] = {"tables": {}, "truth": {}}
    for name, expected in sorted(manifest.files.items()):
        part, table = PurePosixPath(name).parent.name, PurePosixPath(name).stem
        parts.setdefault(part, {})[table] = _verified(inside(folder, part, f"{table}.parquet"), expected)
    return manifest, parts["tables"], parts["truth"]


def _verified(path: Path, expected: SimulatedFile) -> pd.DataFrame:
    """The rows of a file, from the bytes that were hashed."""
    with contextlib.suppress(NoInput):
        content = read_input(path, TABLE)
        if hashlib.sha256(content).hexdigest() == expected.sha256:
            return pd.read_parquet(io.BytesIO(content))
    raise DataError("differs from the manifest", "simulate the folder again", file=str(path))


def _read_manifest(folder: Path) -> SimulationManifest:
    try:
        stored = read_json_input(folder / MANIFEST)
        if stored.get("format") == FORMAT:
            return SimulationManifest.from_json(stored)
    except (NoInput, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        raise DataError(
            f"has no readable {MANIFEST}", "name a folder that cvo simulate wrote", file=str(folder)
        ) from None
    raise DataError(f"has format {stored.get('format')}, not {FORMAT}", "simulate it again", file=str(folder))


def _refuse_unknown_folder(place: Path, overwrite: bool) -> None:
    """Never delete what this module did not write."""
    if not place.exists():
        return
    if not overwrite:
        raise UsageError(f"{place} exists: name a new folder, or ask to overwrite it")
    if not (place / MANIFEST).is_file():
        raise UsageError(f"{place} was not written by the simulator: it is not overwritten; name another folder")
