"""What a shop's tables hold, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from cvo_ml.report.text import money_words
from cvo_ml.workflows.check import CheckResult, RowsRead


def check(console: Console, result: CheckResult) -> None:
    """The rows, what they can carry, and the first quarantined ones."""
    rows_read(console, result.rows)
    console.print()
    for line in result.readiness.lines():
        console.print(line, highlight=False, markup=False)
    quarantine = result.rows.quarantine
    if len(quarantine):
        table = Table(title="Quarantine (first rows; values are not kept)", title_justify="left", show_edge=False)
        for column in quarantine.columns:
            table.add_column(str(column))
        for row in quarantine.head(10).itertuples(index=False):
            table.add_row(*map(str, row))
        console.print(table)


def rows_read(console: Console, rows: RowsRead) -> None:
    """Rows in = used + quarantined + excluded by rule."""
    table = Table(title="Rows of the source", title_justify="left", show_edge=False)
    table.add_column()
    table.add_column("reason")
    table.add_column("rows", justify="right")
    for kind, reason, count in rows.row_ledger.lines():
        table.add_row(kind, reason, f"{count:,}")
    console.print(table)
    console.print(
        f"{rows.orders:,} orders of {rows.customers:,} customers, {rows.refunds:,} refunds with their own time; "
        f"{money_words(rows.currency)}; value basis: revenue",
        highlight=False,
    )
    notes(console, rows.notes)


def notes(console: Console, said: Sequence[str]) -> None:
    """What the reader or the scoring found worth saying."""
    for note in said:
        console.print(f"  note: {note}", style="dim", highlight=False, markup=False)
