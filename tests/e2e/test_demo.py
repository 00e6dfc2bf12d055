"""The main job on real data: UCI Online Retail, the sample that comes with the package."""

import csv
import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.scores import REASON_COLUMNS, columns_of, scores_hash
from cvo_ml.core.store import current_run, read_scores, read_table
from cvo_ml.ingest import sample_shop
from tests.e2e.conftest import QUICK, Command

Demo = tuple[Path, str]


def test_rows_in_are_used_or_excluded_by_a_named_rule(demo: Demo) -> None:
    ledger = current_run(demo[0] / "demo" / "scores").manifest["row_ledger"]
    assert ledger["rows_in"] == 541_909  # UCI Online Retail's number of rows
    assert ledger["excluded"]["guest (no customer)"] == 135_080  # and of rows without CustomerID
    assert ledger["rows_in"] == ledger["used"] + sum(ledger["quarantined"].values()) + sum(ledger["excluded"].values())


def test_every_customer_known_is_scored_or_has_a_reason(demo: Demo) -> None:
    run = current_run(demo[0] / "demo" / "scores")
    scores = read_scores(run)
    assert scores["customer_id"].is_unique
    for ledger in run.manifest["customer_ledgers"].values():
        assert ledger["known"] == len(scores) == ledger["scored"] + sum(ledger["ineligible"].values())
    for group, reason in REASON_COLUMNS.items():
        assert not (scores[columns_of(group)].isna().any(axis=1) & scores[reason].isna()).any()


def test_the_value_ranking_beats_recency_rfm_and_the_formula_after_the_cut(demo: Demo) -> None:
    outcomes = json.loads((demo[0] / "demo" / "outcomes.json").read_text())
    assert outcomes["as_of"] == "2011-09-10"
    assert outcomes["horizon_days"] == 90
    shares = {row["name"]: row["top_decile_share"]["estimate"] for row in outcomes["value"]["rankings"]}
    assert max(shares, key=lambda name: shares[name]) == "predicted_clv"
    assert all(lead["lower"] > 0 for lead in outcomes["value"]["lead"].values())
    assert outcomes["churn"]["auc_lead"]["lower"] > 0
    assert "held out" in outcomes["actions"]


def test_the_three_models_are_tracked_runs_with_plots_and_champions(demo: Demo) -> None:
    database = sqlite3.connect(demo[0] / "mlruns" / "mlflow.db")
    query = "select e.name, r.status, count(*) from runs r join experiments e using (experiment_id) group by 1, 2"
    runs = {(name, status): count for name, status, count in database.execute(query)}
    names = [f"online_retail-{model}" for model in ("churn", "clv", "icp")]
    assert runs == {(name, "FINISHED"): 1 for name in names} | {("appointments", "FINISHED"): 3}
    aliases = database.execute("select name, alias from registered_model_aliases order by name").fetchall()
    assert aliases == [(name, "champion") for name in names]
    plots = {path.stem for path in (demo[0] / "mlruns" / "artifacts").rglob("plots/*.png")}
    assert {path.name for path in (demo[0] / "mlruns" / "artifacts").rglob("*") if path.is_file()} >= {
        "gate.json",
        "MODEL_CARD.md",
        "golden.json",
    }
    assert {"reliability", "holdout_by_decile", "frequency_recency", "gains", "importance"} <= plots
    metrics = {name for (name,) in database.execute("select distinct key from metrics")}
    assert {"oracle_log_likelihood_gap", "model_auc", "model_rmse"} <= metrics
    gap = database.execute("select value from metrics where key = 'oracle_log_likelihood_gap'").fetchone()[0]
    assert gap < 1e-9  # lifetimes evaluates our parameters to the same likelihood


def test_no_customer_is_in_a_run(demo: Demo) -> None:
    scores = read_scores(current_run(demo[0] / "demo" / "scores"))
    ids = [str(customer).encode() for customer in scores["customer_id"].iloc[::100]]
    for path in (demo[0] / "mlruns" / "artifacts").rglob("*"):
        if path.suffix in (".json", ".yaml", ".txt") and path.name != "trees.txt":
            words = set(path.read_bytes().replace(b'"', b" ").replace(b",", b" ").split())
            assert not words & set(ids), path


def test_the_list_is_in_order_and_safe_for_spreadsheets(demo: Demo) -> None:
    with (demo[0] / "demo" / "priorities.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["priority_rank"]) for row in rows] == list(range(1, len(rows) + 1))
    profits = [float(row["expected_profit_of_action"]) for row in rows]
    assert profits == sorted(profits, reverse=True)
    assert all(row["next_action"] == "" for row in rows if row["holdout"] == "True")
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]


def test_the_report_opens_without_a_network(demo: Demo) -> None:
    page = (demo[0] / "demo" / "report.html").read_text()
    own = page.split("</script>", 1)[1]  # after plotly's script
    assert "src=" not in own
    assert "https:" not in own
    for words in ("Whom to contact first", "Did the scores come true?", "Segments", "Models", "Data", "Assumption"):
        assert words in own


def test_who_counted_as_gone_and_came_back_is_said(demo: Demo) -> None:
    gone = json.loads((demo[0] / "demo" / "outcomes.json").read_text())["churn"]["gone"]
    scores = read_scores(current_run(demo[0] / "demo" / "scores"))
    assert gone["customers"] == (scores["churn_reason"] == "gone_already").sum()
    assert f"{gone['returned']:,}" in demo[1]


def test_nobody_has_more_at_stake_than_they_are_expected_to_bring(demo: Demo) -> None:
    scores = read_scores(current_run(demo[0] / "demo" / "scores"))
    plan = read_table(current_run(demo[0] / "demo" / "scores"), "plan")
    expected = scores.set_index("customer_id")["predicted_clv"].reindex(plan["customer_id"]).to_numpy()
    assert len(plan) > 1000
    assert (plan["value"] <= expected * (1 + 1e-9)).all()
    assert np.allclose(plan["value"] * plan["effect_lower"] - plan["cost"], plan["expected_profit"])


def test_the_output_says_what_to_try_next(demo: Demo) -> None:
    assert demo[1].count("uv run ") == 3


@pytest.mark.slow
def test_a_second_run_gives_the_same_scores(demo: Demo, cvo: Command, tmp_path: Path) -> None:
    """The next test shows it in passing: trained and scored anew in other processes, with the same hash."""
    ran = cvo("demo", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    first, second = (current_run(folder / "demo" / "scores") for folder in (demo[0], tmp_path))
    assert first.manifest["scores_hash"] == second.manifest["scores_hash"] == scores_hash(read_scores(second))


def test_rows_after_the_cut_change_no_score(demo: Demo, cvo: Command, tmp_path: Path) -> None:
    """The demo read the whole year; here the file ends at the cut, and training and scoring start anew."""
    whole = pd.read_parquet(_sample_file())
    whole[pd.to_datetime(whole["InvoiceDate"]) < "2011-09-10"].to_parquet(tmp_path / "early.parquet")
    shop = tmp_path / "shop.yaml"
    shop.write_text("name: online_retail\ncurrency: GBP\nadapter: online_retail\nsource: {path: early.parquet}\n")
    common = ("--shop", shop, "--as-of", "2011-09-10")
    horizons = ("clv.horizon=90D", "clv.validation_horizon=90D", "churn.horizon=90D")
    sets = [part for value in horizons for part in ("--set", value)]
    trained = cvo("train", "clv", "churn", "icp", *common, *sets, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    scored = cvo("score", *common, "--out", "out", "--json", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    manifest = current_run(demo[0] / "demo" / "scores").manifest
    assert json.loads(scored.stdout)["scores_hash"] == manifest["scores_hash"]
    second = current_run(tmp_path / "out" / "scores")
    assert second.manifest["scores_hash"] == manifest["scores_hash"] == scores_hash(read_scores(second))


def test_each_step_works_on_its_own(demo: Demo, cvo: Command) -> None:
    listed = cvo("models", "list", "--json", cwd=demo[0])
    assert [row["alias"] for row in json.loads(listed.stdout)["models"]] == ["champion"] * 3
    checked = cvo("check", "--json", cwd=demo[0])
    assert json.loads(checked.stdout)["row_ledger"]["rows_in"] == 541_909
    later = cvo("score", "--as-of", "2011-10-10", "--out", "later", "--json", cwd=demo[0])
    assert later.returncode == 0, later.stderr
    assert (demo[0] / "later" / "report.html").stat().st_size > 1_000_000
    judged = cvo("outcomes", "--horizon", "60D", "--out", "later", "--json", cwd=demo[0])
    found = json.loads(judged.stdout)
    assert found["horizon_days"] == 60
    assert found["value"]["reason"] == found["churn"]["reason"] == "another_horizon"  # both were predicted for 90
    assert cvo("report", "--out", "later", cwd=demo[0]).returncode == 0
    assert "predicted for 90 days, and this window has 60" in (demo[0] / "later" / "report.html").read_text()


def test_exported_champions_give_the_same_scores_without_mlflow(demo: Demo, cvo: Command, tmp_path: Path) -> None:
    for name in ("clv", "churn", "icp"):
        ran = cvo("models", "export", name, "--to", tmp_path / "models", cwd=demo[0])
        assert ran.returncode == 0, ran.stderr
    (tmp_path / "mlflow.py").write_text("raise ImportError('not installed here')\n")
    arguments = ("score", "--models", "models", "--as-of", "2011-09-10", "--json")
    ran = cvo(*arguments, cwd=tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert ran.returncode == 0, ran.stderr
    manifest = current_run(demo[0] / "demo" / "scores").manifest
    assert json.loads(ran.stdout)["scores_hash"] == manifest["scores_hash"]


def test_the_scores_of_one_shop_are_not_judged_by_anothers_orders(demo: Demo, cvo: Command, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("client,date,total\na,2023-01-01,5\n")
    shop = tmp_path / "other.yaml"
    columns = "{customer_id: client, ordered_at: date, net: total}"
    shop.write_text(
        f"name: other\ncurrency: GBP\nsource: {{path: orders.csv}}\ncolumns: {columns}\norder_id: generated\n"
    )
    before = (demo[0] / "demo" / "outcomes.json").read_bytes()
    ran = cvo("outcomes", "--shop", shop, "--out", "demo", cwd=demo[0])
    assert ran.returncode == 2, ran.stderr
    assert "'online_retail'" in ran.stderr
    assert "'other'" in ran.stderr
    assert (demo[0] / "demo" / "outcomes.json").read_bytes() == before


def test_a_champion_never_scores_a_date_before_its_training(demo: Demo, cvo: Command) -> None:
    ran = cvo("score", "--as-of", "2011-06-10", "--out", "early", cwd=demo[0])
    assert ran.returncode == 4
    assert "its scores would know the future" in ran.stderr
    assert not (demo[0] / "early").exists()


def _sample_file() -> Path:
    from importlib.resources import files

    assert sample_shop().currency == "GBP"
    return Path(str(files("cvo_ml.ingest").joinpath("sample", "online_retail.parquet")))


@pytest.mark.parametrize(
    ("columns", "file"),
    [
        ("customer_id=customer_id,ordered_at=date,net=amount", "cdnow/cdnow_master.csv.gz"),
        (
            "order_id=Order ID,customer_id=Customer ID,ordered_at=Order Date,net=Sales,product_id=Product ID,"
            "quantity=Quantity",
            "superstore/superstore.csv.gz",
        ),
    ],
    ids=["cdnow", "superstore"],
)
def test_the_demo_runs_on_someone_elses_orders(columns: str, file: str, cvo: Command, tmp_path: Path) -> None:
    data = Path(os.environ.get("CVO_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data")) / file
    if not data.is_file():
        pytest.skip(f"CVO_DATA has no {file}")
    ran = cvo("demo", "--data", data, "--columns", columns, "--currency", "USD", *QUICK, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    scores = read_scores(current_run(tmp_path / "demo" / "scores"))
    assert scores["predicted_clv"].notna().all()
    assert (tmp_path / "demo" / "report.html").is_file()
