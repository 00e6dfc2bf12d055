"""docs/security.md names a test for each promise, and each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if "::" in line]
NAMED = sorted({name for line in ROWS for name in re.findall(r"tests/[\w/]+\.py(?:::\w+)+", line)})


def test_there_are_promises() -> None:
    assert len(NAMED) >= 8


@pytest.mark.parametrize("named", NAMED)
def test_the_named_test_exists(named: str) -> None:
    file, _, name = named.partition("::")
    assert (ROOT / file).is_file(), file
    body: list[ast.stmt] = ast.parse((ROOT / file).read_text()).body
    *classes, function = name.split("::")
    for kind in classes:
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == kind), [])
    assert function in [node.name for node in body if isinstance(node, ast.FunctionDef)]


def test_every_promise_names_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text()
    heads = ("| what is promised", "|-")
    promises = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(heads)]
    assert [line for line in promises if not re.search(r"tests/[\w/]+\.py::\w+", line)] == []
