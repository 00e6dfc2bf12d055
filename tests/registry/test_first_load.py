"""The first load happens in a child: what kills a reader kills the child, and the caller says one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import BundleError
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.first_load import admit
from cvo_ml.registry.bundles.golden import check_golden, golden_of
from cvo_ml.registry.bundles.kinds import model_of
from tests.registry.bundles import rehash


def with_golden(bundle: Bundle, features: pd.DataFrame) -> Bundle:
    return replace(bundle, golden=golden_of(bundle, features.iloc[:12]))


def test_a_good_bundle_is_admitted(churn_bundle: Bundle, shop_features: pd.DataFrame, tmp_path: Path) -> None:
    bundle = with_golden(churn_bundle, shop_features)
    assert admit(save_bundle(bundle, tmp_path / "churn")) == bundle


# LightGBM itself ends the process on these, or loads what it should not (measured with 4.7)
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_trees_cut_before_their_digest_was_taken_end_the_child_only(
    share: float, churn_bundle: Bundle, shop_features: pd.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "churn"
    trees = churn_bundle.files["trees.txt"]
    shortened = trees[: int(trees.index("end of trees") * share)]
    # a manifest that agrees with the damage
    save_bundle(replace(with_golden(churn_bundle, shop_features), files={"trees.txt": shortened}), folder)
    with pytest.raises(BundleError, match=r"ended its process|train again|train or export it again"):
        admit(folder)


def test_changed_leaves_are_found_by_the_golden_scores(churn_bundle: Bundle, shop_features: pd.DataFrame) -> None:
    """A change that loads well and was signed again: only the answers tell."""
    bundle = with_golden(churn_bundle, shop_features)
    check_golden(bundle)
    trees = bundle.files["trees.txt"]
    place = trees.index("leaf_value=")
    end = trees.index("\n", place)
    # as long as before: LightGBM ends the process where a tree has another size than its head says
    other = trees[place:end].translate(str.maketrans("123456789", "234567891"))
    changed = replace(bundle, files={"trees.txt": trees[:place] + other + trees[end:]})
    with pytest.raises(BundleError, match="churn_probability of its golden rows is not what it was"):
        check_golden(changed)


def test_golden_rows_are_the_models_own_answers(churn_bundle: Bundle, shop_features: pd.DataFrame) -> None:
    golden = golden_of(churn_bundle, shop_features.iloc[:12])
    direct = model_of(churn_bundle).predict_proba(shop_features.iloc[:12])[:, 1]
    assert np.array_equal(golden["scores"]["churn_probability"], direct)
    assert set(golden["inputs"]) == set(model_of(churn_bundle).columns)
    json.dumps(golden, allow_nan=False)


def test_a_probability_outside_its_range_is_refused(recency_bundle: Bundle, shop_features: pd.DataFrame) -> None:
    bundle = with_golden(recency_bundle, shop_features)
    nowhere = {**bundle.golden, "inputs": {"days_since_last_order": [None] * 12}}
    with pytest.raises(BundleError, match="no numbers or no probabilities"):
        check_golden(replace(bundle, golden=nowhere))


def test_a_load_that_takes_too_long_or_too_much_memory_is_refused(recency_bundle: Bundle, tmp_path: Path) -> None:
    folder = save_bundle(recency_bundle, tmp_path / "churn")
    with pytest.raises(BundleError, match=r"did not load within 0\.05 s"):
        admit(folder, seconds=0.05)
    with pytest.raises(BundleError, match="refused; train again"):
        admit(folder, memory=60 << 20)


def test_a_changed_file_is_refused_before_any_child_starts(
    churn_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_bundle(churn_bundle, tmp_path / "churn")
    (folder / "trees.txt").write_text("tree")
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.run", lambda *a, **k: pytest.fail("a child was started"))
        with pytest.raises(BundleError, match="SHA-256 differs"):
            admit(folder)
    rehash(folder)  # now only who parses it can tell, and that is the child
    with pytest.raises(BundleError, match="not the one that its manifest names"):
        admit(folder)
