"""Features of what customers say and do besides buying: tickets, surveys, usage, subscriptions, profile."""

from __future__ import annotations

from typing import Any

import ibis

from cvo_ml.features.catalogue import WINDOWS, feature
from cvo_ml.features.exact import if_true, number, units


@feature("tickets", unit="tickets", windows=WINDOWS, empty=0)
def tickets(rows: Any, inside: Any) -> Any:
    """Tickets opened {window}."""
    return number(inside)


@feature("tickets", unit="tickets", columns=("closed_at",), empty=0)
def open_tickets(rows: Any, inside: Any) -> Any:
    """Tickets that were not closed before the date."""
    return number(~rows.closed)


@feature("tickets", unit="minutes", columns=("closed_at", "minutes"), empty=0)
def ticket_minutes(rows: Any, inside: Any) -> Any:
    """Minutes of work on tickets closed before the date."""
    return units(rows.minutes.sum()).coalesce(0.0)


@feature("tickets", unit="days")
def days_since_last_ticket(rows: Any, inside: Any) -> Any:
    """Days since the last ticket was opened; null without tickets."""
    return rows.age.min()


@feature("surveys", unit="answers", windows=WINDOWS, empty=0)
def survey_answers(rows: Any, inside: Any) -> Any:
    """Survey answers {window}."""
    return number(inside)


@feature("surveys", unit="score")
def nps_mean(rows: Any, inside: Any) -> Any:
    """Mean NPS score given so far, 0-10; null without an answer."""
    return units(if_true(rows.is_nps, rows.score).sum()) / number(rows.is_nps).nullif(0)


@feature("surveys", unit="score")
def nps_last(rows: Any, inside: Any) -> Any:
    """Lowest NPS score of the last moment at which one was given, 0-10; null without an answer."""
    placed = ibis.struct({"at": rows.answered_at, "value": -rows.score})
    return units(-placed.max(where=rows.is_nps)["value"])


@feature("surveys", unit="days")
def days_since_last_survey(rows: Any, inside: Any) -> Any:
    """Days since the last survey answer; null without one."""
    return rows.age.min()


@feature("events", unit="events", windows=WINDOWS, empty=0)
def events(rows: Any, inside: Any) -> Any:
    """Usage events {window}."""
    return number(inside)


@feature("events", unit="days", windows=(30, 90), empty=0)
def usage_days(rows: Any, inside: Any) -> Any:
    """Days with a usage event {window}."""
    return if_true(inside, rows.age).nunique()


@feature("events", unit="days")
def days_since_last_event(rows: Any, inside: Any) -> Any:
    """Days since the last usage event; null without one."""
    return rows.age.min()


@feature("subscriptions", unit="subscriptions", empty=0)
def active_subscriptions(rows: Any, inside: Any) -> Any:
    """Subscriptions started and not ended before the date."""
    return number(rows.active)


@feature("subscriptions", unit="currency a month", empty=0)
def active_mrr(rows: Any, inside: Any) -> Any:
    """Monthly recurring revenue of the active subscriptions."""
    return units(if_true(rows.active, rows.mrr).sum()).coalesce(0.0)


@feature("subscriptions", unit="seats", columns=("seats",), empty=0)
def active_seats(rows: Any, inside: Any) -> Any:
    """Seats of the active subscriptions."""
    return units(if_true(rows.active, rows.seats).sum()).coalesce(0.0)


@feature("subscriptions", unit="subscriptions", columns=("ended_at",), empty=0)
def ended_subscriptions(rows: Any, inside: Any) -> Any:
    """Subscriptions that ended before the date."""
    return number(rows.ended)


@feature("subscriptions", unit="days", columns=("ended_at",))
def days_since_subscription_end(rows: Any, inside: Any) -> Any:
    """Days since a subscription ended last; null if none did."""
    return rows.ended_age.min()


@feature("subscriptions", unit="days")
def days_subscribed(rows: Any, inside: Any) -> Any:
    """Days since the first subscription started."""
    return rows.age.max()


@feature("customers", unit="name", columns=("country",))
def country(rows: Any, inside: Any) -> Any:
    """The customer's country."""
    return rows.country.max()
