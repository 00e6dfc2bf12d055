"""docs/security.md names a test for each promise, and each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TEST = re.compile(r"tests/[\w/]+\.py(?:::\w+)+")
NAMED = sorted(set(TEST.findall(PAGE)))


def names_in(file: Path) -> set[str]:
    """Names of functions, and of classes and their functions, as pytest says them."""
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


@pytest.mark.parametrize("file", sorted({name.partition("::")[0] for name in NAMED}))
def test_the_named_tests_exist(file: str) -> None:
    assert (ROOT / file).is_file()
    wanted = {name.partition("::")[2] for name in NAMED if name.startswith(f"{file}::")}
    assert wanted - names_in(ROOT / file) == set()


def test_every_promise_names_a_test() -> None:
    heads = ("| what is promised", "|-")
    promises = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(heads)]
    assert len(promises) > 40
    assert [line for line in promises if not TEST.search(line)] == []
