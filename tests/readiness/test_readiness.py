"""Readiness: what the tables hold, what can be trained, why not, and what would help."""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.jobs import ChurnJob, IcpJob
from cvo_ml.config.readiness import ChurnMinima, ReadinessPolicy
from cvo_ml.core.units import Horizon
from cvo_ml.features.engine import engine
from cvo_ml.ingest import ReadResult, read_frame, read_shop, sample_shop
from cvo_ml.readiness import Readiness, readiness
from cvo_ml.readiness.subscriptions import assess_subscriptions
from tests.builders import shop_of
from tests.ingest.conftest import shop
from tests.ingest.test_public_data import declared_shop
from training.churn.dataset import windows_of
from training.churn.sections import sections_of as churn_sections
from training.icp.fit_customers import labelled, split_in_time
from training.icp.sections import sections_of

SPAN = Horizon("90D")


def made(customers: int, orders_each: int, days: int = 400, seed: int = 0, **declared: Any) -> ReadResult:
    """A shop whose customers order ``orders_each`` times, at random days from 2023-01-01."""
    rng = np.random.default_rng(seed)
    n = customers * orders_each
    moments = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, max(days, 1), n), unit="D")
    ids = np.repeat([f"C{c}" for c in range(customers)], orders_each)
    frame = pd.DataFrame({"order": range(n), "customer": ids, "date": moments, "amount": rng.gamma(2, 20, n).round(2)})
    return read_frame(frame, shop(**declared))


@cache
def sample() -> ReadResult:
    return read_shop(sample_shop())


@cache
def of_the_sample() -> Readiness:
    return readiness(sample(), as_of=date(2011, 12, 9), horizon=SPAN)


def verdict(report: Readiness, model: str) -> Any:
    return next(found for found in report.models if found.model == model)


class TestContents:
    def test_the_sample_is_described_as_pandas_says(self) -> None:
        found, orders = of_the_sample().contents, sample().tables.orders
        orders = orders[orders["ordered_at"] < "2011-12-09"]
        days = orders.assign(day=orders["ordered_at"].dt.date).groupby("customer_id")["day"].nunique()
        assert (found.orders, found.customers) == (len(orders), len(days))
        assert found.repeat_customers == (days > 1).sum()
        assert found.one_time_share == pytest.approx((days == 1).mean())
        assert found.net == pytest.approx(orders["net"].sum())
        assert found.longest_silence_days == 11  # Christmas 2010
        assert (found.silence_from, found.currency) == ("2010-12-23", "GBP")

    def test_rows_on_or_after_as_of_are_not_looked_at(self) -> None:
        early = readiness(sample(), as_of=date(2011, 6, 1), horizon=SPAN)
        cut = readiness(read_shop(sample_shop(), as_of=date(2011, 6, 1)), as_of=date(2011, 6, 1), horizon=SPAN)
        ignored = {"tables", "quarantined_share"}
        assert {k: v for k, v in early.contents.to_json().items() if k not in ignored} == {
            k: v for k, v in cut.contents.to_json().items() if k not in ignored
        }
        assert early.models == cut.models

    def test_gaps_and_silence_are_in_days(self) -> None:
        days = pd.to_datetime(["2024-01-01", "2024-01-11", "2024-01-31"])
        frame = pd.DataFrame({"order": [1, 2, 3], "customer": "C", "date": days, "amount": 5})
        found = readiness(read_frame(frame, shop()), as_of=date(2024, 3, 1), horizon=SPAN).contents
        assert (found.gap_median_days, found.longest_silence_days, found.silence_from) == (15.0, 19, "2024-01-11")
        assert (found.span_days, found.days_since_last_order) == (60.0, 30.0)

    def test_freshness_is_against_extracted_at(self) -> None:
        result = made(20, 3, extracted_at=datetime(2025, 1, 1))
        report = readiness(result, as_of=date(2024, 3, 1), horizon=SPAN)
        assert report.contents.days_since_last_order > 300
        assert any("the last order is" in warning for warning in report.warnings)


class TestModels:
    def test_the_sample_can_train_everything_but_its_value_is_wide(self) -> None:
        report = of_the_sample()
        assert [(found.model, found.status) for found in report.models] == [
            ("clv", "thin"), ("churn", "ready"), ("icp", "ready"),
        ]  # fmt: skip
        assert verdict(report, "clv").expected_width == pytest.approx(0.23, abs=0.02)
        assert verdict(report, "churn").expected_width == pytest.approx(0.019, abs=0.002)

    def test_a_small_shop_is_told_reason_and_help(self) -> None:
        report = readiness(made(60, 5), as_of=date(2024, 2, 1), horizon=SPAN)
        # of CLV a formula serves without a model of purchases, so training does not refuse
        for name, status in (("clv", "thin"), ("churn", "refused"), ("icp", "refused")):
            found = verdict(report, name)
            assert found.status == status, name
            assert found.reasons
            assert found.helps
        assert "58 customers bought again" in verdict(report, "clv").reasons[0]

    def test_a_shop_without_any_value_cannot_train_what_predicts_value(self) -> None:
        """Every order is 0: the column is mapped wrong, or the prices were not exported."""
        rng = np.random.default_rng(0)
        moments = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 500, 9000), unit="D")
        customers = [f"C{number}" for number in rng.integers(0, 1500, 9000)]
        frame = pd.DataFrame({"order": range(9000), "customer": customers, "date": moments, "amount": 0.0})
        report = readiness(read_frame(frame, shop()), as_of=date(2024, 5, 15), horizon=SPAN)
        assert {found.model: found.status for found in report.models} == {
            "clv": "refused", "churn": "ready", "icp": "refused",
        }  # fmt: skip
        assert verdict(report, "clv").reasons == ("no order has a value above 0, so there is no value to predict",)
        assert (
            "no customer of 998 brought a value above 0 after the first order within 60D"
            in verdict(report, "icp").reasons[0]
        )
        assert any(warning.startswith("no order has a value above 0: no value") for warning in report.warnings)

    def test_repeat_orders_without_value_leave_clv_to_the_formula(self) -> None:
        """Free samples after a paid first order: many come again, none for money."""
        rng = np.random.default_rng(0)
        first = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 200, 2000), unit="D")
        again = first + pd.to_timedelta(rng.integers(1, 60, 2000), unit="D")
        frame = pd.DataFrame({"order": range(4000), "customer": [f"C{n}" for n in range(2000)] * 2,
                              "date": [*first, *again], "amount": [20.0] * 2000 + [0.0] * 2000})  # fmt: skip
        found = verdict(readiness(read_frame(frame, shop()), as_of=date(2024, 2, 1), horizon=SPAN), "clv")
        assert found.status == "thin"
        assert (
            "2,000 customers bought again before the last 90D, but only 0 of them for a value above 0"
            in found.reasons[0]
        )

    def test_the_shop_is_refused_where_the_lookalike_job_is(self) -> None:
        """Readiness counts those to learn from as the job does: without the last 40 % and the age before."""
        read, customers = made(900, 4, days=300), sections_of(IcpJob()).customers
        rows = labelled(read.tables, date(2023, 12, 1), customers)
        learn, _ = split_in_time(rows, customers)
        found = verdict(readiness(read, as_of=date(2023, 12, 1), horizon=SPAN), "icp")
        assert found.numbers["customers_with_known_value"] == len(rows)
        assert found.numbers["most_valuable"] == rows["is_top"].sum()
        assert found.numbers["positives"] == learn["is_top"].sum()

    def test_one_time_buyers_alone_leave_clv_to_the_formula(self) -> None:
        found = verdict(readiness(made(3000, 1), as_of=date(2024, 2, 1), horizon=SPAN), "clv")
        assert (found.status, found.reasons[0][:1]) == ("thin", "0")
        assert "customers who buy again" in found.helps[0]

    def test_a_short_history_refuses_churn_and_names_a_horizon_that_fits(self) -> None:
        found = verdict(readiness(made(2000, 3, days=150), as_of=date(2023, 5, 31), horizon=SPAN), "churn")
        assert found.status == "refused"
        assert found.helps == ("a longer history", "a horizon of at most 60D")
        again = readiness(made(2000, 3, days=150), as_of=date(2023, 5, 31), horizon=Horizon("60D"))
        assert "closed windows" not in str(verdict(again, "churn").reasons)

    def test_more_customers_narrow_what_is_planned(self) -> None:
        widths = [
            verdict(readiness(made(n, 4), as_of=date(2024, 2, 1), horizon=SPAN), "clv").expected_width
            for n in (400, 1600, 6400)
        ]
        assert widths[0] > 1.7 * widths[1] > 1.7 * 1.7 * widths[2]

    def test_the_planned_width_of_the_sample_holds_what_came(self) -> None:
        """The value of the last 90 days, predicted by the mean of the 90 days before, lies within the planned width."""
        orders = sample().tables.orders
        cut, start = pd.Timestamp("2011-06-01"), pd.Timestamp("2011-06-01") - pd.Timedelta(days=90)
        report = readiness(sample(), as_of=cut.date(), horizon=SPAN)
        before = orders[orders["ordered_at"] < start]["customer_id"].unique()
        window = orders[(orders["ordered_at"] >= start) & (orders["ordered_at"] < cut)]
        mean = window[window["customer_id"].isin(before)]["net"].sum() / len(before)
        customers = orders[orders["ordered_at"] < cut]["customer_id"].unique()
        later = orders[(orders["ordered_at"] >= cut) & (orders["ordered_at"] < cut + pd.Timedelta(days=90))]
        came = later[later["customer_id"].isin(customers)]["net"].sum()
        width = verdict(report, "clv").expected_width
        assert abs(came / (mean * len(customers)) - 1) < 2 * width

    def test_minima_come_from_the_policy(self) -> None:
        policy = ReadinessPolicy(churn=ChurnMinima(of_each_outcome=5))
        report = readiness(made(60, 5), as_of=date(2024, 2, 1), horizon=SPAN, policy=policy)
        assert verdict(report, "churn").status == "thin"

    def test_no_orders_before_the_cut(self) -> None:
        report = readiness(made(60, 5), as_of=date(2022, 1, 1), horizon=SPAN)
        assert {found.status for found in report.models} == {"refused"}
        assert (report.contents.repeat_share, report.contents.value_cv) == (None, None)
        assert "There are no orders before the cut." in report.lines()

    @pytest.mark.usefixtures("shared_data")
    def test_subscriptions_alone_are_refused_as_training_refuses_them(self) -> None:
        report = readiness(read_shop(declared_shop("ravenstack_saas")), as_of=date(2024, 12, 31), horizon=SPAN)
        found = verdict(report, "contractual churn")
        assert (found.status, found.code) == ("refused", "no_customers")

    def test_a_contract_is_judged_by_customers_who_left_and_a_change_of_plan_leaves_nobody(self) -> None:
        n = 400
        ids, plans = [f"c{i}" for i in range(n)], ["s", "m"]
        orders = [(f"o{i}", who, "2023-02-01", 9.0) for i, who in enumerate(ids)]
        begun, switched = pd.Timestamp("2023-01-10"), pd.Timestamp("2023-11-20")
        first = pd.DataFrame({"customer_id": ids, "started_at": begun, "ended_at": switched, "plan": plans[0]})
        stays = first.iloc[:300].assign(started_at=switched, ended_at=pd.NaT, plan=plans[1])
        held = pd.concat([first, stays], ignore_index=True).assign(status="active", mrr=9.0)
        held.insert(0, "subscription_id", [f"s{i}" for i in range(len(held))])
        held = held.astype(dict.fromkeys(("started_at", "ended_at"), "datetime64[us]"))
        held = held.astype(dict.fromkeys(("subscription_id", "customer_id", "plan", "status"), "str"))
        tables = shop_of(orders, subscriptions=held)
        with engine(tables) as opened:
            found = assess_subscriptions(opened, date(2024, 1, 1), SPAN, ChurnMinima(of_each_outcome=10))
        # 400 subscriptions ended, 300 of them by a change of plan
        assert found.numbers == {"left_in_the_last_window": 100.0, "stayed": 300.0}
        job = ChurnJob(definition="subscription_ended", horizon=SPAN)
        learnt = windows_of(tables, [date(2023, 10, 3)], churn_sections(job).dataset)
        assert [int(window.churned.sum()) for window in learnt] == [100]


class TestReport:
    def test_it_is_json_without_nan(self) -> None:
        for report in (of_the_sample(), readiness(made(3, 1), as_of=date(2022, 1, 1), horizon=SPAN)):
            text = json.dumps(report.to_json(), allow_nan=False)
            assert set(json.loads(text)) == {"as_of", "horizon", "contents", "models", "anchors", "warnings", "reads"}

    def test_its_lines_say_each_model_and_anchor(self) -> None:
        text = "\n".join(of_the_sample().lines())
        for part in ("18,361 orders of 4,333 customers", "clv: thin", "churn: ready", "Klaviyo", "would help: about",
                     "17% of the refunds name no order"):  # fmt: skip
            assert part in text

    def test_anchors_say_what_is_missing(self) -> None:
        klaviyo = readiness(made(300, 3, days=100), as_of=date(2023, 6, 1), horizon=SPAN).anchors[0]
        assert not klaviyo.met
        assert klaviyo.missing == (
            "500 customers (here 300)",
            "180 days of history (here 151)",
            "an order in the last 30 days (here 52 days ago)",
        )
        assert all(anchor.met for anchor in of_the_sample().anchors)

    def test_a_hole_and_giants_are_noticed(self) -> None:
        days = [*pd.date_range("2024-01-01", periods=50), *pd.date_range("2024-04-01", periods=50)]
        frame = pd.DataFrame({"order": range(100), "customer": "C", "date": days, "amount": [1.0] * 99 + [5000.0]})
        warnings = readiness(read_frame(frame, shop()), as_of=date(2024, 6, 1), horizon=SPAN).warnings
        assert any("no orders for 41 days after 2024-02-19" in warning for warning in warnings)
        assert any("1 orders are more than 100 times the median" in warning for warning in warnings)
        assert any("no costs" in warning for warning in warnings)
