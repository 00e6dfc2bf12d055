"""One row by itself: the same as among all, from a frame or from arrays, with every kind of model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.columns import Columns
from cvo_ml.core.errors import UsageError
from cvo_ml.models.churn import LogisticChurn
from cvo_ml.models.clv.baselines import Formula, LastPeriod
from cvo_ml.predict import LoadedModels, score
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle
from cvo_ml.registry.bundles.kinds import bundle_of, model_of
from cvo_ml.registry.bundles.purchase_columns import embed_purchase_model
from tests.builders import SHOP_CUT

BUNDLES = Path(__file__).parent.parent / "golden" / "bundles"
COLUMNS = ("frequency", "recency", "number_of_orders", "net_90d", "days_since_last_order")
VALUES = {"horizon_days": 90.0, "discount_rate": 0.1}


@pytest.fixture(scope="module")
def with_nobody_left(shop_features: pd.DataFrame) -> pd.DataFrame:
    """The customers and one whose orders were all refunded."""
    return shop_features.reindex(pd.Index([*shop_features.index[:5], "c000x", *shop_features.index[5:]], dtype="str"))


@pytest.fixture(scope="module")
def kinds(
    churn_bundle: Bundle, recency_bundle: Bundle, icp_bundle: Bundle, shop_features: pd.DataFrame, shop_churned
) -> dict[str, LoadedModels]:
    """Sets of models: of purchases, with trees that carry it; trees; and the baselines."""
    clv = load_bundle(BUNDLES / "clv")
    settings = {**churn_bundle.settings, "btyd": embed_purchase_model(model_of(clv))}
    embedding = Bundle("churn", churn_bundle.kind, churn_bundle.parameters, settings, churn_bundle.files)
    logistic = bundle_of("churn", LogisticChurn(COLUMNS).fit(shop_features, shop_churned.to_numpy()), settings)
    formula, last = (bundle_of("clv", model, VALUES) for model in (Formula(), LastPeriod(90)))
    return {
        "purchases": LoadedModels.of(clv, embedding),
        "trees": LoadedModels.of(formula, embedding, icp_bundle),
        "logistic": LoadedModels.of(formula, logistic),
        "recency": LoadedModels.of(last, recency_bundle),
    }


@pytest.mark.parametrize("kind", ["trees", "logistic", "recency"])
def test_a_row_is_the_same_alone_as_among_all_to_the_last_bit(
    kind: str, kinds: dict[str, LoadedModels], with_nobody_left: pd.DataFrame
) -> None:
    everybody = score(with_nobody_left, kinds[kind], as_of=SHOP_CUT, currency="EUR")
    for place in range(40):
        alone = score(with_nobody_left.iloc[[place]], kinds[kind], as_of=SHOP_CUT, currency="EUR")
        pd.testing.assert_frame_equal(alone, everybody.iloc[[place]], check_exact=True)


def test_a_model_of_purchases_sums_a_row_alone_in_another_order(
    kinds: dict[str, LoadedModels], with_nobody_left: pd.DataFrame
) -> None:
    everybody = score(with_nobody_left, kinds["purchases"], as_of=SHOP_CUT, currency="EUR")
    for place in range(40):
        alone = score(with_nobody_left.iloc[[place]], kinds["purchases"], as_of=SHOP_CUT, currency="EUR")
        pd.testing.assert_frame_equal(alone, everybody.iloc[[place]], rtol=1e-12, atol=1e-12)


def test_arrays_score_as_the_frame_that_held_them(
    kinds: dict[str, LoadedModels], with_nobody_left: pd.DataFrame
) -> None:
    rows = with_nobody_left.iloc[3:9]
    arrays = {
        str(name): values.to_numpy(dtype=object if str(values.dtype) == "str" else None)
        for name, values in rows.items()
    }
    columns = Columns.from_arrays(rows.index, arrays)
    ours, theirs = (score(X, kinds["purchases"], as_of=SHOP_CUT, currency="EUR") for X in (columns, rows))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_scoring_leaves_the_features_as_they_were(
    kinds: dict[str, LoadedModels], with_nobody_left: pd.DataFrame
) -> None:
    before = with_nobody_left.copy(deep=True)
    score(with_nobody_left, kinds["trees"], as_of=SHOP_CUT, currency="EUR")
    pd.testing.assert_frame_equal(with_nobody_left, before, check_exact=True)


def test_the_columns_that_a_model_misses_are_named(
    kinds: dict[str, LoadedModels], with_nobody_left: pd.DataFrame
) -> None:
    for kind, missing in (("trees", "net_90d"), ("logistic", "net_90d"), ("recency", "orders_90d")):
        with pytest.raises(UsageError, match=f"columns to score are missing: {missing}"):
            score(with_nobody_left.drop(columns=missing), kinds[kind], as_of=SHOP_CUT, currency="EUR")


class TestColumns:
    X = pd.DataFrame(
        {"net": [1.0, np.nan, 3.0], "read": ["1.5", "x", None], "n": pd.array([1, None, 3], dtype="Int64")}
    )

    def test_rows_of_rows_are_those_of_the_frame(self) -> None:
        some = Columns(self.X).take(np.array([True, False, True])).with_numbers(more=np.array([7.0, 8.0]))
        last = some.take(np.array([False, True]))
        assert [last.numbers(name).tolist() for name in ("net", "n", "more")] == [[3.0], [3.0], [8.0]]
        assert last.index.tolist() == [2]
        assert last.names == ["net", "read", "n", "more"]

    def test_texts_are_read_as_numbers_by_who_asks_for_it(self) -> None:
        X = Columns(self.X)
        assert np.array_equal(X.parsed("read"), [1.5, np.nan, np.nan], equal_nan=True)
        with pytest.raises(ValueError, match="could not convert"):
            X.numbers("read")
        assert X.texts("read").tolist()[:2] == ["1.5", "x"]

    def test_an_own_column_takes_the_place_of_the_frames(self) -> None:
        X = Columns(self.X).with_numbers(net=np.zeros(3))
        assert X.numbers("net").tolist() == [0.0, 0.0, 0.0]
        assert X.pieces(2)[1].parsed("net").tolist() == [0.0]
