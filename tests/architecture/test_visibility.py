"""One rule says what can be seen of a table on a date: nobody else compares ``known_at``, or cuts a table by hand."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The rule, its twin in the feature engine, and what gives a row its ``known_at`` when it is read or made.
KEEPERS = ("cvo_ml/core/visibility.py", "cvo_ml/features/engine/", "cvo_ml/ingest/", "cvo_ml/simulate/")
#: A frame's column that holds ``known_at``, by attribute or by name, whatever prefix a join gave it.
KNOWN = re.compile(r"known_at|KNOWN_AT")
#: A table's event time held against the date itself: ``rows["ordered_at"] < midnight(as_of)``.
BY_HAND = re.compile(r"\[.(?:ordered|refunded|sent|started|opened|answered|reached)_at.\] < ")
#: Fields of leads carry a time for each value, which is no row's ``known_at`` (``features/leads.py``).
VALUES = "name + SUFFIX"


def compared(path: Path) -> list[str]:
    """The comparisons in a file, as source."""
    text = path.read_text(encoding="utf-8")
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Compare)]
    ordering = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    return [ast.unparse(node) for node in nodes if any(isinstance(op, ordering) for op in node.ops)]


def test_known_at_is_compared_in_one_place() -> None:
    found = [
        f"{name}: {source}"
        for folder in ("cvo_ml", "training")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not (name := path.relative_to(ROOT).as_posix()).startswith(KEEPERS)
        for source in compared(path)
        if (KNOWN.search(source) and VALUES not in source) or (BY_HAND.search(source) and "midnight" in source)
    ]
    assert found == []


def test_the_search_finds_what_it_looks_for() -> None:
    text = (ROOT / "cvo_ml/core/visibility.py").read_text()
    assert "rows[KNOWN_AT] <= limit" in text
    assert any(KNOWN.search(source) for source in compared(ROOT / "cvo_ml/core/visibility.py"))
    assert BY_HAND.search("tables.orders['ordered_at'] < midnight(as_of)")
