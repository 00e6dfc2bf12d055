"""Look at files, and write a shop's YAML: each decision with its evidence, and as a question what has two readings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.shops import CurrencyCode, ShopName
from cvo_ml.core.errors import DataError, UsageError, nearest_name
from cvo_ml.core.files import write_text
from cvo_ml.core.result import Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.secrets import redacted
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest.look import Decision, Given, Look, OpenQuestion, look_at, shop_text

__all__ = ["Ask", "InitRequest", "InitResult", "OpenQuestion", "init", "pairs_of"]
LOGGER: Final = logging.getLogger(__name__)
_SHOWN: Final = 20
#: Asks a person one question, and returns the choice; None = leave it open.
Ask = Callable[[OpenQuestion], str | None]


class InitRequest(FrozenConfig):
    """What to look at, and where to write what was found.

    Parameters
    ----------
    files:
        Files, folders or addresses of databases (``env://NAME``, ``${NAME}``, ``postgresql://me:${PASSWORD}@host/db``).
    out:
        The file to write.
    name:
        Of the shop; None = as the first file is called.
    currency, timezone:
        Where no file says them.
    columns:
        Meaning to header, where the names do not tell.
    answers:
        Question to choice.
    only_sure:
        Ask nobody: what is open stays open.
    overwrite:
        Replace a file that is there.
    """

    files: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    out: Path = Path("shop.yaml")
    name: ShopName | None = None
    currency: CurrencyCode | None = None
    timezone: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    answers: dict[str, str] = Field(default_factory=dict)
    only_sure: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class InitResult(Result):
    """What was decided and what is open.

    Parameters
    ----------
    path:
        The file that was written.
    questions:
        Those without an answer.
    next_command:
        What to run then.
    """

    path: Path
    decisions: tuple[Decision, ...]
    answered: Mapping[str, str]
    questions: tuple[OpenQuestion, ...]
    next_command: str


def init(request: InitRequest, workspace: Workspace, ask: Ask | None = None) -> InitResult:
    """Look at files and write the shop's file.

    Parameters
    ----------
    ask:
        Where somebody can be asked.

    Raises
    ------
    DataError
        If a file cannot be read as a table, or something is missing that no question can settle.
    UsageError
        If the file to write is there, or an answer answers nothing.
    """
    if request.out.exists() and not request.overwrite:
        raise UsageError(f"{request.out}: is there already: name another one (--out), or replace it (--overwrite)")
    with logged(LOGGER, "init", files=len(request.files)) as facts:
        with workspace.progress.step(f"Looking at {', '.join(map(redacted, request.files))}"):
            given = Given(request.name, request.currency, request.timezone, request.columns)
            look = look_at(request.files, given)
        _refuse_missing(look, request.files)
        answers = _answers(look, request, ask)
        write_text(request.out, shop_text(look.content(answers), look.findings))
        facts["questions"] = len(look.findings.questions)
    left = tuple(question for question in look.findings.questions if question.name not in answers)
    command = f"cvo check --shop {request.out}"
    return InitResult(request.out, tuple(look.findings.decisions), answers, left, command)


def pairs_of(option: str, texts: Iterable[str]) -> dict[str, str]:
    """``name=value`` texts of an option as a mapping.

    Raises
    ------
    UsageError
        If a text has no ``=``.
    """
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{option} {text!r} is not name=choice, such as dates=day_first")
        pairs[name.strip()] = value.strip()
    return pairs


def _refuse_missing(look: Look, files: tuple[str, ...]) -> None:
    """Refuse what no answer settles, and name all of it at once, with what would be asked."""
    if look.findings.missing:
        lines = [*look.findings.missing, *(f"{question.name}: {question.ask}" for question in look.findings.questions)]
        listed = "\n".join(f"- {line}" for line in lines)
        held = ", ".join(map(repr, look.headers[:_SHOWN]))
        if not look.hint:
            raise DataError(f"what is missing:\n{listed}", "correct the file", file=files[0])
        told = f"name those that are meant (--columns {look.hint})"
        raise DataError(f"what is missing:\n{listed}\nits headers are {held}", told, file=files[0])


def _answers(look: Look, request: InitRequest, ask: Ask | None) -> dict[str, str]:
    questions = {question.name: question for question in look.findings.questions}
    for name, choice in request.answers.items():
        if name not in questions:
            known = f"the questions are {', '.join(questions)}" if questions else "nothing is open"
            raise UsageError(
                f"--answer {name}={choice}: no such question{nearest_name(name, list(questions))}: {known}"
            )
        if choice not in questions[name].choices:
            choices = list(questions[name].choices)
            raise UsageError(f"--answer {name}={choice}: choose {' or '.join(choices)}{nearest_name(choice, choices)}")
    answers = dict(request.answers)
    open_ones = [question for name, question in questions.items() if name not in answers]
    for question in open_ones if ask is not None and not request.only_sure else ():
        assert ask is not None
        if (taken := ask(question)) is not None:
            answers[question.name] = taken
    return answers
