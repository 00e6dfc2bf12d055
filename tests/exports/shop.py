"""One invented shop whose truth is known: who bought what, when, for how much, and what went back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from random import Random
from typing import Final, Literal

Status = Literal["paid", "pending", "failed", "cancelled", "test"]
CENT: Final = Decimal("0.01")
_FIRST: Final = ("Anna", "Björn", "Chloé", "Dvořák", "Élodie", "Frank", "Grzegorz", "Håkon", "İnci", "José",
"Krisztián",
                 "Lena", "Marta", "Noël", "Olga", "Paul")  # fmt: skip
_LAST: Final = ("Abel", "Böhm", "Çelik", "Durand", "Eriksson", "Fischer", "García", "Hofmann")
_PRODUCTS: Final = ("MUG-B", "TEA-1", "LAMP-7", "CHAIR", "SET-XL", "BOOK")
_BEGIN: Final = datetime(2023, 1, 5)
_DAYS: Final = 420


@dataclass(frozen=True)
class Person:
    """A customer; each way in which exports name one tells all of them apart."""

    number: int
    name: str
    email: str
    country: str

    @property
    def first(self) -> str:
        return self.name.split()[0]

    @property
    def last(self) -> str:
        return self.name.split()[1]


@dataclass(frozen=True)
class Line:
    """A product in an order: ``price`` is of one piece, after discounts and before tax."""

    sku: str
    quantity: int
    price: Decimal

    @property
    def net(self) -> Decimal:
        return self.quantity * self.price


@dataclass(frozen=True)
class Refund:
    at: datetime
    amount: Decimal


@dataclass(frozen=True)
class Sale:
    """An order with all that an export may say of it. ``person`` is None for a guest."""

    number: int
    person: Person | None
    at: datetime
    lines: tuple[Line, ...]
    shipping: Decimal
    status: Status = "paid"
    refunds: tuple[Refund, ...] = ()

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return cents((self.net + self.shipping) * Decimal("0.19"))

    @property
    def total(self) -> Decimal:
        return self.net + self.shipping + self.tax

    @property
    def pieces(self) -> int:
        return sum(line.quantity for line in self.lines)

    @property
    def refunded(self) -> Decimal:
        return sum((refund.amount for refund in self.refunds), Decimal(0))

    @property
    def is_wholly_refunded(self) -> bool:
        return bool(self.refunds) and self.refunded == self.net

    @property
    def customer(self) -> Person:
        assert self.person is not None, "a guest has no customer"
        return self.person


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


@cache
def people() -> tuple[Person, ...]:
    """72 customers with names that are unique, and have letters beyond ASCII."""
    rng = Random(3)
    names = [f"{first} {last}" for first in _FIRST for last in _LAST][:72]
    return tuple(
        Person(2001 + 7 * n, name, f"kunde{n:03}@example.{rng.choice(('org', 'com', 'de'))}", rng.choice(("DE", "FR",
        "CH")))
        for n, name in enumerate(names)
    )  # fmt: skip


@cache
def sales() -> tuple[Sale, ...]:
    """240 orders in the order of time: guests, free orders, refunds in part and in whole, and orders that are no sale.

    No customer has two orders on one day, so that a source without order numbers has the same truth.
    """
    rng = Random(18)
    made: list[Sale] = []
    taken: set[tuple[int, date]] = set()
    while len(made) < 240:
        person = people()[min(int(rng.expovariate(1 / 18)), 71)]
        at = _BEGIN + timedelta(days=rng.randrange(_DAYS), minutes=rng.randrange(7 * 60, 21 * 60))
        if (person.number, at.date()) in taken:
            continue
        taken.add((person.number, at.date()))
        made.append(_sale(rng, None if rng.random() < 0.06 else person, at))
    made.sort(key=lambda sale: sale.at)
    return tuple(replace(sale, number=100_001 + n) for n, sale in enumerate(made))


def _sale(rng: Random, person: Person | None, at: datetime) -> Sale:
    free = rng.random() < 0.03
    lines = tuple(
        Line(sku, rng.choice((1, 1, 1, 2, 3)), Decimal(0) if free else cents(Decimal(rng.lognormvariate(3.4, 0.9))))
        for sku in rng.sample(_PRODUCTS, rng.choice((1, 1, 2, 3)))
    )
    if rng.random() < 0.06 and not free:  # a few orders have thousands
        lines = (*lines, Line("BULK", 1, cents(Decimal(rng.uniform(1000, 4000)))))
    states: tuple[Status, ...] = ("paid", "pending", "failed", "cancelled", "test")
    status = rng.choices(states, (86, 3, 4, 4, 3))[0]
    sale = Sale(0, person, at, lines, Decimal(rng.choice(("0", "4.90", "6.50"))), status)
    drawn = rng.random()
    if status != "paid" or free or drawn > 0.12:
        return sale
    amount = sale.net if drawn < 0.05 else cents(sale.net * Decimal(rng.choice(("0.25", "0.5"))))
    return replace(sale, refunds=(Refund(at + timedelta(days=rng.randrange(2, 25), hours=2), amount),))


def paid(*, guests: bool = False) -> tuple[Sale, ...]:
    """The orders that are sales; those of guests only where asked for."""
    return tuple(sale for sale in sales() if sale.status == "paid" and (guests or sale.person is not None))


def single_lines(*, guests: bool = False) -> tuple[Sale, ...]:
    """Paid orders of one product each."""
    return tuple(replace(sale, lines=sale.lines[:1], refunds=()) for sale in paid(guests=guests))


def without_refunds(chosen: Iterable[Sale]) -> tuple[Sale, ...]:
    return tuple(replace(sale, refunds=()) for sale in chosen)


@dataclass(frozen=True)
class Order:
    """What must be read of an order: its customer as the export names them, its day and its money."""

    order_id: str
    customer: str
    day: date
    net: Decimal


@dataclass(frozen=True)
class Truth:
    """What must be read of an export.

    Parameters
    ----------
    has_order_ids:
        Whether the export shows order numbers; else customers, days and money are compared.
    refunds:
        (customer, amount) of each refund that the export shows.
    subscriptions:
        (number, customer, monthly revenue) of each, where the export has no orders.
    void:
        Numbers of orders of which the export says no more than "refunded": read as no sale, or as one that was given
        back in whole, they are right.
    """

    orders: tuple[Order, ...]
    refunds: tuple[tuple[str, Decimal], ...] = ()
    has_order_ids: bool = True
    void: frozenset[str] = frozenset()
    subscriptions: tuple[tuple[str, str, Decimal], ...] = ()


def truth_of(
    chosen: Iterable[Sale],
    customer: Callable[[Sale], object],
    *,
    order_id: Callable[[Sale], object] | None = lambda sale: sale.number,
    net: Callable[[Sale], Decimal] = lambda sale: sale.net,
    refund: Callable[[Sale, Refund], Decimal] = lambda sale, refund: refund.amount,
    by_status: bool = False,
) -> Truth:
    """The truth of an export that shows these sales.

    Parameters
    ----------
    customer, order_id:
        How the export names them; None where it has no order numbers.
    net, refund:
        The money that the export shows: where it has gross totals only, they are all that can be read.
    by_status:
        The export knows refunds by a status only: those in part are not told, those in whole without their amount.
    """
    rows = tuple(chosen)
    void = frozenset(str(sale.number) for sale in rows if by_status and sale.is_wholly_refunded)
    return Truth(
        tuple(
            Order("" if order_id is None else str(order_id(sale)), str(customer(sale)), sale.at.date(), net(sale))
            for sale in rows
        ),
        tuple((str(customer(sale)), refund(sale, back)) for sale in rows for back in sale.refunds if not by_status),
        order_id is not None,
        void,
    )


def shown(*states: Status, guests: bool = False) -> tuple[Sale, ...]:
    """The orders that are paid or in one of the states."""
    return tuple(sale for sale in sales() if sale.status in ("paid", *states) and (guests or sale.person is not None))
