"""Models of purchases side by side, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from cvo_ml.api.reading import as_tables
from cvo_ml.core.errors import UsageError
from cvo_ml.core.figures import FigureSpec
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import HoldoutWindow
from cvo_ml.features import holdout as holdout_of
from cvo_ml.models.clv import Comparison
from cvo_ml.models.clv import compare as compare_models
from cvo_ml.models.clv.comparison import Compared

if TYPE_CHECKING:
    import plotly.graph_objects as go


def holdout(source: Tables | pd.DataFrame, as_of: str | date, horizon: Horizon | str) -> HoldoutWindow:
    """What the customers known at ``as_of`` bought in [``as_of``, ``as_of`` + ``horizon``): the judge of ``compare``.

    Parameters
    ----------
    source:
        Tables, or a frame of orders (``customer_id, ordered_at, net``), that reach beyond ``as_of``.

    Raises
    ------
    UsageError
        If ``source`` is neither, or its orders do not reach to the window's end.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> came = cvo.holdout(cvo.read_shop("shop.yaml"), "2023-01-01", "60D")
    >>> came.outcomes.columns.tolist()
    ['purchases', 'value']
    """
    return holdout_of(as_tables(source, "holdout"), as_of, Horizon(horizon))


def compare(
    models: Mapping[str, Compared] | Sequence[Compared], summary: pd.DataFrame, holdout: HoldoutWindow | None = None
) -> Comparison:
    """Fit models of purchases on the same summary and set them side by side: fit, order, total, time.

    Parameters
    ----------
    models:
        Such as ``[BetaGeoModel(), ParetoNBDModel()]``, or ``CustomerLifetimeValue(…)`` where value counts too; a dict
        names them. Copies are fitted.
    summary:
        What ``rfm_summary`` returns.
    holdout:
        What ``holdout`` returns for the same date; None compares the fits alone.

    Returns
    -------
    Comparison
        ``table`` and ``parameters`` (frames), ``figures`` for ``plot``, ``to_json()``.

    Raises
    ------
    UsageError
        If an argument has the wrong type, or units or customers differ.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> tables = cvo.read_shop("shop.yaml")
    >>> summary = cvo.rfm_summary(tables, "2023-01-01")
    >>> models = [cvo.BetaGeoModel(), cvo.CustomerLifetimeValue(cvo.ParetoNBDModel())]
    >>> found = cvo.compare(models, summary, cvo.holdout(tables, "2023-01-01", "60D"))
    >>> found.table.index.tolist()
    ['BG/NBD', 'Pareto/NBD', 'own rate repeated', 'last period repeated']
    >>> list(found.figures)
    ['tracking', 'tracking_cumulative', 'frequency', 'holdout_by_frequency', 'holdout_by_recency']
    >>> cvo.plot(found.figures["tracking"]).layout.title.text
    'Repeat purchases by the week'
    """
    if not isinstance(summary, pd.DataFrame):
        raise UsageError(f"compare: summary is what rfm_summary returns, not {type(summary).__name__}")
    known, judged = summary.attrs.get("as_of"), None if holdout is None else holdout.cut
    if known is not None and judged is not None and known != str(judged):
        raise UsageError(f"compare: the summary is of {known} and the holdout begins on {judged}: give both one date")
    return compare_models(models, summary, holdout)


def plot(figure: FigureSpec) -> go.Figure:
    """A figure of a result as a plotly figure.

    Raises
    ------
    UsageError
        If it is no figure of a result.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> found = cvo.compare([cvo.BetaGeoModel()], cvo.rfm_summary(cvo.read_shop("shop.yaml"), "2023-01-01"))
    >>> [bars.name for bars in cvo.plot(found.figures["frequency"]).data]
    ['actual', 'BG/NBD']
    """
    if not isinstance(figure, FigureSpec):
        wanted = "a figure of a result, such as comparison.figures['tracking']"
        raise UsageError(f"plot: takes {wanted}, not {type(figure).__name__}")
    from cvo_ml.report.charts import drawn

    return drawn(figure)
