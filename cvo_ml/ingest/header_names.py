"""What a header means: the names that real exports give their columns, in several languages, and which comes first.

A meaning is a column of a contract (``order_id``, ``net``, ``refunded_at``, …) or one of those that only help to find
it: ``customer_email``, ``total``, ``subtotal``, ``line_total``, ``with_tax``, ``refund_amount``, ``date``, ``id``, ….
Names are compared by their letters and digits alone, without accents, so ``Order_Number``, ``order number`` and
``OrderNumber`` are one. The names stand in ``header_names.txt``: within a meaning, the one that says more comes first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

#: Meanings whose names may follow ``order``, as in ``order currency``; and what may follow a name: ``total (EUR)``.
_OF_AN_ORDER: Final = (
    *("net", "subtotal", "total", "with_tax", "refund_amount"),
    *("currency", "discount", "tax", "shipping"),
)
_CODES: Final = "EUR|USD|GBP|CHF|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|JPY|CNY|INR|BRL|MXN|KWD|BHD|TRY|ZAR|ILS|RON|SGD"
_CODE: Final = re.compile(rf"(?:\b|(?<=_))(?i:in )?(?P<code>{_CODES})\b|(?<=[_ ])(?:in )?(?P<small>{_CODES.lower()})$")
_SIGN_OF_CODE: Final = {"€": "EUR", "£": "GBP", "zł": "PLN", "₹": "INR", "₺": "TRY", "₪": "ILS", "R$": "BRL"}
_SIGNS: Final = re.compile(r"R\$|[€£$¥₹₺₪]|\bzł\b")
#: What stands before the last part of a path and says nothing of its own.
_WRAPPERS: Final = re.compile(r"^(?:properties|order|orders|data|attributes|node|fields|record|payload|_source)[.:]")
#: What stands behind a name and says how its value is written: of extended JSON, and of times.
_CLOCK: Final = re.compile(r"\.\$(?:date|oid|numberDecimal|numberLong|numberInt|numberDouble)$|\s*\(?\bUTC\b\)?$")
_MINOR: Final = re.compile(r"(?<=[A-Za-z])[ _.(]*(?:[iI]n[ _]?)?(?:[cC]ents?|minor(?:[ _]units?)?|[pP]ence)\)?$")
_TWO_WORDS: Final = re.compile(r"[a-z][A-Z]|[A-Za-z]_[A-Za-z]")
_LETTERS: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "đ": "d", "œ": "oe", "ı": "i", "º": "", "°": ""}
)

#: What the first source's columns may be taken from, the best first.
ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "order_id": ("order_id", "id"),
    "customer_id": ("customer_id", "customer", "customer_email", "customer_phone", "customer_name"),
    "ordered_at": ("ordered_at", "date", "created_at", "paid_at"),
    "product_id": ("product_id", "product_name"),
    "status": ("status", "payment_status"),
}


def key_of(name: str) -> str:
    """Letters and digits of a name, in lower case and without accents; ``#`` is a number.

    Examples
    --------
    >>> key_of("Bestell-Nr."), key_of("Total (inc. tax)"), key_of("Order #"), key_of("Nº pedido")
    ('bestellnr', 'totalinctax', 'order#', 'npedido')
    """
    folded = unicodedata.normalize("NFKD", name.translate(_LETTERS).lower().translate(_LETTERS))
    return "".join(sign for sign in folded if sign.isalnum() or sign == "#")


@cache
def _names() -> dict[str, list[str]]:
    """Meaning to its names."""
    text = resources.files("cvo_ml.ingest").joinpath("header_names.txt").read_text(encoding="utf-8")
    content = "\n".join(line for line in text.splitlines() if not line.startswith("# "))
    found = re.findall(r"^(\w+):\n((?: +.*\n?)+)", content, re.MULTILINE)
    return {meaning: [name.strip() for name in " ".join(names.split()).split("|")] for meaning, names in found}


@cache
def _ranks() -> dict[str, tuple[str, int]]:
    """Key of a name to its meaning and its place among the names of the meaning; the first meaning counts."""
    found: dict[str, tuple[str, int]] = {}
    names = _names()
    for before, meanings in (("", names), ("order", _OF_AN_ORDER)):
        for meaning in meanings:
            for place, name in enumerate(names[meaning]):
                found.setdefault(before + key_of(name), (meaning, place))
    return found


def _ranked(header: str) -> tuple[str, int] | None:
    """The meaning of a header and how good a name for it this is (0 = the best)."""
    bare = _CLOCK.sub("", header)
    plain = _SIGNS.sub(" ", _CODE.sub(" ", bare)) if not _is_code(bare) else bare
    last = plain.rpartition(".")[2]
    several = last if _TWO_WORDS.search(last) else plain
    for name in dict.fromkeys((header, plain, _WRAPPERS.sub("", plain), several, _MINOR.sub("", several))):
        if found := _ranks().get(key_of(name)):
            return found
    return None


def _is_code(header: str) -> bool:
    return _CODE.fullmatch(header.strip()) is not None


def meaning_of(header: str) -> str | None:
    """What a header means by its name alone; None where it is no known name.

    Examples
    --------
    >>> meaning_of("Bestell-Nr."), meaning_of("Net Sales (EUR)"), meaning_of("customerEmail"), meaning_of("Colour")
    ('order_id', 'net', 'customer_email', None)
    >>> meaning_of("Test order"), meaning_of("Refunded Amount"), meaning_of("Währung"), meaning_of("orderStatus")
    ('is_test', 'refund_amount', 'currency', 'status')
    """
    found = _ranked(header)
    return None if found is None else found[0]


def in_minor_units(header: str) -> bool:
    """Whether a header says that its amounts are whole numbers of the smallest unit.

    Examples
    --------
    >>> in_minor_units("amount_cents"), in_minor_units("totalInCents"), in_minor_units("Betrag (Cent)")
    (True, True, True)
    >>> in_minor_units("amount"), in_minor_units("recents")
    (False, False)
    """
    return _MINOR.search(header) is not None and meaning_of(header) is not None


def headers_for(role: str, headers: Sequence[str], told: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The headers that may play a role, the best first; ``role`` is a meaning, or one of ``ROLES``.

    Parameters
    ----------
    told:
        Header to meaning, where that is known from elsewhere; it comes before what the name says.

    Examples
    --------
    >>> headers_for("customer_id", ["Name", "E-Mail", "Customer ID"])
    ('Customer ID', 'E-Mail', 'Name')
    >>> headers_for("ordered_at", ["Paid at", "Ship date", "Order date"])
    ('Order date', 'Paid at')
    """
    meanings, told = ROLES.get(role, (role,)), told or {}
    found = []
    for place, header in enumerate(headers):
        ranked = (told[header], -1) if header in told else _ranked(header)
        if ranked is not None and ranked[0] in meanings:
            found.append((meanings.index(ranked[0]), ranked[1], place, header))
    return tuple(header for *_, header in sorted(found))


def known_headers(headers: Iterable[str]) -> dict[str, str]:
    """The headers whose names are known, and what they mean."""
    return {header: meaning for header in headers if (meaning := meaning_of(header)) is not None}


def currency_in(header: str) -> str | None:
    """The currency that a header names beside its meaning.

    Examples
    --------
    >>> currency_in("Net Sales (EUR)"), currency_in("Betrag in €"), currency_in("Total"), currency_in("total_usd")
    ('EUR', 'EUR', None, 'USD')
    """
    if found := _CODE.search(header):
        return (found["code"] or found["small"]).upper()
    sign = _SIGNS.search(header)
    return _SIGN_OF_CODE.get(sign[0]) if sign else None
