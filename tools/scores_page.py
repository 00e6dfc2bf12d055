"""Write docs/scores.md from the contract of Scores, so that the page cannot say anything else.

Run by ``make docs``; a test compares the page with what this would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cvo_ml.core.models import MODELS
from cvo_ml.core.scores import ECONOMICS, PRIORITY, REASON_COLUMNS, REASONS, RUN, SCORE_COLUMNS, SEGMENT, TOTAL

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "scores.md"
TITLES: Final = {
    RUN: "The row",
    **{model.name: f"Model: {model.name}" for model in MODELS},
    ECONOMICS: "Economics",
    TOTAL: "The total",
    REASONS: "Reasons",
    SEGMENT: "Segments",
    PRIORITY: "Priorities",
}
KINDS: Final = {
    "id": "text",
    "text": "text",
    "time": "time",
    "number": "number",
    "money": "money, in `currency`",
    "flag": "yes or no",
}
HEAD: Final = """# Scores: one row per customer and date

Written by `make docs` from `cvo_ml/core/scores.py`; do not edit it here.

The only output contract: batch, Python and every service give these columns in this order. They lie as Parquet in
`scores/as_of=DATE/<run>/part-*.parquet` ([the folder of results](results.md)), and `cvo_ml.core.store.read_scores`
checks them against the contract. Every value has one meaning, and a null always has its group's reason in the
`…_reason` column: a short stable code, several joined with `;`.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for group, title in TITLES.items():
        rows = [
            f"| `{column.name}` | {KINDS[column.kind]} | {column.meaning} |"
            for column in SCORE_COLUMNS
            if column.group == group
        ]
        if group in REASON_COLUMNS:
            rows.append(f"| `{REASON_COLUMNS[group]}` | text | why the values above are null |")
        parts.append("\n".join([f"## {title}\n", "| column | kind | meaning |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
