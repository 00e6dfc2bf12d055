"""What the quick casts accept, the general ones read the same; everything else they leave to them."""

# ruff: noqa: E501 (lists of texts)

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.casts import Cast, RawColumn, cast
from cvo_ml.ingest.casts.fast_path import PlainTexts
from cvo_ml.ingest.raw import one_file

SOURCE = SourceConfig(path="x.csv")


def read(texts: list[str], kind: Any, timezone: str, facts: frozenset[str] | None, general: bool = False) -> Any:
    """The cast, or the words of its refusal; ``general`` switches the quick ones off."""
    values = pa.chunked_array([pa.array(["before", *texts], pa.string()).slice(1)])
    column = RawColumn(values, "h", one_file("x.csv", np.arange(1, len(texts) + 1)), facts)
    with patch.object(PlainTexts, "of", (lambda values: None) if general else PlainTexts.of):
        try:
            return cast(column, kind, SOURCE, timezone)
        except DataError as refusal:
            return str(refusal)


def assert_same(texts: list[str], kind: Any, timezone: str = "UTC", facts: frozenset[str] | None = frozenset()) -> None:
    quick, general = read(texts, kind, timezone, facts), read(texts, kind, timezone, facts, general=True)
    if isinstance(general, str):
        assert quick == general
        return
    assert isinstance(quick, Cast)
    pd.testing.assert_series_equal(quick.values, general.values)
    for reason in {*quick.faults, *general.faults}:
        none = np.zeros(len(texts), dtype=bool)
        assert quick.faults.get(reason, none).tolist() == general.faults.get(reason, none).tolist(), reason
    assert (quick.counts, quick.facts) == (general.counts, general.facts)


near_ids = st.sampled_from(
    ["17", "17.0", "A1", "007", "nan", "NULL", "None", "<NA>", "", " 1", "1 ", "1.2E+11", "1E5", "u\u0308", "\u200b7", "NaT", "a.b", "x+y"]
)  # fmt: skip
near_times = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds")),
    st.dates().map(str),
    st.sampled_from(
        ["2024-01-01", "2024-02-30", "2024-13-01", "2024-01-01T24:00", "2024-01-01T10:00:60", "1970-01-01", "9999-12-31",
         "1900-01-01", "0000-01-01", "2024-01-01T10:00:00Z", "2024-01-01T10:00:00+01:00", "2024-01-01 10:00", "20240101",
         "2024-01-01T100000.1", "2024-01-01T10", "2024-01-01T10:00:00.123456789", "2024-01-01T10:00:00 UTC", "01/02/2024",
         "2024-01-01T10:00-01", "2024/01/01", ""]
    ),
)  # fmt: skip
near_amounts = st.one_of(
    st.floats(allow_nan=False).map(lambda number: f"{number:.2f}"),
    st.sampled_from(
        ["1", "-1", "--1", "1-2", ".", "-", "1.", ".5", "1.2.3", "1e5", "+3", "nan", "", " 1", "1,5", "9" * 400]
    ),
)


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(near_ids, min_size=1, max_size=5),
    facts=st.sampled_from([frozenset(), frozenset({"ids written as whole numbers"})]),
)
def test_ids(texts: list[str], facts: frozenset[str]) -> None:
    assert_same(texts, "id", facts=facts)


@settings(max_examples=400, deadline=None)
@given(
    texts=st.lists(near_times, min_size=1, max_size=3) | near_times.map(lambda text: [text] * 3),
    zone=st.sampled_from(["UTC", "Europe/Berlin"]),
    facts=st.sampled_from([None, frozenset(), frozenset({"times with a zone"}), frozenset({"times without a zone"})]),
)
def test_times(texts: list[str], zone: str, facts: frozenset[str] | None) -> None:
    assert_same(texts, "time", zone, facts)


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(near_amounts, min_size=1, max_size=4))
def test_amounts(texts: list[str]) -> None:
    assert_same(texts, "money")


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("id", ["A1", "B2", "null"]),
        ("time", ["2024-01-01T10:00:00", "2023-12-31T23:59:59"]),
        ("time", ["2024-01-01", "1970-01-01"]),
        ("time", ["2024-01-01T10:00:00Z", "2023-12-31T23:59:59Z"]),
        ("money", ["1.50", "-2"]),
    ],
)
def test_plain_columns_take_the_quick_way(kind: Any, texts: list[str]) -> None:
    """Without this, the tests above could pass because nothing is ever quick."""
    with patch.object(RawColumn, "coded", side_effect=AssertionError("went the general way")):
        found = read(texts, kind, "UTC", frozenset())
    assert len(found.values) == len(texts)
    assert_same(texts, kind)
