"""The command lines whose outputs are frozen, in the order in which they run, and the folders they run in.

A scenario is a list of steps: a snapshot by name, or ``@stage`` where those failures of ``exit_codes.json`` run that
belong there. Snapshots are JSON on standard output; a step without a name serves later ones and only has to succeed.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
INPUTS: Final = HERE / "inputs"
SNAPSHOTS: Final = HERE / "snapshots"
EXIT_CODES: Final = HERE / "exit_codes.json"
FORMAT_1: Final = HERE / "format_1"
#: Small jobs. One thread: the shop is small, and waiting for another thread costs more than it brings.
CHURN: Final = (
    "--set churn.horizon=60D --set churn.trees.rounds=15 --set churn.most_snapshots=4 "
    "--set churn.trees.parameters.min_data_in_leaf=30 --set churn.stack=never "
    "--set churn.season_level=never --set churn.calibration.windows=2 --set churn.calibration.method=logistic"
)
CLV: Final = "--set clv.horizon=60D --set clv.validation_horizon=60D --set clv.oracle_customers=0"
#: What the first training tries beside, and later ones leave out.
WITH_HAZARD: Final = "--set churn.hazard.periods=2"
WITHOUT_HAZARD: Final = "--set churn.hazard.enabled=false"
WITH_HYBRID: Final = "--set clv.hybrid.trees.rounds=10 --set clv.hybrid.most_snapshots=2"
WITHOUT_HYBRID: Final = "--set clv.hybrid.enabled=false"
ICP: Final = "--set icp.trees.rounds=15 --set icp.top_share=0.3"
LEADS: Final = (
    "--set icp.setting=leads --set icp.age=60D --set icp.leads.decision=60D --set icp.bags=2 --set icp.trees.rounds=15"
)
SHOP: Final = "--shop shop.yaml"
FIRST: Final = "2023-02-01"
LATER: Final = "2023-04-01"


@dataclass(frozen=True)
class Step:
    """A command line of a scenario.

    Parameters
    ----------
    name:
        Of the snapshot; empty where the output is not frozen; ``@stage`` runs the failures of a stage.
    command:
        Without the leading ``cvo``.
    code:
        The exit code that it has.
    """

    name: str
    command: str = ""
    code: int = 0


#: From nothing to two registered churn models, two scored dates and their plans.
SHOP_SCENARIO: Final = (
    Step("@empty"),
    Step("simulate_shop", "simulate shop world --size 40 --seed 3 --json"),
    Step("check", f"check {SHOP} --as-of {FIRST} --horizon 60D --json"),
    Step("check_data", "check orders.csv --columns customer_id=client,ordered_at=date,net=total --currency EUR --json"),
    Step(
        "train",
        f"train clv churn icp {SHOP} --as-of {FIRST} {CLV} {WITH_HYBRID} {CHURN} {WITH_HAZARD} {ICP} --json",
    ),
    Step("@trained"),
    Step("score", f"score {SHOP} --as-of {FIRST} --out out --json"),
    Step("segment", f"segment {SHOP} --as-of {FIRST} --months 1 --out out --json"),
    Step(
        "segment_by_model",
        f"segment {SHOP} --as-of {FIRST} --months 0 --out out --dry-run --model kmeans --horizon 60D --json",
    ),
    Step("outcomes", "outcomes --out out --horizon 60D --json"),
    Step("outcomes_by_group", "outcomes --out out --horizon 60D --by rfm_group --json"),
    Step("prioritize", "prioritize --out out --budget 400 --set holdout.share=0.4 --json"),
    Step("prioritize_evaluate", "prioritize --evaluate --horizon 60D --out out --json"),
    Step("audience_meta", "audience --format meta --top 0.3 --out out --json"),
    Step("audience_google", "audience --format google --value predicted_clv --out out --json"),
    Step("", "report --out out"),
    Step("monitor", "monitor --out out --json"),
    Step("train_challenger", f"train churn {SHOP} --as-of {LATER} {CHURN} {WITHOUT_HAZARD} --json"),
    Step("models_list", "models list --json"),
    Step("models_show", "models show churn --json"),
    Step("models_show_champion", "models show clv --json"),
    Step("models_diff", "models diff churn --json"),
    Step("models_shadow", f"models shadow {SHOP} --as-of {LATER} --json"),
    Step("@challenged"),
    Step("models_promote", "models promote churn --force --reason 'a frozen test' --json"),
    Step("models_rollback", "models rollback churn --reason 'a frozen test' --json"),
    Step("", "models export churn --to dossiers"),
    Step("score_later", f"score {SHOP} --as-of {LATER} --out out --json"),
    Step("monitor_later", "monitor --out out --json"),
    Step("segment_later", f"segment {SHOP} --as-of {LATER} --months 1 --out out --json"),
    Step("outcomes_by_date", "outcomes --out out --by as_of --json"),
    Step("@scored"),
    Step("", f"score {SHOP} --as-of 2023-09-01 --out stale"),
    Step("monitor_alarms", "monitor --out stale --json", 4),
    Step("@stale"),
)
#: What needs no model of the shop: a walk of one date, a table without dates, a vendor's leads.
OTHER_SCENARIO: Final = (
    Step("train_static", "train churn --static static.csv --label churned --positive yes --json"),
    Step("train_leads", f"train icp --shop vendor.yaml --as-of 2023-07-01 {LEADS} --json"),
    Step("score_prospects", "score --prospects prospects.csv --shop vendor.yaml --as-of 2023-07-01 --out leads --json"),
    Step("@leads"),
    Step(
        "backtest",
        f"backtest {SHOP} --horizon 60D --from {FIRST} --until {FIRST} --out walk {CLV} {WITHOUT_HYBRID} {CHURN} "
        f"{WITHOUT_HAZARD} {ICP} --json",
    ),
)
#: How the run under ``format_1/out`` was made, with the exported models beside it.
STORED: Final = (
    f"score {SHOP} --as-of {FIRST} --models models --out out",
    f"segment {SHOP} --as-of {FIRST} --months 1 --out out",
    "outcomes --out out --horizon 60D",
    "prioritize --out out --budget 200 --set holdout.share=0.4",
)
#: What reads that run today: it needs no training. The answers are snapshots too.
STORED_SCENARIO: Final = (
    Step("stored_monitor", "monitor --out out --json"),
    Step("stored_outcomes", "outcomes --out out --horizon 60D --json"),
    Step("", "report --out out"),
    Step("stored_segment", f"segment {SHOP} --as-of {FIRST} --months 1 --out out --json"),
    Step("", f"score {SHOP} --as-of {FIRST} --models models --out again"),
    Step("", f"score {SHOP} --as-of {FIRST} --models first --out first_again"),
    Step("stored_prioritize", "prioritize --out out --budget 100 --set holdout.share=0.4 --json"),
    Step("stored_evaluate", "prioritize --evaluate --horizon 60D --out out --json"),
    Step("stored_audience", "audience --format meta --top 0.5 --out out --json"),
)
SCENARIOS: Final = {"shop": SHOP_SCENARIO, "other": OTHER_SCENARIO, "stored": STORED_SCENARIO}


def failures(stage: str) -> list[dict[str, Any]]:
    """The failures that run at a stage."""
    return [known for known in json.loads(EXIT_CODES.read_text(encoding="utf-8")) if known["stage"] == stage]


def prepared(folder: Path, scenario: str = "shop") -> Path:
    """A copy of the inputs to work in; for ``stored`` of what the old edition wrote, its registry unpacked."""
    if scenario != "stored":
        shutil.copytree(INPUTS, folder, dirs_exist_ok=True)
        return folder
    shutil.copytree(FORMAT_1, folder, dirs_exist_ok=True)
    with zipfile.ZipFile(FORMAT_1 / "mlruns.zip") as archive:
        archive.extractall(folder / "mlruns")
    shutil.copytree(folder / "models", folder / "first")
    shutil.rmtree(folder / "first" / "churn" / "export")
    shutil.copytree(folder / "first_bundle", folder / "first" / "churn" / "export")
    return folder


def steps_of(scenario: str) -> list[tuple[Step, dict[str, Any] | None]]:
    """The scenario with its failures in their places; beside a failure what is known of it."""
    found: list[tuple[Step, dict[str, Any] | None]] = []
    for step in SCENARIOS[scenario]:
        if step.name.startswith("@"):
            found += [(Step(step.name, known["command"], known["code"]), known) for known in failures(step.name[1:])]
        else:
            found.append((step, None))
    return found


def run(commands: Sequence[str], folder: Path, python: str = sys.executable) -> list[dict[str, Any]]:
    """Run command lines in a folder, in one process, and return the code, stdout and stderr of each."""
    plan, results = folder.parent / f"{folder.name}-plan.json", folder.parent / f"{folder.name}-results.json"
    plan.write_text(json.dumps([shlex.split(command) for command in commands]), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "160", "MLFLOW_TRACKING_URI": "", "NO_COLOR": "1"}
    ended = subprocess.run(
        [python, HERE / "driver.py", plan, results], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))
    return found
