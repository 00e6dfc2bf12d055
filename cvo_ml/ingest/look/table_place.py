"""Under which key a further table is declared: its own name, or that of a second system with rows of it."""

from __future__ import annotations

import re
from collections.abc import Collection

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.result import Json
from cvo_ml.ingest.look.findings import FoundOut


def table_place(table: str, system: str, taken: Collection[str], findings: FoundOut) -> tuple[str, dict[str, Json]]:
    """The prefix of a table's settings, and the setting that says whose rows these are.

    Parameters
    ----------
    system:
        What a second source of the table is called by: an adapter, or its file.
    taken:
        The tables that the shop has already.
    """
    if table not in taken:
        return f"tables.{table}", {}
    plain = re.sub(r"\W+", "_", system.lower()).strip("_") or "more"
    called = f"{plain}_{table}" if plain in CONTRACTS or not plain.isascii() else plain
    used, number, key = {name.split(".")[1] for name in findings.settings() if name.startswith("tables.")}, 1, called
    while key in used:
        number += 1
        key = f"{called}_{number}"
    return f"tables.{key}", {f"tables.{key}.table": table}
