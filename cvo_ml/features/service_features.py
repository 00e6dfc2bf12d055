"""Features of what customers say and do besides buying: tickets, surveys, usage, subscriptions, milestones, profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ibis

from cvo_ml.features.catalogue import WINDOWS, Build, feature
from cvo_ml.features.integer_sums import if_true, number, units


def counted(relation: str, unit: str, meaning: str, name: str | None = None) -> Callable[[Build], Build]:
    """The decorator of the number of rows per window."""
    return feature(relation, unit=unit, windows=WINDOWS, empty=0, name=name or relation, meaning=meaning)


@counted("events", "events", "Usage events {window}.")
@counted("surveys", "answers", "Survey answers {window}.", "survey_answers")
@counted("tickets", "tickets", "Tickets opened {window}.")
def rows_in_window(rows: Any, inside: Any) -> Any:
    """Rows {window}."""
    return number(inside)


@feature("events", unit="days", name="days_since_last_event", meaning="Days since the last usage event; null without.")
@feature("surveys", unit="days", name="days_since_last_survey", meaning="Days since the last answer; null without.")
@feature("tickets", unit="days", name="days_since_last_ticket", meaning="Days since the last ticket; null without.")
def days_since_last(rows: Any, inside: Any) -> Any:
    """Days since the last row."""
    return rows.age.min()


@feature("tickets", unit="tickets", columns=("closed_at",), empty=0)
def open_tickets(rows: Any, inside: Any) -> Any:
    """Tickets that were not closed before the date."""
    return number(~rows.closed)


@feature("tickets", unit="minutes", columns=("closed_at", "minutes"), empty=0)
def ticket_minutes(rows: Any, inside: Any) -> Any:
    """Minutes of work on tickets closed before the date."""
    return units(rows.minutes.sum()).coalesce(0.0)


@feature("surveys", unit="score")
def nps_mean(rows: Any, inside: Any) -> Any:
    """Mean NPS score given so far, 0-10; null without an answer."""
    return units(if_true(rows.is_nps, rows.score).sum()) / number(rows.is_nps).nullif(0)


@feature("surveys", unit="score")
def nps_last(rows: Any, inside: Any) -> Any:
    """Lowest NPS score of the last moment at which one was given, 0-10; null without an answer."""
    placed = ibis.struct({"at": rows.answered_at, "value": -rows.score})
    return units(-placed.max(where=rows.is_nps)["value"])


@feature("events", unit="days", windows=(30, 90), empty=0)
def usage_days(rows: Any, inside: Any) -> Any:
    """Days with a usage event {window}."""
    return if_true(inside, rows.age).nunique()


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


@feature("milestones", unit="milestones", windows=(90, None), empty=0)
def milestones(rows: Any, inside: Any) -> Any:
    """Milestones reached {window}."""
    return number(inside)


@feature("milestones", unit="days")
def days_since_last_milestone(rows: Any, inside: Any) -> Any:
    """Days since the last milestone was reached; null if none was."""
    return rows.age.min()


@feature("customers", unit="name", columns=("country",))
def country(rows: Any, inside: Any) -> Any:
    """The customer's country."""
    return rows.country.max()
