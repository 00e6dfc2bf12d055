"""The outcome ledger: closed once, known at the window's end, revised when the data are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import DamagedFile
from cvo_ml.core.store import write_run
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import window_outcome
from cvo_ml.features.customer import known_customers
from cvo_ml.features.truncated_tables import truncated
from cvo_ml.monitoring import ledger
from cvo_ml.monitoring.outcome_summary import excess_loss, outcome_lines
from tests.builders import SHOP_CUT, null_scores

SPAN = Horizon("90D")
FACTS = {"kind": "k", "version": "v1", "settings": {"horizon_days": 90.0}}
MODELS = {
    "clv": {**FACTS, "metrics": {"model_total_bias": 0.0}},
    "churn": {**FACTS, "metrics": {"model_log_loss": 0.5, "recency_log_loss": 0.6}},
    "icp": {"reason": "not_trained"},
}


def scored(shop: Tables, root: Path, day: date = SHOP_CUT, span: float = 90.0) -> pd.DataFrame:
    """Scores of everybody known: value 100, churn one half; stored as the run of the day."""
    scores = null_scores(list(known_customers(shop, day)), day)
    version = pd.Series("v1", index=scores.index, dtype="str")
    groups = np.where(np.arange(len(scores)) % 2, "Champions", "At risk")
    scores = scores.assign(
        predicted_clv=100.0, predicted_clv_p05=0.0, predicted_clv_p95=1e9, clv_model_version=version,
        churn_probability=0.5, churn_model_version=version,
        rfm_group=pd.Series(groups, index=scores.index, dtype="str"),
    )  # fmt: skip
    models = {
        name: {**model, "settings": {"horizon_days": span}} if "settings" in model else model
        for name, model in MODELS.items()
    }
    write_run(root, scores.reset_index(drop=True), {"shop": "seeded", "models": models, "as_of": str(day)})
    return scores


def close(tmp_path: Path, shop: Tables, data_hash: str = "one") -> list[ledger.Closed]:
    return ledger.close(tmp_path / "ledger", tmp_path / "scores", shop, data_hash=data_hash, shop="seeded")


def test_each_score_meets_what_happened_in_its_window(shop: Tables, tmp_path: Path) -> None:
    scores = scored(shop, tmp_path / "scores")
    closed = {part.facts.part: part for part in close(tmp_path, shop)}
    outcome = window_outcome(shop, SHOP_CUT, SPAN, scores.index)
    value = closed["clv"].rows.set_index("customer_id")["actual"]
    left = closed["churn"].rows.set_index("customer_id")["actual"]
    assert value.to_dict() == outcome["value"].to_dict()
    assert left.to_dict() == (outcome["orders"] == 0).astype(float).to_dict()
    assert [part.rows.equals(closed[part.facts.part].rows) for part in ledger.read(tmp_path / "ledger")] == [
        True,
        True,
    ]


def test_closing_again_changes_nothing(shop: Tables, tmp_path: Path) -> None:
    scored(shop, tmp_path / "scores")
    close(tmp_path, shop)
    before = {path: path.read_bytes() for path in (tmp_path / "ledger").rglob("*.parquet")}
    assert close(tmp_path, shop) == []
    assert close(tmp_path, shop, data_hash="a longer extract") == []  # the outcomes are the same
    assert {path for path in (tmp_path / "ledger").rglob("*") if path.is_file()} == set(before)


def test_a_date_that_is_scored_again_counts_once(shop: Tables, tmp_path: Path) -> None:
    """Customers counted twice would look like twice the evidence: the intervals would be too narrow."""
    first = scored(shop, tmp_path / "scores")
    close(tmp_path, shop)
    once = outcome_lines(ledger.read(tmp_path / "ledger"))
    again = first.assign(historic_clv=1.0)
    manifest = {"shop": "seeded", "models": MODELS, "as_of": str(SHOP_CUT)}
    served = write_run(tmp_path / "scores", again.reset_index(drop=True), manifest)
    for data_hash in ("one", "one", "two"):
        close(tmp_path, shop, data_hash)
        known = ledger.read(tmp_path / "ledger")
        assert {closed.facts.run for closed in known} == {served.name}
        assert outcome_lines(known) == once
    assert {line.customers for line in once} == {len(first)}


def test_a_window_that_is_not_over_stays_open(shop: Tables, tmp_path: Path) -> None:
    scored(shop, tmp_path / "scores", span=3000.0)
    assert close(tmp_path, shop) == []
    assert not (tmp_path / "ledger").exists()


def test_what_became_known_after_the_window_changes_no_outcome(shop: Tables, tmp_path: Path) -> None:
    scored(shop, tmp_path / "scores")
    whole = close(tmp_path, shop)
    early = ledger.close(
        tmp_path / "other", tmp_path / "scores", truncated(shop, SHOP_CUT + SPAN.delta), data_hash="x", shop="seeded"
    )
    # the last day may be half a day, so a shop that ends with the window has not closed it
    assert early == []
    day_later = truncated(shop, date.fromordinal((SHOP_CUT + SPAN.delta).toordinal() + 8))
    again = ledger.close(tmp_path / "third", tmp_path / "scores", day_later, data_hash="x", shop="seeded")
    assert [part.rows.equals(other.rows) for part, other in zip(whole, again, strict=True)] == [True, True]


def test_a_correction_revises_the_outcome_and_says_so(shop: Tables, tmp_path: Path) -> None:
    scored(shop, tmp_path / "scores")
    close(tmp_path, shop)
    orders = shop.orders.assign(net=shop.orders["net"] * 2)
    revised = close(tmp_path, Tables({**shop.frames, "orders": orders}, shop.currency), data_hash="two")
    assert [part.facts.part for part in revised] == ["clv"]
    assert ledger.read(tmp_path / "ledger")[1].facts.data_hash == "two"


def test_another_shops_scores_stay_out(shop: Tables, tmp_path: Path) -> None:
    scored(shop, tmp_path / "scores")
    assert ledger.close(tmp_path / "ledger", tmp_path / "scores", shop, data_hash="x", shop="other") == []


def test_a_damaged_ledger_is_named(shop: Tables, tmp_path: Path) -> None:
    scored(shop, tmp_path / "scores")
    close(tmp_path, shop)
    path = next((tmp_path / "ledger").rglob("*clv.parquet"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DamagedFile, match=r"clv\.parquet"):
        ledger.read(tmp_path / "ledger")


@pytest.mark.parametrize("by", ["version", "rfm_group", "cohort", "as_of"])
def test_lines_add_up_to_the_whole_in_every_grouping(shop: Tables, tmp_path: Path, by: str) -> None:
    scores = scored(shop, tmp_path / "scores")
    lines = outcome_lines(close(tmp_path, shop), by)
    outcome = window_outcome(shop, SHOP_CUT, SPAN, scores.index)
    value = [line for line in lines if line.part == "clv"]
    assert sum(line.customers for line in value) == len(scores)
    assert sum(line.outcome.actual for line in value) == pytest.approx(outcome["value"].sum())
    churn = [line for line in lines if line.part == "churn"]
    left = sum(line.outcome.actual.estimate * line.customers for line in churn)
    assert left == pytest.approx((outcome["orders"] == 0).sum())


def test_a_broken_promise_is_measured(shop: Tables, tmp_path: Path) -> None:
    scored(shop, tmp_path / "scores")
    churn = next(part for part in close(tmp_path, shop) if part.facts.part == "churn")
    found = excess_loss(churn)
    assert found is not None
    # a probability of one half loses ln 2 whatever happens, and training promised .5
    assert found.actual == pytest.approx(np.log(2))
    assert found.excess.lower == pytest.approx(np.log(2) - 0.5)
    unpromised = replace(churn, facts=replace(churn.facts, expected={}))
    assert excess_loss(unpromised) is None


def test_a_line_stands_under_the_name_that_it_is_grouped_by(shop: Tables, tmp_path: Path) -> None:
    """As ``cvo outcomes --json`` has always had it."""
    scored(shop, tmp_path / "scores")
    value, churn = (line.to_json() for line in outcome_lines(close(tmp_path, shop), "as_of"))
    keys = ["part", "as_of", "customers", "predicted", "came"]
    assert list(value) == [*keys, "bias", "top_decile_share", "interval_coverage"]
    assert list(churn) == [*keys, "log_loss", "auc", "slope", "lift_top_decile"]
    assert (value["part"], value["as_of"]) == ("clv", str(SHOP_CUT))
    assert set(churn["came"]) == {"estimate", "lower", "upper", "level"}
