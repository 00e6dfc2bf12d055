"""A call in a process of its own: its answer, its errors, its death, and what it never imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.core.errors import CvoError, DataError, ModelRefused
from cvo_ml.core.stopping import Stopped
from cvo_ml.core.workspace import Silent
from training import child_process

ROOT = Path(child_process.__file__).resolve().parents[1]


def add(one: int, other: int, progress: Any) -> int:
    progress.tell(f"adding {one} and {other}")
    print("what a library prints")
    return one + other


def refuse_rows(progress: Any) -> None:
    raise DataError("dates are missing", "give them", file="orders.csv", column="date", count=2, first_rows=[3, 9])


def refuse(progress: Any) -> None:
    raise ModelRefused("churn: too few", reason_code="too_few")


def miss(progress: Any) -> None:
    (Path("nowhere") / "file").read_text()


def die(number: int, progress: Any) -> None:
    os.kill(os.getpid(), number)


def leave(progress: Any) -> None:
    print("deep inside a library")
    sys.stdout.flush()
    os._exit(3)


def path_of(name: str, progress: Any) -> str:
    return str(__import__(name).__file__)


def wait(file: Path, progress: Any) -> None:
    try:
        file.write_text(str(os.getpid()))
        time.sleep(60)
    except Stopped:
        file.with_suffix(".ended").touch()
        raise


class Heard(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def tell(self, text: str) -> None:
        self.texts.append(text)


def test_the_answer_and_the_progress_come_back_and_prints_do_not(capfd: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    assert child_process.call(add, 2, 3, progress=heard) == 5
    assert heard.texts == ["adding 2 and 3"]
    assert capfd.readouterr().out == ""


def test_an_error_keeps_its_class_its_sentence_and_its_facts() -> None:
    with pytest.raises(DataError) as refused:
        child_process.call(refuse_rows, progress=Silent())
    with pytest.raises(DataError) as here:
        refuse_rows(Silent())
    assert str(refused.value) == str(here.value)
    assert (refused.value.exit_code, refused.value.count, refused.value.first_rows) == (3, 2, (3, 9))
    with pytest.raises(ModelRefused, match="churn: too few") as model:
        child_process.call(refuse, progress=Silent())
    assert model.value.reason_code == "too_few"
    with pytest.raises(FileNotFoundError) as missing:
        child_process.call(miss, progress=Silent())
    assert missing.value.filename == "nowhere/file"


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGKILL], ids=lambda number: number.name)
def test_a_process_that_a_signal_ends_is_a_refusal_in_one_sentence(number: signal.Signals) -> None:
    with pytest.raises(ModelRefused, match=rf"training ended its process \({number.name}\).*: give it more memory"):
        child_process.call(die, number, progress=Silent())


def test_a_process_that_ends_itself_leaves_its_last_words() -> None:
    with pytest.raises(CvoError, match="training stopped with code 3, which is a bug") as died:
        child_process.call(leave, progress=Silent())
    assert "deep inside a library" in str(died.value)
    assert died.value.exit_code == 1


def test_nothing_is_imported_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Innocent files there bear names that the jobs import: a library's, the standard library's, the jobs' own."""
    for name in ("numpy", "yaml", "selectors", "training", "cvo_ml"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the working folder was imported')\n")
    monkeypatch.chdir(tmp_path)
    for name in ("numpy", "yaml", "selectors", "training", "cvo_ml"):
        assert not child_process.call(path_of, name, progress=Silent()).startswith(str(tmp_path))


def test_a_child_stops_in_order_when_its_parent_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "child"
    program = (
        "from pathlib import Path; from cvo_ml.core.workspace import Silent; "
        "from tests.training.test_child_process import child_process, wait; "
        f"child_process.call(wait, Path({str(file)!r}), progress=Silent())"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    end = time.monotonic() + 60
    while not (file.is_file() and file.read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    while not file.with_suffix(".ended").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert file.with_suffix(".ended").exists()
