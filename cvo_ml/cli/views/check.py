"""What a shop's tables hold, on the terminal."""

from __future__ import annotations

from rich.console import Console

from cvo_ml.cli.views.blocks import notes, table
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
        first = table("Quarantine (first rows; values are not kept)", *map(str, quarantine.columns))
        for row in quarantine.head(10).itertuples(index=False):
            first.add_row(*map(str, row))
        console.print(first)


def rows_read(console: Console, rows: RowsRead) -> None:
    """Rows in = used + quarantined + excluded by rule."""
    ledger = table("Rows of the source", "", "reason", ">rows")
    for kind, reason, count in rows.row_ledger.lines():
        ledger.add_row(kind, reason, f"{count:,}")
    console.print(ledger)
    console.print(
        f"{rows.orders:,} orders of {rows.customers:,} customers, {rows.refunds:,} refunds with their own time; "
        f"{money_words(rows.currency)}; value basis: revenue",
        highlight=False,
    )
    notes(console, rows.notes)
