"""How every command speaks: one console for people, JSON for machines."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
from rich.status import Status

console: Final = Console()


@contextmanager
def step(text: str, quiet: bool = False) -> Iterator[None]:
    """Show what is being done, and how long it took when it is done."""
    if quiet:
        yield
        return
    started = time.perf_counter()
    with console.status(text):
        yield
    console.print(f"[green]✓[/] {text} [dim]{time.perf_counter() - started:.1f} s[/]", highlight=False)


class Steps:
    """Progress on the terminal: a line for each step that is done, and what is being done inside the current one."""

    def __init__(self) -> None:
        self._status: Status | None = None

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show what is being done, and how long it took when it is done."""
        started = time.perf_counter()
        with console.status(text) as self._status:
            try:
                yield
            finally:
                self._status = None
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


def print_json(value: Any) -> None:
    """Print a value for machines; dates and paths as text."""
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))
