"""Generated exports: every way of writing drawn on its own, so that their combinations are drawn too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from hypothesis import strategies as st

from tests.exports.marketplaces import movements
from tests.exports.shop import Sale, Truth, paid, sales, truth_of, without_refunds
from tests.exports.shop_systems import number
from tests.exports.writing import Columns, Dialect, write

#: Headers of order, customer, day, money, refund, day of the refund, status and the word of a total row.
LANGUAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "en": ("Order ID", "Customer ID", "Order Date", "Net Amount", "Refunded Amount", "Refund Date", "Status", "Total"),
    "de": ("Bestellnummer", "Kundennummer", "Bestelldatum", "Nettobetrag", "Erstattungsbetrag", "Erstattungsdatum",
           "Status", "Summe"),
    "fr": ("Numéro de commande", "Code client", "Date de commande", "Montant HT", "Montant remboursé",
           "Date de remboursement", "Statut", "Total"),
    "es": ("Número de pedido", "Código de cliente", "Fecha de pedido", "Importe neto", "Importe reembolsado",
           "Fecha de reembolso", "Estado", "Total"),
    "nl": ("Bestelnummer", "Klantnummer", "Besteldatum", "Bedrag excl. btw", "Terugbetaald bedrag", "Terugbetaald op",
           "Status", "Totaal"),
}  # fmt: skip
#: Decimal sign and sign between thousands.
NUMBERS: Final = ((".", ""), (".", ","), (".", "'"), (".", " "), (",", ""), (",", "."), (",", " "), (",", "\u00a0"))
DAYS: Final = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d/%m/%Y",
               "%m/%d/%Y", "#m/#d/%Y #I:%M %p", "%d-%b-%Y", "%b %d, %Y", "%Y/%m/%d", "%Y%m%d", "%d/%m/%y", "epoch_s",
               "epoch_ms")  # fmt: skip
SIGNS: Final = ("#", "€#", "# €", "$#", "£#", "EUR #", "# CHF", "R$ #")
CODES: Final = {"€": "EUR", "$": "USD", "£": "GBP", "R$": "BRL"}
Refunds = Literal["none", "own rows", "same order", "column", "file"]
#: As the statuses of shops in English say it.
STATES: Final = {
    "paid": "completed",
    "pending": "pending",
    "failed": "failed",
    "cancelled": "cancelled",
    "test": "draft",
}


@dataclass(frozen=True)
class Variant:
    """One way of writing the same orders.

    Parameters
    ----------
    early_days:
        All days are below the 13th: the numbers alone do not say which is the month.
    whole:
        All amounts are whole and have their thousands: ``1.250`` throughout.
    """

    dialect: Dialect
    language: str
    refunds: Refunds
    titles: bool
    total: bool
    states: bool
    early_days: bool
    whole: bool

    def write(self, folder: Path) -> Truth:
        """The files of this variant, and what is true of them."""
        chosen = self._sales()
        words = LANGUAGES[self.language]
        rows = movements(chosen) if self.refunds in ("own rows", "same order") else chosen
        dialect = replace(self.dialect, places=0) if self.whole else self.dialect
        titles = ("House Shop", "2023 - 2024", "") if self.titles else ()
        columns = self._columns(words)
        total = sum((row.net for row in rows), Decimal(0))
        last = (
            self._total_row(dialect, words[7], list(columns).index(words[3]), len(columns), total) if self.total else ()
        )
        write(folder / "export.csv", rows, columns, replace(dialect, above=titles, below=last))
        if self.refunds == "file":
            backs = [(sale, back) for sale in chosen for back in sale.refunds]
            write(folder / "refunds.csv", backs, {
                words[0]: lambda r: r[0].number, words[5]: lambda r: r[1].at, words[4]: lambda r: r[1].amount,
            }, dialect)  # fmt: skip
        counted = [sale for sale in chosen if sale.status == "paid"]
        return truth_of(counted, number, order_id=None)

    @property
    def answers(self) -> Mapping[str, str]:
        """What is true where the file alone does not tell."""
        day_first = "day_first" if self.dialect.day.startswith(("%d", "#d")) else "month_first"
        return {"dates": day_first, "amounts": "thousands" if self.dialect.thousands else "decimals"}

    def declared(self, folder: Path) -> dict[str, Any]:
        """The shop's file that says how this variant is written."""
        order, customer, day, money, back, back_day, status, total = LANGUAGES[self.language]
        dialect = self.dialect
        sign = dialect.sign.replace("#", "").strip()
        source: dict[str, Any] = {
            "path": str(folder / "export.csv"), "delimiter": dialect.delimiter, "decimal": dialect.decimal,
            "encoding": dialect.encoding.removesuffix("-sig"), "date_format": _declared_day(dialect.day),
            "header_row": 4 if self.titles else 1, "total_rows": [total] if self.total else [],
            "amounts": {
                "thousands": dialect.thousands.replace("\u00a0", " "), "currency": [sign] if sign else [],
                "parentheses": dialect.negative == "(#)", "trailing_minus": dialect.negative == "#-",
            },
        }  # fmt: skip
        columns = {"order_id": order, "customer_id": customer, "ordered_at": day, "net": money}
        content: dict[str, Any] = {
            "name": "declared",
            "currency": CODES.get(sign, sign or "EUR"),
            "source": source,
            "columns": columns,
        }
        if self.states:
            columns["status"] = status
        if self.refunds in ("column", "file"):
            own = source if self.refunds == "column" else source | {
                "path": str(folder / "refunds.csv"), "header_row": 1, "total_rows": []}  # fmt: skip
            refunds = {"source": own, "columns": {"order_id": order, "refunded_at": back_day, "amount": back}}
            none = {"exclude": [{"rule": "nothing went back", "column": "amount", "equals": [0]}]}
            content["tables"] = {"refunds": refunds | (none if self.refunds == "column" else {})}
        return content

    def _sales(self) -> tuple[Sale, ...]:
        chosen = tuple(s for s in sales() if s.person) if self.states else paid()
        chosen = tuple(s for s in chosen if s.net and (s.at.day <= 12 or not self.early_days))[:110]
        chosen = chosen if self.refunds != "none" and not self.whole else without_refunds(chosen)
        return tuple(map(_whole, chosen)) if self.whole else chosen

    def _columns(self, words: tuple[str, ...]) -> Columns:
        by_movement = self.refunds in ("own rows", "same order")

        def sale(row: Any) -> Sale:
            found: Sale = row.sale if by_movement else row
            return found

        def order(row: Any) -> object:
            return row.number if self.refunds == "own rows" else sale(row).number

        columns: dict[str, Any] = {
            words[0]: order, words[1]: lambda r: number(sale(r)), words[2]: lambda r: r.at, words[3]: lambda r: r.net,
        }  # fmt: skip
        if self.refunds == "column":
            columns[words[4]] = lambda r: r.refunded
            columns[words[5]] = lambda r: r.refunds[0].at if r.refunds else None
        if self.states:
            columns[words[6]] = lambda r: STATES[sale(r).status]
        return columns

    def _total_row(self, dialect: Dialect, word: str, place: int, width: int, total: Decimal) -> tuple[str, ...]:
        cells = [word, *[""] * (width - 1)]
        cells[place] = dialect.text(total)
        return (self.dialect.delimiter.join(self._quoted(cell) for cell in cells),)

    def _quoted(self, cell: str) -> str:
        return f'"{cell}"' if self.dialect.quote_all or self.dialect.delimiter in cell else cell


def _declared_day(day: str) -> str | None:
    return None if day.startswith("%Y-%m-%d") else day.replace("#", "%")


def _whole(sale: Sale) -> Sale:
    line = replace(sale.lines[0], quantity=1, price=(sale.net % 900).quantize(Decimal(1)) + 1050)
    return replace(sale, lines=(line,))


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    """Variants in which an empty draw is the plainest: shrinking ends at a plain CSV."""
    decimal, thousands = draw(st.sampled_from(NUMBERS))
    day, sign = draw(st.sampled_from(DAYS)), draw(st.sampled_from(SIGNS))
    encoding = draw(st.sampled_from(("utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16")))
    if encoding == "latin-1" and "€" in sign:
        sign = "#"
    dialect = Dialect(
        draw(st.sampled_from((",", ";", "\t", "|"))), encoding, decimal, thousands, sign=sign,
        negative=draw(st.sampled_from(("-#", "(#)", "#-"))), day=day, quote_all=draw(st.booleans()),
        newline=draw(st.sampled_from(("\n", "\r\n"))),
    )  # fmt: skip
    return Variant(
        dialect, draw(st.sampled_from(list(LANGUAGES))),
        draw(st.sampled_from(("none", "own rows", "same order", "column", "file"))),
        titles=draw(st.booleans()), total=draw(st.booleans()), states=draw(st.booleans()),
        early_days=draw(st.sampled_from((False, False, True))),
        whole=draw(st.sampled_from((False, False, False, True))),
    )  # fmt: skip
