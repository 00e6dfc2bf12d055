"""The walk through the past: its dates, its resumption, and that no cut sees later rows."""

from __future__ import annotations

import argparse
import json
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.store import served_runs
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features.labels import is_closed
from cvo_ml.monitoring.backtest import stored_backtest
from cvo_ml.report.backtest import ranking, render, totals
from training import backtest

SPAN, EVERY = Horizon("30D"), Horizon("60D")


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


def options(shop: Path, out: Path, **changes: object) -> argparse.Namespace:
    given = {
        "shop": str(shop), "out": str(out), "horizon": "30D", "every": "60D", "start": "2023-12-01", "end": None,
        "set": [], "follow_parent": False,
    }  # fmt: skip
    return argparse.Namespace(**{**given, **changes})


def test_every_cut_has_its_history_and_a_window_that_is_over(shop: Tables) -> None:
    job = ChurnJob(horizon=SPAN)
    cuts = backtest.cut_dates(shop, SPAN, EVERY, job, None, None)
    first = shop.orders["ordered_at"].min().date()
    assert len(cuts) > 2
    assert cuts == sorted(cuts)
    assert all(is_closed(shop, cut, SPAN) for cut in cuts)
    assert cuts[0] >= first + job.shortest_history.delta + 2 * SPAN.delta
    assert {(later - earlier).days for earlier, later in pairwise(cuts)} == {60}


def test_a_history_too_short_for_any_cut_is_refused(shop: Tables) -> None:
    with pytest.raises(DataError, match="give a longer history"):
        backtest.cut_dates(shop, Horizon("365D"), EVERY, ChurnJob(), date(2030, 1, 1), None)


def test_an_interrupted_walk_goes_on_and_ends_as_an_uninterrupted_one(tmp_path: Path, monkeypatch) -> None:
    shop = write_shop(tmp_path / "shop")
    backtest.walk(options(shop, tmp_path / "whole"))
    one_cut, calls = backtest.one_cut, []

    def interrupted(*arguments: object) -> dict:
        if len(calls) == 1:
            raise KeyboardInterrupt
        calls.append(arguments[2])
        return one_cut(*arguments)

    monkeypatch.setattr(backtest, "one_cut", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backtest.walk(options(shop, tmp_path / "out"))
    monkeypatch.setattr(backtest, "one_cut", one_cut)
    backtest.walk(options(shop, tmp_path / "out"))
    whole, resumed = (json.loads((tmp_path / name / "backtest.json").read_text()) for name in ("whole", "out"))
    assert len(calls) == 1
    assert len(whole["cuts"]) > 2
    for records in (whole["cuts"], resumed["cuts"]):
        for record in records:
            record.pop("seconds")
    assert resumed == whole


def test_the_page_draws_every_cut_and_names_the_currency(tmp_path: Path) -> None:
    backtest.walk(options(write_shop(tmp_path / "shop"), tmp_path / "out"))
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
    backtest.walk(options(shop, tmp_path / "out", start="2024-03-01"))
    before = (tmp_path / "out" / "backtest.json").read_bytes()
    with pytest.raises(UsageError, match="holds a backtest of other data or settings"):
        backtest.walk(options(shop, tmp_path / "out", horizon="45D"))
    assert (tmp_path / "out" / "backtest.json").read_bytes() == before


def test_later_rows_change_no_cuts_scores(tmp_path: Path) -> None:
    early, late = write_shop(tmp_path / "early", until="2024-03-15"), write_shop(tmp_path / "late")
    same = {"start": "2024-01-01", "end": "2024-02-01"}
    for shop, out in ((early, "a"), (late, "b")):
        backtest.walk(options(shop, tmp_path / out, **same))
    found = [
        {day: run.manifest["scores_hash"] for day, run in served_runs(tmp_path / name / "scores")}
        for name in ("a", "b")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 1
