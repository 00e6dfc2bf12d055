"""A wrong file is refused in one sentence and leaves nothing behind; a small shop gets reasons, not numbers."""

from pathlib import Path

import pytest

from cvo_ml.core.store import current_run, read_scores
from tests.e2e.conftest import Command

COLUMNS = "customer_id=client,ordered_at=date,net=total"
WRONG = {
    "a missing column": ("client,day,total\na,2024-01-01,5\n", ["orders.csv", "date"]),
    "a saved web page": ("<!doctype html><html><body>Please log in</body></html>\n", ["orders.csv", "web page"]),
    "a header only": ("client,date,total\n", ["orders.csv", "row"]),
    "mixed dates": (
        "client,date,total\n" + "".join(f"a,{day:02d}/03/2024,5\n" for day in range(1, 29)),
        ["orders.csv", "'date'", "16 rows", "13, 14, 15", "date_format"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_and_nothing_half_written_stays(case: str, cvo: Command, tmp_path: Path) -> None:
    text, words = WRONG[case]
    (tmp_path / "orders.csv").write_text(text)
    ran = cvo("demo", "--data", "orders.csv", "--columns", COLUMNS, cwd=tmp_path)
    assert ran.returncode == 3, ran.stderr
    assert [word for word in words if word not in ran.stderr] == []
    assert "Traceback" not in ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"orders.csv"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--data", "no.csv", "--columns", COLUMNS], "no.csv"),
        (["demo", "--data", "a.csv", "--shop", "b.yaml"], "two sources"),
        (["demo", "--columns", COLUMNS], "name it too"),
        (["train", "clv"], "--as-of"),
        (["train", "clw", "--as-of", "2011-09-10"], "no model 'clw'"),
        (["score", "--as-of", "10.09.2011"], "YYYY-MM-DD"),
        (["train", "clv", "--as-of", "2011-09-10", "--set", "clv.horizn=3D"], "did you mean 'horizon'"),
        (["train", "clv", "--as-of", "2011-09-10", "--set", "foo"], "is not job.key=value"),
        (["train", "clv", "--as-of", "2011-09-10", "--set", "churn.horizon=60D"], "not trained here"),
        (["demo", "--as-of", "2011-12-01"], "cannot be judged"),
        (["demo", "--data", "a.csv", "--simulated", "shop"], "leave --data and --shop out"),
        (["simulate", "shop", "world", "--size", "0"], "--size"),
        (["demo", "--out", "taken"], "taken"),
        (["train", "clv", "--as-of", "2011-09-10", "--mlruns", "taken"], "taken"),
    ],
)
def test_wrong_usage_says_what_to_do(arguments: list[str], words: str, cvo: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder is wanted")
    ran = cvo(*arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"taken"}


def test_scoring_without_models_names_the_command(cvo: Command, tmp_path: Path) -> None:
    ran = cvo("score", "--as-of", "2011-09-10", cwd=tmp_path)
    assert ran.returncode == 4
    assert "cvo train clv" in ran.stderr
    assert not list(tmp_path.iterdir())  # looking makes no database


def test_a_shop_too_small_for_any_model_still_gets_its_groups_and_reasons(cvo: Command, tmp_path: Path) -> None:
    lines = [f"c{n % 40},2023-{1 + n % 12:02d}-{1 + n % 27:02d},{10 + n}" for n in range(120)]
    (tmp_path / "orders.csv").write_text("\n".join(["client,date,total", *lines]) + "\n")
    ran = cvo("demo", "--data", "orders.csv", "--columns", COLUMNS, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    scores = read_scores(current_run(tmp_path / "demo" / "scores"))
    assert scores["clv_model"].eq("clv.formula").all()  # the last rung, which needs no fit
    assert scores["clv_reason"].str.contains("formula_has_no_probabilities").all()
    assert scores["churn_reason"].notna().all()
    assert scores["icp_reason"].notna().all()
    assert scores["rfm_group"].notna().all()
    assert "refused" in ran.stdout
    # nothing is known of who leaves, so only actions that let a customer grow are planned
    assert not scores["next_action"].isin(["win_back_offer", "win_back_postcard", "personal_call"]).any()
    assert scores["next_action"].notna().any()


def test_shops_that_carry_no_model_say_so_by_the_exit_code(cvo: Command, tmp_path: Path) -> None:
    lines = [f"c{n % 40},2023-{1 + n % 12:02d}-{1 + n % 27:02d},{10 + n}" for n in range(120)]
    (tmp_path / "orders.csv").write_text("\n".join(["client,date,total", *lines]) + "\n")
    columns = "{customer_id: client, ordered_at: date, net: total}"
    (tmp_path / "shop.yaml").write_text(
        f"name: small\ncurrency: EUR\norder_id: generated\nsource: {{path: orders.csv}}\ncolumns: {columns}\n"
    )
    ran = cvo("train", "churn", "icp", "--shop", "shop.yaml", "--as-of", "2023-12-01", cwd=tmp_path)
    assert ran.returncode == 4, ran.stderr
    assert "no model was trained" in ran.stderr
    # the step that comes next has reasons for what was refused, and goes on
    scored = cvo("score", "--shop", "shop.yaml", "--as-of", "2023-12-01", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    assert "Nobody is worth contacting: there is no clv (not_trained)" in " ".join(scored.stdout.split())
    scores = read_scores(current_run(tmp_path / "out" / "scores"))
    assert set(scores["clv_reason"]) == {"not_trained"}
    assert not {"not_trained"} & set(scores["churn_reason"].dropna())


def test_a_shop_that_gives_everything_away_is_reported_without_a_crash(cvo: Command, tmp_path: Path) -> None:
    lines = [f"c{n % 300},2023-{1 + n % 12:02d}-{1 + n % 27:02d},0" for n in range(3000)]
    (tmp_path / "orders.csv").write_text("\n".join(["client,date,total", *lines]) + "\n")
    ran = cvo("demo", "--data", "orders.csv", "--columns", COLUMNS, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "no ranking can be judged" in ran.stdout
    assert (tmp_path / "demo" / "report.html").is_file()


def test_a_database_that_is_none_is_named_and_left_alone(cvo: Command, tmp_path: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_text("not a database")
    ran = cvo("models", "list", cwd=tmp_path)
    assert ran.returncode == 2
    assert "mlflow.db: is not a database of MLflow" in ran.stderr
    assert (tmp_path / "mlruns" / "mlflow.db").read_text() == "not a database"
