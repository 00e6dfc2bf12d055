"""What holds for every command: the log, old names, and standard output for results alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cvo_ml.cli import main
from cvo_ml.core.workspace import Workspace
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.workflows.score import ScoreRequest, score
from tests.builders import SHOP_CUT
from tests.workflows.shops import seeded_files

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], churn_bundle: Bundle
) -> Run:
    """Run the command line in a folder whose ``out`` holds the scored seeded shop; code, output and complaints."""
    monkeypatch.chdir(tmp_path)
    request = ScoreRequest(shop=seeded_files(tmp_path), as_of=SHOP_CUT, with_report=False)
    score(request, Workspace(Path("out"), Path("mlruns")), LoadedModels.of(churn_bundle))

    def _run(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["cvo", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return _run


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_log_is_lines_of_json_with_one_run_and_the_result_stays_alone(run: Run, place: str) -> None:
    plain = run("outcomes", "--json")
    command = ("--log-json", "outcomes", "--json") if place == "before" else ("outcomes", "--json", "--log-json")
    code, out, err = run(*command)
    assert code == 0
    assert json.loads(out) == json.loads(plain[1])
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["message"] for line in lines] == ["outcomes begins", "the shop's rows are read", "outcomes is done"]
    assert len({line["run"] for line in lines}) == 1
    assert lines[1]["rows_in"] == lines[1]["used"] + lines[1]["quarantined"] + lines[1]["excluded"]
    assert lines[-1]["seconds"] >= 0
    assert "c001" not in err  # no customer is in the log


def test_without_it_nothing_is_logged_but_warnings(run: Run) -> None:
    assert run("outcomes", "--json")[2] == ""
    assert "outcomes is done" in run("outcomes", "--json", "--verbose")[2]


def test_a_log_line_of_an_error_keeps_its_sentence_out(run: Run) -> None:
    code, out, err = run("outcomes", "--by", "rfm_group", "--horizon", "9999D", "--log-json")
    assert (code, out) == (2, "")
    *logged, complaint = err.splitlines()
    assert json.loads(logged[-1])["error"] == "UsageError"
    assert complaint.startswith("cvo: ")


def test_prioritize_is_plan_and_evaluate_under_their_old_name(run: Run) -> None:
    options = ("--budget", "20", "--set", "holdout.share=0.2", "--json")
    new, old = run("plan", *options), run("prioritize", *options)
    assert new[0] == old[0] == 0
    assert json.loads(new[1]) == json.loads(old[1])
    assert json.loads(new[1])["spent"] <= 20
    evaluated = (
        run("evaluate", "--horizon", "60D", "--json"),
        run("prioritize", "--evaluate", "--horizon", "60D", "--json"),
    )
    assert evaluated[0][0] == 0
    assert evaluated[0] == evaluated[1]
    assert json.loads(evaluated[0][1])["horizon_days"] == 60
    shown = run("--help")[1]
    assert "evaluate" in shown
    assert "prioritize" not in shown


def test_one_customer_is_explained_and_scored_and_an_unknown_one_refused(run: Run) -> None:
    code, out, _ = run("explain", "c001", "--json")
    assert code == 0
    said = json.loads(out)
    assert (said["customer_id"], said["as_of"], said["changes"]["reason"]) == ("c001", str(SHOP_CUT), "no_earlier_run")
    assert {reasons["model"]: reasons["reason"] for reasons in said["reasons"]}["clv"] == "not_trained"
    code, out, err = run("explain", "C001", "--json")
    assert (code, out) == (2, "")
    assert "differs in upper and lower case alone" in err
    assert "c001" not in err
    code, _, err = run("score", "--as-of", str(SHOP_CUT), "--customer", "c001", "--prospects", "leads.csv")
    assert code == 2
    assert "give one of them" in err
