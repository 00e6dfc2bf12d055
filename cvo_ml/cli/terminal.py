"""How every command speaks: one screen for people, JSON for machines."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Final

from cvo_ml.core.result import Json
from cvo_ml.core.terminal_text import escaped_in_json
from cvo_ml.report.screen import Screen

console: Final = Screen()


@contextlib.contextmanager
def aside(quiet: bool) -> Iterator[None]:
    """While ``quiet``, what libraries print goes to standard error: standard output is for the result."""
    with contextlib.redirect_stdout(sys.stderr) if quiet else contextlib.nullcontext():
        yield


def print_json(value: Json) -> None:
    """Print a value for machines: JSON whatever the encoding of the stream is."""
    is_unicode = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    print(escaped_in_json(json.dumps(value, indent=2, ensure_ascii=not is_unicode)))
