"""Movements of several kinds in one file: payments beside withdrawals and fees, which are no sales."""

from __future__ import annotations

import re
from typing import Final

from cvo_ml.core.result import Json
from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid

#: Words of kinds that are sales, or the way back of one.
_SALE: Final = re.compile(
    r"sale|order|payment|purchase|invoice|charge|refund|return|credit (?:memo|note)|online|checkout|retail|capture"
    r"|zahlung|verkauf|bestell|auftrag|rechnung|gutschrift|erstattung|storno|paiement|vente|commande|facture|rembours"
    r"|pago|venta|pedido|factura|reembolso|pagamento|vendita|ordine|fattura|rimborso|betaling|verkoop|factuur|venda"
    r"|płatność|sprzedaż|faktura|zwrot|betalning|köp", re.IGNORECASE,
)  # fmt: skip
#: Words of kinds that are none, whatever else they say.
_NO_SALE: Final = re.compile(
    r"withdraw|transfer|payout|deposit|conversion|\bfees?\b|adjust|reserve|\bhold\b|top.?up|gift card load|abbuchung"
    r"|auszahlung|umrechnung|gebühr|überweisung|einbehalt|virement|retrait|commission|retirada|transferencia|comisión"
    r"|prelievo|bonifico|commissione|opname|overboeking|wypłata|przelew|opłata|uttag", re.IGNORECASE,
)  # fmt: skip
_MOST: Final = 30


def decide_row_kinds(grid: Grid, findings: FoundOut) -> None:
    """A column of kinds that holds some which are no sales: asked about, since rows of theirs would count as orders."""
    for header in grid.headers_for("kind_of_row"):
        column = grid.columns[header]
        others = [text for text in column.distinct if _NO_SALE.search(text)]
        if not others or len(column.distinct) > _MOST or not any(map(_is_sale, column.distinct)):
            continue
        _ask(column, others, findings)
        return


def _is_sale(text: str) -> bool:
    return _SALE.search(text) is not None and _NO_SALE.search(text) is None


def _ask(column: FoundColumn, others: list[str], findings: FoundOut) -> None:
    rows = sum(int(column.counts[column.distinct.index(text)]) for text in others)
    status = findings.settings().get("columns.status")
    classes: dict[str, Json] = {text: "not_a_sale" if text in others else "sale" for text in column.distinct}
    left_out: dict[str, Json] = {"columns.status": column.header, "statuses": classes}
    if status is not None:
        left_out["ignore"] = [status]
    choices: dict[str, Settings] = {"sales_only": left_out, "all_rows": {"ignore": [column.header]}}
    findings.ask(
        "kinds", f"column {column.header!r} holds {', '.join(map(repr, others[:5]))} ({counted(rows, 'row')}): are "
        "they no sales?", choices, column.first_rows(others), [f"{column.header} = {text}" for text in others[:3]],
    )  # fmt: skip
