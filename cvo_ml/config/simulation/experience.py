"""What customers of a shop live through, what it costs, and what of it makes them stay, leave or tell others.

Every section is absent by default; every effect in it has a neutral default, so that it can be switched off
while its table stays (the table then holds nothing to be found).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, PositiveCount, Share
from cvo_ml.config.simulation.laws import Nonnegative, Positive


class Carrier(FrozenConfig):
    """Who delivers: a ``late_share`` of parcels comes late, by an exponential number of days.

    ``late_in``: by region, how many times as often they are late there (the share stays at most 1).
    """

    name: str
    share: Share = 1.0
    late_share: Share = 0.0
    mean_days_late: Positive = 4.0
    late_in: dict[str, Positive] = Field(default_factory=dict)


class Deliveries(FrozenConfig):
    """Delivery of every order, and what a late one does: delay -> points of satisfaction -> leaving.

    Parameters
    ----------
    promised_days:
        From order to promise; a punctual parcel comes in the last three fifths of that time, evenly.
    points_per_day:
        Points of the answer after delivery (0 to 10) and of the review that each day late costs.
    most_points:
        No delay costs more.
    leave_per_point:
        Added probability to leave after this order, per point lost; times ``most_points`` at most 1.
    """

    carriers: Annotated[tuple[Carrier, ...], Field(min_length=1)] = (Carrier(name="post"),)
    promised_days: Positive = 4.0
    points_per_day: Nonnegative = 0.0
    most_points: Positive = 5.0
    leave_per_point: Nonnegative = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> Deliveries:
        if abs(sum(carrier.share for carrier in self.carriers) - 1) > 1e-9:
            raise ValueError("the shares of carriers must add up to 1")
        if self.leave_per_point * self.most_points > 1:
            raise ValueError("leave_per_point times most_points is more than 1: make one of them smaller")
        return self


class Reviews(FrozenConfig):
    """Ratings of the first line's product, 1 to 5: the product's quality, a late delivery, own mood.

    Parameters
    ----------
    quality_sd:
        Of the true quality over products, in stars.
    toxic_stars, sticky_stars:
        Stars that a toxic product loses and a sticky one gains.
    """

    share: Share
    mean_stars: Annotated[float, Field(ge=1, le=5)] = 4.1
    quality_sd: Nonnegative = 0.4
    mood_sd: Nonnegative = 0.8
    toxic_stars: Nonnegative = 1.5
    sticky_stars: Nonnegative = 0.5
    mean_days: Positive = 10.0


class Referrals(FrozenConfig):
    """Customers of an acquisition channel were sent by an earlier one, likelier by a willing one.

    Parameters
    ----------
    channel:
        The acquisition channel of those who were referred.
    willingness:
        Slope w: a customer refers with weight exp(w x satisfaction); 0 = everybody alike.
    reward:
        Paid to the referrer for each, in the shop's currency.
    """

    channel: str = "referral"
    willingness: Nonnegative = 0.0
    reward: Nonnegative = 0.0


class PageView(FrozenConfig):
    """A page of the shop, looked at after the first order.

    Parameters
    ----------
    share:
        Of customers, drawn by lot: they look at it soon after their first order.
    keeps:
        Who looked leaves after the first order with 1 - keeps times the probability: the true effect.
    follows:
        Share of second orders before which it is looked at anyway: a sign, no cause.
    """

    name: str
    share: Share = 0.0
    keeps: Annotated[float, Field(ge=0, le=1)] = 0.0
    follows: Share = 0.0


class OrderCosts(FrozenConfig):
    """What an order costs beside its goods: a share and a fee to the payment provider, and its parcel.

    ``shipping`` is the mean of a log-normal with ``shipping_sigma``.
    """

    payment_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    payment_fee: Nonnegative = 0.0
    shipping: Nonnegative = 0.0
    shipping_sigma: Nonnegative = 0.0


class LossMakers(FrozenConfig):
    """A share of customers, whatever they buy, at this margin: below 0 their goods cost more than they pay."""

    share: Share
    margin: Annotated[float, Field(ge=-1, lt=1)] = -0.2


class Demanding(FrozenConfig):
    """A share of customers who open ``factor`` times as many tickets (at most one per order)."""

    share: Share
    factor: Annotated[float, Field(ge=1)] = 4.0


class Overhead(FrozenConfig):
    """A fixed cost per month, for nobody in particular, with the driver that it may be allotted by."""

    activity: str
    per_month: Nonnegative
    driver: str = "orders"


class LevelShift(FrozenConfig):
    """A launch, a fix, a change of price: from ``at`` the shop's pace is ``factor`` times; 1 = it did nothing."""

    at: date
    what: str
    factor: Positive = 1.0


class Accounting(FrozenConfig):
    """Monthly totals from the books: those of the simulated months, and of some months before them.

    Parameters
    ----------
    earlier_months:
        Months before ``start``, of a shop as large as in its first twelve months and with the same season.
    noise:
        Standard deviation of the logarithm of the earlier totals.
    """

    earlier_months: Annotated[int, Field(ge=0, le=120)] = 12
    noise: Nonnegative = 0.05


class Sellers(FrozenConfig):
    """A marketplace: each order is one seller's; sizes fall like 1 / rank."""

    number: PositiveCount
