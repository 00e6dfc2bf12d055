"""``cvo check`` as a person runs it: on a file, with what stands on the screen and the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.cli import main, terminal

COLUMNS = "order_id=order,customer_id=customer,ordered_at=date,net=amount"
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line on a wide screen; exit code, and what was printed."""
    # a console measures its screen when it is made, which another test's import may have done already
    monkeypatch.setattr(terminal.console, "width", 200)

    def _run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["cvo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return _run


def file_of(folder: Path, customers: list[str], amounts: list[str]) -> Path:
    """A CSV of orders on days of 2023 and 2024, one row a customer and amount."""
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(
        np.random.default_rng(0).integers(0, 500, len(customers)), unit="D"
    )
    frame = pd.DataFrame({"order": [f"A{n}" for n in range(len(customers))], "customer": customers,
                          "date": days.strftime("%Y-%m-%d"), "amount": amounts})  # fmt: skip
    frame.to_csv(folder / "orders.csv", index=False)
    return folder / "orders.csv"


def test_a_shop_of_one_time_buyers_is_described_and_says_what_it_cannot_train(run: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, [f"C{n}" for n in range(3000)], ["20.00"] * 3000)
    code, said = run("check", str(path), "--columns", COLUMNS)
    assert code == 0
    assert "0% of the customers ordered on more than one day." in said
    assert "clv: thin – 0 customers bought again" in said
    assert "until then a formula serves, without probabilities" in said
    assert "customers who buy again" in said
    assert "churn: refused" in said
    assert "Traceback" not in said
    code, said = run("check", str(path), "--columns", COLUMNS, "--json")
    assert code == 0
    report = json.loads(said)
    assert report["contents"]["one_time_share"] == 1.0
    assert report["contents"]["gap_median_days"] is None
    assert report["models"]["clv"]["status"] == "thin"


def test_a_file_alone_is_answered_with_its_headers_and_what_to_write(run: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, ["C1"], ["5.00"])
    code, said = run("check", str(path))
    assert code == 2
    assert "--columns customer_id=customer,ordered_at=date,net=amount" in said
    assert "its headers are 'order', 'customer', 'date', 'amount'" in said
    pd.read_csv(path).to_parquet(tmp_path / "orders.parquet")
    assert "'amount'" in run("check", str(tmp_path / "orders.parquet"))[1]
    code, said = run("check", str(tmp_path / "gone.csv"))
    assert code == 2
    assert "gone.csv: no such file" in said


def test_a_date_far_after_the_others_is_asked_about(run: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, [f"C{n}" for n in range(300)], ["5.00"] * 300)
    path.write_text(path.read_text() + "X,C1,2999-01-01,5.00\n")
    code, said = run("check", str(path), "--columns", COLUMNS)
    assert code == 0
    assert "then 1 up to 2999-01-01: are these dates right?" in said
    assert "is an export missing" not in said


def test_the_allowed_share_of_faulty_rows_can_be_raised_and_lowered(run: Run, tmp_path: Path) -> None:
    path = file_of(
        tmp_path, [f"C{n % 50}" for n in range(200)], ["free" if n % 50 == 7 else "5.00" for n in range(200)]
    )
    code, said = run("check", str(path), "--columns", COLUMNS)
    assert code == 3
    assert "not a number in 2.0% of its rows, more than the 1.0% allowed" in said
    assert "max_bad_share (--max-bad-share)" in said
    code, said = run("check", str(path), "--columns", COLUMNS, "--max-bad-share", "0.03")
    assert code == 0
    assert "amount: not a number" in said


@pytest.mark.parametrize("share", ["-0.1", "1.5", "much"])
def test_a_share_that_is_none_is_wrong_usage(share: str, run: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, ["C1"], ["5.00"])
    code, said = run("check", str(path), "--columns", COLUMNS, "--max-bad-share", share)
    assert code == 2
    assert "--max-bad-share" in said


def test_a_currency_that_is_no_code_is_told_what_one_looks_like(run: Run, tmp_path: Path) -> None:
    path = file_of(tmp_path, ["C1"], ["5.00"])
    code, said = run("check", str(path), "--columns", COLUMNS, "--currency", "euro")
    assert code == 2
    assert "currency: 'euro' is no three-letter ISO code such as EUR" in said
    assert "pattern" not in said
