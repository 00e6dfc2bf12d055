"""``python -m cvo_ml``: the ``cvo`` command.

Python puts the working folder before its path for ``-m``, so it is taken away before any library is imported.
"""

import os
import sys
from pathlib import Path

_FIRST = Path(sys.path[0])
if _FIRST.exists() and _FIRST.samefile(os.curdir) and _FIRST.resolve() != Path(__file__).resolve().parent.parent:
    del sys.path[0]

from cvo_ml.cli import main  # noqa: E402 (after the path)

if __name__ == "__main__":
    main()
