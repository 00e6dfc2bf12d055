"""The registered models on a folder that a training would leave: what is shown, moved, refused and written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.cli.views import models as view
from cvo_ml.core.errors import ConfigError, GateClosed, NoChampion, UsageError
from cvo_ml.core.result import Result
from cvo_ml.core.workspace import Workspace
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory
from cvo_ml.report.screen import Screen
from cvo_ml.workflows import models
from cvo_ml.workflows.models import (
    DiffRequest,
    ExportRequest,
    ModelRequest,
    PromoteRequest,
    RollbackRequest,
    ShopRequest,
)
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


def at(shop: Path) -> Workspace:
    return Workspace(shop.parent / "out", shop)


def asked(result: Result) -> Any:
    """The result as machines read it."""
    return json.loads(json.dumps(result.to_json(), allow_nan=False))


def test_list_show_and_diff_say_who_is_who(shop: Path) -> None:
    rows = asked(models.list_models(ShopRequest(), at(shop)))["models"]
    assert [(row["version"], row["alias"]) for row in rows] == [(2, "challenger"), (1, "champion")]
    found = asked(models.show_model(ModelRequest(name="churn"), at(shop)))
    assert (found["version"], found["champion"]) == (2, 1)
    assert [gate["gate"] for gate in found["gates"] if not gate["is_open"]] == ["score_shift"]
    assert [past["kind"] for past in found["audit"]] == ["first"]
    differ = asked(models.diff_models(DiffRequest(name="churn"), at(shop)))
    assert differ["versions"] == [1, 2]
    assert differ["differences"]["trained_as_of"] == ["2024-01-01", "2024-02-01"]
    assert set(differ["differences"]) == {"hash", "trained_as_of"}


def test_what_people_see(shop: Path) -> None:
    console = Screen(record=True, width=160)
    view.model_list(console, models.list_models(ShopRequest(), at(shop)))
    view.details(console, models.show_model(ModelRequest(name="churn"), at(shop)))
    view.diff(console, "churn", models.diff_models(DiffRequest(name="churn", first=1, second=1), at(shop)))
    out = console.export_text()
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


def test_promote_refuses_with_the_gate_and_obeys_a_reason(shop: Path) -> None:
    with pytest.raises(GateClosed, match=r"gate 'score_shift': PSI 0\.4, below 0\.2") as shut:
        models.promote_model(PromoteRequest(name="churn"), at(shop))
    assert shut.value.exit_code == 4
    with pytest.raises(UsageError, match="--force needs --reason"):
        models.promote_model(PromoteRequest(name="churn", force=True, reason=" "), at(shop))
    moved = asked(models.promote_model(PromoteRequest(name="churn", force=True, reason="a new range"), at(shop)))
    assert (moved["before"], moved["version"], moved["kind"]) == (1, 2, "forced")
    assert moved["why"].startswith("a new range although gate 'score_shift'")
    back = asked(models.rollback_model(RollbackRequest(name="churn", reason="it was a mistake"), at(shop)))
    assert (back["before"], back["version"], back["kind"], back["why"]) == (2, 1, "rollback", "it was a mistake")
    with pytest.raises(UsageError, match="no champion before version 1"):
        models.rollback_model(RollbackRequest(name="churn", reason="again"), at(shop))
    with pytest.raises(UsageError, match="--reason is empty"):
        models.rollback_model(RollbackRequest(name="churn", reason=""), at(shop))


def test_gates_are_those_of_the_workspace_or_of_the_named_file(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("psi: 1\n")
    with pytest.raises(ConfigError, match="key 'psi' is unknown"):
        models.promote_model(PromoteRequest(name="churn", gates=tmp_path / "wrong.yaml"), at(shop))
    own = tmp_path / "dossiers" / "churn" / "gates.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("score_shift: 0.5\n")
    models.promote_model(PromoteRequest(name="churn"), replace(at(shop), dossiers=tmp_path / "dossiers"))
    assert Tracker(shop, "a").version_of("churn") == 2


def test_export_writes_a_dossier_that_scores_and_its_card(shop: Path, tmp_path: Path) -> None:
    to = tmp_path / "dossiers"
    models.export_model(ExportRequest(name="churn", to=to), at(shop))
    served = serving_models(at(shop), "a", exported=to)
    assert [model.bundle for model in served.models.values()] == [made(1.0)]
    assert "## Fairness" in (to / "churn" / "MODEL_CARD.md").read_text()


def test_a_damaged_champion_is_stood_for_and_a_note_says_so(shop: Path) -> None:
    ChampionHistory(Tracker(shop, "a")).appoint("churn", 2, "forced", "why")
    for path in (shop / "artifacts").rglob("parameters.json"):
        if '"slope": 2.0' in path.read_text():
            path.write_text("{}")
    served = serving_models(at(shop), "a", refused={"clv": "refused", "icp": "refused"})
    assert [model.bundle for model in served.models.values()] == [made(1.0)]
    assert "churn: scored with version 1, the champion before, because" in served.notes[0]


def test_wrong_names_and_empty_folders_say_what_to_do(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model 'chrun': use clv, churn, icp"):
        models.show_model(ModelRequest(name="chrun"), at(shop))
    with pytest.raises(NoChampion, match="no champion for 'clv' is registered"):
        models.show_model(ModelRequest(name="clv"), at(shop))
    with pytest.raises(NoChampion, match="holds no models"):
        models.rollback_model(RollbackRequest(name="churn", reason="why"), at(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()
    Tracker(shop, "a").client.delete_registered_model_alias("a-churn", "challenger")
    with pytest.raises(NoChampion, match="no challenger is registered"):
        challengers(Tracker(shop, "a"))
