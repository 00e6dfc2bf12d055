"""The adapter of the leak gate (``cvo_ml.features.leak_gate``) to a training job's sections and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pandas as pd

from cvo_ml.config.jobs import LeakPolicy
from cvo_ml.core.tables import Tables
from cvo_ml.features.leak_gate import Evidence, FitAndScore, GateSample, check
from cvo_ml.features.own.features import PROFILE
from cvo_ml.features.truncated_tables import changed_by_later_rows


def pass_gate(
    sample: GateSample,
    columns: Sequence[str],
    policy: LeakPolicy,
    fit_and_score: FitAndScore,
    features: Callable[[Tables], pd.DataFrame],
    tables: Tables,
    day: date,
    timed: Sequence[str] = (),
    own: Mapping[str, str] | None = None,
) -> Evidence:
    """Check the columns that the model reads on the rows that it learns from.

    Parameters
    ----------
    features, tables, day:
        The function that made the features, its tables and the last date: it is run once more on the shop as it was.
    timed:
        Columns whose values carry the time at which they became known.
    own:
        Features of the user's own, with what each is made of.

    Raises
    ------
    ModelRefused
        If a check fails (``cvo_ml.features.leak_gate.check``).
    """
    changed = changed_by_later_rows(features, tables, day)
    vouched = [name.removeprefix(PROFILE) for name in policy.known_at_conversion]
    return check(
        sample,
        columns,
        declared=(*vouched, *(PROFILE + name for name in vouched)),
        acknowledged=policy.acknowledged,
        timed=timed,
        own=own,
        fit_and_score=fit_and_score,
        changed=tuple(name for name in changed if name in columns or name == "customer_id"),
    )


def gate_metrics(evidence: Evidence) -> dict[str, float]:
    """What the tracked run shows of the gate."""
    return {"leak_best_auc_alone": max(evidence.alone.values()), "leak_shuffled_auc": evidence.shuffled_auc}
