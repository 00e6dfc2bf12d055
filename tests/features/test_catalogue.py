"""The catalogue: complete, documented, hashed; a feature is added by one function."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.features import CATALOGUE, FEATURES, feature_hash, snapshot
from cvo_ml.features.catalogue import AVAILABILITY, feature
from cvo_ml.features.catalogue_page import catalogue_page
from cvo_ml.features.first_order import FIRST_ORDER_FEATURES
from cvo_ml.features.relations import RELATIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == catalogue_page(), "run python -m cvo_ml.features > docs/features.md"


def test_every_feature_says_what_it_is_and_every_column_is_a_feature(shop: Tables) -> None:
    assert list(snapshot(shop, "2023-11-01").columns) == list(CATALOGUE)
    for known in CATALOGUE.values():
        assert known.meaning.endswith("."), known.name
        assert not re.search(r"[{}]", known.meaning), known.name
        assert known.unit, known.name
        assert known.table in AVAILABILITY, known.name
        assert known.relation in {*RELATIONS, "row"}, known.name


def test_the_hash_depends_on_the_functions_their_order_and_nothing_else() -> None:
    assert feature_hash(FEATURES) == feature_hash(list(FEATURES))
    assert feature_hash(FEATURES) != feature_hash(FEATURES[::-1])
    assert feature_hash(["orders_7d"]) != feature_hash(["orders_30d"])
    assert feature_hash(FIRST_ORDER_FEATURES) != feature_hash(FIRST_ORDER_FEATURES[::-1])
    assert feature_hash(["orders_7d", "mine"], {"mine": ()}) != feature_hash(["orders_7d"])
    with pytest.raises(UsageError, match="'nonsense' is not in the catalogue"):
        feature_hash(["nonsense"])


def test_a_new_feature_is_one_function(shop: Tables) -> None:
    @feature("orders", unit="currency", windows=(30,), empty=0)
    def smallest_order(rows, inside):
        """Smallest order {window}."""
        return rows.remaining.min(where=rows.kept & inside).cast("float64") / 1e6

    try:
        assert CATALOGUE["smallest_order_30d"].meaning == "Smallest order in the last 30 days."
        rows = snapshot(shop, "2023-11-01")
        assert (rows["smallest_order_30d"].notna() == (rows["orders_30d"] > 0)).all()
        with pytest.raises(UsageError, match="exists already"):
            feature("orders", unit="currency", windows=(30,))(smallest_order)
    finally:
        del CATALOGUE["smallest_order_30d"]
