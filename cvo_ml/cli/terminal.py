"""How every command speaks: one console for people, JSON for machines."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.status import Status

from cvo_ml.core.result import Json

console: Final = Console()


class TerminalProgress:
    """Progress on the terminal: a line for each step that is done, and what is being done inside the current one."""

    def __init__(self) -> None:
        self._status: Status | None = None

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show what is being done, and how long it took when it is done."""
        started = time.perf_counter()
        if self._status is None:
            with console.status(text) as self._status:
                try:
                    yield
                finally:
                    self._status = None
        else:  # a step inside a step: one line moves at a time
            self._status.update(text)
            yield
        console.print(f"[green]✓[/] {text} [dim]{time.perf_counter() - started:.1f} s[/]", highlight=False)

    def tell(self, text: str) -> None:
        """Show what is being done inside the step."""
        if self._status is not None:
            self._status.update(text)

    def count(self, done: int, of: int) -> None:
        """Show how far the step is."""
        self.tell(f"{done} of {of}")


@contextmanager
def aside(quiet: bool) -> Iterator[None]:
    """While ``quiet``, what libraries print goes to standard error: standard output is for the result."""
    with contextlib.redirect_stdout(sys.stderr) if quiet else contextlib.nullcontext():
        yield


def print_json(value: Json) -> None:
    """Print a value for machines."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
