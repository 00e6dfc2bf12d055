"""Rows that are refunds by their kind, with amounts above zero: credit notes among invoices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.result import Json
from cvo_ml.ingest.look.findings import SAME, FoundOut, counted
from cvo_ml.ingest.look.grid import Grid
from cvo_ml.ingest.look.money_columns import OrderAmounts
from cvo_ml.ingest.statuses import class_of

_VALUES: Final = ("net", "subtotal", "total", "with_tax", "gross")
#: What rows are called that are orders, or their payment.
_SALE: Final = re.compile(
    r"invoice|rechnung|facture|factura|fattura|factuur|faktura|order|bestellung|auftrag|sale|verkauf|vente|venta|vendita"
    r"|payment|zahlung|paiement|pago|charge|purchase|kauf|achat|receipt|beleg", re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True)
class CreditRows:
    """Which rows are refunds by a column.

    Parameters
    ----------
    header:
        Of the column.
    back, others:
        Its texts for refunds, and the rest.
    chosen:
        (rows,) which rows are refunds.
    """

    header: str
    back: list[str]
    others: list[str]
    chosen: NDArray[np.bool_]

    def sales(self, grid: Grid) -> Grid:
        """The table without the refunds."""
        kept = pa.array(~self.chosen)
        columns = {
            name: replace(column, values=pc.filter(column.values, kept)) for name, column in grid.columns.items()
        }
        return replace(grid, columns=columns, rows=int((~self.chosen).sum()))

    def decide(self, grid: Grid, findings: FoundOut) -> None:
        """Read them as refunds, by the order that they name or by their customer."""
        settings = self.settings(grid, findings.settings())
        if settings:
            rows = counted(int(self.chosen.sum()), "row")
            evidence = f"{rows} above zero are refunds by {self.header!r}"
            findings.decide("refunds", ", ".join(self.back), evidence, settings)

    def settings(self, grid: Grid, found: Mapping[str, Json]) -> dict[str, Json]:
        """What reads them so; none where the orders' value or customer is not known.

        Parameters
        ----------
        found:
            The keys that are decided.
        """
        if "columns.net" not in found or "columns.customer_id" not in found:
            return {}
        statuses: dict[str, Json] = dict.fromkeys(self.back, "not_a_sale")
        statuses |= {text: "sale" for text in self.others if class_of(text) is None and _SALE.search(text)}
        not_refunds: list[Json] = [*self.others]
        settings: dict[str, Json] = {
            "columns.status": self.header, "statuses": statuses, "tables.refunds.source.same": SAME,
            "tables.refunds.columns.customer_id": found["columns.customer_id"],
            "tables.refunds.columns.refunded_at": found["columns.ordered_at"],
            "tables.refunds.columns.amount": found["columns.net"], "tables.refunds.columns.reason": self.header,
            "tables.refunds.exclude": [{"rule": "no refund", "column": "reason", "equals": not_refunds}],
        }  # fmt: skip
        if self._name_orders(grid, found.get("columns.order_id")):
            settings["tables.refunds.columns.order_id"] = found["columns.order_id"]
        return settings

    def _name_orders(self, grid: Grid, header: Json) -> bool:
        """Whether refunds carry the number of what they give back."""
        if header is None:
            return False
        codes = grid.columns[str(header)].codes
        return bool(np.isin(codes[self.chosen], codes[~self.chosen]).all())


def credit_rows(grid: Grid, money: OrderAmounts) -> CreditRows | None:
    """The refunds by a column of kinds, where no status says otherwise; None where there are none above zero."""
    values = next((money.numbers(column) for name in _VALUES for column in money.of(name)), None)
    if values is None or any(grid.columns[header].filled for header in grid.headers_for("status")):
        return None
    for header in grid.headers_for("kind_of_row"):
        column = grid.columns[header]
        back = [text for text in column.distinct if class_of(text) == "refunded"]
        chosen = column.spread([text in back for text in column.distinct], False).astype(np.bool_)
        if back and len(back) < len(column.distinct) and (values[chosen] > 0).all():
            return CreditRows(header, back, [text for text in column.distinct if text not in back], chosen)
    return None
