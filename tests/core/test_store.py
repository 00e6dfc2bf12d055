"""The score store: whole runs or none, and nothing served that differs from its manifest."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.core.errors import ContractError
from cvo_ml.core.files import read_json, sha256_of, write_json
from cvo_ml.core.scores import scores_hash, validate_scores
from cvo_ml.core.store import StoreError, current_run, open_run, read_columns, read_scores, served_runs, write_run
from tests.builders import null_scores

SCORES = null_scores(["b", "a"]).assign(historic_clv=[2.0, 1.5])


def test_scores_come_back_as_they_went_in_sorted_by_customer(tmp_path: Path) -> None:
    run = write_run(tmp_path, SCORES, {"shop": "test"})
    back = read_scores(current_run(tmp_path))
    expected = validate_scores(SCORES).sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(back, expected)
    assert run.manifest["rows"] == 2
    assert run.manifest["shop"] == "test"
    assert run.manifest["scores_hash"] == scores_hash(SCORES) == scores_hash(back)


def test_the_layout_is_that_of_the_design(tmp_path: Path) -> None:
    run = write_run(tmp_path, SCORES, {})
    assert len(run.name) == 12
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        f"as_of=2023-11-01/{run.name}/manifest.json",
        f"as_of=2023-11-01/{run.name}/part-0.parquet",
        "current",
        "served.json",
    ]
    assert (tmp_path / "current").read_text() == f"as_of=2023-11-01/{run.name}\n"


def test_the_same_scores_have_the_same_name_and_later_scores_become_current(tmp_path: Path) -> None:
    first = write_run(tmp_path, SCORES, {})
    assert write_run(tmp_path, SCORES.iloc[::-1], {}).folder == first.folder
    later = write_run(tmp_path, null_scores(["a"], date(2023, 12, 1)), {})
    assert current_run(tmp_path).folder == later.folder
    assert len(read_scores(open_run(first.folder))) == 2


def test_the_same_scores_under_another_policy_are_another_run(tmp_path: Path) -> None:
    first, second = (write_run(tmp_path, SCORES, {"policy": policy}) for policy in ("a", "b"))
    assert first.folder != second.folder
    assert first.manifest["scores_hash"] == second.manifest["scores_hash"]


def test_a_finished_run_is_not_written_again_and_a_damaged_one_is(tmp_path: Path) -> None:
    run = write_run(tmp_path, SCORES, {})
    part = run.folder / "part-0.parquet"
    written = part.stat().st_mtime_ns
    assert write_run(tmp_path, SCORES, {}).manifest == run.manifest
    assert part.stat().st_mtime_ns == written
    damage_part(run.folder)
    write_run(tmp_path, SCORES, {})
    assert len(read_scores(current_run(tmp_path))) == 2


def test_scores_that_break_their_contract_leave_the_store_unchanged(tmp_path: Path) -> None:
    run = write_run(tmp_path, SCORES, {})
    with pytest.raises(ContractError):
        write_run(tmp_path, SCORES.assign(clv_reason=pd.Series([None, None], index=SCORES.index, dtype="str")), {})
    assert current_run(tmp_path).folder == run.folder
    assert len(list(tmp_path.rglob("manifest.json"))) == 1


def test_a_manifest_that_is_no_json_leaves_the_store_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_run(tmp_path, SCORES, {"metric": float("nan")})
    assert not list(tmp_path.rglob("*.parquet"))
    with pytest.raises(StoreError, match="run 'cvo score' first"):
        current_run(tmp_path)


def test_nobody_scored_is_a_run_too(tmp_path: Path) -> None:
    write_run(tmp_path, SCORES.iloc[:0], {"as_of": "2023-11-01"})
    assert len(read_scores(current_run(tmp_path))) == 0


def damage_part(folder: Path) -> None:
    part = folder / "part-0.parquet"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)


def newer_format(folder: Path) -> None:
    write_json(folder / "manifest.json", {**read_json(folder / "manifest.json"), "format_version": 3})


def cut_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text[: len(text) // 2])


def foreign_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("[]")


def changed_manifest(folder: Path) -> None:
    """Valid JSON with the right files, but a number that nobody computed."""
    write_json(folder / "manifest.json", {**read_json(folder / "manifest.json"), "plan": {"contacts": 7}})


def manifest_without_its_content(folder: Path) -> None:
    write_json(folder / "manifest.json", {"format_version": 1, "files": {}})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_part, "does not match its manifest"),
        (lambda folder: (folder / "part-0.parquet").unlink(), "does not match its manifest"),
        (lambda folder: (folder / "manifest.json").unlink(), "has no manifest"),
        (newer_format, "newer version"),
        (cut_manifest, "manifest"),
        (foreign_manifest, "manifest"),
        (changed_manifest, "the manifest was changed"),
        (manifest_without_its_content, "the manifest was changed"),
    ],
    ids=[
        "bit flip",
        "part missing",
        "manifest missing",
        "newer format",
        "manifest cut",
        "manifest foreign",
        "manifest changed",
        "manifest without its content",
    ],
)
def test_a_damaged_run_is_refused_with_the_reason(damage: object, message: str, tmp_path: Path) -> None:
    run = write_run(tmp_path, SCORES, {})
    damage(run.folder)
    with pytest.raises(StoreError, match=message):
        current_run(tmp_path)


def test_scores_of_another_version_say_to_score_again(tmp_path: Path) -> None:
    run = write_run(tmp_path, SCORES, {})
    part = run.folder / "part-0.parquet"
    pd.read_parquet(part).drop(columns="churn_band").to_parquet(part)
    manifest = read_json(run.folder / "manifest.json")
    write_json(run.folder / "manifest.json", {**manifest, "files": {part.name: sha256_of(part)}})
    with pytest.raises(StoreError, match=r"another version of cvo-ml \(columns missing: churn_band\).*score' again"):
        read_scores(current_run(tmp_path))


def test_each_date_has_the_run_that_was_written_last_for_it(tmp_path: Path) -> None:
    november, december = date(2023, 11, 1), date(2023, 12, 1)
    write_run(tmp_path, SCORES, {"try": 1})
    again = write_run(tmp_path, SCORES, {"try": 2})
    later = write_run(tmp_path, null_scores(["a"], december), {})
    found = [(day, run.name) for day, run in served_runs(tmp_path)]
    assert found == [(december, later.name), (november, again.name)]
    assert [day for day, _ in served_runs(tmp_path, before=december)] == [november]
    assert [day for day, _ in served_runs(tmp_path, since=december)] == [december]
    assert read_columns(again, ["customer_id", "historic_clv"])["historic_clv"].tolist() == [1.5, 2.0]


def test_a_date_without_a_pointer_or_with_a_bad_one_does_no_harm(tmp_path: Path) -> None:
    run = write_run(tmp_path, SCORES, {})
    (tmp_path / "as_of=2023-99-99").mkdir()
    pointers = tmp_path / "served.json"
    pointers.unlink()
    assert [found.name for _, found in served_runs(tmp_path)] == [run.name]
    for bad in ({"2023-11-01": "../../elsewhere"}, {"yesterday": run.name}, {}):
        pointers.write_text(json.dumps(bad))
        assert list(served_runs(tmp_path)) == []
    pointers.write_text(json.dumps({"2023-11-01": run.name}))
    (run.folder / "part-0.parquet").write_bytes(b"damaged")
    assert list(served_runs(tmp_path)) == []


def test_damaged_pointers_are_said_and_not_guessed_around(tmp_path: Path) -> None:
    write_run(tmp_path, SCORES, {})
    for damaged in ("{", "[]", "7"):
        (tmp_path / "served.json").write_text(damaged)
        with pytest.raises(StoreError, match=r"served.json: is damaged: delete it, and score again"):
            list(served_runs(tmp_path))


def test_a_store_of_the_first_edition_names_a_run_for_each_date_in_its_folder(tmp_path: Path) -> None:
    first, second = (write_run(tmp_path, SCORES, {"try": number}) for number in (1, 2))
    (tmp_path / "served.json").unlink()
    for run in (first, second):
        (run.folder.parent / "served").write_text(f"{run.name}\n")
        assert [found.name for _, found in served_runs(tmp_path)] == [run.name]
    (second.folder.parent / "served").write_text("../../elsewhere")
    assert list(served_runs(tmp_path)) == []
