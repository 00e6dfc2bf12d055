"""``cvo models`` on a folder that a training would leave: what is shown, moved, refused and written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.cli import models_commands
from cvo_ml.core.errors import ConfigError, GateClosed, NoChampion, UsageError
from cvo_ml.core.workspace import Workspace
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory
from cvo_ml.workflows.serving_models import challengers, serving_models
from tests.registry.conftest import empty, tracker
from tests.registry.test_promotion import against, made, trained

__all__ = ["empty", "tracker"]


@pytest.fixture
def shop(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Version 1 is champion; version 2, whose scores shift, is challenger."""
    monkeypatch.chdir(tracker.root.parent)
    trained(tracker, made(1.0), {})
    later = made(2.0)
    trained(tracker, replace(later, facts={**later.facts, "trained_as_of": "2024-02-01"}), against(1, psi=0.4))
    return tracker.root


def bundles_of(models: LoadedModels) -> list[Bundle]:
    return [model.bundle for model in models.models.values()]


def asked(capsys: pytest.CaptureFixture[str], command: Any, *arguments: Any) -> Any:
    capsys.readouterr()
    command(*arguments, True)
    return json.loads(capsys.readouterr().out)


def test_list_show_and_diff_say_who_is_who(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = asked(capsys, models_commands.list_, shop)["models"]
    assert [(row["version"], row["alias"]) for row in rows] == [(2, "challenger"), (1, "champion")]
    found = asked(capsys, models_commands.show, "churn", None, shop)
    assert (found["version"], found["champion"]) == (2, 1)
    assert [gate["gate"] for gate in found["gates"] if not gate["is_open"]] == ["score_shift"]
    assert [past["kind"] for past in found["audit"]] == ["first"]
    differ = asked(capsys, models_commands.diff, "churn", None, None, shop)
    assert differ["versions"] == [1, 2]
    assert differ["differences"]["trained_as_of"] == ["2024-01-01", "2024-02-01"]
    assert set(differ["differences"]) == {"hash", "trained_as_of"}


def test_what_people_see(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models_commands.list_(shop, False)
    models_commands.show("churn", None, shop, False)
    models_commands.diff("churn", 1, 1, shop, False)
    out = capsys.readouterr().out
    for words in (
        "challenger",
        "Purpose",
        "Gates of version 2",
        "score_shift",
        "closed",
        "Audit",
        "are the same model",
    ):
        assert words in out


def test_promote_refuses_with_the_gate_and_obeys_a_reason(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GateClosed, match=r"gate 'score_shift': PSI 0\.4, below 0\.2") as shut:
        models_commands.promote("churn", None, None, False, "", shop, True)
    assert shut.value.exit_code == 4
    with pytest.raises(UsageError, match="--force needs --reason"):
        models_commands.promote("churn", None, None, True, " ", shop, True)
    moved = asked(capsys, models_commands.promote, "churn", None, None, True, "a new range", shop)
    assert (moved["before"], moved["version"], moved["kind"]) == (1, 2, "forced")
    assert moved["why"].startswith("a new range although gate 'score_shift'")
    back = asked(capsys, models_commands.rollback, "churn", "it was a mistake", shop)
    assert (back["before"], back["version"], back["kind"], back["why"]) == (2, 1, "rollback", "it was a mistake")
    with pytest.raises(UsageError, match="no champion before version 1"):
        models_commands.rollback("churn", "again", shop, True)
    with pytest.raises(UsageError, match="--reason is empty"):
        models_commands.rollback("churn", "", shop, True)


def test_gates_are_those_of_the_folder_or_of_the_named_file(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("psi: 1\n")
    with pytest.raises(ConfigError, match="key 'psi' is unknown"):
        models_commands.promote("churn", None, tmp_path / "wrong.yaml", False, "", shop, True)
    (tmp_path / "wide.yaml").write_text("score_shift: 0.5\n")
    models_commands.promote("churn", None, tmp_path / "wide.yaml", False, "", shop, False)
    assert Tracker(shop, "a").version_of("churn") == 2


def test_export_writes_a_dossier_that_scores_and_its_card(shop: Path, tmp_path: Path) -> None:
    models_commands.export("churn", None, tmp_path / "dossiers", shop)
    assert bundles_of(serving_models(Workspace(tmp_path, tmp_path), "a", exported=tmp_path / "dossiers")) == [made(1.0)]
    assert "## Fairness" in (tmp_path / "dossiers" / "churn" / "MODEL_CARD.md").read_text()


def test_a_damaged_champion_is_stood_for_and_a_note_says_so(shop: Path) -> None:
    ChampionHistory(Tracker(shop, "a")).appoint("churn", 2, "forced", "why")
    for path in (shop / "artifacts").rglob("parameters.json"):
        if '"slope": 2.0' in path.read_text():
            path.write_text("{}")
    found = serving_models(Workspace(shop, shop), "a", refused={"clv": "refused", "icp": "refused"})
    assert bundles_of(found) == [made(1.0)]
    assert "churn: scored with version 1, the champion before, because" in found.notes[0]


def test_wrong_names_and_empty_folders_say_what_to_do(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model 'chrun': use clv, churn, icp"):
        models_commands.show("chrun", None, shop, True)
    with pytest.raises(NoChampion, match="no champion for 'clv' is registered"):
        models_commands.show("clv", None, shop, True)
    with pytest.raises(NoChampion, match="holds no models"):
        models_commands.rollback("churn", "why", tmp_path / "nothing", True)
    assert not (tmp_path / "nothing").exists()
    Tracker(shop, "a").client.delete_registered_model_alias("a-churn", "challenger")
    with pytest.raises(NoChampion, match="no challenger is registered"):
        challengers(Tracker(shop, "a"))
