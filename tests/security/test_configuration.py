"""ROBUSTNESS §3, Config: each bad setting is refused in a sentence that names file, key and remedy; and of dates, §2.

What was held before stands here too, so that the list is whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.cli import main
from cvo_ml.config.jobs import ChurnJob
from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError, DataError, ModelRefused, UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.features import window_outcome
from cvo_ml.features.customer import customer_features
from cvo_ml.ingest import read_shop
from cvo_ml.workflows.cut_dates import check_window, default_cut
from tests.builders import SHOP_CUT
from tests.ingest.conftest import orders_text, shop
from training.churn.fit import train_churn

ROOT = Path(__file__).resolve().parents[2]
SHOP = """
name: test
currency: EUR
source: {path: orders.csv}
columns: {order_id: order, customer_id: customer, ordered_at: date, net: amount}
"""
WRONG: dict[str, tuple[str, str]] = {
    "unknown key": ("currncy: EUR\n", r"key 'currncy' is unknown \(did you mean 'currency'\?\); allowed: "),
    "unknown nested key": ("source: {path: x, delimeter: ','}", r"'source.delimeter' is unknown \(did you mean 'delim"),
    "wrong type": ("max_bad_share: many\n", r"key 'max_bad_share': write a number \(found 'many'\)"),
    "list for a text": ("timezone: [UTC]\n", r"key 'timezone': write a text \(found \['UTC'\]\)"),
    "text for keys": ("columns: order\n", r"key 'columns': write 'key: value' lines \(found 'order'\)"),
    "number for a key": ("columns: {1: order}\n", r"write a text \(found 1\)"),
    "no as a currency": ("currency: no\n", r"key 'currency': 'no' is no three-letter ISO code"),
    "leading zero for a share": ("max_bad_share: 012\n", r"write a number of at most 1 \(found '012'\)"),
    "duplicate key": ("name: a\nname: b\n", r"key 'name' stands twice \(line \d+, column 1\)"),
    "bomb of anchors": ("a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]\n", r"anchors and aliases are not allowed \(line"),
    "unset variable": ("source: {path: '${CVO_TEST_NEVER_SET}/x.csv'}\n", r"CVO_TEST_NEVER_SET is not set: set it"),
    "address with a password": ("source: {path: 'postgresql://u:hunter22@host/db'}\n", "'source.path' holds a secret"),
    "password": ("profile: {a: 'password=hunter22'}\n", "'profile.a' holds a secret: keep it in"),
    "address of the web with a token": ("source: {path: 'https://hunter22@host/x.csv'}\n", "holds a secret"),
    "path outside the package": ("source: {path: 'sample://../../x.csv'}\n", r"sample://../../x.csv' leads out"),
    "infinite share": ("max_bad_share: .inf\n", r"key 'max_bad_share': write a"),
    "impossible date": ("extracted_at: 2024-13-45\n", r"is not valid YAML: month must be in 1..12"),
}  # fmt: skip


def without(key: str) -> str:
    return "".join(f"{line}\n" for line in SHOP.splitlines() if not line.startswith(f"{key}:"))


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_shop_file_says_where_and_what_to_write(case: str, tmp_path: Path) -> None:
    written, words = WRONG[case]
    path = tmp_path / "shop.yaml"
    path.write_text((written if case == "duplicate key" else without(written.split(":")[0])) + written)
    with pytest.raises(ConfigError, match=words) as refused:
        load_config(path, ShopConfig)
    assert str(refused.value).startswith(f"{path}: ")
    assert len(str(refused.value).splitlines()) == 1
    assert "hunter22" not in str(refused.value)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("horizon", ["0D", "-90D", "90", "90 days", ".1D", "101Y"])
def test_a_horizon_that_is_none_is_refused(horizon: str, tmp_path: Path) -> None:
    path = tmp_path / "churn.yaml"
    path.write_text(f"horizon: {horizon}\n")
    with pytest.raises(
        ConfigError, match=r"key 'horizon': horizon .* is (?:not a positive span|shorter than a day|longer)"
    ):
        load_config(path, ChurnJob)


class TestTheHorizonAndTheHistory:
    def test_a_horizon_longer_than_the_history_is_refused_before_a_cut_is_chosen(self, shop: Tables) -> None:
        with pytest.raises(
            DataError, match=r"a horizon of 2Y needs at least \d+ days: give a longer history or a shorter"
        ):
            default_cut(shop, Horizon("2Y"))

    def test_a_window_that_is_not_over_in_the_data_cannot_be_judged(self, shop: Tables) -> None:
        with pytest.raises(
            UsageError, match=r"the data end before .* cannot be judged: give an earlier --as-of or a shorter"
        ):
            check_window(shop, SHOP_CUT, Horizon("2Y"))

    def test_a_model_whose_windows_do_not_fit_is_refused(self, shop: Tables) -> None:
        with pytest.raises(ModelRefused, match="needs 2 closed windows") as refused:
            train_churn(shop, SHOP_CUT, ChurnJob(horizon=Horizon("300D")))
        assert refused.value.exit_code == 4

    def test_a_test_window_never_overlaps_what_was_learnt_from(self, shop: Tables) -> None:
        """It cannot be set: the cut ends what is learnt, and begins what is judged."""
        cut, horizon = SHOP_CUT, Horizon("60D")
        learnt = customer_features(shop, cut)
        later = {name: frame for name, frame in shop.frames.items() if name != "orders"}
        known = shop.orders[shop.orders["ordered_at"] < str(cut)]
        assert learnt.equals(customer_features(Tables({**later, "orders": known}, shop.currency), cut))
        inside = (shop.orders["ordered_at"] >= str(cut)) & (shop.orders["ordered_at"] < str(cut + horizon.delta))
        alone = Tables({**later, "orders": shop.orders[inside]}, shop.currency)
        judged = [window_outcome(tables, cut, horizon, learnt.index)["orders"] for tables in (shop, alone)]
        assert judged[0].equals(judged[1])
        assert judged[0].sum() > 100


def test_a_date_after_the_data_is_refused(tmp_path: Path) -> None:
    """Before, a score of the year 2199 was a score: everybody looked lost."""
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(orders_text(9)) + "\n")  # from January 2024
    assert len(read_shop(shop_of(path), as_of=date(2025, 1, 9)).tables.orders) == 9
    with pytest.raises(
        DataError, match=r"orders.csv: the data end on 2024-01-10, more than a year before as_of 2025-02-01"
    ):
        read_shop(shop_of(path), as_of=date(2025, 2, 1))
    with pytest.raises(DataError, match="give a newer extract, or an earlier as_of"):
        read_shop(shop_of(path), as_of=date(2199, 12, 31))


def shop_of(path: Path, **declared: Any) -> ShopConfig:
    return shop(path, **declared)


@pytest.mark.parametrize("command", ["score", "segment", "train"])
def test_a_missing_date_is_asked_for(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["cvo", command, *(["clv"] if command == "train" else [])])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--as-of" in capfd.readouterr().err


class TestTheCalendar:
    def test_a_leap_day_is_a_day(self, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text("order,customer,date,amount\nA1,C1,2024-02-28,1\nA2,C1,2024-02-29,2\nA3,C1,2024-03-01,4\n")
        read = read_shop(shop_of(path), as_of=parse_as_of("2024-02-29"))
        assert read.tables.orders["net"].tolist() == [1.0]
        assert read_shop(shop_of(path), as_of=date(2024, 3, 1)).tables.orders["net"].sum() == 3.0
        assert date(2024, 2, 29) + Horizon("365D").delta == date(2025, 2, 28)
        with pytest.raises(UsageError, match="as_of '2023-02-29' is not a date"):
            parse_as_of("2023-02-29")

    def test_the_hour_that_a_clock_change_skips_or_repeats_moves_no_order_to_another_day(self, tmp_path: Path) -> None:
        """By hand: 2024-03-31 01:30 does not exist in London, and 2024-10-27 01:30 is there twice."""
        path = tmp_path / "orders.csv"
        rows = ["A1,C1,2024-03-31T00:30:00,1", "A2,C1,2024-03-31T02:30:00,1", "A3,C1,2024-10-27T00:30:00,1",
                "A4,C1,2024-10-27T02:30:00,1"]  # fmt: skip
        path.write_text("\n".join(["order,customer,date,amount", *rows]) + "\n")
        times = read_shop(shop_of(path, timezone="Europe/London")).tables.orders["ordered_at"]
        assert [str(time) for time in sorted(times)] == [
            "2024-03-31 00:30:00", "2024-03-31 02:30:00", "2024-10-27 00:30:00", "2024-10-27 02:30:00",
        ]  # fmt: skip

    @pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu"])
    def test_the_zone_and_the_language_of_the_machine_change_nothing(self, zone: str, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text("\n".join(orders_text(40)) + "\n")
        program = (
            "import sys, hashlib; from datetime import date; from cvo_ml.ingest import read_shop; "
            "from cvo_ml.features.customer import customer_features; from tests.ingest.conftest import shop; "
            "tables = read_shop(shop(sys.argv[1]), as_of=date(2024, 1, 20)).tables; "
            "frames = [tables.orders, customer_features(tables, date(2024, 1, 20)).reset_index()]; "
            "print(hashlib.sha256(''.join(frame.to_csv() for frame in frames).encode()).hexdigest())"
        )
        found = [
            subprocess.run(
                [sys.executable, "-c", program, str(path)],
                cwd=ROOT,
                env={**os.environ, **ambient},
                text=True,
                capture_output=True,
                check=True,
            ).stdout
            for ambient in ({"TZ": "UTC", "LC_ALL": "C"}, {"TZ": zone, "LC_ALL": "C.UTF-8"})
        ]
        assert found[0] == found[1]
