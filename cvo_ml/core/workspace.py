"""Where a shop's things lie. A workspace is passed in: nothing in the library looks into the working directory."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

from cvo_ml.core.files import locked
from cvo_ml.core.paths import inside
from cvo_ml.core.publication import current_set, publication

LOGGER: Final = logging.getLogger(__name__)


class Progress(Protocol):
    """Whom a use case tells what it is doing; a terminal, a log, a server's job list, or nobody."""

    def step(self, text: str) -> AbstractContextManager[None]:
        """A part of the work that begins here and ends with the block."""

    def tell(self, text: str) -> None:
        """What is being done inside the step."""

    def count(self, done: int, of: int) -> None:
        """How far a long work is."""


class Silent:
    """Tells nobody."""

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Nothing but the block."""
        yield

    def tell(self, text: str) -> None:
        """Nothing."""

    def count(self, done: int, of: int) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Workspace:
    """The folders of one shop, and whom to tell of the work.

    Parameters
    ----------
    results:
        Scores, plan, lists, segments, outcomes, report.
    tracking:
        MLflow's database and artifacts; may be shared by many shops.
    configs:
        A folder of own configuration whose files come before the packaged ones; None = only the packaged ones.
    dossiers:
        A folder ``<model>/gates.yaml`` of own thresholds that come before the packaged ones; None = only those.
    progress:
        Whom a use case tells what it is doing.
    registry_prefix:
        What the registered names of models begin with, such as the schema of a catalog.
    shown:
        The published set that the paths of results lead into; None = the one that is current whenever they are used.

    Examples
    --------
    >>> Workspace(Path("out"), Path("mlruns")).priorities.as_posix()
    'out/priorities.csv'
    """

    results: Path
    tracking: Path
    configs: Path | None = None
    dossiers: Path | None = None
    progress: Progress = field(default_factory=Silent)
    registry_prefix: str = ""
    shown: Path | None = None

    @contextlib.contextmanager
    def publishing(self) -> Iterator[Workspace]:
        """A workspace whose results are a new set, published in one step when the block ends without error.

        Nobody else publishes meanwhile; whoever must wait for another says so. Readers never wait.

        Raises
        ------
        OSError
            If the folder cannot be made or written into.
        ValueError
            If this workspace shows one set: that one is read, or is being published already.
        """
        if self.shown is not None:
            raise ValueError(f"{self.shown}: one set is shown here: publish from the workspace itself")

        def waiting() -> None:
            LOGGER.warning("another cvo is writing into %s: waiting", self.results)
            self.progress.tell(f"another cvo is writing into {self.results}: waiting")

        with locked(self.results, waiting), publication(self.results) as draft:
            yield replace(self, shown=draft)

    def as_published(self) -> Workspace:
        """A workspace that shows one published set, whatever is published meanwhile: for who reads several files."""
        found = None if self.shown is not None else current_set(self.results)
        return self if found is None else replace(self, shown=found.folder)

    @property
    def lasting(self) -> Workspace:
        """The workspace whose paths are the ones that people keep."""
        return replace(self, shown=None)

    @property
    def _shown(self) -> Path:
        return self.results if self.shown is None else self.shown

    @property
    def scores(self) -> Path:
        """The score store."""
        return self._shown / "scores"

    @property
    def shop_file(self) -> Path:
        """The shop that was scored, as YAML."""
        return self._shown / "shop.yaml"

    @property
    def outcomes_file(self) -> Path:
        """How the current run turned out."""
        return self._shown / "outcomes.json"

    @property
    def outcome_ledger(self) -> Path:
        """Folder of the outcome ledger."""
        return self._shown / "outcomes"

    @property
    def segments(self) -> Path:
        """Folder of the segments."""
        return self._shown / "segments"

    @property
    def edges(self) -> Path:
        """The frozen edges of the segments, beside the lists that they cut."""
        return self.segments / "edges"

    @property
    def priorities(self) -> Path:
        """The list of whom to act on first."""
        return self._shown / "priorities.csv"

    @property
    def scores_list(self) -> Path:
        """Everybody's scores as one CSV, where it was asked for."""
        return self._shown / "scores.csv"

    @property
    def prospects(self) -> Path:
        """Scores of people who are not customers yet."""
        return self._shown / "prospects.csv"

    @property
    def evaluation_file(self) -> Path:
        """Whether the current plan paid."""
        return self._shown / "evaluation.json"

    @property
    def measured_effects(self) -> Path:
        """Effects that an evaluation measured, for the next plan."""
        return self._shown / "measured_effects.csv"

    @property
    def report(self) -> Path:
        """The report for people."""
        return self._shown / "report.html"

    @property
    def backtest_file(self) -> Path:
        """How the models did on dates of the past."""
        return self._shown / "backtest.json"

    @property
    def backtest_page(self) -> Path:
        """The same for people."""
        return self._shown / "backtest.html"

    @property
    def simulated(self) -> Path:
        """Folder of a simulated shop's tables and truth."""
        return self.results / "simulated"

    def audience(self, platform: str) -> Path:
        """The seed list for an advertising platform."""
        return inside(self._shown, f"audience-{platform}.csv")
