"""Dossiers: an exported model scores where MLflow is not installed, and its card says what it is."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.core.errors import BundleError, NoChampion, UsageError
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle
from cvo_ml.registry.bundles.card import model_card
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.bundles.export import export, load_exported
from cvo_ml.registry.bundles.golden import golden_of
from tests.registry.test_gate import GOOD

LOAD = """
import sys
sys.modules["mlflow"] = None
from pathlib import Path
from cvo_ml.registry.bundles.export import load_exported
found = load_exported(Path(sys.argv[1]))
print(*sorted(f"{name} {bundle.version}" for name, bundle in found.items()))
"""


def test_squared_errors_of_money_are_written_out_and_named(churn_bundle: Bundle) -> None:
    squared = {"estimate": 635123.4, "lower": -342000.0, "upper": 1950000.0}
    verdict = {"advantage": squared, "slices": {"newer customers": squared}}
    facts = {**churn_bundle.facts, "verdict": verdict, "metrics": {"model_rmse": 15134.2, "model_auc": 0.75561}}
    card = model_card(replace(churn_bundle, facts=facts), GateEvidence(measure="mean_squared_error"))
    assert "advantage in mean squared error 635,123 [-342,000, 1,950,000]" in card
    assert "| newer customers | 635,123 [-342,000, 1,950,000] |" in card
    assert "| model rmse | 15,134 |" in card
    assert "| model auc | 0.7556 |" in card
    assert "e+0" not in card


def test_an_export_loads_without_mlflow(
    churn_bundle: Bundle, icp_bundle: Bundle, shop_features: pd.DataFrame, tmp_path: Path
) -> None:
    for bundle in (churn_bundle, icp_bundle):
        golden = golden_of(bundle, shop_features.iloc[:5])
        folder = export(replace(bundle, golden=golden), "# card", tmp_path / "models")
        assert folder == tmp_path / "models" / bundle.name / "export"
    told = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path / "models")], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == f"churn {churn_bundle.version} icp {icp_bundle.version}"
    assert (tmp_path / "models" / "churn" / "MODEL_CARD.md").read_text() == "# card"


def test_a_damaged_export_is_refused_and_an_empty_folder_says_what_to_run(
    recency_bundle: Bundle, tmp_path: Path
) -> None:
    with pytest.raises(NoChampion, match="run 'cvo models export clv'"):
        load_exported(tmp_path)
    folder = export(recency_bundle, "", tmp_path)
    (folder / "parameters.json").write_text("{}")
    with pytest.raises(BundleError, match="SHA-256 differs"):
        load_exported(tmp_path)


def test_an_export_of_another_shop_is_not_overwritten(recency_bundle: Bundle, tmp_path: Path) -> None:
    """One folder a model: the second shop's dossier took the first one's place."""
    first, second = (replace(recency_bundle, facts={"shop": shop}) for shop in ("a", "b"))
    folder = export(first, "card of a", tmp_path)
    with pytest.raises(UsageError, match="export: holds the model of shop 'a': name another folder with --to for 'b'"):
        export(second, "card of b", tmp_path)
    assert load_bundle(folder).facts["shop"] == "a"
    assert (folder.parent / "MODEL_CARD.md").read_text() == "card of a"
    export(first, "new card of a", tmp_path)
    export(second, "card of b", tmp_path / "b")
    (folder / "parameters.json").write_text("{}")  # what is damaged is nobody's
    assert load_bundle(export(second, "card of b", tmp_path)).facts["shop"] == "b"


def test_a_card_says_what_the_run_knows(churn_bundle: Bundle) -> None:
    facts = {
        "trained_as_of": "2024-01-01", "shop": "test", "currency": "EUR", "data_hash": "abc", "baseline": "recency",
        "git_commit": "def", "pins_hash": "0123", "metrics": {"model_auc": 0.75}, "notes": ["only 90 days"],
        "verdict": {
            "grade": "B",
            "advantage": {"estimate": 0.05, "lower": 0.01, "upper": 0.09},
            "worse_slices": ["repeat buyers"],
            "slices": {"repeat buyers": {"estimate": -0.05, "lower": -0.09, "upper": -0.01}},
        },
    }  # fmt: skip
    card = model_card(replace(churn_bundle, facts=facts), GateEvidence.of(GOOD))
    for words in (
        "# churn: churn.lightgbm", "| known until | 2024-01-01 |", "| digest of the pins | 0123 |", "2,734 customers",
        "Grade **B** against recency: advantage in log loss 0.05 [0.01, 0.09]", "| model auc | 0.75 |",
        "significantly worse: repeat buyers", "Version 2, judged with the champion", "* only 90 days", "`country`",
        "| horizon days | 90 |", "Silence is not departure",
    ):  # fmt: skip
        assert words in card, words


def test_a_card_of_a_bundle_that_knows_nothing_is_still_a_card(recency_bundle: Bundle) -> None:
    card = model_card(
        recency_bundle, GateEvidence.of({"champion": {"version": 3}, "not_comparable": "another outcome"})
    )
    assert "Grade **none** against its baseline." in card
    assert "Not comparable with version 3: another outcome." in card
    assert "None is judged." in card
