"""A terminal for results: what it is given is shown as text, whatever stands in it.

``Screen`` reads no markup, and spells out each sign that would command a terminal (``core.terminal_text``): ids, names,
headers and error texts are data. A style is said beside the text that has it, never inside it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markdown import Markdown
from rich.segment import Segment
from rich.status import Status
from rich.table import Table
from rich.text import Text

from cvo_ml.core.blocks import Block, TextTable
from cvo_ml.core.terminal_text import escaped

#: A text, or a text and its style.
Part: TypeAlias = str | tuple[str, str]


class Screen(Console):
    """A console for data.

    Parameters
    ----------
    shows_ids:
        Whether customers are named: a terminal is somebody's eyes, a nightly log is kept by others.
    options:
        As Rich's console takes them.

    Examples
    --------
    >>> Screen(width=60, shows_ids=True).say("customer ", ("[red]\\x1b[2J", "bold"))
    customer [red]\\x1b[2J
    """

    def __init__(self, *, shows_ids: bool = False, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **options})
        self.shows_ids = shows_ids

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as it stands: of several lines, but without a sign that nobody sees."""
        return super().render_str(escaped(text, keep="\n"), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The last look at what is shown, however it came here."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n" or segment.text.isprintable():
                yield segment
            else:
                yield Segment(escaped(segment.text, keep="\n"), segment.style)

    def say(self, *parts: Part, style: str = "", soft_wrap: bool = False) -> None:
        """A line of text; a line end in it is spelled out."""
        self.print(styled(*parts), style=style or None, soft_wrap=soft_wrap)

    def blocks(self, written: Iterable[Block]) -> None:
        """Sentences and tables, one after the other."""
        for block in written:
            if isinstance(block, TextTable):
                drawn = table(block.title, *block.columns)
                for row in block.rows:
                    drawn.add_row(*row)
                self.print(drawn)
            else:
                self.print(block.text, style=block.style or None)

    def notes(self, said: Iterable[str]) -> None:
        """What the reader, the scoring or a model found worth saying."""
        for note in said:
            self.say(f"  note: {note}", style="dim")

    def markdown(self, page: str) -> None:
        """A page of Markdown."""
        self.print(Markdown(escaped(page, keep="\n")))


class DataTable(Table):
    """A table whose cells are data: each one line."""

    def add_row(self, *cells: RenderableType | tuple[str, str] | None, **options: Any) -> None:
        """A row of texts; a line end in one is spelled out."""
        drawn = [styled(cell) if isinstance(cell, str | tuple) else cell for cell in cells]
        super().add_row(*drawn, **options)


def table(title: str, *columns: str) -> DataTable:
    """An empty table; a column whose name begins with ``>`` stands to the right."""
    drawn = DataTable(title=styled(title), title_justify="left", show_edge=False)
    for name in columns:
        drawn.add_column(styled(name.removeprefix(">")), justify="right" if name.startswith(">") else "left")
    return drawn


def styled(*parts: Part) -> Text:
    """A line of data, parts of it with a style."""
    line = Text()
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        line.append(escaped(text), style)
    return line


class ScreenProgress:
    """Progress on a screen: a line for each step that is done, and what is being done inside the current one."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._status: Status | None = None

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show what is being done, and how long it took when it is done."""
        started = time.perf_counter()
        if self._status is None:
            with self._screen.status(styled(text)) as self._status:
                try:
                    yield
                finally:
                    self._status = None
        else:  # a step inside a step: one line moves at a time
            self._status.update(styled(text))
            yield
        self._screen.say(("✓", "green"), f" {text} ", (f"{time.perf_counter() - started:.1f} s", "dim"))

    def tell(self, text: str) -> None:
        """Show what is being done inside the step."""
        if self._status is not None:
            self._status.update(styled(text))

    def count(self, done: int, of: int) -> None:
        """Show how far the step is."""
        self.tell(f"{done} of {of}")
