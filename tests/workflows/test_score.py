"""Scoring as a use case: from any thread, process or folder the same run, and one writer at a time."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.store import current_run
from cvo_ml.core.workspace import Workspace
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.report import contact_list
from cvo_ml.workflows.plan import PlanRequest, plan
from cvo_ml.workflows.report import report
from cvo_ml.workflows.score import ScoreRequest, score
from tests.builders import SHOP_CUT
from tests.workflows.shops import Heard, seeded_files


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> ShopConfig:
    return seeded_files(tmp_path_factory.mktemp("seeded"))


@pytest.fixture(scope="module")
def models(churn_bundle: Bundle, icp_bundle: Bundle) -> LoadedModels:
    """Parsed once, as a server does."""
    return LoadedModels.of(churn_bundle, icp_bundle)


def request_for(shop: ShopConfig, with_report: bool = False) -> ScoreRequest:
    return ScoreRequest(shop=shop, as_of=SHOP_CUT, with_report=with_report)


def at(folder: Path) -> Workspace:
    return Workspace(folder / "out", folder / "mlruns")


def test_a_score_publishes_run_list_edges_shop_and_report(
    seeded: ShopConfig, models: LoadedModels, tmp_path: Path
) -> None:
    heard = Heard()
    workspace = Workspace(tmp_path / "out", tmp_path / "mlruns", progress=heard)
    result = score(request_for(seeded, with_report=True), workspace, models)
    assert current_run(workspace.scores).name == result.run.name
    assert json.loads(json.dumps(result.to_json())) == json.loads(json.dumps(dict(result.run.manifest)))
    for path in (workspace.priorities, workspace.shop_file, workspace.report, workspace.edges / "manifest.json"):
        assert path.is_file()
    assert [text.split()[0] for text in heard.steps] == ["Reading", "Scoring,", "Writing"]  # models were given


def test_everybodys_scores_as_one_csv_equal_the_run_and_go_with_it(
    seeded: ShopConfig, models: LoadedModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_list, "ROWS_AT_ONCE", 100)  # in pieces
    workspace = at(tmp_path)
    result = score(request_for(seeded).model_copy(update={"with_csv": True}), workspace, models)
    texts = {name: "str" for name, kind in result.scores.dtypes.items() if kind == "str"}
    listed = pd.read_csv(workspace.scores_list, dtype=texts)
    assert list(listed.columns) == [*result.scores.columns, "run"]
    assert set(listed["run"]) == {result.run.name}
    for name, values in result.scores.items():
        if pd.api.types.is_float_dtype(values) or name in texts:
            pd.testing.assert_series_equal(listed[str(name)], values, check_dtype=False, rtol=0, atol=0)
    plan(PlanRequest(shop=seeded, budget=5.0), workspace)  # another run
    assert not workspace.scores_list.is_symlink()
    report(workspace, with_csv=True)
    assert set(pd.read_csv(workspace.scores_list)["run"]) == {current_run(workspace.scores).name}


def test_eight_threads_scoring_at_once_equal_one(seeded: ShopConfig, models: LoadedModels, tmp_path: Path) -> None:
    alone = score(request_for(seeded), at(tmp_path / "alone"), models)
    folders = [tmp_path / str(number) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda folder: score(request_for(seeded), at(folder), models), folders))
    assert {result.run.name for result in results} == {alone.run.name}  # the hash of scores and manifest
    assert {(folder / "out" / "priorities.csv").read_bytes() for folder in folders} == {
        (tmp_path / "alone" / "out" / "priorities.csv").read_bytes()
    }


def test_two_threads_score_and_print_at_once_without_loss(
    seeded: ShopConfig, models: LoadedModels, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A plan under a capacity solves integer programs, whose solver has a debugging line of its own to print."""
    score(request_for(seeded), at(tmp_path), models)
    asked = PlanRequest(shop=seeded, overrides=("capacities={phone: 3}", "budget=50"))
    capfd.readouterr()
    done = threading.Event()
    printed: list[str] = []

    def talk() -> None:
        while not done.is_set() or len(printed) < 200:
            printed.append(f"line {len(printed)}")
            os.write(1, f"{printed[-1]}\n".encode())

    talker = threading.Thread(target=talk)
    talker.start()
    plan(asked, at(tmp_path))
    done.set()
    talker.join()
    said = capfd.readouterr().out.splitlines()
    assert [line for line in said if line.startswith("line ")] == printed


HOLDER = """
import sys
from pathlib import Path
from cvo_ml.core.workspace import Workspace
with Workspace(Path(sys.argv[1]), Path("mlruns")).publishing():
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_writer_waits_for_the_first_and_says_so(
    seeded: ShopConfig, models: LoadedModels, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = at(tmp_path)
    command = [sys.executable, "-c", HOLDER, str(workspace.results)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    class LettingGo(Heard):
        def tell(self, text: str) -> None:
            assert not workspace.scores.exists()  # nothing is written while another one writes
            super().tell(text)
            holder.communicate("go on\n")

    heard = LettingGo()
    score(request_for(seeded), Workspace(workspace.results, workspace.tracking, progress=heard), models)
    assert holder.returncode == 0
    assert heard.told == [f"another cvo is writing into {workspace.results}: waiting"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert current_run(workspace.scores).manifest["rows"] > 200


def test_a_refused_score_leaves_no_folder(seeded: ShopConfig, models: LoadedModels, tmp_path: Path) -> None:
    other = LoadedModels.of(*(_of_another_shop(model.bundle) for model in models.models.values()))
    with pytest.raises(ModelRefused, match="'elsewhere'"):
        score(request_for(seeded), at(tmp_path), other)
    assert list(tmp_path.iterdir()) == []


def _of_another_shop(bundle: Bundle) -> Bundle:
    facts = {**bundle.facts, "shop": "elsewhere"}
    return Bundle(bundle.name, bundle.kind, bundle.parameters, bundle.settings, bundle.files, facts)


def test_the_working_directory_decides_nothing(
    seeded: ShopConfig, models: LoadedModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may have been started in a folder with settings of somebody else's."""
    quiet, loud = tmp_path / "quiet", tmp_path / "loud"
    (loud / "configs" / "policies").mkdir(parents=True)
    (loud / "configs" / "policies" / "priorities.yaml").write_text("actions: []\nholdout: {share: 0.9}\n")
    (loud / "configs" / "policies" / "segments.yaml").write_text("vocabulary: reveal\n")
    (loud / "configs" / "policies" / "readiness.yaml").write_text("this is: no policy\n")
    (loud / "configs" / "policies" / "next_actions.yaml").write_text("neither is: this\n")
    (loud / "configs" / "jobs").mkdir()
    (loud / "configs" / "jobs" / "churn.yaml").write_text("nor: this\n")
    (loud / "models" / "churn").mkdir(parents=True)
    (loud / "models" / "churn" / "gates.yaml").write_text("nor: this\n")
    quiet.mkdir()
    names = []
    for folder in (quiet, loud):
        monkeypatch.chdir(folder)
        workspace = Workspace(tmp_path / f"{folder.name}-results", tmp_path / "tracking")
        names.append(score(request_for(seeded, with_report=True), workspace, models).run.name)
    assert names[0] == names[1]


def test_the_workspace_s_own_configuration_comes_first(
    seeded: ShopConfig, models: LoadedModels, tmp_path: Path
) -> None:
    (tmp_path / "configs" / "policies").mkdir(parents=True)
    (tmp_path / "configs" / "policies" / "segments.yaml").write_text("vocabulary: reveal\n")
    workspace = Workspace(tmp_path / "out", tmp_path / "mlruns", configs=tmp_path / "configs")
    assert score(request_for(seeded), workspace, models).run.manifest["segments"]["vocabulary"] == "reveal"
