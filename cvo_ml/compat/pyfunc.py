"""The face that MLflow's users know: a registered model that takes a shop's orders, or features, and gives Scores.

``mlflow.pyfunc.load_model("models:/SHOP-clv@champion").predict(orders, params={"as_of": "2011-12-09"})`` comes here,
and so does ``mlflow models serve``. Orders are read by the rules for files and scored by the same functions as
``cvo score``. Versions that were registered before name ``cvo_ml.registry.pyfunc``, which gives a model's own outputs.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.config.shops import NO_CURRENCY
from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.core.errors import UsageError
from cvo_ml.core.models import CLV, MODEL_NAMES
from cvo_ml.core.scores import model_columns
from cvo_ml.core.units import parse_as_of
from cvo_ml.features.catalogue import CATALOGUE
from cvo_ml.features.first_order import FIRST_ORDER_FEATURES, FIRST_ORDER_TEXTS, LINE_FEATURES
from cvo_ml.features.own import NOBODY, Trust
from cvo_ml.ingest import ReadResult, read_frame, shop_from_columns
from cvo_ml.predict import LoadedModels, score
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle
from cvo_ml.registry.bundles.input_columns import FACTS, ORDERS_NEEDED, ORDERS_TAKEN, told_columns
from cvo_ml.registry.bundles.loaded import LoadedModel, load_model
from cvo_ml.registry.bundles.trusted_code import workspace_around
from cvo_ml.workflows.score_tables import check_models
from cvo_ml.workflows.score_tables import model_columns as score_columns

#: Tables that orders alone stand for, or that nobody brings.
_OF_ORDERS: Final = frozenset({"orders", "refunds", "calendar"})
#: Reason of a null that only a day could fill.
NO_AS_OF: Final = "no_as_of"
_HOW: Final = 'predict(orders, params={"as_of": "YYYY-MM-DD"})'
#: Stands in for a day that nobody named, where what follows from it is taken out again.
_SOME_DAY: Final = date(2000, 1, 1)
#: How many names a sentence lists.
_NAMED: Final = 6


class JsonReadyFrame(pd.DataFrame):
    """A table whose rows are JSON: MLflow's server writes what ``to_dict`` gives, and NaN is no JSON.

    Whatever is computed from it is an ordinary table.
    """

    def to_dict(self, *arguments: Any, **options: Any) -> Any:
        """As pandas does, with ``None`` for each null."""
        plain = pd.DataFrame(self).astype(object)
        return plain.where(plain.notna(), None).to_dict(*arguments, **options)


class ScoringModel:
    """A bundle behind MLflow's ``predict``.

    Parameters
    ----------
    trust:
        Whose code may run, where the model reads features of the user's own; ready features need none.
    """

    def __init__(self, bundle: Bundle, trust: Trust = NOBODY) -> None:
        self._loaded = load_model(bundle).trusting(trust)
        others = {name: "not_asked" for name in MODEL_NAMES if name != bundle.name}
        self._models = LoadedModels({bundle.name: self._loaded}, others)

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The model's columns of Scores, one row per customer.

        Parameters
        ----------
        model_input:
            Orders: ``customer_id``, ``ordered_at``, ``net``, and any further column of the table orders
            (docs/data.md); without ``order_id`` there is one order per customer and day. Or features: the columns that
            the model reads, a row per customer, named by ``customer_id`` or by the index.
        params:
            ``as_of``, the cut, which orders need; ``currency``, where it is to be checked.

        Returns
        -------
        pandas.DataFrame
            Indexed by customer. Orders give every customer with an order before ``as_of``; features give their rows.

        Raises
        ------
        UsageError
            If the columns are neither, or ``as_of`` is missing.
        DataError
            If the orders as a whole cannot be trusted.
        ModelRefused
            If the model learnt from data after ``as_of``, counts in another currency, or carries code that nobody
            trusted where it lies.
        """
        told = params or {}
        day = parse_as_of(told["as_of"]) if told.get("as_of") else None
        currency = str(told.get("currency") or self._loaded.bundle.facts.get("currency") or NO_CURRENCY)
        frame = _keyed(model_input)
        if "ordered_at" in frame:
            scores = self._of_orders(frame, day, currency)
        else:
            scores = self._of_features(frame, day, currency)
        return JsonReadyFrame(scores[model_columns(self._loaded.name)].rename_axis(None))

    def _of_orders(self, frame: pd.DataFrame, day: date | None, currency: str) -> pd.DataFrame:
        missing = [name for name in ORDERS_NEEDED if name not in frame]
        if missing:
            raise UsageError(f"orders without {', '.join(missing)}: give {', '.join(ORDERS_NEEDED)}, one row an order")
        if day is None:
            raise UsageError(f"orders need a day to score at, as nothing here asks the clock: {_HOW}")
        read = _read(frame, day, currency, str(self._loaded.bundle.facts.get("timezone", "UTC")))
        check_models(self._models, shop=self._shop, currency=currency, as_of=day)
        _, scores = score_columns(read.tables, day, self._models, orders_alone=True)
        self._warn(read)
        return scores

    def _of_features(self, frame: pd.DataFrame, day: date | None, currency: str) -> pd.DataFrame:
        loaded = self._loaded
        missing = [name for name in loaded.input_columns if name not in frame]
        if missing:
            raise UsageError(
                f"{loaded.name}: the table is neither orders, which have {', '.join(ORDERS_NEEDED)}, nor features: "
                f"{_listed(missing)} missing of the {len(loaded.input_columns)} columns that the model reads"
            )
        check_models(self._models, shop=self._shop, currency=currency, as_of=day or date.max)
        untold = [name for name in (*FACTS, *told_columns(loaded)) if name not in frame]
        features = _numbers(frame).assign(**dict.fromkeys(untold, float("nan")))
        if "number_of_orders" in untold:
            features["number_of_orders"] = 1.0  # who stands here has an order
        leads = features if loaded.settings.get("setting") == "leads" else None
        scores = score(features, self._models, as_of=day or _SOME_DAY, currency=currency, leads=leads)
        if "number_of_orders" in untold and loaded.name == CLV.name:
            scores["historic_number_of_orders"] = float("nan")
        return scores if day is not None else _without_a_day(scores, loaded)

    @property
    def _shop(self) -> str:
        return str(self._loaded.bundle.facts.get("shop", ""))

    def _warn(self, read: ReadResult) -> None:
        """Say what the scores lack: rows that were set aside, and tables that the model knows of."""
        quarantined = read.ledger.quarantined
        if quarantined:
            why = "; ".join(f"{reason}: {count}" for reason, count in quarantined.items())
            _say(f"{sum(quarantined.values())} of {read.ledger.rows_in} rows of the orders are not used ({why})")
        unknown = [name for name in self._loaded.input_columns if not _tables_of(name, self._loaded) <= _OF_ORDERS]
        if unknown:
            _say(
                f"{self._loaded.name} also reads {_listed(unknown)}, which orders do not tell: null for everybody, so "
                "the scores are those of a shop without such tables; 'cvo score' reads them all"
            )


def _load_pyfunc(path: str) -> ScoringModel:
    return ScoringModel(load_bundle(Path(path)), workspace_around(Path(path)))


def _keyed(model_input: pd.DataFrame) -> pd.DataFrame:
    """The rows with ``customer_id`` as a column, wherever it stood."""
    if not isinstance(model_input, pd.DataFrame):
        raise UsageError(f"predict takes a pandas DataFrame, not {type(model_input).__name__}")
    if "customer_id" in model_input or model_input.index.name != "customer_id":
        return model_input
    return model_input.reset_index()


def _read(frame: pd.DataFrame, day: date, currency: str, timezone: str) -> ReadResult:
    """The orders, by the rules for files."""
    columns = {name: name for name in ORDERS_TAKEN if name in frame}
    asked = tuple(frame["customer_id"].dropna().astype("str").unique())  # whom somebody asks about is a customer
    shop = shop_from_columns("orders", columns, rows="orders", currency=currency, timezone=timezone, customers=asked)
    return read_frame(frame, shop, as_of=day)


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Features indexed by customer; numbers that came as objects, as JSON's nulls do, are numbers."""
    rows = frame.set_index("customer_id") if "customer_id" in frame else frame
    found = {}
    for name in rows:
        values = rows[name]
        is_object = values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) != "string"
        found[str(name)] = pd.to_numeric(values) if is_object else values
    return pd.DataFrame(found, index=rows.index.astype("str"))


def _without_a_day(scores: pd.DataFrame, loaded: LoadedModel) -> pd.DataFrame:
    """Nulls for what only a day tells."""
    times = pd.Series(pd.NaT, index=scores.index, dtype=TIME_DTYPE)
    scores = scores.assign(as_of=times)
    if loaded.name != CLV.name:
        return scores
    reason = (scores[CLV.reason] + f";{NO_AS_OF}").fillna(NO_AS_OF)
    return scores.assign(expected_date_of_next_order=times, **{CLV.reason: reason})


def _tables_of(name: str, loaded: LoadedModel) -> set[str]:
    """The tables that a column comes from."""
    if name in CATALOGUE:
        return {CATALOGUE[name].table}
    own = {function.column: set(function.declaration.reads) for function in loaded.own.functions}
    if name in own:
        return own[name]
    if name in LINE_FEATURES:
        return {"order_lines"}
    return {"orders"} if name in FIRST_ORDER_FEATURES + FIRST_ORDER_TEXTS else {"customers"}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _say(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=5)
