"""Code that a bundle carries runs only where somebody trusts it: not when it is loaded, admitted, shown or scored."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.core.errors import ModelRefused, UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.features import FEATURES, snapshot
from cvo_ml.features.own import FeatureFile, OwnFeatures, Trust
from cvo_ml.models.churn import ChurnClassifier
from cvo_ml.predict import LoadedModels
from cvo_ml.predict.score import score
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle, save_bundle
from cvo_ml.registry.bundles.first_load import admit
from cvo_ml.registry.bundles.golden import golden_of
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.own_features import OWN, OWN_FILE
from cvo_ml.registry.bundles.trusted_code import LIST, trust_file, trust_of, trusted_files, workspace_around
from cvo_ml.workflows.score_tables import model_columns
from tests.builders import SHOP_CUT
from tests.conftest import CHURN_SETTINGS
from training.evidence.golden import golden_inputs

MINE = """from cvo_ml import feature


@feature(unit="count", reads=["orders"])
def orders_so_far(orders, as_of):
    return orders.groupby("customer_id").size()
"""


@pytest.fixture(scope="module")
def bundle(shop: Tables, shop_churned: pd.Series) -> Bundle:
    """A churn model that reads a function of the user's, as training makes it."""
    file = FeatureFile("mine.py", MINE)
    own = OwnFeatures(file=file, trust=Trust().joined([file]))
    X = snapshot(shop, SHOP_CUT, [own])
    own, y = own.found(X), shop_churned.reindex(X.index).to_numpy()
    model = ChurnClassifier((*FEATURES, "own.orders_so_far"), rounds=20).fit(pd.concat([X] * 2), [*y, *y])
    made = bundle_of("churn", model, CHURN_SETTINGS, {"verdict": {"grade": "B"}}, own)
    return replace(made, golden=golden_of(made, golden_inputs("churn")))


def planted(bundle: Bundle, marker: Path) -> Bundle:
    """The same, whose code leaves a mark wherever it runs."""
    file = FeatureFile("mine.py", f"open({str(marker)!r}, 'w').write('it ran')\n{MINE}")
    settings = {**bundle.settings, OWN: {**bundle.settings[OWN], "sha256": file.sha256}}
    return replace(bundle, settings=settings, files={**bundle.files, OWN_FILE: file.text})


def test_loading_admitting_and_scoring_ready_features_run_nothing(
    bundle: Bundle, shop_features: pd.DataFrame, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    saved = save_bundle(planted(bundle, marker), tmp_path / "bundle")
    admit(saved)  # parses it and asks its golden rows in a child
    models = LoadedModels.of(load_bundle(saved))
    ready = shop_features.assign(**{"own.orders_so_far": 3.0})
    scores = score(ready, models, as_of=SHOP_CUT, currency="EUR")
    assert scores["churn_probability"].notna().any()
    with pytest.raises(UsageError, match=r"own\.orders_so_far"):
        score(shop_features, models, as_of=SHOP_CUT, currency="EUR")
    assert not marker.exists()


def test_tables_are_refused_before_anything_runs_and_said_with_the_remedy(
    bundle: Bundle, shop: Tables, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    models = LoadedModels.of(planted(bundle, marker))
    with pytest.raises(ModelRefused, match=r"mine\.py, SHA-256 .*trusted code.*--trust-code") as refused:
        model_columns(shop, SHOP_CUT, models)
    assert refused.value.reason_code == "untrusted_code"
    with pytest.raises(ModelRefused):
        models.trusting(Trust())
    with pytest.raises(ModelRefused):  # another file is on the list
        models.trusting(Trust().joined([FeatureFile("mine.py", MINE)]))
    assert not marker.exists()
    features, scores = model_columns(shop, SHOP_CUT, models.trusting(Trust(everybody=True)))
    assert marker.exists()
    assert features["own.orders_so_far"].notna().any()
    assert scores["churn_probability"].notna().any()


class TestTheList:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A registry's folder where a user has named the file."""
        (tmp_path / "mine.py").write_text(MINE)
        trust_file(tmp_path / "mlruns", FeatureFile("mine.py", MINE), tmp_path / "mine.py")
        return tmp_path / "mlruns"

    def test_it_holds_the_digest_of_what_was_named(self, folder: Path) -> None:
        trust_file(folder, FeatureFile("mine.py", MINE), folder.parent / "mine.py")
        (known,) = trusted_files(folder)
        assert known.sha256 == FeatureFile("mine.py", MINE).sha256
        assert trust_of(folder).has(FeatureFile("other name.py", MINE))
        assert not trust_of(folder).has(FeatureFile("mine.py", MINE + "#"))

    @pytest.mark.parametrize("spoilt", ["writable by others", "a link", "of another folder", "damaged", "a folder"])
    def test_one_that_another_could_have_written_counts_for_nothing(self, spoilt: str, folder: Path) -> None:
        path = folder / LIST
        if spoilt == "writable by others":
            path.chmod(0o666)
        elif spoilt == "a link":
            path.rename(folder / "elsewhere.json")
            path.symlink_to(folder / "elsewhere.json")
        elif spoilt == "a folder":
            path.unlink()
            path.mkdir()
        else:
            moved = {**json.loads(path.read_text()), "folder": "/"}
            path.write_text(json.dumps(moved) if spoilt == "of another folder" else "{")
        assert trusted_files(folder) == ()

    def test_one_of_another_user_counts_for_nothing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        owner = (folder / LIST).stat().st_uid
        monkeypatch.setattr(os, "getuid", lambda: owner + 1)
        assert (trusted_files(folder) == ()) == (owner != 0)

    def test_a_store_that_was_copied_or_unpacked_is_asked_for_again(self, folder: Path, tmp_path: Path) -> None:
        other = tmp_path / "unpacked" / "mlruns"
        other.mkdir(parents=True)
        (other / LIST).write_bytes((folder / LIST).read_bytes())
        assert trusted_files(other) == ()
        trust_file(other, FeatureFile("mine.py", MINE), tmp_path / "mine.py")
        assert len(trusted_files(other)) == 1

    def test_a_bundle_brings_no_list_of_its_own(self, folder: Path, bundle: Bundle) -> None:
        inside = save_bundle(bundle, folder / "artifacts" / "bundle")
        assert workspace_around(inside) == trust_of(folder)
        outside = save_bundle(bundle, folder.parent / "bundle")
        trusted = {"folder": str(outside), "files": [{"sha256": "0" * 64, "path": "x"}]}
        (outside / LIST).write_text(json.dumps(trusted))
        assert workspace_around(outside) == Trust()
