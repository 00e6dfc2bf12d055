"""docs/tables.md says what the contracts say."""

from __future__ import annotations

from cvo_ml.core.contracts import CONTRACTS
from tools.tables_page import PAGE, page


def test_the_page_is_written_from_the_contracts() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run 'make docs'"


def test_every_table_and_column_stands_on_the_page_and_says_what_it_is_for() -> None:
    text = page()
    for name, contract in CONTRACTS.items():
        own = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert contract.about
        assert contract.about in own
        assert [column for column in contract.names if own.count(f"| `{column}` |") != 1] == []
