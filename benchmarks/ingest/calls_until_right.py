"""How many calls of ``cvo`` a stranger's file takes until it is read right: ``init`` and ``check`` are two.

A question that is answered, in the file or with ``--answer``, counts as one more. Right means: orders, customers, days,
money and refunds equal the generator's truth to the cent (``tests/exports``).
"""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.exports.comparing import differences
from tests.exports.reading import attempt
from tests.exports.shapes import SHAPES, Shape


def calls_of(shape: Shape) -> int | None:
    """Calls until a shape is read right; None where it never is."""
    with TemporaryDirectory() as folder:
        truth = shape.make(Path(folder))
        tried = attempt(Path(folder), shape.answers)
    right = tried.result is not None and not differences(tried.result, truth)
    return tried.calls if right else None


def main() -> None:
    """Print the calls of each shape, their median and their maximum."""
    found = [(shape, calls_of(shape)) for shape in SHAPES]
    table = Table("export", "locale", "calls", "asked about")
    for shape, calls in found:
        table.add_row(shape.name, shape.locale, str(calls or "never"), ", ".join(shape.answers))
    counts = [calls for _, calls in found if calls is not None]
    console = Console()
    console.print(table)
    locales = len({shape.locale for shape, _ in found})
    console.print(
        f"{len(found)} shapes in {locales} locales: median {statistics.median(counts):g}, maximum {max(counts)}"
    )
    console.print(f"never right: {len(found) - len(counts)}")


if __name__ == "__main__":
    main()
