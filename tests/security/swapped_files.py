"""Reads a file that another process replaces, or writes over, before the n-th time that it is opened.

Runs as a process of its own, since an audit hook stays for good: ``python -m tests.security.swapped_files FOLDER``
prints a JSON list of what came of every case.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from cvo_ml.core.errors import CvoError
from cvo_ml.ingest import batches, read_shop
from cvo_ml.ingest.sources import inspection, parquet
from tests.ingest.conftest import shop

ROWS = 40
#: More than any reader opens a file.
OPENS = 6
FIELDS = ("order", "customer", "date", "amount")


def rows(amount: str) -> list[tuple[str, ...]]:
    return [(f"A{row}", f"C{row % 7}", f"2024-01-{row % 28 + 1:02}", amount) for row in range(ROWS)]


def csv(path: Path, amount: str) -> None:
    path.write_text("\n".join(map(",".join, [FIELDS, *rows(amount)])) + "\n")


def quoted_csv(path: Path, amount: str) -> None:
    path.write_text("\n".join(map(",".join, [FIELDS, *rows(amount), ("B1", '"C ""1"""', "2024-02-01", amount)])) + "\n")


def packed_csv(path: Path, amount: str) -> None:
    csv(path, amount)
    path.write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def json_lines(path: Path, amount: str) -> None:
    path.write_text("".join(json.dumps(dict(zip(FIELDS, row, strict=True))) + "\n" for row in rows(amount)))


def table(path: Path, amount: str) -> None:
    pd.DataFrame(rows(amount), columns=list(FIELDS)).to_parquet(path)


FORMATS: dict[str, tuple[str, Callable[[Path, str], None]]] = {
    "CSV": ("orders.csv", csv),
    "CSV with quotes": ("orders.csv", quoted_csv),
    "gzip": ("orders.csv.gz", packed_csv),
    "JSON lines": ("orders.jsonl", json_lines),
    "Parquet": ("orders.parquet", table),
}
#: At once from memory, at once but too large to hold, in batches.
READERS: dict[str, tuple[int, int]] = {
    "from memory": (inspection.HELD, batches.LARGE),
    "streamed": (0, batches.LARGE),
    "in batches": (0, 0),
}


class Swap:
    """What happens before the n-th time that a path is opened."""

    def __init__(self) -> None:
        self.path, self.at, self.opened = "", 0, 0
        self.act: Callable[[], None] = lambda: None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and self.path and str(arguments[0]) == self.path:
            self.opened += 1
            if self.opened == self.at:
                self.path, path = "", self.path
                self.act()
                self.path = path


def outcome(path: Path) -> Any:
    try:
        read = read_shop(shop(str(path)))
    except CvoError as refused:
        return str(refused)
    return [read.fingerprint, float(read.tables.orders["net"].sum())]


def main(folder: Path) -> None:
    swap, found = Swap(), []
    for reader, (held, threshold) in READERS.items():
        batches.LARGE = threshold  # type: ignore[misc]
        inspection.HELD = parquet.HELD = held  # type: ignore[misc]
        for kind, (name, write) in FORMATS.items():
            path, other = folder / name, folder / f"new-{name}"
            clean = []
            for amount in ("1.50", "9.50"):
                write(path, amount)
                clean.append(outcome(path))
            for how in ("rename", "rewrite"):
                for at in range(1, OPENS + 1):
                    write(path, "1.50")
                    write(other, "9.50")
                    time.sleep(0.02)  # more than a tick of the file system's clock
                    new = other.read_bytes()
                    swap.act = (
                        (lambda path=path, other=other: os.replace(other, path))
                        if how == "rename"
                        else (lambda path=path, new=new: path.write_bytes(new))
                    )
                    swap.path, swap.at, swap.opened = str(path), at, 0
                    result = outcome(path)
                    opened, swap.path = swap.opened, ""
                    found.append({"case": f"{kind}, {reader}, {how} before open {at}", "clean": clean,
                                  "found": result, "opened": opened})  # fmt: skip
                    if opened < at:
                        break
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
