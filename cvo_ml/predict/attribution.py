"""Why one customer's scores are what they are: CLV in money, churn and lookalike in probability.

CLV is a function of few inputs, so its distance from the typical customer's is shared among them exactly, by Shapley
values (``stats.shapley``): the parts add up. Churn and lookalike models read dozens of columns; there the effect of a
lever or column is the score less what it would be without its part of the log-odds (``models.churn.reasons``), and
the effects need not add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.explanation import ModelReasons, ReasonPart
from cvo_ml.core.models import CHURN, CLV, ICP, ModelSpec
from cvo_ml.core.tables import Tables
from cvo_ml.features.churn_outcomes import ineligible
from cvo_ml.features.customer import customer_features
from cvo_ml.features.rfm import rfm_summary
from cvo_ml.models.churn import ChurnScorer
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.models.protocol import ExplainedScorer
from cvo_ml.registry.bundles.loaded import LoadedModel
from cvo_ml.registry.bundles.purchase_columns import buy_till_you_die
from cvo_ml.stats.shapley import coalitions, shapley_values

#: inputs of a model of purchases, in words, as coalitions number them
PURCHASES, SILENCE, AGE, VALUE, PROFILE = (
    "purchases so far", "days since the last purchase", "days as a customer", "value per purchase", "covariates",
)  # fmt: skip
TREES: Final = "the rest of the record, by the trees"
BY_SHAPLEY: Final = (
    "Shapley values over the inputs of the model, against a customer with the shop's median of each: they add up to "
    "the difference"
)
WITHOUT_PART: Final = "the score less what it would be without this part of the log-odds: effects need not add up"
BY_COLUMN: Final = "what each column does to the score: effects need not add up"
#: a formula of more columns than this is not shared out
MOST_COLUMNS: Final = 8
#: Effects smaller than this are rounding.
_NOTHING: Final = 1e-12


def clv_reasons(
    tables: Tables, as_of: date, features: pd.DataFrame, loaded: LoadedModel | None, missing: str
) -> ModelReasons:
    """What the inputs contribute to ``predicted_clv``, in money, beside the typical customer of the shop.

    Parameters
    ----------
    tables:
        The whole shop: its medians at ``as_of`` are the typical customer.
    features:
        The customer's row.
    missing:
        Why there is no model.
    """
    if loaded is None:
        return _none(CLV, missing)
    scorer = buy_till_you_die(loaded.model)
    if scorer is not None:
        return _of_purchases(features, rfm_summary(tables, as_of=as_of), scorer, loaded)
    if len(loaded.model.columns) > MOST_COLUMNS:
        return _none(CLV, f"{loaded.kind}_reads_too_many_columns")
    return _of_columns(features, customer_features(tables, as_of), loaded)


def churn_reasons(features: pd.DataFrame, loaded: LoadedModel | None, missing: str) -> ModelReasons:
    """What each lever does to the churn probability."""
    if loaded is None:
        return _none(CHURN, missing)
    why_not = ineligible(features, loaded.settings.get("definition_kind", ""), loaded.horizon).iloc[0]
    if isinstance(why_not, str):
        return _none(CHURN, why_not)
    if not isinstance(loaded.model, ChurnScorer):
        raise loaded.not_a("model of churn")
    rows = loaded.complete(features)
    explanation = loaded.model.explain(rows)
    levers, effects, strongest = explanation.by_lever()
    parts = [
        ReasonPart(lever, float(effect), _plain(rows, column), feature=column)
        for lever, effect, column in zip(
            levers, effects[0], (explanation.columns[place] for place in strongest[0]), strict=True
        )
    ]
    end = float(loaded.model.predict_proba(rows)[0, 1])
    return ModelReasons(CHURN.name, CHURN.unit, _ordered(parts), end=end, method=WITHOUT_PART)


def icp_reasons(
    features: pd.DataFrame, loaded: LoadedModel | None, leads: pd.DataFrame | None, missing: str
) -> ModelReasons:
    """What each column does to the lookalike score."""
    if loaded is None:
        return _none(ICP, missing)
    rows = features
    if loaded.settings.get("setting") == "leads":
        rows = features.iloc[:0] if leads is None else leads.loc[leads.index.isin(features.index)]
        if rows.empty:
            return _none(ICP, "no_lead")
    if not isinstance(loaded.model, ExplainedScorer):
        return _none(ICP, f"{loaded.kind}_gives_none")
    columns, effects = loaded.model.effects(rows)
    parts = [
        ReasonPart(name, float(effect), _plain(rows, name), feature=name)
        for name, effect in zip(columns, effects[0], strict=True)
    ]
    end = float(loaded.model.predict_proba(rows)[0, 1])
    return ModelReasons(ICP.name, ICP.unit, _ordered(parts), end=end, method=BY_COLUMN)


def _of_purchases(
    features: pd.DataFrame, everybody: pd.DataFrame, scorer: BuyTillYouDie, loaded: LoadedModel
) -> ModelReasons:
    """A model of purchases and value, with trees on top of it if there are some."""
    inputs = [PURCHASES, SILENCE, AGE, VALUE, *([] if scorer.coding is None else [PROFILE])]
    own, typical = _inputs(features).iloc[0], _typical(everybody)

    def worth(inside: Flags) -> Floats:
        rows = _histories(own, typical, inside)
        covariates = features[[name for name in scorer.columns if name not in scorer.HISTORY]]
        rows = rows.join(pd.concat([covariates] * len(rows), ignore_index=True))
        if scorer.coding is not None:
            rows.loc[~inside[:, 4], list(scorer.coding.columns)] = None  # what is not known counts as usual
        predicted = scorer.predict(rows, horizon=loaded.horizon, discount_rate=_rate(loaded))
        return predicted["predicted_clv"].to_numpy(dtype=np.float64)

    shared = _shared(inputs, own, typical, worth)
    if scorer is loaded.model:
        return shared
    whole = float(loaded.lifetime_values(features)["predicted_clv"].iloc[0])
    rest = ReasonPart(TREES, whole - float(shared.end or 0.0))
    return ModelReasons(CLV.name, CLV.unit, _ordered([*shared.parts, rest]), shared.start, whole, BY_SHAPLEY)


def _of_columns(features: pd.DataFrame, everybody: pd.DataFrame, loaded: LoadedModel) -> ModelReasons:
    """A formula of a few columns, each of which is an input."""
    columns = list(loaded.model.columns)
    own, typical = features[columns].iloc[0], everybody[columns].median()

    def worth(inside: Flags) -> Floats:
        mixed = np.where(inside, own.to_numpy(dtype=np.float64), typical.to_numpy(dtype=np.float64))
        predicted = loaded.lifetime_values(pd.DataFrame(mixed, columns=columns))
        return predicted["predicted_clv"].to_numpy(dtype=np.float64)

    return _shared(columns, own, typical, worth)


def _shared(
    inputs: Sequence[str], own: pd.Series, typical: pd.Series, worth: Callable[[Flags], Floats]
) -> ModelReasons:
    values = worth(coalitions(len(inputs)))
    parts = [
        ReasonPart(name, float(effect), _number(own, name), _number(typical, name))
        for name, effect in zip(inputs, shapley_values(values), strict=True)
    ]
    return ModelReasons(CLV.name, CLV.unit, _ordered(parts), float(values[0]), float(values[-1]), BY_SHAPLEY)


def _inputs(history: pd.DataFrame) -> pd.DataFrame:
    """The inputs of each row of an RFM summary; a value per purchase is null where there was no repeat purchase."""
    return pd.DataFrame(
        {
            PURCHASES: history["frequency"] + 1.0,
            SILENCE: history["T"] - history["recency"] + 1.0,
            AGE: history["T"] + 1.0,
            VALUE: history["monetary_value"].where(history["frequency"] > 0),
        }
    )


def _typical(everybody: pd.DataFrame) -> pd.Series:
    """The median of each input; of the value per purchase among those who have one."""
    return _inputs(everybody).median()


def _histories(own: pd.Series, typical: pd.Series, inside: Flags) -> pd.DataFrame:
    """The RFM summary of each coalition: inputs inside are the customer's, the others the typical customer's.

    Not every mixture is a history. Nobody is silent for longer than a customer, so the last purchase is then on the
    first day; one purchase is the first and the last. Without a known value per purchase the model takes the mean.
    """
    names = [PURCHASES, SILENCE, AGE, VALUE]
    mixed = np.where(inside[:, :4], own[names].to_numpy(dtype=float), typical[names].to_numpy(dtype=float))
    frequency, age = np.maximum(np.floor(mixed[:, 0]) - 1.0, 0.0), mixed[:, 2] - 1.0
    recency = np.where(frequency > 0, np.maximum(age - (mixed[:, 1] - 1.0), 0.0), 0.0)
    value = np.where(frequency > 0, mixed[:, 3], 0.0)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": age, "monetary_value": value})


def _rate(loaded: LoadedModel) -> float:
    return float(loaded.settings.get("discount_rate", 0.0))


def _ordered(parts: Sequence[ReasonPart]) -> tuple[ReasonPart, ...]:
    """Strongest first, without those that do nothing."""
    telling = [part for part in parts if abs(part.effect) > _NOTHING]
    return tuple(sorted(telling, key=lambda part: -abs(part.effect)))


def _none(model: ModelSpec, reason: str) -> ModelReasons:
    return ModelReasons(model.name, model.unit, reason=reason)


def _number(row: pd.Series, name: str) -> float | None:
    return float(row[name]) if name in row and pd.notna(row[name]) else None


def _plain(rows: pd.DataFrame, name: str) -> float | str | None:
    """A cell as a number or a text; None where there is nothing."""
    value = rows[name].iloc[0] if name in rows else None
    if value is None or pd.isna(value):
        return None
    return value if isinstance(value, str) else float(value)
