"""The demo on shops whose truth is known."""

import json
from pathlib import Path

import pytest

from cvo_ml.core.store import current_run
from tests.e2e.conftest import QUICK, Command


@pytest.fixture(scope="module")
def simulated_shop(cvo: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("simulated")
    ran = cvo("demo", "--simulated", "shop", "--size", 3000, *QUICK, cwd=folder)
    assert ran.returncode == 0, ran.stderr
    return folder, ran.stdout


def test_the_demo_says_how_far_scores_are_from_the_truth(simulated_shop: tuple[Path, str]) -> None:
    folder, said = simulated_shop
    assert "Against the known truth" in said
    truth = json.loads((folder / "demo" / "outcomes.json").read_text())["truth"]
    assert truth["value"]["rank_correlation"] > 0.4
    assert truth["value"]["top_decile_share"] <= truth["value"]["best_top_decile_share"]
    assert truth["value"]["regret"] == pytest.approx(
        truth["value"]["best_top_decile_share"] - truth["value"]["top_decile_share"]
    )
    assert truth["churn"]["mean_absolute_error"] < 0.35
    assert truth["alive"]["mean_p_alive_of_alive"] > truth["alive"]["mean_p_alive_of_dropped_out"]
    assert "known truth" in (folder / "demo" / "report.html").read_text()


def test_a_simulated_shop_is_read_like_any_other(simulated_shop: tuple[Path, str]) -> None:
    manifest = current_run(simulated_shop[0] / "demo" / "scores").manifest
    ledger = manifest["row_ledger"]
    assert ledger["rows_in"] == ledger["used"] > 10_000  # all tables together, none dirty
    assert any(line.startswith("Tables:") and "tickets" in line for line in manifest["readiness"])


def test_the_demo_runs_on_a_simulated_software_vendor(cvo: Command, tmp_path: Path) -> None:
    """Invoices are its orders until contractual churn exists."""
    ran = cvo("demo", "--simulated", "saas", "--size", 40_000, *QUICK, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "demo" / "report.html").is_file()
    assert "Against the known truth" in ran.stdout


def test_the_simulate_command_writes_tables_and_truth(cvo: Command, tmp_path: Path) -> None:
    ran = cvo("simulate", "shop", "world", "--size", 300, "--seed", 5, "--dirty", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    manifest = json.loads(ran.stdout)
    assert manifest["seed"] == 5
    assert {path.name for path in (tmp_path / "world").iterdir()} == {
        "tables", "truth", "manifest.json", "shop.yaml",
    }  # fmt: skip
    again = cvo("simulate", "shop", "world", "--size", 300, cwd=tmp_path)
    assert again.returncode == 2
    wrong = cvo("simulate", "bank", "other", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "use shop or saas" in wrong.stderr
