"""Why one customer's scores moved since an earlier run: another model, time that passed, what the customer did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.explanation import ChangeCause, ScoreChange
from cvo_ml.core.models import CHURN, CLV, ICP, ModelSpec
from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import visible, when_over
from cvo_ml.features.truncated_tables import truncated
from cvo_ml.predict.explain import lead_fields
from cvo_ml.predict.loaded import LoadedModels
from cvo_ml.predict.one_customer import features_of, of_customer
from cvo_ml.predict.score import score

#: The numbers that are followed, and the model that makes each; facts have none.
FOLLOWED: Final[tuple[tuple[str, ModelSpec | None], ...]] = (
    (CLV.score, CLV), ("p_alive", CLV), ("predicted_number_of_orders", CLV), (CHURN.score, CHURN), (ICP.score, ICP),
    ("historic_clv", None), ("historic_number_of_orders", None),
)  # fmt: skip
OTHER_MODEL: Final = "another model version"
CORRECTED: Final = "rows about the past that changed or came late"
TIME: Final = "time that passed"
EVENTS: Final = "what happened since"
#: A number that moved by less did not move.
_STILL: Final = 1e-9


def score_changes(
    tables: Tables, customer_id: str, models: LoadedModels, before: pd.Series, now: pd.Series, since: date, as_of: date
) -> tuple[tuple[ScoreChange, ...], Mapping[str, int]]:
    """The followed numbers that moved, each with causes that add up, and the rows that became known in between.

    The causes are a walk from one run to the other, one step at a time, so their sum is the difference exactly:
    today's models on the earlier date (another model, or corrected rows), today's date without anything that
    happened since (time), everything (what happened).

    Parameters
    ----------
    before, now:
        Rows of Scores at ``since`` and at ``as_of``, ``now`` by ``models``.
    """
    own = of_customer(tables, customer_id, as_of)
    # an earlier run whose only order came to light later knows the customer from its own rows alone
    nothing_since = tables if not any(models.own) else truncated(tables, since)
    steps = [_scored(own, tables, models, since), _scored(truncated(own, since), nothing_since, models, as_of)]
    moved = []
    for column, model in FOLLOWED:
        if not _moved(before[column], now[column]):
            continue
        walk = [before[column], *(step[column] for step in steps), now[column]]
        names = (_first_cause(before, now, model), TIME, EVENTS)
        moved.append(ScoreChange(column, _value(before[column]), _value(now[column]), _causes(walk, names),
                                 _why(before, now, column, model)))  # fmt: skip
    return tuple(moved), happened_since(own, since, as_of)


def happened_since(own: Tables, since: date, as_of: date) -> dict[str, int]:
    """Rows that are seen at ``as_of`` and were not at ``since``, by table."""
    counts = {}
    for name, frame in own.frames.items():
        event_time, frame = CONTRACTS[name].event_time, when_over(frame, CONTRACTS[name])
        if event_time is not None and len(frame):
            counts[name] = len(visible(frame, as_of, event_time)) - len(visible(frame, since, event_time))
    return {name: count for name, count in counts.items() if count}


def _scored(own: Tables, tables: Tables, models: LoadedModels, as_of: date) -> pd.Series:
    features = features_of(own, tables, as_of, models.own)
    if features.empty:  # not known then: the earlier run stands on rows that are gone
        return pd.Series(float("nan"), index=[column for column, _ in FOLLOWED])
    leads = lead_fields(own, as_of, models)
    return score(features, models, as_of=as_of, currency=own.currency, leads=leads).iloc[0]


def _first_cause(before: pd.Series, now: pd.Series, model: ModelSpec | None) -> str:
    if model is None:
        return CORRECTED
    version = f"{model.name}_model_version"
    return CORRECTED if before[version] == now[version] else OTHER_MODEL


def _causes(walk: list[float], names: tuple[str, ...]) -> tuple[ChangeCause, ...]:
    """The steps that moved the number; none where a step has no number, because then they do not add up."""
    if any(pd.isna(value) for value in walk):
        return ()
    steps = zip(names, walk[:-1], walk[1:], strict=True)
    found = [ChangeCause(name, float(after - before)) for name, before, after in steps]
    largest = max(abs(cause.effect) for cause in found)
    return tuple(cause for cause in found if abs(cause.effect) > _STILL * largest)


def _why(before: pd.Series, now: pd.Series, column: str, model: ModelSpec | None) -> str:
    """What is to be said of a number that came or went."""
    if model is None or pd.notna(before[column]) == pd.notna(now[column]):
        return ""
    reason = (now if pd.isna(now[column]) else before)[model.reason]
    return f"{'no longer' if pd.isna(now[column]) else 'not'} scored{'' if pd.isna(now[column]) else ' then'}: {reason}"


def _moved(before: float, now: float) -> bool:
    if pd.isna(before) or pd.isna(now):
        return bool(pd.isna(before) != pd.isna(now))
    return abs(now - before) > _STILL * max(1.0, abs(before), abs(now))


def _value(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
