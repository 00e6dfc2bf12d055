"""Write docs/analyses.md from the registry of analyses, so that the page cannot say anything else.

Run by ``make docs``; a test compares the page with what this would write.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Final

from cvo_ml.value import ANALYSES, Analysis

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "analyses.md"
HEAD: Final = """# Analyses: what customers are worth, who stays, and what to do about it

Written by `make docs` from `cvo_ml/value`; do not edit it here.

`cvo analyze` lists them, `cvo analyze NAME` runs one on the shop (`--shop`) as it was known at a date (`--as-of`),
`cvo analyze --all` runs all; `--html FILE` writes a page with figures, `--json` is for machines, `--set key=value`
changes a setting. In Python: `cvo.analyze("NAME", tables, as_of)`. Defaults stand in `configs/analyses/NAME.yaml`; a
file of that name in your own `configs/` comes first.

Every number is a count, an interval of 95 %, or a reason why there is none; it names its rule ([methods](methods.md))
and what to do. Money is told in one basis: contribution where costs are known, else gross margin, else revenue with a
warning ([decision 50](decisions/0050-one-definition-of-money.md)).

| analysis | question |
|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    rows = [f"| [`{name}`](#{name}) | {kind.question} |" for name, kind in ANALYSES.items()]
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(_section(kind) for kind in ANALYSES.values())


def _section(kind: type[Analysis]) -> str:
    module = inspect.getdoc(inspect.getmodule(kind)) or ""
    optional = (
        f"; says more with {', '.join(f'`{name}`' for name in kind.reads.optional)}" if kind.reads.optional else ""
    )
    reads = ", ".join(f"`{name}`" for name in kind.reads.required) or "nothing where its numbers are typed"
    settings = "\n".join(f"| `{name}` | {_default(field.default)} |" for name, field in kind.model_fields.items())
    described = inspect.getdoc(kind) or ""
    meanings = described.partition("Parameters\n----------\n")[2]
    table = f"\n| setting | default |\n|---|---|\n{settings}\n\n{_meanings(meanings)}" if settings else ""
    return (
        f"## {kind.name}\n\n**{kind.question}**\n\n{module.replace('``', '`')}\n\n"
        f"Reads {reads}{optional}. Methods: {', '.join(kind.methods)}.\n{table}"
    )


def _default(value: object) -> str:
    return "none" if value is None else f"`{value}`"


def _meanings(parameters: str) -> str:
    """The docstring's parameters as a list."""
    lines: list[str] = []
    for line in parameters.splitlines():
        if line and not line.startswith(" "):
            names = ", ".join(f"`{name}`" for name in line.rstrip(":").split(", "))
            lines.append(f"* {names}:")
        elif line.strip():
            lines[-1] += f" {line.strip()}"
    return "\n".join(lines).replace("``", "`") + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
