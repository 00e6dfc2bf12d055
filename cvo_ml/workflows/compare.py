"""Models of purchases side by side on a shop: fitted before a cut, judged on the window after it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ModelRefused, UsageError, nearest_name
from cvo_ml.core.files import write_text
from cvo_ml.core.result import INLINE, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.features import holdout, rfm_summary
from cvo_ml.features.engine import engine
from cvo_ml.models.clv import (
    BetaGeoModel,
    Comparison,
    CustomerLifetimeValue,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
)
from cvo_ml.models.clv import compare as compare_models
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.report.comparison import render
from cvo_ml.workflows.shops import read_tables

LOGGER: Final = logging.getLogger(__name__)

#: Models of purchases by the names that jobs use.
NAMED: Final[Mapping[str, type[PurchaseModel]]] = {
    "bg_nbd": BetaGeoModel,
    "mbg_nbd": ModifiedBetaGeoModel,
    "pareto_nbd": ParetoNBDModel,
}


class CompareRequest(FrozenConfig):
    """What to compare.

    Parameters
    ----------
    as_of:
        The cut: nothing later is known to the models.
    holdout:
        The window after it.
    models:
        Some of ``NAMED``.
    page:
        Where an HTML page with the figures goes; None = none.
    """

    shop: ShopConfig
    as_of: date
    holdout: Horizon
    models: Sequence[str] = tuple(NAMED)
    page: Path | None = None


@dataclass(frozen=True)
class CompareResult(Result):
    """The comparison, of which shop, and the page that was written."""

    shop: str
    as_of: date
    currency: str
    comparison: Comparison = field(metadata=INLINE)
    page: Path | None = None


def compare(request: CompareRequest, workspace: Workspace) -> CompareResult:
    """Fit the models on the shop's summary at the cut, each with Gamma-Gamma, and judge them on the window after it.

    Raises
    ------
    UsageError
        If a name is unknown, or the window is not over in the shop's orders.
    ModelRefused
        If no model can be fitted.
    """
    kinds = [_kind(name) for name in dict.fromkeys(request.models)]
    with logged(LOGGER, "compare", shop=request.shop.name) as facts:
        read = read_tables(request.shop, workspace)
        with engine(read.tables) as opened, workspace.progress.step(f"Comparing {len(kinds)} models"):
            summary = rfm_summary(opened, as_of=request.as_of)
            came = holdout(opened, request.as_of, request.holdout)
            found = compare_models([CustomerLifetimeValue(kind()) for kind in kinds], summary, came)
        facts["customers"] = found.customers
        tried = [model for model in found.models if model.kind != "baseline"]
        if not any(model.is_fitted for model in tried):
            raise ModelRefused(tried[0].status.removeprefix("refused: "), reason_code="no_model_fits")
        currency = read.tables.currency
        if request.page is not None:
            write_text(request.page, render(found, request.shop.name, str(request.as_of), currency))
    return CompareResult(request.shop.name, request.as_of, currency, found, request.page)


def _kind(name: str) -> type[PurchaseModel]:
    if name not in NAMED:
        raise UsageError(f"model {name!r} is unknown{nearest_name(name, list(NAMED))}: use some of {', '.join(NAMED)}")
    return NAMED[name]
