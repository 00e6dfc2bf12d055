"""Each page of docs/howto does what it says, in the folder of a small shop with trained models."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.conftest import Command
from tests.howto.shop import trained_folder

PAGES: Final = Path(__file__).resolve().parents[2] / "docs" / "howto"
BLOCK: Final = re.compile(r"^```(?P<language>\w+)(?: (?P<note>[^\n]*))?\n(?P<text>.*?)^```$", re.M | re.S)
#: What a block may say of a file that the reader writes: ```python my_features.py or ```yaml shop.yaml
FILE: Final = re.compile(r"[\w./-]+\.(?:py|yaml|csv)")
PREFIX: Final = "uv run "


def pages() -> list[str]:
    return sorted(path.name for path in PAGES.glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("page", pages())
def test_the_page_works_as_it_is_written(
    page: str,
    cvo: Command,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = tmp_path_factory.getbasetemp().parent
    folder = tmp_path / "shop"
    shutil.copytree(trained_folder(cvo, shared), folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    names: dict[str, Any] = {"__name__": "__main__"}
    ran = 0
    for block in BLOCK.finditer((PAGES / page).read_text()):
        language, note, text = block["language"], block["note"] or "", block["text"]
        if FILE.fullmatch(note):
            Path(note).parent.mkdir(parents=True, exist_ok=True)
            Path(note).write_text(text)
        elif language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(text, f"{page}:{block.start()}", "exec"), names)
            ran += 1
        elif language == "bash":
            ran += run_lines(text, cvo, folder)
    assert ran, f"{page} shows nothing that runs"


def run_lines(text: str, cvo: Command, folder: Path) -> int:
    """Run a block's commands; a line may say ``# exits with N``. How many ran."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    for line in lines:
        command, _, remark = line.partition("  #")
        expected = re.search(r"exits with (\d+)", remark)
        assert command.startswith(f"{PREFIX}cvo "), f"a page's commands begin with '{PREFIX}cvo': {line}"
        ran = cvo(*shlex.split(command.removeprefix(f"{PREFIX}cvo ")), cwd=folder)
        assert ran.returncode == (int(expected[1]) if expected else 0), f"{line}\n{ran.stdout}\n{ran.stderr}"
    return len(lines)


def test_every_page_is_in_the_list() -> None:
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (PAGES / "README.md").read_text())
    assert sorted(listed) == pages()
