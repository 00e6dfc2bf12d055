"""What a shop's tables hold, on the terminal."""

from __future__ import annotations

from typing import Final

from cvo_ml.report.screen import Screen, table
from cvo_ml.report.text import money_words
from cvo_ml.workflows.check import CheckResult, RowsRead

#: rows of the quarantine on the screen
SHOWN: Final = 10


def check(screen: Screen, result: CheckResult) -> None:
    """The rows, what they can carry, and the first quarantined ones."""
    rows_read(screen, result.rows)
    screen.line()
    for line in result.readiness.lines():
        screen.say(line)
    quarantine = result.rows.quarantine
    if len(quarantine):
        first = table("Quarantine (first rows; values are not kept)", *map(str, quarantine.columns))
        for row in quarantine.head(SHOWN).itertuples(index=False):
            first.add_row(*map(str, row))
        screen.print(first)
        if len(quarantine) > SHOWN:
            screen.say(f"{len(quarantine):,} rows are in quarantine; --quarantine FILE writes all of them")


def rows_read(screen: Screen, rows: RowsRead) -> None:
    """Rows in = used + quarantined + excluded by rule."""
    ledger = table("Rows of the source", "", "reason", ">rows")
    for kind, reason, count in rows.row_ledger.lines():
        ledger.add_row(kind, reason, f"{count:,}")
    screen.print(ledger)
    screen.say(
        f"{rows.orders:,} orders of {rows.customers:,} customers, {rows.refunds:,} refunds with their own time; "
        f"{money_words(rows.currency)}; value basis: revenue",
    )
    screen.notes(rows.notes)
