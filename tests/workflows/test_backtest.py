"""The walk through the past: its dates, its resumption, how it judges, and that no cut sees later rows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.models import CHURN, CLV, ICP
from cvo_ml.core.store import current_run, read_scores, served_runs
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Progress, Workspace
from cvo_ml.features.customer import customer_features
from cvo_ml.features.first_order import first_order_features
from cvo_ml.features.labels import is_closed
from cvo_ml.ingest import read_shop
from cvo_ml.models.icp import FirstOrderValue
from cvo_ml.monitoring.backtest import Backtest, stored_backtest
from cvo_ml.monitoring.outcomes import evaluate_icp
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.report.backtest import ranking, render, totals
from cvo_ml.workflows.backtest import BacktestRequest, backtest, cut_dates
from cvo_ml.workflows.outcomes import OutcomesRequest, outcomes
from cvo_ml.workflows.train import TrainAt, TrainingSettings
from tests.builders import seeded_shop
from training.jobs import train_at

SPAN, EVERY = Horizon("30D"), Horizon("60D")
SHORTEST = Horizon("30D")
#: Another library's likelihood, and a second model beside the first, which such a shop is too small for.
QUICK = ("clv.oracle_customers=0", "clv.hybrid.enabled=false", "churn.hazard.enabled=false")
#: A lookalike is compared at this age.
AGE = Horizon("45D")


def write_shop(folder: Path, until: str = "2024-06-30") -> Path:
    """Sixty customers, too few for most models: the walk is quick, and refusals are part of it."""
    folder.mkdir(parents=True, exist_ok=True)
    days = (date.fromordinal(date(2023, 1, 1).toordinal() + number) for number in range(500))
    rows = [f"c{number * 7 % 60},{day},{10 + number % 13}" for number, day in enumerate(days) if str(day) <= until]
    (folder / "orders.csv").write_text("\n".join(["client,date,total", *rows]) + "\n")
    shop = folder / "shop.yaml"
    shop.write_text(
        f"name: small\ncurrency: EUR\norder_id: generated\nsource: {{path: '{folder / 'orders.csv'}'}}\n"
        "columns: {customer_id: client, ordered_at: date, net: total}\n"
    )
    return shop


def walk(shop: Path, out: Path, train: TrainAt = train_at, **changes: object) -> Backtest:
    given = {"horizon": SPAN, "every": EVERY, "start": date(2023, 12, 1), "overrides": QUICK}
    request = BacktestRequest(shop=load_config(shop, ShopConfig), **{**given, **changes})
    return backtest(request, Workspace(out, out), train)


def test_every_cut_has_its_history_and_a_window_that_is_over(shop: Tables) -> None:
    cuts = cut_dates(shop, SPAN, EVERY, SHORTEST, None, None)
    first = shop.orders["ordered_at"].min().date()
    assert len(cuts) > 2
    assert cuts == sorted(cuts)
    assert all(is_closed(shop, cut, SPAN) for cut in cuts)
    assert cuts[0] >= first + SHORTEST.delta + 2 * SPAN.delta
    assert {(later - earlier).days for earlier, later in pairwise(cuts)} == {60}


def test_a_history_too_short_for_any_cut_is_refused(shop: Tables) -> None:
    with pytest.raises(DataError, match="give a longer history"):
        cut_dates(shop, Horizon("365D"), EVERY, SHORTEST, date(2030, 1, 1), None)


def test_an_interrupted_walk_goes_on_and_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    shop, cuts = write_shop(tmp_path / "shop"), []
    whole = walk(shop, tmp_path / "whole").to_json()

    def stopped(tables: Tables, as_of: date, settings: TrainingSettings, progress: Progress) -> LoadedModels:
        if cuts:
            raise KeyboardInterrupt
        cuts.append(as_of)
        return train_at(tables, as_of, settings, progress)

    def the_rest(tables: Tables, as_of: date, settings: TrainingSettings, progress: Progress) -> LoadedModels:
        assert as_of not in cuts
        return train_at(tables, as_of, settings, progress)

    with pytest.raises(KeyboardInterrupt):
        walk(shop, tmp_path / "out", stopped)
    resumed = walk(shop, tmp_path / "out", the_rest).to_json()
    assert resumed == json.loads((tmp_path / "out" / "backtest.json").read_text())
    assert len(whole["cuts"]) > 2
    for record in (*whole["cuts"], *resumed["cuts"]):
        record.pop("seconds")
    for line in (*whole["ledger"], *resumed["ledger"]):
        line.pop("run", None)
    assert resumed == whole


def test_lookalikes_are_judged_by_what_they_were_trained_for_as_by_cvo_outcomes(tmp_path: Path) -> None:
    """The same run, the same judgement; the settings of the model say whether the first order counts."""
    tables = seeded_shop(700)
    orders = tables.orders[["order_id", "customer_id", "ordered_at", "net"]]
    orders.assign(ordered_at=orders["ordered_at"].dt.strftime("%Y-%m-%d %H:%M:%S")).to_csv(
        tmp_path / "orders.csv", index=False
    )
    (tmp_path / "shop.yaml").write_text(
        f"name: seeded\ncurrency: EUR\nsource: {{path: '{tmp_path / 'orders.csv'}'}}\n"
        "columns: {order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, net: net}\n"
    )
    settings = {"setting": "shop", "age_days": AGE.days, "top_share": 0.2, "counts_first_order": False}

    def lookalikes(tables: Tables, as_of: date, _: TrainingSettings, progress: Progress) -> LoadedModels:
        rows = first_order_features(tables, as_of)
        model = FirstOrderValue().fit(rows, np.arange(len(rows)) % 3 == 0)
        bundle = replace(bundle_of(ICP.name, model, settings), facts={"shop": "seeded", "trained_as_of": str(as_of)})
        return LoadedModels.of(bundle, refused={CLV.name: "not_asked", CHURN.name: "not_asked"})

    cut, out = date(2023, 7, 1), tmp_path / "out"
    result = walk(tmp_path / "shop.yaml", out, lookalikes, start=cut, end=cut)
    (record,) = result.cuts
    shop = load_config(tmp_path / "shop.yaml", ShopConfig)
    again = outcomes(OutcomesRequest(shop=shop, horizon=SPAN), Workspace(out, out)).judged
    assert record.evaluation.icp == again.icp

    whole = read_shop(shop).tables
    scores = read_scores(current_run(out / "scores")).set_index("customer_id", drop=False)
    features = customer_features(whole, cut).reindex(scores.index)
    ours, other = (
        evaluate_icp(scores, features, whole, cut, AGE, {**settings, "counts_first_order": counts})
        for counts in (False, True)
    )
    assert record.evaluation.icp.auc == ours.auc
    assert ours.auc.estimate != pytest.approx(other.auc.estimate, abs=0.01)


def test_the_page_draws_every_cut_and_names_the_currency(tmp_path: Path) -> None:
    walk(write_shop(tmp_path / "shop"), tmp_path / "out")
    walked = stored_backtest(json.loads((tmp_path / "out" / "backtest.json").read_text()))
    cuts = walked.cuts
    drawn = ranking(cuts), totals(cuts, "EUR")
    assert [list(figure.data[0].x) for figure in drawn] == [[str(record.cut) for record in cuts]] * 2
    assert list(drawn[1].data[1].y) == [record.evaluation.value.amounts.actual_total for record in cuts]
    page = render(walked)
    assert "value of all customers (EUR)" in page
    assert all(str(record.cut) in page for record in cuts)


def test_a_folder_of_another_backtest_is_left_alone(tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop")
    walk(shop, tmp_path / "out", start=date(2024, 3, 1))
    before = (tmp_path / "out" / "backtest.json").read_bytes()
    with pytest.raises(UsageError, match="holds a backtest of other data or settings"):
        walk(shop, tmp_path / "out", horizon=Horizon("45D"))
    assert (tmp_path / "out" / "backtest.json").read_bytes() == before


def test_later_rows_change_no_cuts_scores(tmp_path: Path) -> None:
    early, late = write_shop(tmp_path / "early", until="2024-03-15"), write_shop(tmp_path / "late")
    same = {"start": date(2024, 1, 1), "end": date(2024, 2, 1)}
    for shop, out in ((early, "a"), (late, "b")):
        walk(shop, tmp_path / out, **same)
    hashes = [
        {day: run.manifest["scores_hash"] for day, run in served_runs(tmp_path / name / "scores")}
        for name in ("a", "b")
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 1
