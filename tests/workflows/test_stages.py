"""The stages together: ledgers, guards, and what is written."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.errors import DamagedFile, DataError, ModelRefused
from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.scores import validate_scores
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.workflows.cut_dates import day_after_last_row, default_cut
from cvo_ml.workflows.outcomes import evaluate_and_store, stored_outcomes
from cvo_ml.workflows.plan import replanned
from cvo_ml.workflows.publish import store
from cvo_ml.workflows.score_tables import Scored, score_customers
from tests.builders import SHOP_CUT, orders_of, shop_of
from tests.priorities.makers import action

POLICY = PriorityPolicy(actions=(action("call", effect=0.05),))


def at(folder: Path) -> Workspace:
    return Workspace(folder, folder)


def scored(tables: Tables, models: LoadedModels, as_of: date = SHOP_CUT) -> Scored:
    return score_customers(tables, as_of, models, SegmentPolicy(), POLICY, shop="seeded")


def test_every_known_customer_is_scored_or_has_a_reason(shop: Tables, churn_bundle: Bundle, icp_bundle: Bundle) -> None:
    result = scored(shop, LoadedModels.of(churn_bundle, icp_bundle, refused={"clv": "too_few_repeat_customers"}))
    validate_scores(result.scores)
    assert result.ledgers["clv"].ineligible["too_few_repeat_customers"] > 200
    assert result.ledgers["churn"].scored > 0
    assert {ledger.known for ledger in result.ledgers.values()} == {len(result.scores)}


def test_a_customer_whose_orders_were_all_refunded_is_known_and_has_no_score() -> None:
    orders = [("1", "kept", "2023-01-02", 10.0), ("2", "gone", "2023-01-03", 20.0)]
    tables = shop_of(orders, [("2", "2023-01-05", 20.0)])
    result = scored(tables, LoadedModels.of())
    assert list(result.scores.index) == ["gone", "kept"]
    assert result.scores.loc["gone", "segment_reason"] == "no_order_left"
    assert result.scores.loc["gone", "clv_reason"] == "no_order_left"
    assert result.scores.loc["kept", "historic_clv"] == 10.0


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"shop": "another"}, "other_shop"),
        ({"currency": "JPY"}, "other_currency"),
        ({"trained_as_of": "2023-11-02"}, "trained_after_as_of"),
    ],
)
def test_a_model_made_for_something_else_is_refused(shop: Tables, churn_bundle: Bundle, facts, reason) -> None:
    other = Bundle(
        "churn", churn_bundle.kind, churn_bundle.parameters, churn_bundle.settings, churn_bundle.files, facts
    )
    with pytest.raises(ModelRefused) as refused:
        scored(shop, LoadedModels.of(other))
    assert refused.value.reason_code == reason
    assert "cvo train churn" in str(refused.value)


def test_a_model_whose_features_are_computed_otherwise_now_scores_and_a_note_says_so(
    shop: Tables, recency_bundle: Bundle, tmp_path: Path
) -> None:
    older = replace(recency_bundle, facts={**recency_bundle.facts, "feature_hash": "0" * 12})
    read = ReadResult(shop, RowLedger(0, 0), pd.DataFrame(), (), "hash", ())
    for number, (bundle, says) in enumerate([(recency_bundle, 0), (older, 1)]):
        models, out = LoadedModels.of(bundle), tmp_path / str(number)
        run = store(scored(shop, models), read, models, SHOP_CUT, at(out), "seeded", POLICY)
        notes = [note for note in run.manifest["notes"] if "how its features are computed has changed" in note]
        assert len(notes) == says
        assert all("cvo train churn" in note and "feature hash 000000000000" in note for note in notes)


def test_outcomes_stay_those_of_the_scores_when_they_are_planned_anew(
    shop: Tables, recency_bundle: Bundle, tmp_path: Path
) -> None:
    """Another plan changes no outcome, other scores do."""
    read = ReadResult(shop, RowLedger(0, 0), pd.DataFrame(), (), "hash", ())
    models = LoadedModels.of(recency_bundle)
    run = store(scored(shop, models), read, models, SHOP_CUT, at(tmp_path), "seeded", POLICY)
    judged = evaluate_and_store(run, shop, Horizon("60D"), at(tmp_path))
    again = replanned(run, shop, PriorityPolicy(actions=(action("mail", effect=0.01),)), [], at(tmp_path))
    assert again.name != run.name
    found = stored_outcomes(at(tmp_path), again)
    assert found is not None
    assert found.churn == judged.churn
    without = store(scored(shop, LoadedModels.of()), read, LoadedModels.of(), SHOP_CUT, at(tmp_path), "seeded", POLICY)
    assert stored_outcomes(at(tmp_path), without) is None


@pytest.mark.parametrize("left", ["{}", "[]", '{"run": "../elsewhere"}'])
def test_outcomes_that_are_not_whole_are_refused_with_what_to_do(
    shop: Tables, recency_bundle: Bundle, tmp_path: Path, left: str
) -> None:
    read = ReadResult(shop, RowLedger(0, 0), pd.DataFrame(), (), "hash", ())
    models = LoadedModels.of(recency_bundle)
    run = store(scored(shop, models), read, models, SHOP_CUT, at(tmp_path), "seeded", POLICY)
    (tmp_path / "outcomes.json").write_text(left)
    with pytest.raises(DamagedFile, match="run 'cvo outcomes' again"):
        stored_outcomes(at(tmp_path), run)


def test_the_cut_leaves_out_the_last_day_and_needs_three_horizons() -> None:
    days = ("2023-01-01", "2023-09-01", "2023-12-31 12:50")
    orders = orders_of(*((str(n), "a", day, 1.0) for n, day in enumerate(days)))
    tables = Tables({"orders": orders}, "EUR")
    assert default_cut(tables, Horizon("90D")) == date(2023, 10, 2)
    with pytest.raises(DataError, match="at least 450 days"):
        default_cut(tables, Horizon("150D"))


def test_an_order_of_a_distant_future_does_not_move_the_cut_there() -> None:
    past = [(str(n), "a", f"2023-{1 + n % 12:02d}-02", 10.0) for n in range(24)]
    with pytest.raises(DataError, match=r"no order lies in the 30D before 2998-12-02, and 1 from there to 2999-01-01"):
        default_cut(Tables({"orders": orders_of(*past, ("x", "a", "2999-01-01", 5.0))}, "EUR"), Horizon("30D"))


def test_a_shop_without_orders_is_refused_in_words() -> None:
    empty = Tables({"orders": orders_of()}, "EUR")
    with pytest.raises(DataError, match="orders table is empty"):
        default_cut(empty, Horizon("90D"))
    with pytest.raises(DataError, match="no row is left"):
        day_after_last_row(empty)


def test_scores_do_not_depend_on_the_order_of_the_rows(shop: Tables, recency_bundle: Bundle) -> None:
    shuffled = {name: frame.sample(frac=1, random_state=1) for name, frame in shop.frames.items()}
    models = LoadedModels.of(recency_bundle)
    first, second = scored(shop, models).scores, scored(Tables(shuffled, shop.currency), models).scores
    pd.testing.assert_frame_equal(first, second, rtol=1e-12)
