"""A bundle is looked at before it is read, read once, and refused before its model is loaded; the old one serves on."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import pytest

from cvo_ml.core.errors import BundleError
from cvo_ml.core.workspace import Workspace
from cvo_ml.registry.bundles import bundle as bundles
from cvo_ml.registry.bundles import bundle_files, first_load
from cvo_ml.registry.bundles.bundle import Bundle, load_bundle, save_bundle
from cvo_ml.registry.bundles.bundle_files import MEBIBYTE, read_bundle_files
from cvo_ml.registry.bundles.first_load import admit
from cvo_ml.registry.tracking import RegisteredModels, Tracker
from cvo_ml.registry.tracking.champions import JUDGED, ChampionHistory
from cvo_ml.registry.tracking.migrate import migrate
from cvo_ml.workflows.serving_models import serving_models
from tests.frozen import scenario
from tests.registry.bundles import PLAIN, edit_manifest, rehash
from tests.registry.conftest import SHOP, empty, folder, tracker
from tests.registry.test_no_pickle import HOOK, WATCH
from tests.security.test_read_only_store import place, shop_folder

__all__ = ["empty", "folder", "place", "shop_folder", "tracker"]


# --- limits before reading --------------------------------------------------------------------------------------------


def enlarged(path: Path, size: int) -> None:
    """A file with a hole: it takes no room on the disk, and all of it in memory."""
    with path.open("r+b") as file:
        file.truncate(size)


@pytest.mark.parametrize(
    ("name", "size"),
    [("trees.txt", 400 * MEBIBYTE), ("parameters.json", 200 * MEBIBYTE), ("manifest.json", 3 * MEBIBYTE)],
)
def test_a_file_that_is_too_large_is_refused_unread(
    name: str, size: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S13: 400 MB of trees were admitted, 200 MB of JSON parsed in the parent."""
    enlarged(folder / name, size)
    monkeypatch.setattr("subprocess.run", lambda *a, **k: pytest.fail("a child was started"))
    for read in (load_bundle, admit):
        began = time.process_time()
        with pytest.raises(BundleError, match=rf"{name}: has {size:,} bytes, and such a file has \d+ MiB at most"):
            read(folder)
        assert time.process_time() - began < 0.5


def test_files_that_are_too_many_or_too_large_together_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S13: the whole of a bundle has a limit, too."""
    for number in range(20):
        (folder / f"more_{number}.txt").write_text("x")
    with pytest.raises(BundleError, match="holds more than 16 files"):
        load_bundle(folder)
    for number in range(20):
        (folder / f"more_{number}.txt").unlink()
    monkeypatch.setattr(bundle_files, "MOST_ALTOGETHER", 5_000)
    with pytest.raises(BundleError, match="its files have more than"):
        load_bundle(folder)


def test_what_nobody_would_read_is_not_saved(tmp_path: Path) -> None:
    """FAULT-S13: a training says so, and not the score of a week later."""
    with pytest.raises(BundleError, match=r"trees\.txt: has .* bytes, and such a file has 64 MiB at most"):
        save_bundle(replace(PLAIN, files={"trees.txt": "x" * (65 * MEBIBYTE)}), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link_out(path: Path) -> None:
    path.rename(path.parent.parent / "outside")
    path.symlink_to(path.parent.parent / "outside")


def link_to_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def socket(path: Path) -> None:
    import socket as sockets

    path.unlink()
    there = os.open(path.parent, os.O_RDONLY)
    try:
        sockets.socket(sockets.AF_UNIX).bind(f"/proc/self/fd/{there}/{path.name}")  # names of sockets are short
    finally:
        os.close(there)


@pytest.mark.parametrize("name", ["manifest.json", "parameters.json", "trees.txt"])
@pytest.mark.parametrize("kind", [pipe, link_out, link_to_device, socket])
def test_a_pipe_a_device_and_a_link_are_refused_at_once(kind: Callable[[Path], None], name: str, folder: Path) -> None:
    """FAULT-S13: nothing is waited for, nothing outside of the folder is read."""
    kind(folder / name)
    began = time.monotonic()
    with pytest.raises(BundleError, match=rf"{name}: is (a link|no plain file)"):
        load_bundle(folder)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", "../clv"), ("name", "/etc"), ("name", "c\0"), ("name", ["clv"]), ("kind", "os:system"), ("kind", "a/b")],
)
def test_a_name_that_is_no_name_is_refused(key: str, value: object, folder: Path) -> None:
    """ROBUSTNESS §4.3: a name of a manifest leads into no other folder."""
    edit_manifest(folder, lambda manifest: manifest.update({key: value}))
    with pytest.raises(BundleError, match=f"the {key} in its manifest is none"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "text", ['{"parameters": {"a": 1, "a": 2}, "settings": {}}', '{"parameters": {"a": 1e999}, "settings": {}}']
)
def test_json_of_two_meanings_or_beyond_numbers_is_refused(text: str, tmp_path: Path) -> None:
    """FAULT-S13: what one reader takes for the first value another takes for the last."""
    folder = save_bundle(PLAIN, tmp_path / "plain")
    (folder / "parameters.json").write_text(text)
    rehash(folder)
    with pytest.raises(BundleError, match="is not valid JSON"):
        load_bundle(folder)


# --- the bytes that are hashed are the bytes that are parsed ----------------------------------------------------------


def test_a_file_that_is_swapped_after_it_was_hashed_changes_nothing(
    folder: Path, churn_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S13: each file is read once."""

    def swapping(place: Path) -> dict[str, bytes]:
        found = read_bundle_files(place)
        for path in place.iterdir():
            path.write_text("another")
        return found

    monkeypatch.setattr(bundles, "read_bundle_files", swapping)
    assert load_bundle(folder) == churn_bundle


def test_the_child_of_the_first_load_gets_the_bytes_that_its_parent_hashed(
    folder: Path, churn_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S13: a folder that is swapped before the child starts is not read again by anybody."""
    start = subprocess.run

    def swapped(*given: Any, **named: Any) -> Any:
        for path in folder.iterdir():
            path.write_text("another")
        return start(*given, **named)

    monkeypatch.setattr("subprocess.run", swapped)
    assert admit(folder) == churn_bundle


def test_the_parent_parses_the_manifest_alone_before_the_child_has_said_yes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S13: what is large is parsed first where time and memory have a limit."""
    parsed: list[str] = []
    parse = bundles.parse_json
    monkeypatch.setattr(bundles, "parse_json", lambda content, path: parsed.append(path.name) or parse(content, path))

    def no(*given: Any, **named: Any) -> Any:
        return subprocess.CompletedProcess([], 4, b"", b"no")

    monkeypatch.setattr(first_load.subprocess, "run", no)
    with pytest.raises(BundleError, match="no"):
        admit(folder)
    assert parsed == ["manifest.json"]


# --- artifacts of ROBUSTNESS §3, in a registry ------------------------------------------------------------------------


def registered(tracker: Tracker, bundle: Bundle, tmp_path: Path, **tags: str) -> Path:
    """A new champion; returns the folder of its bundle in the store."""
    with tracker.run("churn", "a training") as run:
        place = save_bundle(bundle, tmp_path / "new")
        run.log_folder(place, JUDGED)
        uri = run.log_bundle(place)
    version = tracker.register(uri, "churn", {"shop": SHOP, "hash": bundle.version, **tags})
    kind = "first" if version == 1 else "promotion"
    ChampionHistory(tracker).appoint("churn", version, kind, "why")
    return stored(tracker.root, version)


def stored(root: Path, version: int) -> Path:
    models = existing(root)
    return models.folder_of(models.version("churn", version), "it")


def existing(root: Path) -> RegisteredModels:
    found = RegisteredModels.existing(root, SHOP)
    assert found is not None
    return found


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def bit_flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def other_features(folder: Path) -> None:
    content = json.loads((folder / "parameters.json").read_text())
    names = content["parameters"]["features"]
    content["parameters"]["features"] = [*names[1:], names[0]]
    signed(folder, parameters=content["parameters"])


def zero_trees(folder: Path) -> None:
    head, _, tail = load_bundle(folder).files["trees.txt"].partition("Tree=0")
    head = "\n".join("tree_sizes=" if line.startswith("tree_sizes=") else line for line in head.splitlines())
    signed(folder, files={"trees.txt": head + "\n\nend of trees" + tail.partition("end of trees")[2]})


def not_a_number(folder: Path) -> None:
    trees = load_bundle(folder).files["trees.txt"]
    at = trees.index("leaf_value=") + len("leaf_value=")
    signed(folder, files={"trees.txt": trees[:at] + "nan" + trees[trees.index(" ", at) :]})


def signed(folder: Path, **changes: Any) -> None:
    """Another bundle in its place, whole and with the right digests, as an attacker would leave it."""
    save_bundle(replace(load_bundle(folder), **changes), folder)


def pickled(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(pickle.dumps({"a": 1}))
    rehash(folder)


#: Each damage, and whether a digest, a name or a size finds it, so that no byte of it reaches a reader.
DAMAGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "truncated": (lambda f: (f / "trees.txt").write_bytes((f / "trees.txt").read_bytes()[:-300]), True),
    "bit-flipped": (lambda f: bit_flipped(f / "trees.txt"), True),
    "wrong SHA": (lambda f: edit_manifest(f, lambda m: m["files"].update({"trees.txt": "0" * 64})), True),
    "missing file": (lambda f: (f / "trees.txt").unlink(), True),
    "missing manifest": (lambda f: (f / "manifest.json").unlink(), True),
    "newer format": (lambda f: edit_manifest(f, lambda m: m.update(format_version=3)), True),
    "pickle inside": (pickled, True),
    "symlink": (lambda f: link_out(f / "trees.txt"), True),
    "NaN parameter": (lambda f: (change(f / "parameters.json", '"rounds": 20', '"rounds": NaN'), rehash(f)), True),
    "too large": (lambda f: enlarged(f / "trees.txt", 400 * MEBIBYTE), True),
    "another model": (lambda f: signed(f, settings={"horizon_days": 30.0}), True),
    "another shop": (lambda f: signed(f, facts={"shop": "b"}), True),
    "other feature list": (other_features, False),
    "NaN leaf": (not_a_number, False),
    "zero trees": (zero_trees, False),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_champion_is_refused_before_it_is_loaded_and_the_one_before_serves(
    damage: str, tracker: Tracker, churn_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ROBUSTNESS §3, artifacts; and §2, a model file truncated or swapped."""
    old = replace(churn_bundle, settings={**churn_bundle.settings, "definition": "the old one"})
    registered(tracker, old, tmp_path)
    registered(tracker, churn_bundle, tmp_path)
    hurt, is_before = DAMAGES[damage]
    hurt(stored(tracker.root, 2))
    if not is_before:  # whoever can write the registry too: only the model itself tells
        tracker.client.delete_model_version_tag("a-churn", "2", "hash")
    loaded: list[str] = []
    read = lightgbm.Booster
    monkeypatch.setattr(lightgbm, "Booster", lambda **named: loaded.append(named["model_str"]) or read(**named))
    served = serving_models(Workspace(tmp_path / "out", tracker.root), SHOP, refused={"clv": "x", "icp": "x"})
    assert served.models["churn"].bundle == old
    assert served.notes[0].startswith("churn: scored with version 1, the champion before, because ")
    assert loaded == [old.files["trees.txt"]] or not is_before


# --- the first format -------------------------------------------------------------------------------------------------


def unsealed(folder: Path) -> Path:
    """As the first format was: no digest of the manifest, and nothing guarded its facts."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    del content["digest"]
    path.write_text(json.dumps({**content, "format_version": 1}))
    return folder


FACTS = {"shop": SHOP, "trained_as_of": "2024-01-01", "currency": "EUR", "verdict": {"grade": "B"}}
TAGS = {"as_of": "2024-01-01", "grade": "B"}


def test_an_exported_bundle_of_the_first_format_has_no_witness_and_is_refused(tmp_path: Path) -> None:
    """FAULT-S13: without a digest its shop and dates could be edited."""
    folder = unsealed(save_bundle(replace(PLAIN, facts=FACTS), tmp_path / "old"))
    for read in (load_bundle, admit):
        with pytest.raises(BundleError, match="is of format 1 and has no digest, so that nothing guards its shop and"):
            read(folder)


def test_a_registered_one_is_read_where_the_registry_bears_it_out_until_it_is_sealed(
    tracker: Tracker, tmp_path: Path
) -> None:
    """FAULT-S13 and DESIGN §13: read-only, with a note, until ``cvo models migrate`` seals it."""
    parameters = {"intercept": 0.1, "slope": 1.0, "reference": 3.0}
    bundle, place = replace(PLAIN, parameters=parameters, facts=FACTS), Workspace(tmp_path / "out", tracker.root)
    unsealed(registered(tracker, bundle, tmp_path, **TAGS))
    unsealed(existing(tracker.root).artifact("churn", 1, JUDGED))
    others = {"clv": "x", "icp": "x"}
    served = serving_models(place, SHOP, refused=others)
    assert served.models["churn"].bundle == bundle
    assert "no digest guards shop and dates" in served.notes[0]
    assert existing(tracker.root).judged("churn", 1) == bundle
    assert migrate(tracker.root).sealed == ("version 1 of 'a-churn'",)
    assert serving_models(place, SHOP, refused=others).notes == ()
    assert existing(tracker.root).judged("churn", 1).is_sealed
    assert migrate(tracker.root).sealed is None


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        (f'"shop": "{SHOP}"', '"shop": "b"', "shop"),
        ('"trained_as_of": "2024-01-01"', '"trained_as_of": "2025-01-01"', "as_of"),
        ('"grade": "B"', '"grade": "A"', "grade"),
    ],
)
def test_a_registered_one_whose_facts_were_edited_is_refused_and_not_sealed(
    old: str, new: str, differs: str, tracker: Tracker, tmp_path: Path
) -> None:
    """FAULT-S13: the registry says another shop, date or grade."""
    folder = unsealed(registered(tracker, replace(PLAIN, facts=FACTS), tmp_path, **TAGS))
    change(folder / "manifest.json", old, new)
    with pytest.raises(BundleError, match=f"says another {differs} than the registry"):
        existing(tracker.root).champion("churn")
    assert migrate(tracker.root).sealed is None


def test_a_sealed_manifest_cannot_be_passed_off_as_one_without_a_digest(tracker: Tracker, tmp_path: Path) -> None:
    """FAULT-S13: turning the format back to 1 took the guard away."""
    folder = registered(tracker, replace(PLAIN, facts=FACTS), tmp_path, **TAGS)
    change(folder / "manifest.json", '"format_version": 2', '"format_version": 1')
    with pytest.raises(BundleError, match="digest differs"):
        existing(tracker.root).champion("churn")
    unsealed(folder)
    change(folder / "manifest.json", '"trained_as_of": "2024-01-01"', '"trained_as_of": "2020-01-01"')
    with pytest.raises(BundleError, match="says another as_of than the registry"):
        existing(tracker.root).champion("churn")


# --- odd sources ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://attacker.example/model", "where no model of this registry lies"),
        ("https://me:secret@attacker.example/model", "where no model of this registry lies"),
        ("s3://bucket/model", "where no model of this registry lies"),
        ("/etc", "where no model of this registry lies"),
        ("file:///etc", "outside of"),
        ("ROOT/artifacts/../../elsewhere", "outside of"),
        ("ROOT/artifacts/nowhere", "is missing"),
        ("models:/m-0123456789abcdef", "are not on record"),
        ("models:/churn/1", "are not on record"),
        ("", "are not on record"),
    ],
)
def test_an_odd_source_is_one_sentence_and_the_one_before_serves(
    source: str, said: str, tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S11: nothing is downloaded, nothing outside of the artifacts is read."""
    for slope in (1.0, 2.0):
        registered(tracker, replace(PLAIN, parameters={"intercept": 0.1, "slope": slope, "reference": 3.0}), tmp_path)
    monkeypatch.setattr("mlflow.artifacts.download_artifacts", lambda **named: pytest.fail("a download was tried"))
    address = source.replace("ROOT", tracker.root.as_uri())
    with sqlite3.connect(tracker.root / "mlflow.db") as database:
        database.execute("UPDATE model_versions SET storage_location = NULL, source = ? WHERE version = 2", [address])
    with pytest.raises(BundleError, match=said) as refused:
        existing(tracker.root).champion("churn")
    assert (refused.value.exit_code, str(refused.value).count("\n")) == (4, 0)
    assert "secret" not in str(refused.value)
    model, note = ChampionHistory(existing(tracker.root)).serving("churn")
    assert model.bundle.parameters["slope"] == 1.0
    assert said in note


def test_a_run_that_is_gone_leaves_the_champion_and_takes_only_its_evidence(tracker: Tracker, tmp_path: Path) -> None:
    """FAULT-S11: somebody deleted the run in MLflow's pages."""
    registered(tracker, PLAIN, tmp_path)
    with sqlite3.connect(tracker.root / "mlflow.db") as database:
        database.execute("UPDATE model_versions SET run_id = 'nowhere'")
    models = existing(tracker.root)
    assert models.champion("churn") == PLAIN
    assert models.evidence("churn", 1).window.rows == 0
    found = ChampionHistory(models).incumbent("churn")
    assert found is not None
    assert (found.bundle, found.judged) == (PLAIN, None)


def test_evidence_that_is_too_large_or_damaged_is_said(tracker: Tracker, tmp_path: Path) -> None:
    """FAULT-S13: what lies beside a bundle has a limit too; and damaged evidence is not the same as none."""
    registered(tracker, PLAIN, tmp_path)
    models = existing(tracker.root)
    path = models.artifact("churn", 1, JUDGED).parent / "gate.json"
    path.write_text("{}")
    assert models.evidence("churn", 1).window.rows == 0
    path.write_text('{"window": 3}')
    with pytest.raises(BundleError, match="is no evidence of gates"):
        models.evidence("churn", 1)
    enlarged(path, 100 * MEBIBYTE)
    with pytest.raises(BundleError, match=r"gate\.json: has 104,857,600 bytes, and such a file has 4 MiB at most"):
        models.evidence("churn", 1)


# --- no pickle --------------------------------------------------------------------------------------------------------

SCORING = """
import sys
from cvo_ml.cli import main
sys.argv = ["cvo", *sys.argv[1:]]
called.clear()
seen.clear()
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(called, [event for event in seen], sorted({"dill", "mlflow", "skops"} & set(sys.modules)), file=sys.stderr)
"""


def test_a_whole_score_calls_no_loader_of_pickles_and_imports_no_mlflow(shop_folder: Path) -> None:
    """ROBUSTNESS §4.7: hooks on pickle, joblib, dill, cloudpickle and skops, and Python's own audit of classes."""
    words = ["score", "--shop", "shop.yaml", "--as-of", scenario.FIRST, "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-c", WATCH + HOOK + SCORING, *words],
        cwd=shop_folder, env={**os.environ, "MLFLOW_TRACKING_URI": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().splitlines()[-1] == "[] [] []"
