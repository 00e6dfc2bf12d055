"""Peak memory of a shop that is streamed to Parquet.

    python benchmarks/simulate/memory.py [--customers 10000000] [--preset benchmark] [--folder FOLDER]

``benchmark``: customers and orders of the cohort in speed.py. Another preset: all of its tables.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.measuring import peak_memory, timed
from benchmarks.simulate.speed import CONFIG
from cvo_ml.simulate import shop_preset, write_shop


def main() -> None:
    """Write the shop, print time, rows, size on disk and peak resident memory."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--customers", type=int, default=10_000_000)
    arguments.add_argument("--preset", default="benchmark")
    arguments.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    chosen = arguments.parse_args()
    config = CONFIG if chosen.preset == "benchmark" else shop_preset(chosen.preset)
    place = Path(tempfile.mkdtemp(dir=chosen.folder))
    try:
        manifest, taken = timed(lambda: write_shop(place / "shop", config, chosen.customers))
        size = sum(path.stat().st_size for path in place.rglob("*.parquet"))
    finally:
        shutil.rmtree(place)
    rows = sum(file.rows for file in manifest.files.values())
    print(
        f"{chosen.preset}: {chosen.customers:,} customers, {rows:,} rows in {len(manifest.files)} files, "
        f"{size / 1e9:.2f} GB on disk, {taken.wall:.0f} s, peak {peak_memory() / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    main()
