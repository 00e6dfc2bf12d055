"""Ids that stand for nobody: a guest account that holds many orders is no customer, and is asked about.

Two signs are looked at, over all orders of the source:

* **Its share**: it holds more than 5 % of the orders, ten times as many as the next customer, and at least 20: in a
  file of few orders one person may well hold many.
* **Its name**: ``0``, ``guest``, ``walk-in``, ``unknown`` and their like in ten languages, whatever they hold. A
  customer ``0`` among ``0, 1, 2, …`` who holds no more orders than others is one of a numbered list, and is kept.
"""

# ruff: noqa: S608 (nothing in the query comes from outside)

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from cvo_ml.core.errors import DataError, shortened
from cvo_ml.ingest.header_names import key_of
from cvo_ml.ingest.specs import TableSpec

SHARE: Final = 0.05
TIMES_THE_NEXT: Final = 10
LEAST_ORDERS: Final = 20
_MOST_NAMED: Final = 5
#: Customers who are looked at in any case: those with the most orders.
GREATEST: Final = 50
#: Ids that could be a name for nobody, as a pattern for RE2 and SQL.
CANDIDATE: Final = r"0+|-1|[^0-9@]+"
_NUMBERS: Final = re.compile(r"0+|-1")
#: English, German, French, Spanish, Italian, Dutch, Portuguese, Polish, Swedish, Danish.
_WORDS: Final = """
    guest | guests | guest user | guest customer | guest checkout | guest account | guest order | a guest | walk in
    | walk in customer | walk in client | walkins | cash customer | cash sale | cash sales | counter sale | pos
    customer | retail customer | unknown | unknown customer | unknown user | not known | anonymous | anonymous user
    | anonymous customer | no customer | no name | nobody | default customer | unregistered | not registered | not
    logged in | general public | misc customer | gast | gaste | gastkunde | gastbestellung | gastkonto | als gast |
    laufkunde | laufkundschaft | barverkauf | barkunde | unbekannt | unbekannter kunde | anonym | ohne kundennummer
    | invite | invitee | client invite | client invitee | client de passage | client comptoir | inconnu | client
    inconnu | anonyme | client divers | sans compte | invitado | cliente invitado | publico en general | publico
    general | desconocido | anonimo | cliente generico | cliente mostrador | venta mostrador | cliente contado |
    consumidor final | cliente final | sin cliente | ospite | cliente ospite | sconosciuto | cliente occasionale |
    cliente al banco | gastgebruiker | gastklant | onbekend | onbekende klant | anoniem | balieverkoop | convidado |
    cliente convidado | desconhecido | cliente balcao | consumidor nao identificado | venda balcao | gosc | nieznany
    | klient anonimowy | klient detaliczny | gast kund | okand | gaest | ukendt | okant
"""
_NAMES: Final = frozenset(key_of(word) for word in _WORDS.split("|"))


def looks_like_nobody(customer_id: str) -> bool:
    """Whether an id is a name for people who are not known.

    Examples
    --------
    >>> [looks_like_nobody(text) for text in ("0", "Walk-in customer", "Invité", "-", "10", "guestrow")]
    [True, True, True, True, False, False]
    """
    return _NUMBERS.fullmatch(customer_id) is not None or key_of(customer_id) in _NAMES or not key_of(customer_id)


def any_to_look_at(orders: str, total: int) -> str:
    """The query whether there may be somebody to look at: of most shops nobody is, and one pass over the ids says so.

    Orders are counted by some bits of their customer's hash: where no such group has the share, no customer has it.
    Ids without digits are looked at, except for those with an ``@`` and a point.
    """
    named = f"bool_or(regexp_full_match(customer_id, '{CANDIDATE}|[^0-9.]+'))"
    groups = (
        f"SELECT count(*) AS orders, {named} AS named FROM {orders} GROUP BY CAST(hash(customer_id) & 1023 AS SMALLINT)"
    )
    return f"SELECT count(*) FROM ({groups}) WHERE orders > {SHARE * total} OR named"


def to_look_at(orders: str) -> str:
    """The query of those customers who could be nobody, and the orders that they hold; ``orders`` names their table.

    They are the greatest ones, and those whose id has neither digits nor an ``@``: looking at each of millions of ids
    would cost more than reading them.
    """
    counts = f"SELECT customer_id, count(*) AS orders FROM {orders} GROUP BY customer_id"
    greatest = f"SELECT * FROM counts ORDER BY orders DESC LIMIT {GREATEST}"
    named = f"SELECT * FROM counts WHERE regexp_full_match(customer_id, '{CANDIDATE}')"
    return f"WITH counts AS ({counts}) ({greatest}) UNION ({named})"


def nobodies(orders: Mapping[str, int], total: int, kept: Sequence[str] = ()) -> dict[str, int]:
    """The ids that look as if they stood for nobody, and the orders that they hold.

    Parameters
    ----------
    orders:
        Customer id to orders (≥ 1): at least those of :func:`to_look_at`, of the whole source.
    total:
        Orders of all customers.
    kept:
        Ids that the shop says are customers.

    Examples
    --------
    >>> nobodies({"0": 30, "a": 2, "b": 1, "Guest": 1}, 34)
    {'0': 30, 'Guest': 1}
    >>> nobodies({"0": 2, "1": 3, "2": 2}, 7), nobodies({"0": 30, "1": 3}, 33, kept=["0"])
    ({}, {})
    """
    known = {customer.casefold() for customer in kept}
    named = {name: count for name, count in orders.items() if looks_like_nobody(name)}
    others = sorted(((count, name) for name, count in orders.items() if name not in named), reverse=True)
    if "0" in named and "1" in orders and named["0"] <= others[0][0]:
        named.pop("0")  # the first of a numbered list of customers
    found = dict(named)
    if len(others) > 1:
        (first, name), (second, _) = others[:2]
        if first >= max(LEAST_ORDERS, TIMES_THE_NEXT * second) and first > SHARE * total:
            found[name] = first
    return {name: count for name, count in found.items() if name.casefold() not in known}


def refuse_nobody(orders: Mapping[str, int], total: int, spec: TableSpec, kept: Sequence[str], file: str) -> None:
    """Refuse a source in which somebody may be nobody, until the shop says who it is; parameters as ``nobodies``.

    Raises
    ------
    DataError
        Naming each such id with its share of the orders, and the YAML of either answer.
    """
    found = nobodies(orders, total, kept)
    if not found:
        return
    shown = sorted(found, key=lambda name: -found[name])[:_MOST_NAMED]
    shares = ", ".join(
        f"{shortened(name)} with {found[name]:,} of {total:,} orders ({found[name] / total:.1%})" for name in shown
    )
    rest = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    ids = json.dumps(shown, ensure_ascii=False)
    raise DataError(
        f"an id looks as if it stood for nobody: {shares}{rest}",
        f"if it is no customer, write guest_ids: {ids} and guests: exclude; if it is one, customers: {ids}",
        file=file,
        column=spec.header("customer_id"),
    )
