"""An export read as a stranger reads it: ``cvo init``, an answer where one is asked for, then the shop's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import CvoError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.workflows.init import InitRequest, OpenQuestion, init


@dataclass(frozen=True)
class Attempt:
    """How far a stranger came.

    Parameters
    ----------
    asked:
        Names of the questions.
    result:
        What was read; None where the files were refused, or a question stayed open.
    refusal:
        What was said then.
    """

    asked: tuple[str, ...]
    result: ReadResult | None
    refusal: str = ""

    @property
    def calls(self) -> int:
        """Of ``cvo`` until its answer: ``init`` and ``check``, and one more for each answered question."""
        return 2 + len(self.asked)


def attempt(folder: Path, answers: Mapping[str, str]) -> Attempt:
    """Read all files of a folder, the first source first.

    Parameters
    ----------
    answers:
        Question to the choice that is true; a question that is not among them stays open.
    """
    asked: list[str] = []

    def ask(question: OpenQuestion) -> str | None:
        asked.append(question.name)
        choice = answers.get(question.name)
        return choice if choice in question.choices else None

    with TemporaryDirectory() as out:
        path = Path(out) / "shop.yaml"
        try:
            init(InitRequest(files=_files(folder), out=path), Workspace(Path(out), Path(out)), ask)
            return Attempt(tuple(asked), read_shop(load_config(path, ShopConfig)))
        except CvoError as error:
            return Attempt(tuple(asked), None, str(error))


def _files(folder: Path) -> tuple[str, ...]:
    """The orders first, as a person would name them."""
    paths = sorted(folder.iterdir(), key=lambda path: (not path.stem.startswith(("order", "export")), path.name))
    return tuple(map(str, paths))
