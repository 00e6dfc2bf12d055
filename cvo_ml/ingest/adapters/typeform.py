"""Typeform's responses (CSV): a column a question, under the words of the question.

help.typeform.com: "Download your results"; a scale of recommendation has 0 to 10, an opinion scale or a rating what
its form says.

* ``score`` is the question that asks whether somebody would recommend, is satisfied, or found it easy; its words say
  the ``kind`` (``nps``, ``csat``, ``ces``). Where several or none do, ``columns: {score: …}`` names it, and
  ``constants: {kind: csat}`` what it is.
* A customer is in the hidden field ``email``, or another whose name says so; else in the one question that is answered
  by addresses. Responses without one are anonymous, and left out by rule like those without a score, and those that
  were not submitted.
* Times are in UTC, as their headers say.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.row_texts import texts_of, with_columns
from cvo_ml.ingest.raw import RawTable

_EMAIL, _SCORE, _KIND, _SUBMITTED = "email", "score", "kind", "Submit Date (UTC)"
_OF_TYPEFORM: Final = frozenset(
    ("#", "Response Type", "Start Date (UTC)", "Stage Date (UTC)", _SUBMITTED, "Network ID", "Tags", "Ending")
)
_ADDRESS: Final = r"[^@\s]+@[^@\s]+\.[^@\s]+"
_CALLED_ADDRESS: Final = re.compile(r"(?i)(?:customer|user|contact|your)?[ _-]*e-?mail(?:[ _-]*address)?")
_ISO: Final = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?"
#: Kind to what its question asks, in English, German, French, Spanish, Italian and Dutch.
_ASKS: Final = {
    "nps": re.compile(r"(?i)recommend|empfehl|recommand|recomend|consigli|aanbevel"),
    "csat": re.compile(r"(?i)satisf|zufrieden|soddisf|tevreden"),
    "ces": re.compile(r"(?i)\beas(?:y|ier|ily)\b|\beffort|einfach|aufwand|\bfacile|\bfácil|makkelijk|moeite"),
}
_MOST: Final = 10
_AGAIN: Final = "response that stands here again, later"

_SIDES: Final[dict[str, dict[str, Any]]] = {
    "surveys": {"columns": {"customer_id": _EMAIL, "answered_at": _SUBMITTED, "score": _SCORE, "kind": _KIND}}
}


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """The survey of an export.

    Raises
    ------
    DataError
        If no question, or several, may be the score, or the customer's address; or if nothing says its kind.
    """
    texts = texts_of(raw, tuple(raw.columns))
    score, kind = _score(raw, texts, shop)
    email = _email(raw, texts)
    submitted = texts[_SUBMITTED].mask(texts[_SUBMITTED].str.fullmatch(_ISO, na=False), texts[_SUBMITTED] + "Z")
    columns = {
        _EMAIL: email,
        _SUBMITTED: submitted,
        _SCORE: score,
        _KIND: pd.Series(kind, index=texts.index, dtype="str"),
    }
    left_out = {
        _AGAIN: (texts["#"].duplicated(keep="last") & texts["#"].notna()).to_numpy(),
        "not submitted": submitted.isna().to_numpy(),
        "anonymous response": email.isna().to_numpy(),
        "response without a score": score.isna().to_numpy(),
    }
    return {"surveys": with_columns(raw, columns, left_out)}


def _score(raw: RawTable, texts: pd.DataFrame, shop: ShopConfig) -> tuple[pd.Series, str]:
    """The scores, and which kind they are."""
    table = shop.tables.get("surveys")
    declared = None if table is None else table.constants.get("kind")
    if texts.empty:  # nobody has answered yet
        return pd.Series(dtype="str"), str(declared or "nps")
    if _SCORE in raw.columns:
        question = _SCORE if table is None else table.columns.get("score", _SCORE)
        return texts[_SCORE], str(declared or _kind_of(question) or _refuse_kind(raw, question))
    scales = [name for name in raw.columns if name not in _OF_TYPEFORM and _is_scale(texts[name])]
    asked = [name for name in scales if _kind_of(name) == "nps"] or [name for name in scales if _kind_of(name)]
    scales = asked or scales
    if len(scales) == 1:
        return texts[scales[0]], str(declared or _kind_of(scales[0]) or _refuse_kind(raw, scales[0]))
    what = (
        f"several questions hold scores: {', '.join(map(repr, scales[:5]))}" if scales else "no question holds scores"
    )
    raise DataError(what, "name the one that is meant: columns: {score: …}", file=raw.sources[0].name)


def _is_scale(answers: pd.Series) -> bool:
    known = pd.to_numeric(answers.dropna(), errors="coerce")
    return bool(len(known) and known.between(0, _MOST).all() and (known % 1 == 0).all())


def _kind_of(question: str) -> str | None:
    return next((kind for kind, asks in _ASKS.items() if asks.search(question)), None)


def _refuse_kind(raw: RawTable, question: str) -> str:
    raise DataError(
        "its words do not say what it asks", "say which: constants: {kind: nps}, csat or ces",
        file=raw.sources[0].name, column=question,
    )  # fmt: skip


def _email(raw: RawTable, texts: pd.DataFrame) -> pd.Series:
    if _EMAIL in raw.columns:
        return texts[_EMAIL]
    named = [name for name in raw.columns if _CALLED_ADDRESS.fullmatch(name.strip(" ?:*"))]
    others = [name for name in raw.columns if name not in _OF_TYPEFORM and _is_addresses(texts[name])]
    for found in (named, others):
        if len(found) == 1:
            return texts[found[0]]
    what = f"several columns hold addresses: {', '.join(map(repr, (named or others)[:5]))}" if named or others else (
        "no column says who answered"
    )  # fmt: skip
    remedy = "pass it to the form as hidden field email, or name the column: columns: {customer_id: …}"
    raise DataError(what, remedy, file=raw.sources[0].name)


def _is_addresses(answers: pd.Series) -> bool:
    known = answers.dropna()
    return bool(len(known) and np.asarray(known.str.fullmatch(_ADDRESS)).mean() > 0.5)


ADAPTER: Final = Adapter(
    sides=_SIDES, reads=("#",), optional=frozenset({_EMAIL, _SCORE, _KIND}), prepare=prepare, reads_all=True
)
