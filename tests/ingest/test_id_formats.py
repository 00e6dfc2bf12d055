"""Ids in every form in which programs write them are the same ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.ingest import read_frame

from .conftest import shop

WORDS: Final = st.text("abcXYZ019-_/é", min_size=1, max_size=9).filter(
    lambda text: text.lower() not in {"na", "nan", "none"}
)
WHOLE: Final = st.integers(1, 10**14).map(str)
FORMS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "a formula": lambda text: f'="{text}"',
    "in spaces": lambda text: f" \u00a0{text}\t",
    "with a mark that nobody sees": lambda text: f"\ufeff{text}\u200b",
    "decomposed": lambda text: text.replace("é", "e\u0301"),
}


def orders(ids: list[object]) -> list[str]:
    """The ids of orders, one a day, that name these."""
    days = pd.date_range("2024-01-01", periods=len(ids)).astype("str")
    frame = pd.DataFrame({"order": ids, "customer": "C1", "date": days, "amount": "5.50"})
    return list(read_frame(frame, shop()).tables.orders.sort_values("ordered_at")["order_id"])


@settings(max_examples=20, deadline=None)
@given(ids=st.lists(st.one_of(WORDS, WHOLE), min_size=1, max_size=25, unique=True), form=st.sampled_from(list(FORMS)))
def test_an_id_is_read_as_it_is(ids: list[str], form: str) -> None:
    assert orders([FORMS[form](text) for text in ids]) == ids


@settings(max_examples=6, deadline=None)
@given(ids=st.lists(WHOLE, min_size=1, max_size=25, unique=True))
def test_whole_numbers_are_the_same_ids_as_numbers_and_as_floats(ids: list[str]) -> None:
    for written in ([int(text) for text in ids], [float(text) for text in ids], [f"{text}.0" for text in ids]):
        assert orders(list(written)) == ids
