"""What a data scientist calls first: right types give the batch's numbers, wrong ones a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cvo_ml as cvo
from cvo_ml.core.scores import by_model, columns_of
from cvo_ml.core.store import current_run, read_scores
from cvo_ml.core.tables import Tables
from cvo_ml.predict import LoadedModels
from tests.howto.shop import AS_OF

SEGMENTS = ("rfm_group", "value_tier")


@pytest.fixture(scope="session")
def tables(corner_shop: Path) -> Tables:
    """The small shop, read where its files are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(corner_shop)
        return cvo.read_shop("shop.yaml", as_of=AS_OF)


@pytest.fixture(scope="session")
def models(corner_shop: Path) -> LoadedModels:
    """Its champions."""
    return cvo.load_models(corner_shop / "mlruns")


@pytest.fixture(scope="session")
def scores(tables: Tables, models: LoadedModels) -> pd.DataFrame:
    """Everybody scored in Python."""
    return cvo.score(tables, models, AS_OF)


def test_python_gives_the_numbers_of_the_batch(scores: pd.DataFrame, corner_shop: Path) -> None:
    stored = read_scores(current_run(corner_shop / "out" / "scores")).set_index("customer_id", drop=False)
    assert list(stored.index) == list(scores.index)
    own = [name for name in scores if name in stored]
    assert len(own) == scores.shape[1] > 40
    pd.testing.assert_frame_equal(
        scores[own].reset_index(drop=True), stored[own].reset_index(drop=True), rtol=0, atol=0
    )


def test_the_edges_of_published_results_cut_the_segments(
    tables: Tables, models: LoadedModels, scores: pd.DataFrame, corner_shop: Path
) -> None:
    again = cvo.score(tables, models, AS_OF, results=corner_shop / "out")
    pd.testing.assert_frame_equal(again[list(SEGMENTS)], scores[list(SEGMENTS)])


def test_a_snapshot_scores_as_its_tables_do(tables: Tables, models: LoadedModels, scores: pd.DataFrame) -> None:
    features = cvo.snapshot(tables, AS_OF)
    of_snapshot = cvo.score(features.iloc[[3, 500]], models, AS_OF)
    columns = [name for group in ("clv", "churn", "icp") for name in columns_of(group)]
    pd.testing.assert_frame_equal(of_snapshot[columns], scores.loc[of_snapshot.index, columns], check_names=False)


def test_a_model_of_leads_scores_no_snapshot_and_says_why(tables: Tables, models: LoadedModels) -> None:
    """A snapshot holds no leads, which does not mean that its customers never were any."""
    lookalike = models.models["icp"]
    settings = {**lookalike.bundle.settings, "setting": "leads", "known_within_days": 1.0}
    of_leads = replace(lookalike, bundle=replace(lookalike.bundle, settings=settings))
    found = cvo.score(cvo.snapshot(tables, AS_OF), LoadedModels({**models.models, "icp": of_leads}), AS_OF)
    assert found["icp_score"].isna().all()
    assert set(found["icp_reason"]) == {"snapshot_holds_no_leads"}
    assert found["predicted_clv"].notna().all()


def test_a_snapshot_says_its_unit(tables: Tables) -> None:
    weekly = cvo.BetaGeoModel(time_unit="W").fit(cvo.rfm_summary(tables, AS_OF, unit="W"))
    with pytest.raises(cvo.UsageError, match="unit"):
        weekly.predict(cvo.snapshot(tables, AS_OF), horizon=cvo.Horizon("90D"))


def test_a_frame_of_orders_is_enough(tables: Tables, corner_shop: Path) -> None:
    frame = tables.orders[["customer_id", "ordered_at", "net"]]
    found = cvo.score(frame, cvo.load_models(corner_shop / "mlruns", only=["clv", "churn"]), AS_OF)
    assert found["predicted_clv"].notna().all()
    assert set(found["currency"]) == {"EUR"}
    assert list(cvo.rfm_summary(frame, AS_OF).index) == list(found.index)


def test_a_plan_of_scores_keeps_the_budget_and_asks_nobody_who_opted_out(tables: Tables, scores: pd.DataFrame) -> None:
    planned = cvo.plan(scores, tables=tables, budget=15.0)
    people = tables.frame("customers").set_index("customer_id")["marketing_consent"]
    chosen = planned.table[planned.table["planned"] & ~planned.table["holdout"]]
    assert 0 < chosen["cost"].sum() <= 15.0
    assert people[chosen["customer_id"]].all()


def test_without_tables_a_plan_says_what_it_does_not_know(scores: pd.DataFrame) -> None:
    with pytest.warns(UserWarning, match="opted out"):
        cvo.plan(scores)


def test_faulty_rows_are_counted_in_a_warning_and_named_by_number() -> None:
    frame = pd.DataFrame({"customer_id": ["a"] * 300, "ordered_at": "2023-01-01", "net": 1.0})
    frame["order_id"] = [str(number) for number in range(300)]
    frame.loc[7, "net"] = float("inf")
    with pytest.warns(cvo.RowsLeftOut, match="1 of 300 rows"):
        tables = cvo.read_orders(frame)
    assert tables.quarantine["row"].tolist() == [8]
    assert len(tables.orders) == 299
    assert "left out: 1" in repr(tables)


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda t, m, s: cvo.snapshot([1, 2], AS_OF), "read_orders"),
        (lambda t, m, s: cvo.snapshot("shop.yaml", AS_OF), "read_shop"),
        (lambda t, m, s: cvo.rfm_summary(None, AS_OF), "read_orders"),
        (lambda t, m, s: cvo.score(t, "mlruns", AS_OF), "load_models"),
        (lambda t, m, s: cvo.score(t, {}, AS_OF), "load_models"),
        (lambda t, m, s: cvo.score(pd.DataFrame({"a": [1]}), m, AS_OF), "read_orders"),
        (lambda t, m, s: cvo.score(t, m, "10.09.2011"), "YYYY-MM-DD"),
        (lambda t, m, s: cvo.score(cvo.snapshot(t, "2023-01-01"), m, AS_OF), "2023-01-01"),
        (lambda t, m, s: cvo.read_shop(t), "sample_shop"),
        (lambda t, m, s: cvo.read_shop("orders.csv"), "read_orders"),
        (lambda t, m, s: cvo.read_orders("shop.yaml"), "read_shop"),
        (lambda t, m, s: cvo.read_orders([1]), "DataFrame"),
        (lambda t, m, s: cvo.read_orders(pd.DataFrame({"client": ["a"]})), "customer_id"),
        (lambda t, m, s: cvo.load_models(3), "folder"),
        (lambda t, m, s: cvo.load_models("http://localhost:5000"), "MLFLOW_TRACKING_URI"),
        (lambda t, m, s: cvo.plan(t), "score"),
        (lambda t, m, s: cvo.plan(s.drop(columns="rfm_group"), tables=t), "snapshot"),
        (lambda t, m, s: cvo.plan(s, {"budget": 3}, tables=t), "YAML"),
        (lambda t, m, s: cvo.plan(s, tables=s), "read_shop"),
        (lambda t, m, s: t.frame("order"), "orders"),
        (lambda t, m, s: cvo.load_models("mlrun"), "no folder mlrun"),
        (lambda t, m, s: cvo.plan(s, tables=t, budget=-5), "0 or more"),
        (lambda t, m, s: cvo.score(t, m, AS_OF, results="outt"), "no folder outt"),
        (lambda t, m, s: cvo.explain(t, m, AS_OF, "c00000001", results="outt"), "no folder outt"),
        (lambda t, m, s: cvo.explain(t, m, AS_OF, ["c00000001"]), "in quotes"),
    ],
)
def test_a_wrong_type_raises_with_what_to_do(
    call: Any, remedy: str, tables: Tables, models: LoadedModels, scores: pd.DataFrame
) -> None:
    with pytest.raises(cvo.CvoError, match=remedy):
        call(tables, models, scores)


def test_a_date_that_the_tables_do_not_reach_is_refused(tables: Tables, models: LoadedModels) -> None:
    """What was left out when they were read would count as silence."""
    customer = str(tables.orders["customer_id"].iloc[0])
    for call in (
        lambda day: cvo.score(tables, models, day),
        lambda day: cvo.snapshot(tables, day),
        lambda day: cvo.rfm_summary(tables, day),
        lambda day: cvo.explain(tables, models, day, customer),
    ):
        with pytest.raises(cvo.UsageError, match="is after 2023-03-01"):
            call("2023-03-02")
    with pytest.raises(cvo.DataError, match="more than a year before"):
        cvo.snapshot(tables.orders, "2026-01-01")


def test_a_holdout_of_another_date_judges_nothing(here: Path) -> None:
    whole = cvo.read_shop("shop.yaml")
    with pytest.raises(cvo.UsageError, match="2023-01-01"):
        cvo.compare([cvo.BetaGeoModel()], cvo.rfm_summary(whole, "2022-12-01"), cvo.holdout(whole, "2023-01-01", "60D"))


def test_scores_join_other_tables_by_their_id(tables: Tables, scores: pd.DataFrame) -> None:
    people = tables.frame("customers")[["customer_id", "loyalty_level"]]
    assert len(scores.merge(people, on="customer_id")) == len(scores)
    assert scores.sort_values("customer_id").groupby("customer_id").ngroups == len(scores)


def test_models_of_another_shop_are_refused(tables: Tables, models: LoadedModels) -> None:
    with pytest.raises(cvo.ModelRefused, match="other"):
        cvo.score(replace(tables, shop="other"), models, AS_OF)
    with pytest.raises(cvo.ModelRefused, match="would know the future"):
        cvo.score(tables, models, "2022-09-01")


def test_the_reasons_are_by_model(scores: pd.DataFrame) -> None:
    assert scores["reasons"].notna().any()
    assert by_model("[]").startswith('{"churn"')
