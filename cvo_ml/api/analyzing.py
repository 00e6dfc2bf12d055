"""Analyses: what customers are worth, who stays, and what to do about it."""

from __future__ import annotations

from datetime import date
from typing import TypeAlias

import pandas as pd
from pydantic import ValidationError

from cvo_ml.api.reading import as_tables, refuse_unseen
from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.value import AnalysisResult, analysis_of

#: What a setting of an analysis can be.
Setting: TypeAlias = int | float | str | None


def analyze(name: str, source: Tables | pd.DataFrame, as_of: str | date, **settings: Setting) -> AnalysisResult:
    """One analysis of a shop as it was known at ``as_of`` (docs/analyses.md).

    Parameters
    ----------
    name:
        Such as ``retention``.
    source:
        Tables, or a frame of orders (``customer_id, ordered_at, net``).
    as_of:
        Rows on or after this date at 00:00, and what was only known after it, are not seen.
    settings:
        Of the analysis; each has a default.

    Returns
    -------
    AnalysisResult
        ``sentences()`` (the finding first), ``kpis``, ``tables()``, ``figures()`` for ``plot``, ``to_json()``.

    Raises
    ------
    UsageError
        If there is no such analysis or setting, or ``source`` is neither.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> found = cvo.analyze("retention", cvo.read_shop("shop.yaml"), "2023-03-01", period_months=6)
    >>> found.kpi("repeat customer rate").value.estimate > 0.4, found.basis
    (True, 'gross_margin')
    >>> print(found.sentences()[-1][:30])
    What to do: bring first-time b
    >>> cvo.plot(found.figures()[0]).layout.title.text
    'Who comes back, month by month'
    """
    kind = analysis_of(name)
    try:
        analysis = kind.model_validate(settings)
    except ValidationError as error:
        wrong = error.errors()[0]
        known = ", ".join(kind.model_fields)
        where = ".".join(map(str, wrong["loc"]))
        raise UsageError(f"analyze: setting {where!r} of {name!r}: {wrong['msg']}; settings: {known}") from None
    tables, day = as_tables(source, "analyze"), parse_as_of(as_of)
    refuse_unseen(tables, day)
    return analysis.run(tables, day)
