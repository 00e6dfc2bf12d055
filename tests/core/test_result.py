"""Results to JSON and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import pytest

from cvo_ml.core.result import INLINE, OPTIONAL, Json, Result, from_json, json_key
from cvo_ml.stats.intervals import Interval


@dataclass(frozen=True)
class Line(Result):
    name: str
    actual: Interval = field(metadata=json_key("came"))
    auc: float | None = field(default=None, metadata=OPTIONAL)
    state: Literal["open", "closed"] = "open"


@dataclass(frozen=True)
class Whole(Result):
    as_of: date
    lines: tuple[Line, ...]
    by_name: Mapping[str, float]
    before: Line | None = None
    other: Json = None


@dataclass(frozen=True)
class Known(Result):
    total: float


@dataclass(frozen=True)
class Unknown(Result):
    reason: str


@dataclass(frozen=True)
class Part(Result):
    name: str
    amounts: Known | Unknown = field(metadata=INLINE)


WHOLE = Whole(date(2024, 2, 29), (Line("a", Interval(1.0, 0.5, 2.0), auc=0.7),), {"x": 1.0}, other={"k": [1, "two"]})


def test_a_result_reads_back_as_it_was_written() -> None:
    assert from_json(Whole, WHOLE.to_json()) == WHOLE


def test_a_field_may_have_another_key_and_be_left_out() -> None:
    line = Line("b", Interval(1.0, math.nan, 2.0))
    assert line.to_json() == {
        "name": "b", "came": {"estimate": 1.0, "lower": None, "upper": 2.0, "level": 0.95}, "state": "open",
    }  # fmt: skip
    again = from_json(Line, line.to_json())
    assert math.isnan(again.actual.lower)
    assert again.auc is None


@pytest.mark.parametrize(
    ("part", "document"),
    [
        (Part("a", Known(2.0)), {"name": "a", "total": 2.0}),
        (Part("a", Unknown("no_scores")), {"name": "a", "reason": "no_scores"}),
    ],
)
def test_one_of_two_results_may_stand_among_the_fields_of_the_whole(part: Part, document: Json) -> None:
    assert part.to_json() == document
    assert from_json(Part, document) == part


def test_an_older_document_takes_defaults_and_a_newer_one_is_read_as_far_as_known() -> None:
    document: Json = {"as_of": "2024-02-29", "lines": [], "by_name": {"x": 1}, "of_a_later_version": True}
    assert from_json(Whole, document) == Whole(date(2024, 2, 29), (), {"x": 1.0})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"as_of": "2024-02-29", "lines": []}, "Whole.by_name is missing"),
        ({"as_of": "2024-02-29", "lines": [{"name": 3}], "by_name": {}}, "Whole.lines.name is 3, not str"),
        ({"as_of": "2024-02-29", "lines": [], "by_name": {"x": "y"}}, "by_name\\['x'\\] is 'y'"),
        ([], "Whole is \\[\\], not Mapping"),
    ],
)
def test_what_is_no_such_result_is_refused_and_named(document: Json, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_json(Whole, document)
