"""Write docs/tables.md from the contracts of the tables, so that the page cannot say anything else.

Run by ``make docs``; a test compares the page with what this would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cvo_ml.core.contract import Column, TableContract, either
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.markdown import markdown_table
from cvo_ml.ingest import cross_checks, row_checks
from cvo_ml.readiness.table_uses import READ_BY

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "tables.md"
KINDS: Final = {
    "id": "id", "text": "text", "time": "time", "money": "money", "number": "number", "integer": "whole number",
    "flag": "yes or no",
}  # fmt: skip
HEAD: Final = """# Tables: what you can bring

Written by `make docs` from `cvo_ml/core/contracts/`; do not edit it here.

Only `orders` is required (a vendor may bring `subscriptions` alone). `cvo init` finds the others by their headers,
`cvo check` reads them strictly and says what reads each; how they are declared: [how to bring your
data](data.md#further-tables).

* **Required** columns must be mapped, and a row without one is set aside. Of *one of* several, a row names at least
  one.
* Ids are text; times are those of the shop's clock; money is in the shop's `currency`, or converted by `fx` at the
  row's day.
* **Known from**: a row is seen at a date if its event time lies before it and it was known by then: `known_at`, by
  default its event time; a month is known when it is over. A table without an event time is about no moment and has
  its `known_at` alone. Times that a row learns later (an arrival, an end) are hidden until they come; promises and
  plans are not.
* Rows with the same **key** that say the same count once; those that say different things are set aside, all of them.
  A key *where told* holds in files that have its columns.
* A column that **names** a row of another table is checked where the shop has that table.
* Columns beyond these are kept where the table takes **fields** (`profile:`).
"""


def page() -> str:
    """The page as Markdown."""
    listed = [
        (f"[{name}](#{name})", contract.about, ", ".join(READ_BY.get(name, ())) or "kept")
        for name, contract in CONTRACTS.items()
    ]
    parts = [HEAD, markdown_table(("table", "one row is", "read by"), listed), ""]
    parts += [_table(contract) for contract in CONTRACTS.values()]
    parts += ["## Checks of each row\n", _checks(row_checks), "\n## Checks between tables\n", _checks(cross_checks)]
    return "\n".join(parts) + "\n"


def _table(contract: TableContract) -> str:
    rows = [
        (f"`{column.name}`", KINDS[column.kind], "yes" if column.required else "", _meaning(column))
        for column in contract.columns
    ]
    facts = [_key(contract), *(f"one of {either([f'`{name}`' for name in group])}" for group in contract.one_of)]
    facts += [f"event time `{contract.event_time}`" if contract.event_time else "no event time"]
    facts += [f"`{span.ends}` not before `{span.begins}`" for span in contract.spans]
    facts += ["takes fields"] * contract.profile
    told = f"{contract.about} {'; '.join(fact for fact in facts if fact).capitalize()}."
    return "\n".join(
        [f"## {contract.name}\n", told + "\n", markdown_table(("column", "kind", "required", "meaning"), rows), ""]
    )


def _meaning(column: Column) -> str:
    said = [column.meaning] if column.meaning else []
    if column.within is not None:
        said.append(f"{column.within}")
    if column.names is not None:
        said.append(f"names a row of `{column.names}`")
    if column.waits_for:
        said.append(f"not known before {either([f'`{name}`' for name in column.waits_for])}")
    return "; ".join(said)


def _key(contract: TableContract) -> str:
    key = ", ".join(f"`{name}`" for name in contract.key or contract.key_where_told)
    return "" if not key else f"key {key}" + ("" if contract.key else " where told")


def _checks(module: object) -> str:
    """The table of outcomes in a module's own description."""
    lines = (module.__doc__ or "").splitlines()
    return "\n".join(line for line in lines if line.startswith("|"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
