"""What README shows works as it is written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import Command

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.S)


def test_the_python_example_runs(tmp_path: Path) -> None:
    (code,) = [text for language, text in BLOCKS if language == "python"]
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "predicted_clv" in ran.stdout


@pytest.mark.parametrize(
    "line",
    [line for language, text in BLOCKS for line in text.splitlines() if not language and "uv run cvo " in line],
)
def test_every_command_and_option_of_the_readme_exists(line: str, cvo: Command, tmp_path: Path) -> None:
    words = line.split("#")[0].split("uv run cvo ")[1].split()
    names = words[:2] if words[0] == "models" else words[:1]
    helped = cvo(*names, "--help", cwd=tmp_path)
    assert helped.returncode == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in helped.stdout


def test_the_gate_is_the_readmes_test_command() -> None:
    assert "uv run pytest" in README
    assert "uv run pytest" in (ROOT / ".ci" / "run").read_text()


def test_every_link_of_the_readme_leads_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(targets) > 5
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_shops_that_come_with_the_project_are_short() -> None:
    for path in (ROOT / "configs" / "shops").glob("*.yaml"):
        assert len(path.read_text().splitlines()) <= 25, path.name
        assert yaml.safe_load(path.read_text())["name"] == path.stem
