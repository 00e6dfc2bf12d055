"""What is known of customers on a date, and what models say of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final, TypeGuard

import pandas as pd

from cvo_ml.api.reading import ReadTables, as_tables, refuse_unseen
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import NO_CURRENCY
from cvo_ml.core.errors import UsageError
from cvo_ml.core.models import ICP
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import UNIT, parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.customer import customer_features
from cvo_ml.features.own import FeatureFile, OwnFeatures, Trust
from cvo_ml.features.rfm import rfm_summary as summary_of
from cvo_ml.predict import LoadedModels
from cvo_ml.predict import score as scores_of
from cvo_ml.workflows.score_tables import check_models, model_columns, with_segments

#: A column that only features have, and those that only orders have.
_SNAPSHOT: Final = "number_of_orders"
#: Why a lookalike model that reads leads scores no snapshot.
NO_LEADS_IN_SNAPSHOT: Final = "snapshot_holds_no_leads"
_ORDERS: Final = ("customer_id", "ordered_at")


def rfm_summary(source: Tables | pd.DataFrame, as_of: str | date, unit: str = "D") -> pd.DataFrame:
    """Frequency, recency, age and mean value of each customer as known at ``as_of``.

    Parameters
    ----------
    source:
        Tables, or a frame of orders (``customer_id, ordered_at, net``).
    as_of:
        Orders on or after this date at 00:00 are not seen.
    unit:
        Of ``recency`` and ``T``: D, W, M or Y.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``: ``frequency, recency, T, monetary_value``, as the CLV models take them
        (Fader, Hardie & Lee 2005).

    Raises
    ------
    UsageError
        If ``source`` is neither.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> tables = cvo.read_shop("shop.yaml")
    >>> summary = cvo.rfm_summary(tables, "2023-03-01")
    >>> list(summary), len(summary)
    (['frequency', 'recency', 'T', 'monetary_value'], 1093)
    """
    tables, day = as_tables(source, "rfm_summary"), parse_as_of(as_of)
    refuse_unseen(tables, day)
    summary = summary_of(tables, as_of=day, unit=unit)
    summary.attrs["as_of"] = str(day)
    return summary


def snapshot(
    source: Tables | pd.DataFrame,
    as_of: str | date,
    *,
    models: LoadedModels | None = None,
    features: str | Path | None = None,
) -> pd.DataFrame:
    """Everything known of each customer at ``as_of``: what the models read (docs/features.md).

    Parameters
    ----------
    source:
        Tables, or a frame of orders (``customer_id, ordered_at, net``).
    as_of:
        Rows on or after this date at 00:00, and what was only known after it, are not seen.
    models:
        Add the features of the user's own that these models read.
    features:
        Add those of a Python file of your own, to try them (docs/howto/own-features.md): the file is run.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``, one row per customer with an order left; null where the shop has no such table.
        Money in the shop's currency, times in days. ``attrs`` names ``as_of``, ``currency`` and the unit of time.

    Raises
    ------
    UsageError
        If ``source`` is neither.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> days = ["2023-01-01", "2023-01-11"]
    >>> frame = pd.DataFrame({"customer_id": ["a", "a"], "ordered_at": days, "net": [10.0, 30.0]})
    >>> features = cvo.snapshot(frame, "2023-01-31")
    >>> features.loc["a", ["number_of_orders", "days_since_last_order", "net_value"]].tolist()
    [2.0, 20.0, 40.0]
    """
    tables, day = as_tables(source, "snapshot"), parse_as_of(as_of)
    refuse_unseen(tables, day)
    own = list(models.own) if models is not None else []
    if features is not None:
        file = FeatureFile.read(Path(features))
        own.append(OwnFeatures(file=file, trust=Trust(frozenset({file.sha256})), whose=file.name))
    known = customer_features(tables, day, own)
    known.attrs = {UNIT: "D", "as_of": str(day), "currency": tables.currency}
    return known


def score(
    source: Tables | pd.DataFrame,
    models: LoadedModels,
    as_of: str | date,
    *,
    results: str | Path | None = None,
) -> pd.DataFrame:
    """Scores of every customer, with intervals, reasons and grades (docs/scores.md).

    Parameters
    ----------
    source:
        Tables, a frame of orders (``customer_id, ordered_at, net``), or what ``snapshot`` returned: scored without
        segments, and without a lookalike model that reads leads.
    models:
        What ``load_models`` returned.
    as_of:
        The cut: nothing later is known.
    results:
        The folder of a shop's published results (``out``), whose frozen edges cut the segments; None = they are cut
        anew.

    Returns
    -------
    pandas.DataFrame
        One row per customer, indexed by the id. The same numbers as ``cvo score`` writes; a row of a snapshot scored
        alone differs by up to 1e-12.

    Raises
    ------
    UsageError
        If an argument has the wrong type, or the snapshot is of another date.
    ModelRefused
        If a model was trained on another shop, in another currency, or with data after ``as_of``.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> tables, models = cvo.read_shop("shop.yaml", as_of="2023-03-01"), cvo.load_models("mlruns")
    >>> scores = cvo.score(tables, models, "2023-03-01")
    >>> len(scores), scores["rfm_group"].nunique() > 3
    (1109, True)
    >>> one = cvo.score(cvo.snapshot(tables, "2023-03-01").iloc[[7]], models, "2023-03-01")
    >>> bool(abs(one["predicted_clv"] / scores.loc[one.index, "predicted_clv"] - 1).max() < 1e-12)
    True
    """
    if not isinstance(models, LoadedModels):
        raise UsageError(f"score: models are what load_models('mlruns') returns, not {type(models).__name__}")
    day = parse_as_of(as_of)
    if _is_snapshot(source):
        return _score_features(source, models, day)
    tables = as_tables(source, "score", currency_of(models))
    shop = tables.shop if isinstance(tables, ReadTables) else ""
    check_models(models, shop=shop or None, currency=tables.currency, as_of=day)
    refuse_unseen(tables, day)
    features, scores = model_columns(tables, day, models)
    policy = load_config(default_config("policies/segments.yaml"), SegmentPolicy)
    place = None if results is None else published(results)
    segmented = with_segments(scores, features, tables, day, policy, shop=shop, workspace=place)[0]
    return segmented.rename_axis(None)  # customer_id is a column too, and one name may not mean both


def published(results: str | Path) -> Workspace:
    """What a folder of results shows.

    Raises
    ------
    UsageError
        If there is none.
    """
    folder = Path(results)
    if not folder.is_dir():
        raise UsageError(f"results: there is no folder {folder}: name the one that 'cvo score --out' wrote")
    return Workspace(folder, folder).as_published()


def _is_snapshot(source: Any) -> TypeGuard[pd.DataFrame]:
    if not isinstance(source, pd.DataFrame) or all(name in source for name in _ORDERS):
        return False
    if _SNAPSHOT not in source:
        raise UsageError(
            f"score: the frame has neither {', '.join(_ORDERS)} (orders) nor {_SNAPSHOT} (a snapshot): "
            "read orders with read_orders(frame, customer_id=..., ordered_at=..., net=...)"
        )
    return True


def _score_features(features: pd.DataFrame, models: LoadedModels, as_of: date) -> pd.DataFrame:
    """Scores of a snapshot, or of rows of one."""
    known = features.attrs.get("as_of", str(as_of))
    if known != str(as_of):
        raise UsageError(f"score: the snapshot is of {known} and as_of is {as_of}: give the one that it is of")
    currency = str(features.attrs.get("currency", currency_of(models)))
    check_models(models, shop=None, currency=currency, as_of=as_of)
    models = _without_leads(models)
    return scores_of(features, models, as_of=as_of, currency=currency).rename_axis(None)


def _without_leads(models: LoadedModels) -> LoadedModels:
    """The models, less one that reads leads: a snapshot does not hold them, which is no news of its customers."""
    lookalike = models.get(ICP.name)
    if lookalike is None or lookalike.settings.get("setting") != "leads":
        return models
    others = {name: model for name, model in models.models.items() if name != ICP.name}
    return LoadedModels(others, {**models.refused, ICP.name: NO_LEADS_IN_SNAPSHOT}, models.notes)


def currency_of(models: LoadedModels) -> str:
    """What the models count money in."""
    named = (model.bundle.facts.get("currency") for model in models.models.values())
    return str(next(filter(None, named), NO_CURRENCY))
