"""How every command speaks: one console for people, JSON for machines."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console

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


def print_json(value: Any) -> None:
    """Print a value for machines; dates and paths as text."""
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))
