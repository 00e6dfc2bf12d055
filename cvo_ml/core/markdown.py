"""Tables in Markdown, as pages, cards and reports of trainings hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table without a line end; what would end a cell is escaped, numbers have four digits, and None is empty.

    Examples
    --------
    >>> print(markdown_table(["a", "b"], [("x|y", 1 / 3), (None, 2)]))
    | a | b |
    |---|---|
    | x\\|y | 0.3333 |
    |  | 2 |
    """
    lines = [header, *rows]
    written = [f"| {' | '.join(_cell(value) for value in line)} |" for line in lines]
    return "\n".join([written[0], "|" + "---|" * len(header), *written[1:]])


def markdown_records(records: Sequence[Mapping[str, object]]) -> str:
    """The table of records, a column for each of their names in order of appearance, underscores as blanks."""
    names = list(dict.fromkeys(name for record in records for name in record))
    header = [name.replace("_", " ") for name in names]
    return markdown_table(header, ([record.get(name) for name in names] for record in records))


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
