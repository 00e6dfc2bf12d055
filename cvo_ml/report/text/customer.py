"""One customer in words: history, P(alive), scores, reasons, the action and why no other, what moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from cvo_ml.core.blocks import Block, Sentence, TextTable
from cvo_ml.core.explanation import (
    ActionOption,
    AlivePath,
    ChangesSince,
    CustomerExplanation,
    CustomerHistory,
    ModelReasons,
    ModelScores,
    NextAction,
    ReasonPart,
    ScoreChange,
    ScoredValue,
    SegmentFacts,
)
from cvo_ml.core.models import CHURN, CLV, ICP, model_spec

#: orders and reasons that a screen shows
MOST_ORDERS: Final = 5
MOST_PARTS: Final = 6
#: signs of a path that fit a screen beside its scale
WIDTH: Final = 64
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_PROBABILITIES: Final = ("p_alive", "p_top_decile", CHURN.score, ICP.score)
_MONEY: Final = (CLV.score, "historic_clv", "total_clv", "average_order_value")
#: columns of Scores that a person looks for first; the others are in the JSON
SHOWN: Final = (
    CLV.score, "predicted_number_of_orders", "p_alive", "expected_date_of_next_order", "p_top_decile", "historic_clv",
    "total_clv", CHURN.score, "churn_band", ICP.score, "icp_percentile", "icp_tier",
)  # fmt: skip
#: what a code of a rule says to a person
RULES: Final = {
    "opted_out": "no consent to marketing or profiling",
    "no_value_at_stake": "no value is known (a score is missing)",
    "no_action_for_group": "not for this group",
    "effort_above_value": "costs more than the policy's share of the value",
    "contacted_recently": "contacted recently: cap or cooldown",
    "does_not_pay": "does not pay",
    "beyond_the_limits": "pays, but budget or capacity go to others",
    "holdout": "held out, so that the effect can be measured",
    "another_earns_more": "pays, but another earns more",
    "chosen": "chosen",
}


def customer_blocks(said: CustomerExplanation) -> Iterator[Block]:
    """All that is said of a customer, in the order in which a person asks."""
    yield Sentence(f"Customer {said.customer_id} on {said.as_of}{_currency(said)}", "bold")
    yield from history_blocks(said.history, said.as_of)
    if said.segment is not None:
        yield Sentence(segment_words(said.segment))
    yield from path_blocks(said.path, said.as_of)
    yield from score_blocks(said.scores)
    for reasons in said.reasons:
        yield from reason_blocks(reasons)
    if said.action is not None:
        yield from action_blocks(said.action)
    if said.changes is not None:
        yield from change_blocks(said.changes)
    yield from (Sentence(f"note: {note}", "dim") for note in said.notes)


def history_blocks(history: CustomerHistory, as_of: date) -> Iterator[Block]:
    """What the customer did."""
    yield Sentence(history_words(history))
    shown = history.orders[-MOST_ORDERS:]
    if shown:
        rows = [
            (str(order.day), f"{order.net:,.2f}", _or_dash(order.refunded), "" if order.counts else "does not count")
            for order in reversed(shown)
        ]
        more = len(history.orders) - len(shown)
        yield TextTable(f"Orders{f', the last {len(shown)}' if more else ''}", ("day", ">net", ">refunded", ""), rows)
    for other in history.others:
        details = "".join(f", {name} {value:,.10g}" for name, value in other.details.items())
        yield Sentence(f"{other.table}: {other.rows:,}, the last on {other.last}{details}")


def history_words(history: CustomerHistory) -> str:
    """The orders in totals.

    Examples
    --------
    >>> none = CustomerHistory((), None, None, 0.0, None, None, None, None, None)
    >>> history_words(none)
    'no order is left: all were refunded'
    """
    if history.number_of_orders is None:
        return "no order is left: all were refunded"
    count = f"{history.number_of_orders:,.0f} order{'s' * (history.number_of_orders != 1)}"
    text = f"{count} since {history.orders[0].day}, worth {history.net_value or 0.0:,.2f}"
    if history.refunded:
        text += f" after {history.refunded:,.2f} of refunds"
    text += f"; the last one {_days(history.days_since_last_order)} ago"
    if history.mean_gap is not None:
        text += f"; {_days(history.mean_gap)} from order to order on average, {_days(history.longest_gap)} at most"
    return text


def segment_words(segment: SegmentFacts) -> str:
    """The group and where it came from."""
    if segment.rfm_group is None:
        return f"no group: {segment.reason}"
    text = f"group {segment.rfm_group} (RFM {segment.rfm_cell}), tier {segment.value_tier}"
    if segment.previous_group and segment.previous_group != segment.rfm_group:
        text += f"; {segment.previous_group} in the run before ({segment.change_cause})"
    return text


def path_blocks(path: AlivePath, as_of: date) -> Iterator[Block]:
    """P(alive) as a line of signs, and its values on the days that matter."""
    if path.reason:
        yield Sentence(f"P(alive): no path ({path.reason})")
        return
    line, marks = sparkline(path, as_of)
    yield Sentence("P(alive) day by day; o = order, | = today", "bold")
    yield Sentence(f"  {line}")
    yield Sentence(f"  {marks}")
    known = [(day, p) for day, p in zip(path.days, path.p_alive, strict=True) if day <= as_of and p == p]
    lowest = min(known, key=lambda point: point[1])
    yield Sentence(
        f"  {path.days[0]} {known[0][1]:.0%}; lowest {lowest[1]:.0%} on {lowest[0]}; now {known[-1][1]:.1%}; "
        f"{path.p_alive[-1]:.0%} on {path.days[-1]} if no order comes"
    )


def sparkline(path: AlivePath, as_of: date, width: int = WIDTH) -> tuple[str, str]:
    """The path as ``width`` signs from 0 to 1, and the orders and the date below it.

    Examples
    --------
    >>> days = tuple(date(2024, 1, day) for day in (1, 2, 3, 4))
    >>> sparkline(AlivePath("m", days, (1.0, 0.5, 0.0, 0.0), (date(2024, 1, 1),)), date(2024, 1, 3), 4)
    ('█▅▁▁', 'o |')
    """
    first, last = path.days[0].toordinal(), path.days[-1].toordinal()
    width = min(width, last - first + 1)
    span = max(last - first, 1)
    levels, place = [], 0
    for sign in range(width):
        day = first + round(sign * span / max(width - 1, 1))
        while place + 1 < len(path.days) and path.days[place + 1].toordinal() <= day:
            place += 1
        p = path.p_alive[place]
        levels.append(" " if p != p else _LEVELS[min(int(p * len(_LEVELS)), len(_LEVELS) - 1)])
    marks = [" "] * width
    for bought in path.purchases:
        marks[_place(bought, first, span, width)] = "o"
    marks[_place(as_of, first, span, width)] = "|"
    return "".join(levels), "".join(marks).rstrip()


def score_blocks(scores: Sequence[ModelScores]) -> Iterator[Block]:
    """The scores that a person looks for first, and the models that made them."""
    rows = [
        (value.name, cell(value), interval(value))
        for group in scores
        for value in group.values
        if value.name in SHOWN and (value.value is not None or value.name == model_spec(group.model).score)
    ]
    yield TextTable("Scores", ("score", ">value", ">90 % interval"), rows)
    yield from (Sentence(f"  {model_words(group)}", "dim") for group in scores if group.kind)


def model_words(group: ModelScores) -> str:
    """Which model speaks, how good it was, of how many days, and what it calls the event."""
    window = "" if group.horizon_days is None else f", for {group.horizon_days:.0f} days"
    event = next((str(value.value) for value in group.values if value.name.endswith("_definition") and value.value), "")
    said = f": {event.replace('_', ' ')}" if event else ""
    return f"{group.model}: {group.kind}, version {group.version}, grade {group.grade or '–'}{window}{said}"


def cell(value: ScoredValue) -> str:
    """A score as text: money, a percentage, a name, or why there is none."""
    if value.value is None:
        return f"– ({value.reason})"
    if isinstance(value.value, str):
        return value.value
    return f"{100 * value.value:.1f} %" if value.name in _PROBABILITIES else f"{value.value:,.2f}"


def interval(value: ScoredValue) -> str:
    """The ends of a score's interval, or nothing."""
    if value.lower is None or value.upper is None:
        return ""
    if value.name in _PROBABILITIES:
        return f"{100 * value.lower:.1f} – {100 * value.upper:.1f} %"
    return f"{value.lower:,.2f} – {value.upper:,.2f}"


def reason_blocks(reasons: ModelReasons) -> Iterator[Block]:
    """What makes a score."""
    title = f"Why this {model_spec(reasons.model).score}"
    if reasons.reason:
        yield Sentence(f"{title}: no reasons ({reasons.reason})")
        return
    shown, rest = reasons.parts[:MOST_PARTS], reasons.parts[MOST_PARTS:]
    rows = [(part.name, part_value(part), effect(part.effect, reasons)) for part in shown]
    if rest:
        rows.append((f"{len(rest)} more", "", effect(sum(part.effect for part in rest), reasons)))
    if reasons.start is not None and reasons.end is not None:
        rows = [
            ("a typical customer", "", f"{reasons.start:,.2f}"),
            *rows,
            ("this customer", "", f"{reasons.end:,.2f}"),
        ]
    unit = "money" if reasons.unit == "currency" else "points"
    yield TextTable(title, ("what", "here", f">{unit}"), rows)
    yield Sentence(f"  {reasons.method}", "dim")


def part_value(part: ReasonPart) -> str:
    """What the customer has, and the typical one beside it."""
    here = _plain(part.value)
    if part.feature and part.feature != part.name:
        here = f"{part.feature} {here}"
    return f"{here} (typical {_plain(part.typical)})" if part.typical is not None else here


def effect(size: float, reasons: ModelReasons) -> str:
    """An effect in money or in percentage points."""
    return f"{size:+,.2f}" if reasons.unit == "currency" else f"{100 * size:+.1f}"


def action_words(action: NextAction) -> str:
    """What is done."""
    if action.action is not None:
        chosen = next(option for option in action.options if option.action == action.action)
        return (
            f"Next action: {action.action} by {chosen.channel}, rank {action.rank:,} of {action.ranked:,}; it should "
            f"earn {chosen.expected_profit or 0.0:,.2f} after its cost of {chosen.cost:g}"
        )
    return f"Next action: none ({RULES.get(action.reason or '', action.reason)})"


def action_blocks(action: NextAction) -> Iterator[Block]:
    """The action, and why no other."""
    yield Sentence(action_words(action), "bold")
    allowed = [option for option in action.options if not option.excluded_by]
    if allowed:
        rows = [(option.action, f"{option.cost:g}", _money(option.expected_profit), why(option)) for option in allowed]
        yield TextTable("Actions that are open", ("action", ">cost", ">profit", "why, or why not"), rows)
    for reason, names in excluded_by_reason(action.options).items():
        yield Sentence(f"  {reason}: {', '.join(names)}")
    if action.last_contact is not None:
        yield Sentence(f"  last contacted on {action.last_contact}")
    yield from (Sentence(f"  {note}", "yellow") for note in action.notes)


def excluded_by_reason(options: Sequence[ActionOption]) -> dict[str, list[str]]:
    """The actions that are not open, with what they would earn, by the first rule that forbids them."""
    found: dict[str, list[str]] = {}
    for option in options:
        if option.excluded_by:
            profit = "" if option.expected_profit is None else f" ({option.expected_profit:,.2f})"
            rule = RULES.get(option.excluded_by[0], option.excluded_by[0])
            found.setdefault(rule, []).append(f"{option.action}{profit}")
    return found


def why(option: ActionOption) -> str:
    """What became of an action, in words."""
    if option.excluded_by:
        return "; ".join(RULES.get(code, code) for code in option.excluded_by)
    text = RULES.get(option.verdict, option.verdict)
    if option.verdict in ("beyond_the_limits", "another_earns_more") and option.price > 0:
        text += f" (its share of the limits is worth {option.price:,.2f})"
    return text


def change_blocks(changes: ChangesSince) -> Iterator[Block]:
    """What moved since the run before, and why."""
    if changes.reason:
        yield Sentence(f"Since the run before: nothing to compare ({changes.reason})")
        return
    happened = ", ".join(f"{count} more in {table}" for table, count in changes.happened.items()) or "no new rows"
    yield Sentence(f"Since {changes.since} (run {changes.run}): {happened}", "bold")
    if not changes.moved:
        yield Sentence("  no score moved")
        return
    rows = [
        (moved.column, moved_value(moved, moved.before), moved_value(moved, moved.after), because(moved))
        for moved in changes.moved
    ]
    yield TextTable("What moved", ("score", ">then", ">now", "because"), rows)


def because(moved: ScoreChange) -> str:
    """The causes of a change with their sizes."""
    points = moved.column in _PROBABILITIES
    sized = [
        f"{cause.name} {100 * cause.effect:+.1f}" if points else f"{cause.name} {cause.effect:+,.2f}"
        for cause in moved.causes
    ]
    return "; ".join(filter(None, (*sized, moved.words)))


def moved_value(moved: ScoreChange, value: float | str | None) -> str:
    """A followed column as text."""
    return "–" if value is None else cell(ScoredValue(moved.column, value))


def _place(day: date, first: int, span: int, width: int) -> int:
    return min(max(round((day.toordinal() - first) / span * (width - 1)), 0), width - 1)


def _plain(value: float | str | None) -> str:
    if value is None:
        return "not known"
    return value if isinstance(value, str) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _money(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"


def _or_dash(value: float) -> str:
    return f"{value:,.2f}" if value else "–"


def _days(days: float | None) -> str:
    return "some days" if days is None else f"{days:,.0f} day{'s' * (round(days) != 1)}"


def _currency(said: CustomerExplanation) -> str:
    return "" if said.currency == "XXX" else f", money in {said.currency}"
