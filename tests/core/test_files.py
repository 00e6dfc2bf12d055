"""Files that are the old ones or the new ones, never a mixture."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cvo_ml.core.files import canonical_json, locked, read_json, sha256_of, staged_folder, write_json, write_text


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


def test_nobody_asks_for_the_umask_and_what_is_written_has_its_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting and restoring it would change what another thread writes meanwhile."""
    plain = tmp_path / "plain"
    plain.write_text("")
    (tmp_path / "folder").mkdir()

    def asked(mask: int) -> int:
        raise AssertionError("the umask belongs to the whole process")

    monkeypatch.setattr(os, "umask", asked)
    write_text(tmp_path / "new.txt", "text")
    with staged_folder(tmp_path / "staged") as staging:
        (staging / "file").write_text("")
    assert (tmp_path / "new.txt").stat().st_mode == plain.stat().st_mode
    assert (tmp_path / "staged").stat().st_mode == (tmp_path / "folder").stat().st_mode


HOLDER = """
import sys
from pathlib import Path
from cvo_ml.core.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_folder_that_another_process_holds_is_waited_for_and_said_to_be(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    said = []

    def waiting() -> None:
        said.append("waiting")
        holder.communicate("go on\n")

    with locked(tmp_path, waiting):
        assert holder.returncode == 0
    assert said == ["waiting"]


def test_a_process_that_dies_lets_go_of_its_folder(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    holder.kill()
    holder.communicate()
    with locked(tmp_path, waiting=lambda: pytest.fail("nobody holds it")):
        pass


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        with locked(tmp_path):
            inside += 1
            most = max(most, inside)
            time.sleep(0.005)
            inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(16)))
    assert most == 1
