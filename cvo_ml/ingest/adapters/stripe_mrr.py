"""What a Stripe subscription brings each month, by Stripe's definition of monthly recurring revenue.

docs.stripe.com/billing/subscriptions/analytics: the value of ``active`` and ``past_due`` subscriptions, brought to a
month, without trials, taxes, free plans and products that are billed by usage.

* An item is its price times its quantity, which may be 0; a package of ten (``transform_quantity``) is bought whole.
  Tiers are computed where the request expanded them (docs.stripe.com/products-prices/pricing-models): the first flat
  amount is billed at a quantity of 0 too. What is billed by usage counts 0.
* Discounts are taken off while they run: ``forever``, and ``repeating`` until its end. One invoice that is cheaper
  (``once``) changes nothing of what recurs. Those of an item come first, then those of the subscription, each in its
  order; an amount off is one of each invoice, so of the shortest interval. Where the subscription has none, its
  customer's counts, if the request expanded the customer.
* Taxes that are in a price are taken out where their rate is known.
* ``trialing``, ``incomplete``, ``incomplete_expired``, ``unpaid`` and ``paused`` pay nothing, and neither does a
  collection that is paused (``void``, ``mark_uncollectible``); what is only kept as drafts is owed and counts
  (docs.stripe.com/billing/subscriptions/pause-payment). A subscription that ended keeps what it brought until then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final

from cvo_ml.core.result import Json
from cvo_ml.core.units import DAYS_PER_UNIT
from cvo_ml.ingest.adapters.stripe_amounts import Moment, id_of, number_of
from cvo_ml.ingest.sources.json_lines import at

Object = Mapping[str, Json]

_UNPAID: Final = frozenset(("trialing", "incomplete", "incomplete_expired", "unpaid", "paused"))
_FREE_PAUSES: Final = frozenset(("void", "mark_uncollectible"))
_MONTHS: Final = {
    "day": Decimal(1) / Decimal(str(DAYS_PER_UNIT["M"])),
    "week": Decimal(7) / Decimal(str(DAYS_PER_UNIT["M"])),
    "month": Decimal(1),
    "year": Decimal(12),
}
_HUNDRED: Final = Decimal(100)
#: What is said of a subscription's revenue.
UNPAID: Final = "are in trial, incomplete or unpaid, and bring nothing until they are paid"
PAUSED: Final = "are paused without being owed, and bring nothing meanwhile"
METERED: Final = "have items that are billed by usage, which count 0 until they are billed"
DISCOUNTED: Final = "have discounts that run, which are taken off"
CHEAPER_ONCE: Final = "have discounts of one invoice or that ended, which are not taken off"
WITH_TAX: Final = "have prices with tax whose rate the export does not say, and are read with it"


@dataclass
class Revenue:
    """What a subscription brings each month in smallest units of its currency; None where the export does not say.

    Parameters
    ----------
    remarks:
        What is said of it.
    """

    monthly: Decimal | None
    remarks: set[str] = field(default_factory=set)


@dataclass
class _Item:
    """What an item brings each month, before and while discounts are taken off."""

    product: Json
    months: Decimal
    monthly: Decimal
    tax: Decimal


def items_of(subscription: Object) -> list[Object]:
    """The items of a subscription."""
    data = at(subscription, "items.data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def price_of(item: Object) -> Object:
    """The price of an item; of a plan, as the interface had before, in the words of a price."""
    price, plan = item.get("price"), item.get("plan")
    if isinstance(price, dict):
        return price
    if not isinstance(plan, dict):
        return {}
    amounts = {"unit_amount": plan.get("amount"), "unit_amount_decimal": plan.get("amount_decimal")}
    recurring = {name: plan.get(name) for name in ("interval", "interval_count", "usage_type")}
    return {**plan, **amounts, "transform_quantity": plan.get("transform_usage"), "recurring": recurring}


def monthly_revenue(subscription: Object, moment: Moment) -> Revenue:
    """What a subscription brings each month, at the moment of the export."""
    if subscription.get("status") in _UNPAID:
        return Revenue(Decimal(0), {UNPAID})
    ended = number_of(subscription.get("ended_at"))
    if ended is not None and ended < moment.seconds:
        moment = replace(moment, seconds=ended)
    if _is_paused(subscription, moment):
        return Revenue(Decimal(0), {PAUSED})
    found = Revenue(None)
    items = [_item(item, subscription, moment, found.remarks) for item in items_of(subscription)]
    known = [item for item in items if item is not None]
    if not items or len(known) < len(items) or at(subscription, "items.has_more") is True:
        return found
    for discount in _running(_of_subscription(subscription), moment, found.remarks):
        if not _take_off(known, discount, _currency(subscription)):
            return found
    found.monthly = sum((item.monthly / (1 + item.tax / _HUNDRED) for item in known), Decimal(0))
    return found


def unknown_discounts(subscription: Object) -> bool:
    """Whether only the ids of its discounts stand in the export, which do not say what is off."""
    holders = [subscription, *items_of(subscription)]
    return any(_coupon(discount) is None for holder in holders for discount in _discounts(holder))


def _item(item: Object, subscription: Object, moment: Moment, remarks: set[str]) -> _Item | None:
    price, currency = price_of(item), _currency(subscription)
    if at(price, "recurring.usage_type") == "metered":
        remarks.add(METERED)
        return _Item(None, Decimal(1), Decimal(0), Decimal(0))
    interval = _MONTHS.get(str(at(price, "recurring.interval")))
    count = number_of(at(price, "recurring.interval_count") or "1")
    quantity = number_of("1" if item.get("quantity") is None else item["quantity"])
    amount = None if quantity is None else _amount(price, quantity, currency)
    if interval is None or not count or amount is None:
        return None
    tax = _inclusive_tax(item, subscription)
    if tax is None:
        remarks.update([WITH_TAX] if price.get("tax_behavior") == "inclusive" else [])
    months = interval * count
    found = _Item(id_of(price.get("product")), months, amount / months, tax or Decimal(0))
    for discount in _running(_discounts(item), moment, remarks):
        if not _take_off([found], discount, currency):
            return None
    return found


def _currency(subscription: Object) -> str:
    items = items_of(subscription)
    return str(subscription.get("currency") or (price_of(items[0]).get("currency") if items else "")).lower()


def _amount(price: Object, quantity: Decimal, currency: str) -> Decimal | None:
    """What a quantity costs for one interval; None where the export does not say."""
    priced: Object = price
    if str(price.get("currency") or currency).lower() != currency:
        other = at(price, f"currency_options.{currency}")
        if not isinstance(other, dict):
            return None
        priced = other
    divide_by = number_of(at(price, "transform_quantity.divide_by"))
    if divide_by:
        up = at(price, "transform_quantity.round") != "down"
        quantity = (quantity / divide_by).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)
    tiers = priced.get("tiers")
    if isinstance(tiers, list) and tiers:
        return _tiered(tiers, quantity, by_volume=price.get("tiers_mode") == "volume")
    unit = _decimal(priced, "unit_amount")
    return None if unit is None else unit * quantity


def _decimal(holder: Object, name: str) -> Decimal | None:
    exact = number_of(holder.get(f"{name}_decimal"))
    return number_of(holder.get(name)) if exact is None else exact


def _tiered(tiers: Sequence[Any], quantity: Decimal, *, by_volume: bool) -> Decimal | None:
    total, below = Decimal(0), Decimal(0)
    for tier in tiers:
        if not isinstance(tier, dict):
            return None
        end = number_of(tier.get("up_to"))
        unit, flat = _decimal(tier, "unit_amount") or Decimal(0), _decimal(tier, "flat_amount") or Decimal(0)
        is_last = end is None or quantity <= end
        if by_volume and is_last:
            return quantity * unit + flat
        if not by_volume:
            total += ((quantity if end is None else min(quantity, end)) - below) * unit + flat
            if is_last:
                return total
        below = end or below
    return None


def _inclusive_tax(item: Object, subscription: Object) -> Decimal | None:
    """Per cent of the taxes that are in a price; None where the export names no tax that is."""
    rates = item.get("tax_rates") or subscription.get("default_tax_rates")
    listed = [rate for rate in rates if isinstance(rate, dict)] if isinstance(rates, list) else []
    inclusive = [number_of(rate.get("percentage")) for rate in listed if rate.get("inclusive") is True]
    known = [rate for rate in inclusive if rate is not None]
    return sum(known, Decimal(0)) if known else None


def _is_paused(subscription: Object, moment: Moment) -> bool:
    if at(subscription, "pause_collection.behavior") not in _FREE_PAUSES:
        return False
    resumes = number_of(at(subscription, "pause_collection.resumes_at"))
    return resumes is None or resumes > moment.seconds


def _discounts(holder: Object) -> list[Json]:
    """The discounts of a subscription or an item, as objects where the export has them."""
    single, several = holder.get("discount"), holder.get("discounts")
    listed = several if isinstance(several, list) else []
    known = {id_of(one): one for one in (*listed, single) if isinstance(one, dict)}
    if not listed:
        return [single] if single else []
    return [known.get(id_of(one), one) for one in listed]


def _of_subscription(subscription: Object) -> list[Json]:
    own = _discounts(subscription)
    customer = subscription.get("customer")
    return own or ([customer["discount"]] if isinstance(customer, dict) and customer.get("discount") else [])


def _coupon(discount: Json) -> Object | None:
    """What a discount takes off; None where only its id is known."""
    if not isinstance(discount, dict):
        return None
    coupon = discount.get("coupon") or at(discount, "source.coupon")
    return coupon if isinstance(coupon, dict) else None


def _running(discounts: Sequence[Json], moment: Moment, remarks: set[str]) -> list[Object]:
    """The coupons of the discounts that run at the moment."""
    found = []
    for discount in discounts:
        coupon = _coupon(discount)
        if coupon is None or not isinstance(discount, dict):
            continue
        start, end = number_of(discount.get("start")), number_of(discount.get("end"))
        months = number_of(coupon.get("duration_in_months"))
        if end is None and coupon.get("duration") == "repeating" and start is not None and months is not None:
            end = start + months * Decimal(str(DAYS_PER_UNIT["M"])) * 86_400
        runs = coupon.get("duration") != "once" and (end is None or end > moment.seconds)
        remarks.add(DISCOUNTED if runs else CHEAPER_ONCE)
        found += [coupon] if runs else []
    return found


def _take_off(items: Sequence[_Item], coupon: Object, currency: str) -> bool:
    """Take a coupon off the items that it is for; false where the export does not say how much."""
    products = at(coupon, "applies_to.products")
    meant = [item for item in items if not isinstance(products, list) or item.product in products]
    percent, total = number_of(coupon.get("percent_off")), sum((item.monthly for item in meant), Decimal(0))
    if percent is not None:
        left = 1 - percent / _HUNDRED
    elif not total:
        left = Decimal(1)
    else:
        own = str(coupon.get("currency") or currency).lower() == currency
        off = number_of(coupon.get("amount_off") if own else at(coupon, f"currency_options.{currency}.amount_off"))
        if off is None:
            return False
        left = 1 - off / min(item.months for item in meant if item.monthly) / total
    for item in meant:
        item.monthly *= max(left, Decimal(0))
    return True
