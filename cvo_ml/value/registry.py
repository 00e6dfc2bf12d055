"""All analyses by their names: an entry here is a command, a function, a section of a page and a page of the docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cvo_ml.core.errors import UsageError, nearest_name
from cvo_ml.value.acquisition import Acquisition
from cvo_ml.value.analysis import Analysis
from cvo_ml.value.cohorts import Cohorts
from cvo_ml.value.economics import Economics
from cvo_ml.value.levers import Levers
from cvo_ml.value.new_customers import NewCustomers
from cvo_ml.value.retention import Retention

_KINDS: Final = (Economics, Retention, Cohorts, NewCustomers, Acquisition, Levers)
ANALYSES: Final[Mapping[str, type[Analysis]]] = {kind.name: kind for kind in _KINDS}


def analysis_of(name: str) -> type[Analysis]:
    """The analysis of that name.

    Raises
    ------
    UsageError
        If there is none; names those that there are.
    """
    if name not in ANALYSES:
        known = ", ".join(ANALYSES)
        raise UsageError(f"analysis {name!r} is unknown{nearest_name(name, list(ANALYSES))}: use one of {known}")
    return ANALYSES[name]
