"""What an order is worth without tax, where prices may include it, and what of that a refund gives back.

Exports of shops hold an order's goods, shipping, tax and total, and not which of the goods and the shipping the tax is
of. That follows from the sums:

* prices include tax where goods and shipping alone make the total; otherwise the tax comes on top;
* included tax is of the taxed goods and, where shipping is taxed, of the shipping, in proportion to their prices: of
  goods of 120 and a shipping of 12 with 22 of tax in all, 20 are of the goods;
* shipping is taxed where that explains the tax better: by the rates that the order names, else by whole and half
  percents, else as the shop's other orders have it, else it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.currencies import decimals

CENT: Final = 0.005
_CENTS: Final = 0.011  # taxes of lines are rounded each
_RATE_STEP: Final = 0.005


@dataclass(frozen=True)
class Sums:
    """The sums of n orders, each (n,); what is not known is 0, an unknown ``total`` NaN.

    Parameters
    ----------
    goods, shipping:
        After discounts, with the tax where prices include it.
    tax:
        Of goods and shipping.
    other:
        What the total holds beside: duties.
    taxed:
        What of ``goods`` is taxed.
    rated:
        What is taxed in all, with its tax, as the rates say that the order names; NaN where it names none.
    """

    goods: Floats
    shipping: Floats
    tax: Floats
    total: Floats
    other: Floats
    taxed: Floats
    rated: Floats


def includes_tax(sums: Sums) -> Flags:
    """(n,) orders whose prices include their tax.

    What is above both readings is a tip, so an order whose total fits neither is read as most others are.
    """
    above = sums.total - sums.goods - sums.shipping - sums.other
    has_tax = sums.tax > CENT
    inside, on_top = has_tax & (np.abs(above) < CENT), has_tax & (np.abs(above - sums.tax) < CENT)
    tipped = has_tax & (above > 0) & (above < sums.tax - CENT)  # tax on top would make more
    inside_is_usual = int(inside.sum()) > int(on_top.sum())
    return inside | (tipped & ~on_top) | (has_tax & ~on_top & inside_is_usual)


def without_tax(sums: Sums, included: Flags, digits: NDArray[np.int64]) -> Floats:
    """(n,) value of the goods before tax.

    Parameters
    ----------
    included:
        (n,) orders whose prices include their tax.
    digits:
        (n,) decimals of each order's currency.

    Examples
    --------
    >>> one = lambda amount: np.array([amount])
    >>> sums = Sums(one(120.0), one(12.0), one(22.0), one(132.0), one(0.0), one(120.0), one(np.nan))
    >>> without_tax(sums, includes_tax(sums), np.array([2]))
    array([100.])
    """
    base = sums.taxed + sums.shipping * _shipping_is_taxed(sums, included)
    share = np.divide(sums.taxed, base, out=np.ones_like(base), where=base > 0)
    net = np.where(included, sums.goods - sums.tax * share, sums.goods)
    return rounded(net, digits)


def _shipping_is_taxed(sums: Sums, included: Flags) -> Flags:
    """(n,) orders whose shipping is taxed too."""
    asked = included & (sums.shipping > CENT)
    with_shipping, alone = sums.taxed + sums.shipping, sums.taxed
    named = asked & ~np.isnan(sums.rated)
    closer = np.abs(sums.rated - with_shipping) <= np.abs(sums.rated - alone)
    fits_with, fits_alone = _is_usual_rate(with_shipping, sums.tax), _is_usual_rate(alone, sums.tax)
    told = asked & ~named & (fits_with != fits_alone)
    taxed, known = np.where(named, closer, fits_with), named | told
    mostly = int((known & taxed).sum()) >= int((known & ~taxed).sum())
    return np.where(known, taxed, mostly)


def _is_usual_rate(gross: Floats, tax: Floats) -> Flags:
    """(n,) whether a tax that is included is a whole or half percent of what is left."""
    left = gross - tax
    rate = np.divide(tax, left, out=np.zeros_like(left), where=left > 0)
    usual = np.round(rate / _RATE_STEP) * _RATE_STEP
    return (left > 0) & (np.abs(gross * usual / (1 + usual) - tax) <= _CENTS)


def taxed_by_rates(taxes: Sequence[Floats], rates: Sequence[Floats], tax: Floats) -> Floats:
    """(n,) what is taxed in all, with its tax, of orders that name their taxes and rates; NaN where one is missing.

    Parameters
    ----------
    taxes, rates:
        (n,) amount and rate (such as .19) of each named tax.
    tax:
        (n,) of all.
    """
    total, gross = np.zeros_like(tax), np.zeros_like(tax)
    for amount, rate in zip(taxes, rates, strict=True):
        present = amount > 0
        total += np.where(present, amount, 0.0)
        gross += np.where(present, amount * (1 + rate) / np.where(rate > 0, rate, np.nan), 0.0)
    return np.where((total > 0) & (np.abs(total - tax) <= 2 * _CENTS), gross, np.nan)


def given_back(refunded: Floats, net: Floats, total: Floats, digits: NDArray[np.int64]) -> Floats:
    """(n,) what of ``net`` a refund gives back: as much as of the total, which holds tax and shipping; at most all.

    Examples
    --------
    >>> given_back(np.array([120.0, 110.0, 999.0]), np.array([200.0, 200.0, 10.0]), np.array([240.0, 220.0, 11.9]),
    ...            np.array([2, 2, 2]))
    array([100., 100.,  10.])
    """
    share = np.divide(refunded, total, out=np.ones_like(total), where=total > CENT)
    return rounded(net * np.clip(share, 0, 1), digits)


def rounded(amounts: Floats, digits: NDArray[np.int64]) -> Floats:
    """(n,) amounts in the decimals of each one's currency."""
    result = amounts.copy()
    for places in np.unique(digits):
        rows = digits == places
        result[rows] = np.round(amounts[rows] + np.sign(amounts[rows]) * 1e-9, int(places))
    return result


def digits_of(currencies: Sequence[str], codes: NDArray[np.int64], own: str) -> NDArray[np.int64]:
    """(n,) decimals of each row's currency; those of the shop's own where it names none.

    Parameters
    ----------
    currencies, codes:
        The distinct codes of currencies, and (n,) places among them.
    """
    each = np.array([decimals(name or own) for name in currencies], dtype=np.int64)
    return np.asarray(each[codes])
