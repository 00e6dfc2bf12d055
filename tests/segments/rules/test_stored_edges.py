"""Edges that stay as they were cut until there is a reason."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from cvo_ml.config.segments import SegmentPolicy, Tier
from cvo_ml.core.errors import BundleError
from cvo_ml.segments import SegmentEdges, fit_edges
from cvo_ml.segments.rules.stored_edges import EdgesInForce, choose_edges
from tests.builders import SHOP_CUT
from tests.segments.customers import rfm

NEXT_MONTH = date(2023, 12, 1)
TABLE = rfm(*[(10.0 * i, float(i), 100.0 * i) for i in range(1, 10)])
CROWD = rfm(*[(1.0, 9.0, 900.0 + i) for i in range(40)])


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """The folder of edges that were cut from nine customers on 1 November."""
    first = choose_edges(TABLE, SegmentPolicy(), tmp_path / "edges", shop="a", currency="EUR", as_of=SHOP_CUT)
    assert (first.how, first.keep) == ("cut: none were frozen", True)
    first.save(tmp_path / "edges")
    return tmp_path / "edges"


@pytest.mark.parametrize(
    ("changes", "how", "keep"),
    [
        ({}, "frozen", False),
        ({"recut": True}, "cut: recut on demand", True),
        ({"policy": SegmentPolicy(edges="recut")}, "cut: recut on demand", True),
        ({"policy": SegmentPolicy(scale=5)}, "cut: the policy changed", True),
        ({"policy": SegmentPolicy(tiers=(Tier(name="all", share=1.0),))}, "cut: the policy changed", True),
        ({"policy": SegmentPolicy(last_chance_below=0.5)}, "frozen", False),
        ({"shop": "b"}, "cut: the frozen ones are of a in EUR", True),
        ({"currency": "USD"}, "cut: the frozen ones are of a in EUR", True),
        ({"as_of": date(2023, 10, 1)}, "cut: the frozen ones are of 2023-11-01 and know what came later", False),
    ],
)
def test_edges_are_frozen_until_there_is_a_reason(
    frozen: Path, changes: dict[str, object], how: str, keep: bool
) -> None:
    settings = {"shop": "a", "currency": "EUR", "as_of": NEXT_MONTH, "policy": SegmentPolicy(), **changes}
    chosen = choose_edges(CROWD, settings.pop("policy"), frozen, **settings)
    assert (chosen.how, chosen.keep) == (how, keep)
    if how == "frozen":
        assert chosen.edges == fit_edges(TABLE, SegmentPolicy())
        assert chosen.origin.customers == 9


def test_nobody_freezes_edges_of_nobody(tmp_path: Path) -> None:
    none = choose_edges(TABLE.iloc[:0], SegmentPolicy(), tmp_path / "edges", shop="a", currency="EUR", as_of=SHOP_CUT)
    none.save(tmp_path / "edges")
    assert not (tmp_path / "edges").exists()


def test_damaged_edges_are_refused_with_what_to_do(frozen: Path) -> None:
    path = frozen / "parameters.json"
    path.write_text(path.read_text().replace("30.0", "31.0", 1))
    with pytest.raises(BundleError, match=r"the frozen edges cannot be read .*run 'cvo segment --recut'"):
        choose_edges(CROWD, SegmentPolicy(), frozen, shop="a", currency="EUR", as_of=NEXT_MONTH)


def test_edges_read_back_from_a_manifest_are_the_same_and_older_manifests_have_none(frozen: Path) -> None:
    chosen = choose_edges(CROWD, SegmentPolicy(), frozen, shop="a", currency="EUR", as_of=NEXT_MONTH)
    kept = json.loads(json.dumps(chosen.in_force.to_json()))
    assert set(kept) == {*SegmentEdges.__dataclass_fields__, "version", "cut_as_of", "how"}
    assert (kept["cut_as_of"], kept["how"], kept["version"]) == ("2023-11-01", "frozen", chosen.edges.version)
    assert EdgesInForce.from_json(kept) == chosen.in_force
    assert EdgesInForce.from_json({**kept, "compared_with": None}) == chosen.in_force
    del kept["tier_basis"]
    assert EdgesInForce.from_json(kept) is None
    assert EdgesInForce.from_json({}) is None
