"""A shop's file as text: each key with the evidence for it as a comment beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from cvo_ml.core.result import Json
from cvo_ml.core.terminal_text import escaped
from cvo_ml.ingest.look.findings import FoundOut

_WIDTH: Final = 118
#: Keys in the order in which a person reads them; others follow.
_ORDER: Final = (
    "name", "currency", "timezone", "adapter", "source", "rows", "order_id", "columns", "profile", "constants",
    "statuses", "guests",
    "guest_ids", "customers", "refunds", "exclude", "ignore", "net_less", "counts_only", "tables", "questions",
)  # fmt: skip
_FIRST: Final = """\
# Written by `cvo init`: every decision with the evidence for it. Edit what is wrong; `cvo check --shop` reads it.
"""
_ANSWER: Final = "one of the choices; nothing is read before it is answered"


def shop_text(content: Mapping[str, Json], findings: FoundOut) -> str:
    """The file's text.

    Parameters
    ----------
    content:
        Its nested keys.
    findings:
        Where the comments come from: evidence by key, and what has no key.
    """
    said = _comments(findings)
    lines = [_FIRST, *_unkeyed(findings)]
    for key in sorted(content, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        lines += _entry(key, content[key], key, said, 0)
    if findings.missing:
        lines += [line for missing in findings.missing for line in _wrapped(f"MISSING: {missing}", 0)]
    return "\n".join(lines) + "\n"


def _comments(findings: FoundOut) -> dict[str, str]:
    """Dotted key to the evidence for it."""
    said: dict[str, str] = {}
    for decision in findings.decisions:
        for key in decision.settings:
            said[key] = decision.evidence
            break
    for question in findings.questions:
        said[f"questions.{question.name}.answer"] = _ANSWER
        if question.shown:
            said[f"questions.{question.name}.rows"] = "; ".join(question.shown)
    return said


def _unkeyed(findings: FoundOut) -> Iterator[str]:
    """Decisions that need no key, because the default says the same."""
    for decision in findings.decisions:
        if not decision.settings:
            yield from _wrapped(f"{decision.what}: {decision.value} ({decision.evidence})", 0)
    yield ""


def _entry(key: str, value: Json, path: str, said: Mapping[str, str], depth: int) -> list[str]:
    indent = "  " * depth
    if isinstance(value, Mapping) and value:
        head = _with_comment(f"{indent}{_scalar(key)}:", said.get(path), depth)
        return [
            *head,
            *(line for name, inner in value.items() for line in _entry(name, inner, f"{path}.{name}", said, depth + 1)),
        ]
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        head = _with_comment(f"{indent}{_scalar(key)}:", said.get(path), depth)
        return [*head, *(f"{indent}  - {_flow(item)}" for item in value)]
    return _with_comment(f"{indent}{_scalar(key)}: {_flow(value)}", said.get(path), depth)


def _with_comment(line: str, comment: str | None, depth: int) -> list[str]:
    if not comment:
        return [line]
    beside = f"{line:<34}  # {escaped(comment)}"
    return [beside] if len(beside) <= _WIDTH else [*_wrapped(comment, depth), line]


def _wrapped(text: str, depth: int) -> list[str]:
    mark = "  " * depth + "# "
    return textwrap.wrap(escaped(text), _WIDTH, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False)


def _flow(value: Json) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1_000_000, sort_keys=False)
    return text.removesuffix("...\n").rstrip("\n")


def _scalar(key: str) -> str:
    return _flow(key)
