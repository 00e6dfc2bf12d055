"""What the truth of a simulated business holds: each table, each column, its unit, and the effect it tells of.

``docs/truth.md`` is written from here, and every table of the truth is held to it by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cvo_ml.core.errors import UsageError, nearest_name

#: Units of what is known. Money is in the preset's ``currency``; days count from its ``start``.
UNITS: Final = (
    "id", "name", "flag", "count", "day", "days", "time", "share", "probability", "factor", "per day", "per month",
    "money", "points (0 to 10)", "stars", "standard normal", "utility", "exponent", "as measured",
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A column of the truth: its unit, one of ``UNITS``, and what it means."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class TruthTable:
    """A table of the truth: what a row is, and its columns; some are there only if the effect is simulated."""

    name: str
    row: str
    columns: tuple[Known, ...]

    def column(self, name: str) -> Known:
        """The column called ``name``.

        Raises
        ------
        KeyError
            If it has none.
        """
        return {column.name: column for column in self.columns}[name]


@dataclass(frozen=True)
class Planted:
    """A kind of rows in ``anomalies``: what ``member`` names, what ``size`` is, and the size that means nothing."""

    kind: str
    member: str
    size: str
    unit: str
    neutral: float


_CUSTOMER = Known("customer_id", "id", "the customer")
_LEAD_NUMBER = Known("lead_number", "count", "row of the lead in `leads`, from 0")

SHOP_TRUTH: Final = (
    TruthTable(
        "customers",
        "a customer",
        (
            _CUSTOMER,
            Known("population", "name", "component of the mixture"),
            Known("born_day", "day", "first order"),
            Known("rate_per_day", "per day", "λ: orders per day of the customer's clock while alive"),
            Known("regularity", "count", "k: gaps between orders are gamma(k); 1 = Poisson"),
            Known("dropout_per_order", "probability", "p: leaves after an order, deliveries apart"),
            Known("dropout_at_first", "probability", "the same after the first order, with product and page"),
            Known("dropout_per_day", "per day", "μ: hazard of leaving in time"),
            Known("buys_per_opportunity", "probability", "donors: gives when asked"),
            Known("dies_per_opportunity", "probability", "donors: leaves before being asked"),
            Known("mean_order_value", "money", "net of an order, at season factor 1"),
            Known("margin", "share", "gross margin of net; below 0: a loss-maker"),
            Known("value_per_order_revenue", "money", "net of an order after its refunds"),
            Known("value_per_order_gross_margin", "money", "the same less the goods"),
            Known("value_per_order_contribution", "money", "the same less payment, parcel and costs to serve"),
            Known("satisfaction", "standard normal", "index of staying, as `surveys.link` shows it"),
            Known("responsive", "flag", "buys sooner in promotions"),
            Known("shift_at", "days", "day of the shop's clock on which the pace changes; infinite: never"),
            Known("toxic_first_product", "flag", "began with a toxic product"),
            Known("sticky_first_product", "flag", "began with a sticky product"),
            Known("leaves_by_delivery", "probability", "d E[points]: its delivery drives away, after each order"),
            Known("tickets_per_order", "probability", "opens a ticket about an order"),
            Known("is_loss_maker", "flag", "buys at the margin of loss-makers"),
            Known("cost_per_order_payment", "money", "expected payment cost of an order"),
            Known("cost_per_order_shipping", "money", "expected parcel"),
            Known("cost_per_order_fulfilment", "money", "cost to serve driven by orders"),
            Known("cost_per_order_support", "money", "cost to serve driven by ticket minutes"),
            Known("cost_per_order_refunds", "money", "cost to serve driven by returns"),
            Known("expected_referrals", "count", "customers it is expected to have sent by the data end"),
        ),
    ),
    TruthTable(
        "lives",
        "a span in which a customer was alive",
        (
            _CUSTOMER,
            Known("since_day", "day", "first order, or when a treatment brought it back"),
            Known("until_day", "day", "left; infinite: not in the data"),
            Known("dropped_out_at", "time", "the same as a time"),
        ),
    ),
    TruthTable(
        "orders",
        "an order",
        (
            Known("order_id", "id", "the order"),
            Known("customer_number", "count", "row of the customer in `customers`, from 0"),
            Known("day", "day", "placed"),
            Known("caused_by", "name", "touch channel without which it would be missing; null: none"),
        ),
    ),
    TruthTable(
        "deliveries",
        "an order",
        (
            Known("order_id", "id", "the order"),
            Known("days_late", "days", "after the promise; 0 in time"),
            Known("points_lost", "points (0 to 10)", "what that costs of the answer after delivery"),
        ),
    ),
    TruthTable(
        "effects",
        "a customer and an action",
        (
            _CUSTOMER,
            Known("action", "name", "the action"),
            Known("effect", "share", "τ: of the rate (growth) or of the hazard (save), fresh and received"),
            Known("observable_effect", "share", "E[τ | profile]: the best that any model can know"),
        ),
    ),
    TruthTable(
        "treatments",
        "an action sent to a customer",
        (
            Known("customer_number", "count", "row of the customer in `customers`, from 0"),
            Known("sent_day", "day", "sent"),
            Known("action_number", "count", "place of the action in the preset, from 0"),
            Known("received", "flag", "whether it reached the customer"),
            Known("strength", "factor", "what is left of the effect: 0 if not received, less the more often"),
        ),
    ),
    TruthTable(
        "pages", "a customer chosen by lot to look at a page", (_CUSTOMER, Known("page", "name", "the page")),
    ),
    TruthTable(
        "products",
        "a product",
        (
            Known("product_id", "id", "the product"),
            Known("is_toxic", "flag", "drives away who begins with it"),
            Known("is_sticky", "flag", "keeps who begins with it"),
            Known("quality", "stars", "what its ratings are above the mean, before own mood and rounding"),
        ),
    ),
    TruthTable(
        "seasons",
        "a calendar month",
        (
            Known("month", "time", "its first day"),
            Known("pace", "days", "plain days that it is worth: orders of a constant base are in proportion"),
            Known("value_factor", "factor", "on the value of its orders"),
        ),
    ),
    TruthTable(
        "anomalies",
        "a planted effect, or a bait of size nothing (kinds below)",
        (
            Known("kind", "name", "kind"),
            Known("member", "name", "product, city, campaign …"),
            Known("size", "as measured", "size in the kind's unit"),
        ),
    ),
    TruthTable(
        "defects",
        "a planted fault",
        (Known("order_id", "id", "the order"), Known("kind", "name", "late, zone_mix, duplicate or test_order")),
    ),
    TruthTable(
        "broken_references",
        "a row whose reference was broken on request",
        (
            Known("table", "name", "the table"),
            Known("row", "count", "its row, from 1"),
            Known("column", "name", "the column that names nothing now"),
            Known("id", "id", "what stands there"),
        ),
    ),
)  # fmt: skip

SAAS_TRUTH: Final = (
    TruthTable(
        "leads",
        "a lead",
        (
            Known("lead_id", "id", "the lead"),
            Known("would_buy", "flag", "buys if it is contacted"),
            Known("expected_contribution", "money", "of its first year if it buys, after the costs of winning it"),
            Known("is_winner", "flag", "would buy, and is worth more than `profit_threshold`"),
            Known("contact_propensity", "probability", "of being contacted, given what sales see"),
            Known("contacted", "flag", "was contacted, also where nobody wrote it down"),
            Known("churn_per_renewal", "probability", "θ, before milestones, features and prices"),
            Known("milestone_rate", "per month", "reaches the next milestone"),
            Known("caused_by", "name", "channel without which its deal would not have been won; null: none"),
        ),
    ),
    TruthTable(
        "accounts",
        "an account",
        (
            _CUSTOMER,
            _LEAD_NUMBER,
            Known("start_day", "day", "the deal was won"),
            Known("plan_number", "count", "place of its plan in the preset, from 0"),
            Known("ended_day", "day", "left; infinite: not in the data"),
            Known("kept_by_features", "factor", "on the probability to leave at a renewal"),
            Known("ended_unpaid", "flag", "ended by a payment that failed for good"),
        ),
    ),
    TruthTable(
        "months",
        "an account and month",
        (_LEAD_NUMBER, Known("day", "day", "the month begins"), Known("seats", "count", "seats")),
    ),
    TruthTable("milestones", "a milestone reached", (_LEAD_NUMBER, Known("day", "day", "reached"))),
    TruthTable("adoption", "an account and a feature it uses", (_CUSTOMER, Known("feature_id", "id", "the feature"))),
    TruthTable(
        "features",
        "a feature",
        (
            Known("feature_id", "id", "the feature"),
            Known("name", "name", "its name"),
            Known("adopted", "share", "of accounts that use it"),
            Known("keeps", "share", "of the probability to leave that it takes away"),
            Known("asked_per_month", "per month", "requests of an account of mean size without it"),
            Known("by_size", "exponent", "of seats / mean seats in that rate"),
        ),
    ),
    TruthTable(
        "part_worths",
        "a level of an attribute; `price`: one unit of money",
        (
            Known("attribute", "name", "the attribute"),
            Known("level", "name", "the level; null for the price"),
            Known("part_worth", "utility", "of a multinomial logit"),
        ),
    ),
    TruthTable(
        "willingness",
        "a respondent",
        (Known("respondent_id", "id", "who"), Known("willingness", "money", "the most that it would pay")),
    ),
    TruthTable(
        "initiatives",
        "an initiative",
        (Known("initiative_id", "id", "which"), Known("true_value", "money", "a year")),
    ),
    TruthTable(
        "key_results",
        "a key result",
        (
            Known("key_result_id", "id", "which"),
            Known("true_value", "as measured", "where it stands at its end"),
            Known("is_reached", "flag", "whether that is at its target or beyond"),
        ),
    ),
    *(table for table in SHOP_TRUTH if table.name in ("defects", "broken_references")),
)

PLANTED: Final = (
    Planted("toxic_product", "product", "added probability to leave after the first order", "probability", 0.0),
    Planted("sticky_product", "product", "on dropout of who began with it", "factor", 1.0),
    Planted("loyal_city", "city", "on dropout (above 1: leaves sooner)", "factor", 1.0),
    Planted("loyal_campaign", "acquisition campaign", "on dropout of whom it brought", "factor", 1.0),
    Planted("touch_channel", "channel", "of repeat orders that it causes", "share", 0.0),
    Planted("page", "event name", "of the probability to leave after the first order, taken away", "share", 0.0),
    Planted("level_shift", "annotation", "on the shop's pace from then on", "factor", 1.0),
    Planted("late_carrier", "carrier", "of its parcels that are late", "share", 0.0),
    Planted("willing_referrers", "acquisition channel", "slope of log willingness in satisfaction", "exponent", 0.0),
)


def truth_table(frames: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """The table of a truth called ``name``.

    Raises
    ------
    UsageError
        If it is not simulated.
    """
    if name not in frames:
        hint = nearest_name(name, sorted(frames))
        raise UsageError(f"the truth has no table {name!r}{hint}: use {', '.join(sorted(frames))}")
    return frames[name]
