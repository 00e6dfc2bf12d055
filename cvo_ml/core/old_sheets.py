"""Old spreadsheets (.xls), parsed first where a parser may die: their records say how much memory it asks for.

A damaged file of five kilobytes asks for 685 GB; the parser, which is compiled, then ends the process and no error can
be caught. So a child with limits parses the bytes, and only if it lives, whoever wants the rows does.
"""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Final

from cvo_ml.core.address_space import limit_own_memory
from cvo_ml.core.python_child import python_command, python_environment

_CHILD: Final = "cvo_ml.core.old_sheets:parse"
#: Bytes of address space and seconds: the largest such sheet, 65,536 rows of 256 columns, takes a fifth of both.
MEMORY: Final = 4 << 30
SECONDS: Final = 60


def parses(content: bytes) -> bool:
    """Whether a child can parse these bytes within its limits."""
    try:
        done = subprocess.run(
            python_command(_CHILD),
            input=content,
            capture_output=True,
            timeout=SECONDS,
            env=python_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def parse() -> int:
    """What the child does; its answer is 0 where all sheets can be parsed."""
    limit_own_memory(MEMORY)
    import python_calamine

    book = python_calamine.load_workbook(io.BytesIO(sys.stdin.buffer.read()))
    for sheet in book.sheet_names:
        book.get_sheet_by_name(sheet)
    return 0
