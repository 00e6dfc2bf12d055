"""The profile of the most profitable customers as a report: five parts, rules, who is not one, fairness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.markdown import markdown_table
from cvo_ml.features.leads import as_numbers
from cvo_ml.models.icp.profile import FALSE_DISCOVERIES, LEAST_SUPPORT, Rule, claims, findings, representation, rules
from training.icp.sections import ProfileSpec

#: The five parts of an ideal customer profile (methods E1) and the tables that answer each.
PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "who": ("Who they are", "profile columns of customers or leads"),
    "when": ("When they come", "orders or leads with times"),
    "what": ("What they buy first", "order_lines, best with categories"),
    "keeps": ("What keeps them, and what does not", "milestones, surveys, refunds"),
    "needs": ("What they need further", "tickets with topics, subscriptions with cancel reasons"),
}
MOST_LINES: Final = 8
#: What happens after the start is met more often by who buys more, so it describes and does not explain.
DESCRIBES: Final = (
    "Met within the same age as the profit, and compared among those who can meet it; who buys more also meets more of "
    "this, so it describes only."
)
LATER: Final = ("keeps", "needs")
FAIRNESS: Final = ("age", "gender", "sex", "region", "country")


def parts_of(rows: pd.DataFrame, columns: Sequence[str]) -> dict[str, list[str]]:
    """Which part of the profile each column of the first order or of the lead belongs to."""
    found: dict[str, list[str]] = {name: [] for name in PARTS}
    for name in columns:
        if rows[name].notna().any():
            when = name in ("first_order_hour", "first_order_weekday", "hour", "weekday", "month")
            found["when" if when else "what" if name.startswith("first_order") else "who"].append(name)
    return found


def with_calendar(rows: pd.DataFrame, moment: str) -> pd.DataFrame:
    """The rows with month, weekday and hour of their moment."""
    at = rows[moment].dt
    return rows.assign(month=at.month.astype(float), weekday=at.day_of_week.astype(float), hour=at.hour.astype(float))


def report(
    rows: pd.DataFrame,
    columns: Sequence[str],
    profile: ProfileSpec,
    *,
    score: Floats,
    test: pd.DataFrame,
    more: Mapping[str, Sequence[str]] | None = None,
    against: Flags | None = None,
    among: Flags | None = None,
) -> tuple[dict[str, str], dict[str, Mapping[str, Any]]]:
    """The report as Markdown and as JSON-ready documents.

    Parameters
    ----------
    rows:
        All people with a known outcome ``is_top``, and their fields.
    columns:
        The fields that the model reads.
    score, test:
        Scores (m,) of the later people, and those people: they judge the rules, and fairness is theirs.
    more:
        Further columns of ``rows`` by part, which describe and are no prediction.
    against:
        (n,) who was a bad fit, for the anti-profile: won or bought, and left early or cost more than they brought.
    among:
        (n,) whom these, and what happens after the start, are compared with: who can meet it at all; all if None.
    """
    chosen = parts_of(rows, columns)
    for part, names in (more or {}).items():
        chosen[part] += [name for name in names if name not in chosen[part]]
    typed = _typed(rows, [name for names in chosen.values() for name in names])
    winner = rows["is_top"].to_numpy(dtype=bool)
    compared = np.ones(len(rows), dtype=bool) if among is None else among
    table = claims(typed, winner, chosen, dict.fromkeys(LATER, compared))
    has_bad = against is not None and against[compared].sum() >= LEAST_SUPPORT
    anti = claims(typed[compared], against[compared], chosen) if against is not None and has_bad else table.iloc[:0]
    earlier = ~rows.index.isin(test.index)
    listed = (
        rules(typed.loc[earlier, list(columns)], winner[earlier], typed.loc[test.index, list(columns)],
              test["is_top"].to_numpy(dtype=bool))
        if earlier.any() and winner[earlier].any() else []
    )  # fmt: skip
    groups = [name for name in dict.fromkeys((*FAIRNESS, *profile.blocked)) if name in test]
    fair = representation(_typed(test, groups), score >= np.quantile(score, 1 - profile.capacity), groups)
    text = _markdown(table, anti, listed, fair, float(winner.mean()), profile)
    documents: dict[str, Mapping[str, Any]] = {
        "profile": {
            "claims": _records(table),
            "anti_profile": _records(anti),
            "rules": [_rule(rule) for rule in listed],
        },
        "fairness": {"capacity": profile.capacity, "blocked": list(profile.blocked), "groups": _records(fair)},
    }
    return {"ideal_customer_profile": text}, documents


def _typed(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    frame = rows[list(dict.fromkeys(columns))].copy()
    texts = [str(name) for name in frame if not pd.api.types.is_numeric_dtype(frame[name].dtype)]
    for name in as_numbers(frame, texts):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


def _markdown(
    table: pd.DataFrame,
    anti: pd.DataFrame,
    listed: Sequence[Rule],
    fair: pd.DataFrame,
    base: float,
    profile: ProfileSpec,
) -> str:
    lines = [
        "# Ideal customer profile",
        "",
        f"{base:.1%} of all are most profitable. Lift = rate at the level / rate of all, with its 95 % interval; a "
        f"claim stands here if at most {FALSE_DISCOVERIES:.0%} of such claims are expected to be false "
        f"(Benjamini-Hochberg over {len(table):,} claims).",
    ]
    for part, (title, source) in PARTS.items():
        own = table[table["section"] == part]
        caution = [DESCRIBES, ""] if part in LATER and len(own) else []
        lines += ["", f"## {title}", "", *caution, *_claims(own, f"Nothing to look at: {source} would tell.")]
    lines += ["", "## Rules", ""]
    lines += [
        f"* {' and '.join(rule.conditions)}: lift {rule.lift} on {rule.people:,} later people" for rule in listed
    ] or ["No rule of at most three conditions holds for the people who came later."]
    lines += ["", "## Who is not one", "", *_claims(anti, f"Fewer than {LEAST_SUPPORT} early churners are known.")]
    lines += ["", f"## Fairness of the top {profile.capacity:.0%}", "", *_fairness(fair, profile)]
    return "\n".join(lines) + "\n"


def _claims(own: pd.DataFrame, nothing: str) -> list[str]:
    if own.empty:
        return [nothing]
    held = findings(own)
    strongest = held.loc[held["lift"].sub(1).abs().sort_values(ascending=False).index[:MOST_LINES]]
    lines = [
        f"* {row.field} = {row.level}: lift {row.lift:.2f} [{row.lower:.2f}, {row.upper:.2f}], {row.people:,} people"
        for row in strongest.itertuples()
    ]
    return lines or [f"None of {len(own):,} claims stands out from chance."]


def _fairness(fair: pd.DataFrame, profile: ProfileSpec) -> list[str]:
    blocked = f"Blocked fields (no model reads them): {', '.join(profile.blocked) or 'none'}."
    if fair.empty:
        return [blocked, "", "No age, gender or region is known, so nothing can be said."]
    rows = [
        (
            row.field, row.level, f"{row.people:,}", f"{row.share_of_all:.1%}", f"{row.share_of_selected:.1%}",
            f"{row.ratio:.2f} [{row.lower:.2f}, {row.upper:.2f}]",
        )
        for row in fair.itertuples()
    ]  # fmt: skip
    return [blocked, "", markdown_table(["field", "group", "people", "of all", "of the top", "ratio"], rows)]


def _rule(rule: Rule) -> dict[str, Any]:
    return {"conditions": list(rule.conditions), "people": rule.people, "lift": rule.lift.to_json()}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in record.items()} for record in table.to_dict("records")]
