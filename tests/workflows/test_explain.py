"""One customer explained and scored as use cases: beside a run, beside none, and without writing anything."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.core.explanation import CustomerExplanation
from cvo_ml.core.scores import score_columns
from cvo_ml.core.store import read_scores, read_table
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.rfm import rfm_summary
from cvo_ml.ingest import ReadResult
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.workflows.explain import ExplainRequest, explain
from cvo_ml.workflows.plan import PlanRequest, plan
from cvo_ml.workflows.score import ScoreRequest, ScoreResult, score
from cvo_ml.workflows.score_customer import ScoreCustomerRequest, score_customer
from cvo_ml.workflows.shops import read_tables
from tests.builders import SHOP_CUT
from tests.workflows.shops import seeded_files

EARLIER = date(2023, 9, 1)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> ShopConfig:
    return seeded_files(tmp_path_factory.mktemp("seeded"))


@pytest.fixture(scope="module")
def read(seeded: ShopConfig, workspace: Workspace) -> ReadResult:
    return read_tables(seeded, workspace, SHOP_CUT)


def valued(tables: Tables, orders_per_day: float) -> Bundle:
    model = BuyTillYouDie(CustomerLifetimeValue().fit(rfm_summary(tables, as_of=EARLIER)), orders_per_day, 100.0)
    return bundle_of("clv", model, {"horizon_days": 90.0, "discount_rate": 0.0})


@pytest.fixture(scope="module")
def models(read: ReadResult, churn_bundle: Bundle) -> LoadedModels:
    return LoadedModels.of(valued(read.tables, 1.0), churn_bundle)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("explained")
    return Workspace(folder / "out", folder / "mlruns")


@pytest.fixture(scope="module")
def runs(seeded: ShopConfig, workspace: Workspace, models: LoadedModels) -> tuple[ScoreResult, ScoreResult]:
    """Scored on two dates, both with the same models."""
    first, second = (
        score(ScoreRequest(shop=seeded, as_of=day, with_report=False), workspace, models) for day in (EARLIER, SHOP_CUT)
    )
    return first, second


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def explained(
    seeded: ShopConfig, workspace: Workspace, models: LoadedModels, read: ReadResult, customer: str, **more: object
) -> CustomerExplanation:
    request = ExplainRequest(shop=seeded, customer_id=customer, **more)  # type: ignore[arg-type]
    return explain(request, workspace, models, read).explanation


def test_the_action_and_the_others_are_those_of_the_stored_plan(
    seeded: ShopConfig,
    workspace: Workspace,
    models: LoadedModels,
    read: ReadResult,
    runs: tuple[ScoreResult, ScoreResult],
) -> None:
    scores, table = runs[1].scores, read_table(runs[1].run, "plan")
    acted = scores.loc[scores["next_action"].notna(), "customer_id"].iloc[0]
    held = scores.loc[scores["priority_reason"] == "holdout", "customer_id"].iloc[0]
    for customer, verdict in ((acted, "chosen"), (held, "holdout")):
        action = explained(seeded, workspace, models, read, customer).action
        row = scores[scores["customer_id"] == customer].iloc[0]
        planned = table[table["customer_id"] == customer].iloc[0]
        assert action.run == runs[1].run.name
        assert action.action == (row["next_action"] if isinstance(row["next_action"], str) else None)
        options = {option.action: option for option in action.options}
        best = options[planned["action"]]
        assert best.expected_profit == pytest.approx(planned["expected_profit"], rel=1e-12)
        assert best.verdict == verdict
        open_ones = [option.expected_profit for option in action.options if not option.excluded_by]
        assert best.expected_profit == pytest.approx(max(open_ones), rel=1e-12)
        assert (action.rank, action.ranked, action.notes) == (row["priority_rank"], len(table), ())


def test_causes_of_a_change_add_up_and_name_what_happened(
    seeded: ShopConfig,
    workspace: Workspace,
    models: LoadedModels,
    read: ReadResult,
    runs: tuple[ScoreResult, ScoreResult],
) -> None:
    times = read.tables.orders.groupby("customer_id")["ordered_at"]
    bought, quiet = times.max() > pd.Timestamp("2023-10-01"), times.max() < pd.Timestamp(EARLIER)
    known = times.min() < pd.Timestamp("2023-06-01")
    then, now = (result.scores.set_index("customer_id") for result in runs)
    for customer, causes in (
        ((bought & known).idxmax(), {"time that passed", "what happened since"}),
        ((quiet & known & (times.count() > 3)).idxmax(), {"time that passed"}),
    ):
        changes = explained(seeded, workspace, models, read, customer).changes
        assert (changes.since, changes.run) == (EARLIER, runs[0].run.name)
        moved = {change.column: change for change in changes.moved}
        for column in ("predicted_clv", "p_alive"):
            before, after = then.loc[customer, column], now.loc[customer, column]
            change = moved[column]
            assert (change.before, change.after) == pytest.approx((before, after), rel=1e-12)
            assert sum(cause.effect for cause in change.causes) == pytest.approx(after - before, rel=1e-9)
            assert {cause.name for cause in change.causes} == causes
        orders = read.tables.orders
        since = orders[(orders["customer_id"] == customer) & (orders["ordered_at"] >= pd.Timestamp(EARLIER))]
        assert changes.happened == ({"orders": len(since)} if len(since) else {})
        assert ("historic_number_of_orders" in moved) is bool(len(since))


def test_nothing_is_written_and_the_date_is_that_of_the_current_run(
    seeded: ShopConfig,
    workspace: Workspace,
    models: LoadedModels,
    read: ReadResult,
    runs: tuple[ScoreResult, ScoreResult],
    tmp_path: Path,
) -> None:
    """And another model version is named as the cause: one that expects half as many orders again, and nothing else."""
    other = LoadedModels.of(valued(read.tables, 1.5), models.models["churn"].bundle)
    before = contents(workspace.results)
    said = explained(seeded, workspace, other, read, "c000", page=tmp_path / "c000.html")
    moved = {change.column: change for change in said.changes.moved}["predicted_number_of_orders"]
    causes = {cause.name: cause.effect for cause in moved.causes}
    assert causes["another model version"] == pytest.approx(0.5 * moved.before, rel=1e-9)
    assert said.notes[-1].startswith(f"clv: run {runs[1].run.name} was scored with version")
    assert said.as_of == SHOP_CUT
    assert said.segment is not None
    assert said.segment.rfm_group == runs[1].scores.set_index("customer_id").loc["c000", "rfm_group"]
    assert contents(workspace.results) == before
    assert not workspace.tracking.exists()
    page = (tmp_path / "c000.html").read_text()
    assert page.count("<h2>") == 5
    assert "src=" not in page.split("</script>")[-1]


def test_without_a_run_everybody_is_planned_in_memory_and_without_models_there_are_reasons(
    seeded: ShopConfig, models: LoadedModels, read: ReadResult, tmp_path: Path
) -> None:
    nowhere = Workspace(tmp_path / "out", tmp_path / "mlruns")
    request = ExplainRequest(shop=seeded, customer_id="c000", as_of=SHOP_CUT)
    said = explain(request, nowhere, read=read).explanation
    assert (said.action.run, said.changes.reason) == ("", "no_earlier_run")
    assert {reasons.reason for reasons in said.reasons} == {"not_trained"}
    assert said.segment.rfm_group is not None
    assert {option.excluded_by[0] for option in said.action.options} == {"no_value_at_stake"}
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="holds no scores whose date could be meant: give one"):
        explained(seeded, nowhere, models, read, "c000")


def test_measured_effects_of_a_plan_are_kept_with_it_and_rows_gone_since_are_said(
    seeded: ShopConfig, models: LoadedModels, read: ReadResult, tmp_path: Path
) -> None:
    place = Workspace(tmp_path / "out", tmp_path / "mlruns")
    orders = read.tables.orders
    without = Tables({"orders": orders[orders["customer_id"] != "c000"]}, "EUR")
    score(ScoreRequest(shop=seeded, as_of=SHOP_CUT, with_report=False), place, models, replace(read, tables=without))
    file = tmp_path / "measured.csv"
    file.write_text("customer_id,action,effect,effect_lower,source,version\n,early_access,0.5,0.4,experiment,spring\n")
    planned = plan(PlanRequest(shop=seeded, effects=(file,), budget=5.0), place)
    poor = planned.scores.loc[planned.scores["priority_reason"] == "beyond_the_limits", "customer_id"].iloc[0]
    action = explained(seeded, place, models, read, poor).action
    assert (action.action, action.reason, action.notes) == (None, "beyond_the_limits", ())
    options = {option.action: option for option in action.options}
    measured = options["early_access"]
    assert (measured.effect, measured.effect_lower, measured.source) == (0.5, 0.4, "experiment: spring")
    beyond = [option for option in action.options if option.verdict == "beyond_the_limits"]
    assert beyond
    assert all(option.price >= option.expected_profit - 1e-6 for option in beyond)
    gone = explained(seeded, place, models, read, "c000")
    assert gone.action is None
    assert "does not hold this customer: the rows have changed since" in gone.notes[-1]


def test_one_row_is_the_row_of_the_batch_bit_for_bit(
    seeded: ShopConfig,
    workspace: Workspace,
    models: LoadedModels,
    read: ReadResult,
    runs: tuple[ScoreResult, ScoreResult],
) -> None:
    before, stored = contents(workspace.results), read_scores(runs[1].run).set_index("customer_id", drop=False)
    customer = stored.index[stored["next_action"].notna()][0]
    request = ScoreCustomerRequest(shop=seeded, customer_id=customer, as_of=SHOP_CUT)
    row = score_customer(request, workspace, models, read).to_json()
    assert list(row) == score_columns()
    for name, value in stored.loc[customer].items():
        if pd.isna(value):
            assert row[str(name)] is None, name
        elif isinstance(value, pd.Timestamp):
            assert row[str(name)] == value.isoformat()
        else:
            assert row[str(name)] == value, name
    assert contents(workspace.results) == before
