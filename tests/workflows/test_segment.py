"""What ``cvo segment`` says and writes: the numbers of its parts, whole or not at all."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.segments import GroupBox, SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.store import StoredRun, write_run
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Workspace
from cvo_ml.models.clv import CustomerLifetimeValue
from cvo_ml.models.clv.scorers import BuyTillYouDie, scorer_of
from cvo_ml.segments.model_based import Explained
from cvo_ml.segments.profile import SegmentProfile
from cvo_ml.segments.results_folder import stored_findings, write_profile
from cvo_ml.segments.rules.edges import SegmentEdges, fit_edges
from cvo_ml.workflows.segment import SegmentRequest, segment_tables
from tests.builders import SHOP_CUT, null_scores

ACTIONS = load_config(default_config("policies/next_actions.yaml"), NextActions)
OCTOBER = date(2023, 10, 1)
COLUMNS = {name: name for name in ("order_id", "customer_id", "ordered_at", "net")}
SEEDED = ShopConfig.model_validate(
    {"name": "seeded", "currency": "EUR", "source": {"path": "orders.csv"}, "columns": COLUMNS}
)


def stored(shop: Tables, out: Path, as_of: date, groups: dict[str, str], cause: str | None, value: float) -> None:
    """A run whose groups are made up, so that its moves are known."""
    names = pd.Series(groups, dtype="str")
    scores = null_scores(list(groups), as_of)
    scores["rfm_group"] = names
    scores["rfm_group_previous"], scores["rfm_change_cause"] = names, pd.Series(cause, index=names.index, dtype="str")
    scores["predicted_clv"] = scores["historic_clv"] = value
    write_run(out / "scores", scores, {"shop": "seeded", "currency": shop.currency})


def profile(
    shop: Tables,
    as_of: date,
    out: Path,
    policy: SegmentPolicy | None = None,
    purchases: BuyTillYouDie | None = None,
    **request: Any,
) -> SegmentProfile:
    """The profile of the seeded shop beside what a folder of results holds."""
    asked = SegmentRequest(shop=SEEDED, as_of=as_of, **{"months": 0, **request})
    return segment_tables(shop, asked, policy or SegmentPolicy(), ACTIONS, Workspace(out, out / "mlruns"), purchases)


@pytest.fixture(scope="module")
def whole(shop: Tables, tmp_path_factory: pytest.TempPathFactory) -> tuple[SegmentProfile, Path]:
    """Everything at once: stored runs, a model of purchases, model-based segments."""
    out = tmp_path_factory.mktemp("out")
    customers = shop.orders["customer_id"].unique()[:30]
    stored(shop, out, OCTOBER, dict.fromkeys(customers, "Loyal"), None, 10.0)
    stored(shop, out, SHOP_CUT, dict.fromkeys(customers, "Inactive"), "own behaviour", 4.0)
    histories = pd.DataFrame(
        {
            "frequency": [1.0, 3, 0, 2] * 60,
            "recency": [30.0, 80, 0, 10] * 60,
            "T": [90.0, 100, 40, 70] * 60,
            "monetary_value": [20.0, 30, 0, 45] * 60,
        }
    )
    purchases = scorer_of(CustomerLifetimeValue().fit(histories))
    return profile(shop, SHOP_CUT, out, months=2, method="kmeans", purchases=purchases), out


def test_the_customers_are_those_with_an_order_left_each_in_one_group(
    whole: tuple[SegmentProfile, Path], shop_features: pd.DataFrame
) -> None:
    found, _ = whole
    assert found.customers.index.equals(shop_features.index)
    assert (
        found.customers[["rfm_group", "value_tier", "stage", "ladder_mastery", "model_segment"]].notna().all(axis=None)
    )
    assert found.customers["is_vip"].equals(found.customers["rfm_cell"].astype(str) == "333")
    named = found.customers.groupby("rfm_group", observed=True)["next_action"].unique()
    assert all(list(names) == [ACTIONS.of(str(group)).action] for group, names in named.items() if group != "Inactive")


def test_the_summary_adds_up_and_is_json(whole: tuple[SegmentProfile, Path]) -> None:
    found, _ = whole
    said = json.loads(json.dumps(found.to_json(), allow_nan=False))
    for part in ("groups", "tiers"):
        assert sum(row["customers"] for row in said[part]) == said["customers"] == len(found.customers)
    assert said["edges"]["version"] == found.chosen.edges.version
    assert said["model_based"]["verdict"] in ("alike", "rules", "model")
    assert said["model_based"]["cut"] == "2023-08-03"  # 90 days before the date
    assert [month["to"] for month in said["monthly"]] == ["2023-10-01", "2023-11-01"]
    assert said["pareto"][0]["base"] == "repeat"


def test_stored_runs_show_moves_with_their_cause_value_and_the_alarm(whole: tuple[SegmentProfile, Path]) -> None:
    runs = whole[0].to_json()["runs"]
    assert (runs["from"], runs["to"], runs["flips"]["moved"]) == ("2023-10-01", "2023-11-01", 30)
    assert runs["flips"]["causes"] == {"own behaviour": 30}
    (move,) = runs["moves"]
    assert (move["from"], move["to"], move["own behaviour"], move["value_change"]) == ("Loyal", "Inactive", 30, -180.0)


def test_the_folder_is_written_whole_and_opens_in_a_spreadsheet(whole: tuple[SegmentProfile, Path]) -> None:
    found, out = whole
    names = write_profile(found, out / "segments")
    assert names == [
        "customers.csv", "edges", "events.csv", "groups.csv", "monthly.csv", "moves.csv", "summary.json",
    ]  # fmt: skip
    with (out / "segments" / "customers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["customer_id"] for row in rows] == list(found.customers.index)
    assert {row["rfm_group"] for row in rows} == set(found.customers["rfm_group"])
    assert found.customers["days_left"].notna().any()
    left = found.customers["days_left"].iloc[0]
    assert rows[0]["days_left"] == ("" if pd.isna(left) else f"{left:.0f}")
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_a_second_run_keeps_the_frozen_edges_and_a_recut_replaces_them(shop: Tables, tmp_path: Path) -> None:
    def again(as_of: date, recut: bool = False, policy: SegmentPolicy | None = None) -> SegmentProfile:
        found = profile(shop, as_of, tmp_path, policy, recut=recut)
        write_profile(found, tmp_path / "segments")
        return found

    first = again(OCTOBER)
    assert again(SHOP_CUT).chosen.edges == first.chosen.edges
    assert (tmp_path / "segments" / "edges" / "manifest.json").is_file()
    changed = again(SHOP_CUT, recut=True).chosen
    assert changed.edges != first.chosen.edges
    assert again(SHOP_CUT).chosen.edges == changed.edges


def test_findings_count_for_their_own_date_and_edges_only(whole: tuple[SegmentProfile, Path], tmp_path: Path) -> None:
    found, _ = whole
    write_profile(found, tmp_path / "segments")
    folder, kept = tmp_path / "segments", found.chosen.in_force.to_json()

    def run(as_of: str = str(SHOP_CUT), **changes: str) -> StoredRun:
        return StoredRun(tmp_path, {"as_of": as_of, "segments": {**kept, **changes}})

    assert stored_findings(folder, run()) is not None
    assert stored_findings(folder, run(as_of="2023-10-01")) is None
    assert stored_findings(folder, run(version="other")) is None
    assert stored_findings(folder, StoredRun(tmp_path, {"as_of": str(SHOP_CUT)})) is None
    assert stored_findings(tmp_path / "elsewhere", run()) is None
    for damaged in ("[]", json.dumps({"as_of": str(SHOP_CUT), "edges": kept, "monthly": [7]})):
        (folder / "summary.json").write_text(damaged)
        with pytest.raises(DamagedFile, match="run 'cvo segment' again"):
            stored_findings(folder, run())


def test_findings_read_back_are_those_that_were_written(whole: tuple[SegmentProfile, Path], tmp_path: Path) -> None:
    found, _ = whole
    write_profile(found, tmp_path)
    manifest = {"as_of": str(SHOP_CUT), "segments": found.chosen.in_force.to_json()}
    findings = stored_findings(tmp_path, StoredRun(tmp_path, manifest))
    assert findings is not None
    assert found.model_based is not None
    assert findings.model_based == found.model_based.comparison
    assert isinstance(found.model_based.comparison.compared, Explained)
    assert findings.pareto == found.pareto
    assert [month.to_json() for month in findings.monthly] == [month.to_json() for month in found.monthly]
    assert [month.sizes() for month in findings.monthly] == [month.sizes() for month in found.monthly]


def test_own_groups_come_with_their_coverage(shop: Tables, tmp_path: Path) -> None:
    policy = SegmentPolicy(
        scale=4,
        vocabulary="own",
        groups=(
            GroupBox(name="VIP", r=(3, 4), f=(3, 4), m=(4, 4)),
            GroupBox(name="rest", r=(1, 4), f=(1, 4), m=(1, 2)),
        ),
    )
    said = profile(shop, SHOP_CUT, tmp_path, policy).to_json()
    assert sum(row["cells"] for row in said["coverage"]["groups"]) == 64
    assert sum(said["coverage"]["cells_by_boxes"].values()) == 64
    assert said["coverage"]["cells_by_boxes"]["0"] > 0
    assert {row["rfm_group"] for row in said["groups"]} <= {"VIP", "rest"}


def test_edges_say_the_same_after_a_round_trip_through_a_manifest(whole: tuple[SegmentProfile, Path]) -> None:
    found, _ = whole
    names = set(SegmentEdges.__dataclass_fields__)
    kept = {name: value for name, value in found.chosen.in_force.to_json().items() if name in names}
    assert SegmentEdges.from_json(json.loads(json.dumps(kept))) == found.chosen.edges
    assert found.chosen.edges == fit_edges(found.customers, SegmentPolicy())
