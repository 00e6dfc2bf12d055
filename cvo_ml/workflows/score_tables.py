"""From tables and models to scores, segments and a plan of every customer; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.ledger import CustomerLedger
from cvo_ml.core.models import MODELS
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.customer import scored_features, with_own_on
from cvo_ml.predict import LoadedModels, score
from cvo_ml.predict.explain import lead_fields
from cvo_ml.predict.shadow import ShadowComparison, shadow
from cvo_ml.priorities import Plan, contact_constraints, declared_effects, plan
from cvo_ml.segments import Segmented, segment_customers


@dataclass(frozen=True)
class Scored:
    """A scored population: the table, what it was computed from, its ledgers, its segments' edges and its plan."""

    scores: pd.DataFrame
    features: pd.DataFrame
    ledgers: Mapping[str, CustomerLedger]
    segmented: Segmented
    plan: Plan


def score_customers(
    tables: Tables,
    as_of: date,
    models: LoadedModels,
    segments: SegmentPolicy,
    priorities: PriorityPolicy,
    *,
    shop: str,
    workspace: Workspace | None = None,
) -> Scored:
    """Scores, segments and priorities of every customer known at ``as_of``.

    Parameters
    ----------
    workspace:
        Whose frozen edges and earlier runs the segments refer to; None = neither.

    Raises
    ------
    ModelRefused
        If a model was trained on another shop, in another currency, or with data after ``as_of``.
    BundleError
        If the frozen edges are damaged.
    """
    check_models(models, shop=shop, currency=tables.currency, as_of=as_of)
    features, scores = model_columns(tables, as_of, models)
    scores, segmented = with_segments(scores, features, tables, as_of, segments, shop=shop, workspace=workspace)
    planned = plan(scores, declared_effects(priorities), priorities, contact_constraints(tables, as_of))
    scores = pd.concat([scores, planned.columns], axis=1)
    return Scored(scores, features, ledgers(scores), segmented, planned)


def model_columns(
    tables: Tables, as_of: date, models: LoadedModels, *, orders_alone: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is known of every customer at ``as_of``, and what the models say of it.

    Parameters
    ----------
    orders_alone:
        The tables are all that the caller has: what a model reads of others is null, and no reason to refuse.
    """
    features = scored_features(tables, as_of, models.own)
    if orders_alone:
        read = [name for model in models.models.values() for name in model.input_columns if name not in features]
        features = features.assign(**dict.fromkeys(read, np.nan))
    leads = lead_fields(tables, as_of, models)
    return features, score(features, models, as_of=as_of, currency=tables.currency, leads=leads)


def with_segments(
    scores: pd.DataFrame,
    features: pd.DataFrame,
    tables: Tables,
    as_of: date,
    policy: SegmentPolicy,
    *,
    shop: str,
    workspace: Workspace | None = None,
) -> tuple[pd.DataFrame, Segmented]:
    """Scores with their segment columns, and how these were cut; parameters as in ``segment_customers``."""
    segmented = segment_customers(scores, features, tables, as_of, policy, shop=shop, workspace=workspace)
    return pd.concat([scores, segmented.columns], axis=1), segmented


def shadow_scores(
    tables: Tables, as_of: date, serving: LoadedModels, behind: LoadedModels, *, shop: str
) -> dict[str, ShadowComparison]:
    """Champions and challengers on the customers known at ``as_of``; nothing is stored.

    Raises
    ------
    ModelRefused
        If a model was made for something else.
    """
    for models in (serving, behind):
        check_models(models, shop=shop, currency=tables.currency, as_of=as_of)
    # each side by its own copy of the user's features: one name may mean two things
    known = scored_features(tables, as_of)
    first, second = (with_own_on(known, tables, as_of, models.own) for models in (serving, behind))
    leads = lead_fields(tables, as_of, serving), lead_fields(tables, as_of, behind)
    return shadow(first, serving, behind, as_of=as_of, currency=tables.currency, leads=leads, features_behind=second)


def ledgers(scores: pd.DataFrame) -> dict[str, CustomerLedger]:
    """For each model: customers known = scored + ineligible, by reason."""
    found = {}
    for model in MODELS:
        missing = scores[model.score].isna()
        reasons = scores.loc[missing, model.reason].value_counts()
        ineligible = {str(reason): int(count) for reason, count in reasons.items()}
        found[model.name] = CustomerLedger(len(scores), int((~missing).sum()), ineligible)
    return found


def check_models(models: LoadedModels, *, shop: str | None, currency: str, as_of: date) -> None:
    """Refuse models that were made for something else.

    Parameters
    ----------
    shop:
        Whose customers are scored; None = nobody said.

    Raises
    ------
    ModelRefused
        If a model was trained on another shop, in another currency, or with data after ``as_of``.
    """
    for name, model in models.models.items():
        facts = model.bundle.facts
        for what, trained, wanted in (("shop", facts.get("shop"), shop), ("currency", facts.get("currency"), currency)):
            if trained is not None and wanted is not None and trained != wanted:
                raise ModelRefused(
                    f"{name}: the champion was trained on {what} {trained!r} and this is {wanted!r}: "
                    f"run 'cvo train {name}' on this shop, or keep its models in a folder of their own (--mlruns)",
                    reason_code=f"other_{what}",
                )
        if str(facts.get("trained_as_of", "")) > str(as_of):
            raise ModelRefused(
                f"{name}: the champion learned from data up to {facts['trained_as_of']}, after as_of {as_of}, so its "
                f"scores would know the future: score a later date, or train for this one in a folder of its own "
                f"(cvo train {name} --as-of {as_of} --mlruns FOLDER)",
                reason_code="trained_after_as_of",
            )
