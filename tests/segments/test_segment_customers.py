"""Runs one after the other: frozen edges hold still, and each move has its cause in Scores."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.scores import columns_of, validate_scores
from cvo_ml.core.store import served_runs, write_run
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Workspace
from cvo_ml.predict import LoadedModels
from cvo_ml.segments import segment
from cvo_ml.segments.history import earlier_run, rfm_at, run_segments
from cvo_ml.segments.movement import CORRECTION, EDGE, OWN
from cvo_ml.workflows.score_tables import score_customers
from tests.builders import SHOP_CUT, Order, shop_of
from tests.priorities.makers import action

NEXT_MONTH = date(2023, 12, 1)
PRIORITIES = PriorityPolicy(actions=(action("call", effect=0.05),))


def run(
    tables: Tables, as_of: date, out: Path, policy: SegmentPolicy | None = None, shop: str = "seeded"
) -> pd.DataFrame:
    """Score, store and freeze as the pipeline does."""
    workspace = Workspace(out, out / "mlruns")
    scored = score_customers(
        tables, as_of, LoadedModels.of(), policy or SegmentPolicy(), PRIORITIES, shop=shop, workspace=workspace
    )
    manifest = {"shop": shop, "currency": tables.currency, "segments": scored.segmented.described.to_json()}
    write_run(workspace.scores, scored.scores.reset_index(drop=True), {**manifest, "as_of": str(as_of)})
    scored.segmented.chosen.save(workspace.edges)
    return validate_scores(scored.scores)


def orders(tables: Tables) -> list[Order]:
    frame = tables.orders
    return list(zip(frame["order_id"], frame["customer_id"], frame["ordered_at"], frame["net"], strict=True))


@pytest.fixture(scope="module")
def flow(shop: Tables) -> list[Order]:
    """The orders of the seeded shop."""
    return orders(shop)


def imported(count: int) -> list[Order]:
    """Customers who come from another shop at once, richer and busier than anybody here."""
    return [
        (f"i{customer}-{order}", f"new{customer}", f"2023-11-{3 + order:02}", 900.0 + customer)
        for customer in range(count)
        for order in range(6)
    ]


def test_the_first_run_has_nothing_to_compare_with(shop: Tables, tmp_path: Path) -> None:
    first = run(shop, SHOP_CUT, tmp_path)
    assert set(first["segment_reason"]) <= {"no_previous_run", "no_order_left"}
    assert first[["rfm_group_previous", "rfm_change_cause"]].isna().all(axis=None)


def test_next_month_only_ones_own_orders_and_silence_move_anybody(flow: list[Order], tmp_path: Path) -> None:
    tables = shop_of(flow)
    first, second = run(tables, SHOP_CUT, tmp_path), run(tables, NEXT_MONTH, tmp_path)
    both = second.loc[second.index.isin(first.index)]
    assert both["rfm_group_previous"].equals(first["rfm_group"].reindex(both.index))
    moved = both["rfm_group"] != both["rfm_group_previous"]
    assert moved.sum() > 10
    assert set(both.loc[moved, "rfm_change_cause"]) == {OWN}
    assert set(both.loc[~moved, "segment_reason"]) == {"group_unchanged"}
    assert set(second.loc[~second.index.isin(first.index), "segment_reason"]) <= {"new_customer"}
    ordered = set(tables.orders.query("'2023-11-01' <= ordered_at < '2023-12-01'")["customer_id"])
    silent = both[~both.index.isin(ordered)]
    assert (silent["rfm_r"] <= first.loc[silent.index, "rfm_r"]).all()
    for level in ("rfm_f", "rfm_m"):
        assert silent[level].equals(first.loc[silent.index, level])


def test_unchanged_customers_change_no_group_next_month_when_edges_are_frozen(
    flow: list[Order], tmp_path: Path
) -> None:
    # the whole shop one month later: everybody's days, orders and money are what they were
    later = [(number, customer, at + pd.Timedelta(days=30), net) for number, customer, at, net in flow]
    first = run(shop_of(flow), SHOP_CUT, tmp_path)
    second = run(shop_of(later), NEXT_MONTH, tmp_path)
    assert second["rfm_group"].equals(first["rfm_group"])
    assert set(second["segment_reason"]) == {"group_unchanged"}


def test_a_mass_import_changes_no_group_when_edges_are_frozen(flow: list[Order], tmp_path: Path) -> None:
    alone, crowded = tmp_path / "alone", tmp_path / "crowded"
    for out in (alone, crowded):
        run(shop_of(flow), SHOP_CUT, out)
    without = run(shop_of(flow), NEXT_MONTH, alone)
    among = run(shop_of([*flow, *imported(600)]), NEXT_MONTH, crowded)
    columns = [*columns_of("segment"), "segment_reason"]
    pd.testing.assert_frame_equal(among.loc[without.index, columns], without[columns])
    assert json.loads((alone / "segments" / "edges" / "manifest.json").read_text())["facts"]["cut_as_of"] == str(
        SHOP_CUT
    )


def test_recut_edges_move_customers_and_say_that_it_was_the_edge(flow: list[Order], tmp_path: Path) -> None:
    policy = SegmentPolicy(edges="recut")
    first = run(shop_of(flow), SHOP_CUT, tmp_path, policy)
    ((_, before),) = served_runs(tmp_path / "scores")
    among = run(shop_of([*flow, *imported(600)]), NEXT_MONTH, tmp_path, policy)
    causes = among.loc[among["rfm_change_cause"].notna(), "rfm_change_cause"]
    assert (causes == EDGE).sum() > 50
    assert set(causes) == {OWN, EDGE}
    # by the edges of November nobody of them would have moved
    segments = run_segments(before)
    assert segments is not None
    edges = segments.in_force.edges
    rfm_now = rfm_at(shop_of(flow), [NEXT_MONTH])[NEXT_MONTH].loc[causes.index[causes == EDGE]]
    assert list(segment(rfm_now, edges).groups()) == first.loc[rfm_now.index, "rfm_group"].tolist()


@pytest.mark.parametrize("has_known_at", [False, True])
def test_news_about_the_past_is_a_correction_and_no_behaviour(
    flow: list[Order], has_known_at: bool, tmp_path: Path
) -> None:
    plain = [(*row, row[2]) for row in flow] if has_known_at else flow
    first = run(shop_of(plain), SHOP_CUT, tmp_path)
    poor = first.index[(first["rfm_group"] == "Inactive")][:5]
    # a late file: orders of October that nobody knew on 1 November
    late = [
        (f"late-{customer}-{number}", customer, f"2023-10-2{number}", 500.0, *["2023-11-15"] * has_known_at)
        for customer in poor
        for number in range(4)
    ]
    second = run(shop_of([*plain, *late]), date(2023, 11, 20), tmp_path)
    assert set(second.loc[poor, "rfm_change_cause"]) == {CORRECTION}
    others = second.drop(index=poor)["rfm_change_cause"].dropna()
    assert set(others) <= {OWN}


def test_only_earlier_runs_of_the_same_shop_and_currency_are_compared(shop: Tables, tmp_path: Path) -> None:
    run(shop, SHOP_CUT, tmp_path, shop="other")
    found = earlier_run(tmp_path / "scores", NEXT_MONTH, "other", "EUR")
    assert found is not None
    assert found.as_of == SHOP_CUT
    for as_of, name, currency in (
        (NEXT_MONTH, "seeded", "EUR"),
        (NEXT_MONTH, "other", "USD"),
        (SHOP_CUT, "other", "EUR"),
    ):
        assert earlier_run(tmp_path / "scores", as_of, name, currency) is None
