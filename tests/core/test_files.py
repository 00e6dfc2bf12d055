"""Files that are the old ones or the new ones, never a mixture."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cvo_ml.core.files import canonical_json, read_json, sha256_of, staged_folder, write_json, write_text


def test_sha256_equals_hashlib_beyond_one_block(tmp_path: Path) -> None:
    content = b"x" * (1 << 20) + b"the rest"
    (tmp_path / "f").write_bytes(content)
    assert sha256_of(tmp_path / "f") == hashlib.sha256(content).hexdigest()


def test_json_text_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": [1.5, "é"]}) == canonical_json({"a": [1.5, "é"], "b": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_never_holds_nan_or_infinity(value: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "f.json", {"a": value})
    assert list(tmp_path.iterdir()) == []


def test_json_round_trip(tmp_path: Path) -> None:
    write_json(tmp_path / "new" / "f.json", {"b": None, "a": "ü"})
    assert read_json(tmp_path / "new" / "f.json") == {"a": "ü", "b": None}


def test_a_failed_write_leaves_the_old_text_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["f.txt"]


def test_a_staged_folder_appears_only_when_whole(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with staged_folder(target) as staging:
        (staging / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert [found.name for found in tmp_path.iterdir()] == ["run"]


def test_a_failure_inside_leaves_the_old_folder_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with staged_folder(target) as staging:
        (staging / "a").write_text("old")

    def break_off() -> None:
        with staged_folder(target) as staging:
            (staging / "a").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert (target / "a").read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["run"]


def test_a_replaced_folder_keeps_nothing_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "run"
    for name in ("old", "new"):
        with staged_folder(target) as staging:
            (staging / name).write_text(name)
    assert [found.name for found in target.iterdir()] == ["new"]
    assert [found.name for found in tmp_path.iterdir()] == ["run"]


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    write_text(tmp_path / "f", "x")
    (tmp_path / "g").write_text("x")
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "g").stat().st_mode
