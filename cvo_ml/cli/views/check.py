"""What a shop's tables hold, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from cvo_ml.ingest import ReadResult
from cvo_ml.readiness import Readiness
from cvo_ml.report.text import money_words


def ledger(console: Console, read: ReadResult) -> None:
    """Rows in = used + quarantined + excluded by rule."""
    table = Table(title="Rows of the source", title_justify="left", show_edge=False)
    table.add_column()
    table.add_column("reason")
    table.add_column("rows", justify="right")
    for kind, reason, count in read.ledger.lines():
        table.add_row(kind, reason, f"{count:,}")
    console.print(table)
    tables = read.tables
    console.print(
        f"{len(tables.orders):,} orders of {tables.orders['customer_id'].nunique():,} customers, "
        f"{len(tables.refunds):,} refunds with their own time; {money_words(tables.currency)}; "
        "value basis: revenue",
        highlight=False,
    )
    notes(console, read.notes)


def notes(console: Console, said: Sequence[str]) -> None:
    """What the reader or the scoring found worth saying."""
    for note in said:
        console.print(f"  note: {note}", style="dim", highlight=False, markup=False)


def readiness(console: Console, read: ReadResult, judged: Readiness) -> None:
    """What the tables hold, which models they can carry, and the first quarantined rows."""
    console.print()
    for line in judged.lines():
        console.print(line, highlight=False, markup=False)
    if len(read.quarantine):
        table = Table(title="Quarantine (first rows; values are not kept)", title_justify="left", show_edge=False)
        for column in read.quarantine.columns:
            table.add_column(str(column))
        for row in read.quarantine.head(10).itertuples(index=False):
            table.add_row(*map(str, row))
        console.print(table)
