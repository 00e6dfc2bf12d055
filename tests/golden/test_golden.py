"""What scores today's models would give to bundles of the first format, for inputs that belong to nobody.

The bundles in ``bundles/`` were trained on the seeded shop of ``tests/builders.py`` (900 customers, cut 2023-11-01, a
horizon of 60 days, 12 trees) and written in format 1; ``models/<name>/golden.csv`` holds made-up histories (its column
``case``) as ``customer_features`` saw them on that day, and the scores that the bundles gave. Where a change of the
code or of a library moves a score, this fails: either it is a fault, or the file is written anew and the change told.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.registry.bundles.bundle import load_bundle
from cvo_ml.registry.bundles.golden import check_golden, golden_of
from cvo_ml.registry.pyfunc import BundleModel
from training.evidence.golden import golden_inputs

HERE = Path(__file__).parent
DOSSIERS = HERE.parents[1] / "models"
NAMES = ("clv", "churn", "icp")


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_of_the_first_format_gives_its_golden_scores(name: str) -> None:
    folder = HERE / "bundles" / name
    assert json.loads((folder / "manifest.json").read_text())["format_version"] == 1
    golden = pd.read_csv(DOSSIERS / name / "golden.csv", dtype={"country": "str"})
    found = BundleModel(load_bundle(folder)).predict(golden)
    expected = golden[[column for column in golden if column.startswith("score:")]]
    assert list(expected) == [f"score:{column}" for column in found]
    for column in found:
        assert np.allclose(found[column], expected[f"score:{column}"], rtol=1e-9, atol=1e-12, equal_nan=True), column


@pytest.mark.parametrize("name", NAMES)
def test_the_inputs_make_golden_scores_of_any_bundle(name: str) -> None:
    bundle = load_bundle(HERE / "bundles" / name)
    inputs = golden_inputs(name)
    assert len(inputs) >= 12
    assert not [column for column in inputs if column.startswith("score:") or column in ("case", "customer_id")]
    golden = golden_of(bundle, inputs)
    check_golden(type(bundle)(**{**bundle.__dict__, "golden": json.loads(json.dumps(golden))}))
    scores = golden["scores"][{"clv": "predicted_clv", "churn": "churn_probability", "icp": "icp_score"}[name]]
    assert len(set(scores)) > 8  # the cases differ


def test_every_dossier_is_complete_and_holds_no_code() -> None:
    for name in NAMES:
        assert {path.name for path in (DOSSIERS / name).iterdir() if path.is_file()} == {
            "MODEL_CARD.md", "gates.yaml", "golden.csv"
        }  # fmt: skip
        card = (DOSSIERS / name / "MODEL_CARD.md").read_text()
        for part in ("Purpose", "Data", "Window", "Metrics", "Slices", "Limits", "Fairness"):
            assert f"\n## {part}\n" in card, (name, part)
