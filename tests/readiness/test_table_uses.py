"""What ``cvo check`` says of a table, that something reads it or that nothing does, is true of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import cvo_ml
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.readiness.table_uses import READ_BY, uses_of
from cvo_ml.value import ANALYSES
from tests.builders import shop_of

PACKAGE = Path(cvo_ml.__file__).parent
#: Where tables are read for what they say.
READERS = ("features", "segments", "priorities", "monitoring", "predict", "value", "workflows")
#: Modules that name tables to take a customer's rows, or to hide what nobody knew, whatever they say.
GENERIC = ("predict/one_customer.py", "features/own/rows.py", "workflows/simulate.py")
#: How a table is asked for: some tables are called as what is counted elsewhere, such as months.
ASKED = (
    r"\.(?:has|known|at|table|get|frame|stored|relation|rows)\(\s*{0}",
    r"(?:visible_table|with_columns|table_session|opened)\([^()]*, {0}",
    r"(?:required|optional|Needs)[=(][^)]*{0}",
)


def readers_of(table: str, ways: tuple[str, ...]) -> list[str]:
    named = re.compile("|".join(way.format(rf"""["']{table}["']""") for way in ways))
    places = [path for part in READERS for path in (PACKAGE / part).rglob("*.py")]
    places += (PACKAGE.parent / "training").rglob("*.py")
    found = {str(path.relative_to(PACKAGE.parent)) for path in places if named.search(path.read_text(encoding="utf-8"))}
    return sorted(name for name in found if not name.endswith(GENERIC))


@pytest.mark.parametrize("table", sorted(set(CONTRACTS) - {"fx"}))  # rates are read where amounts are converted
def test_what_reads_a_table_is_said(table: str) -> None:
    if table not in READ_BY:
        assert readers_of(table, ASKED) == [], f"say in READ_BY what reads {table}"
    elif (PACKAGE.parent / "training").is_dir():
        assert readers_of(table, ("{0}",)), f"nothing reads {table}: take it out of READ_BY"


def test_what_the_analyses_read_is_said() -> None:
    needed = {name for kind in ANALYSES.values() for name in (*kind.reads.required, *kind.reads.optional)}
    assert {name for name, by in READ_BY.items() if "analyses" in by} <= needed
    assert needed & set(CONTRACTS) <= set(READ_BY)


def test_tables_without_rows_are_not_said_to_be_read() -> None:
    shop = shop_of([("1", "a", "2024-01-01", 10.0)])
    assert uses_of(shop) == {"orders": READ_BY["orders"]}
