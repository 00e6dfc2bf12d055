"""Debit and credit in a column beside amounts that are all above zero: which of the two is a sale is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from cvo_ml.core.result import Json
from cvo_ml.ingest.look.credit_rows import CreditRows
from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.money_columns import OrderAmounts

#: What the two sides of a booking are called, in lower case.
_WORDS: Final = ({"debit", "credit"}, {"soll", "haben"}, {"dr", "cr"}, {"débit", "crédit"}, {"debe", "haber"})
#: Letters, which need a header that says what they are.
_LETTERS: Final = ({"s", "h"}, {"d", "c"}, {"d", "k"}, {"+", "-"})
_CALLED: Final = re.compile(
    r"debit|credit|d[ée]bit|cr[ée]dit|soll|haben|\bs ?/ ?h\b|\bd ?/ ?[ck]\b|\bdr ?/? ?cr\b|\bdc\b|\bsign\b|vorzeichen"
    r"|direction",
    re.IGNORECASE,
)
_VALUES: Final = ("net", "subtotal", "total", "with_tax", "gross")


@dataclass(frozen=True)
class BookingSides:
    """A column that says on which side of an account a row stands."""

    column: FoundColumn

    def ask(self, grid: Grid, findings: FoundOut) -> None:
        """Ask which side is the sales; rows of the other go back to their customer."""
        texts, header = self.column.distinct, self.column.header
        choices: dict[str, Settings] = {}
        for side in texts:
            back = [text for text in texts if text != side]
            chosen = self.column.spread([text in back for text in texts], False).astype(np.bool_)
            settings = CreditRows(header, back, [side], chosen).settings(grid, findings.settings())
            classes: dict[str, Json] = {text: "sale" if text == side else "not_a_sale" for text in texts}
            choices[side] = {**settings, "statuses": classes}
        held = " and ".join(
            f"{text!r} ({counted(int(rows), 'row')})" for text, rows in zip(texts, self.column.counts, strict=True)
        )
        least = [texts[int(np.argmin(self.column.counts))]]
        findings.ask(
            "sales_side",
            f"column {header!r} holds {held} beside amounts above zero: which of the two are sales? The others go back",
            choices,
            self.column.first_rows(least),
            [f"{header} = {text}" for text in texts],
        )


def booking_sides(grid: Grid, money: OrderAmounts) -> BookingSides | None:
    """The column of debit and credit; None where there is none, or where amounts have a sign of their own."""
    values = next((money.numbers(column) for name in _VALUES for column in money.of(name)), None)
    if (
        values is None
        or (values < 0).any()
        or any(grid.columns[header].filled for header in grid.headers_for("status"))
    ):
        return None
    for header, column in grid.columns.items():
        if len(column.distinct) != 2 or column.is_number:
            continue
        said = {text.casefold() for text in column.distinct}
        if said in _WORDS or (said in _LETTERS and _CALLED.search(header)):
            return BookingSides(column)
    return None
