"""People who are not customers yet, scored by the model of leads into a file of their own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError, NoChampion
from cvo_ml.core.files import write_text
from cvo_ml.core.ledger import CustomerLedger, RowLedger
from cvo_ml.core.models import ICP
from cvo_ml.core.result import Json, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.spreadsheet import table_csv
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.leads import lead_fields, won_deals
from cvo_ml.ingest.side_table import SideTable, read_side_table
from cvo_ml.predict import LoadedModels
from cvo_ml.predict.icp import prospect_columns
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.workflows.publish import describe
from cvo_ml.workflows.score_tables import check_models
from cvo_ml.workflows.serving_models import open_models, serving_models

LOGGER: Final = logging.getLogger(__name__)


class ProspectsRequest(FrozenConfig):
    """Whom to score.

    Parameters
    ----------
    prospects:
        A file of leads with the headers of the shop's table ``leads``; of a shop without one, with canonical names.
    exported:
        A folder of exported models, in place of the registered champion.
    """

    shop: ShopConfig
    prospects: Path
    as_of: date
    exported: Path | None = None


@dataclass(frozen=True)
class ProspectsResult(Result):
    """The file, and what became of every row and every person.

    Parameters
    ----------
    model:
        What a manifest says of the model.
    """

    file: Path
    row_ledger: RowLedger
    prospect_ledger: CustomerLedger
    notes: tuple[str, ...]
    model: Mapping[str, Json]


def prospects(request: ProspectsRequest, workspace: Workspace, models: LoadedModels | None = None) -> ProspectsResult:
    """Score a list of prospects with the champion of leads and write ``prospects.csv``.

    Parameters
    ----------
    models:
        Already parsed ones; None = those of the request.

    Raises
    ------
    NoChampion
        If there is no lookalike model.
    ModelRefused
        If there is no model of leads, or it was made for something else.
    DataError
        If the file cannot be trusted, or no lead in it was known by then.
    """
    shop, as_of = request.shop, request.as_of
    with (
        logged(LOGGER, "prospects", shop=shop.name) as facts,
        workspace.progress.step(f"Scoring {request.prospects}"),
    ):
        models = models or _models(request, workspace)
        model = models.get(ICP.name)
        if model is None:
            raise NoChampion(
                f"no champion for {ICP.name!r} is registered ({models.reason(ICP.name)}): "
                f"run 'cvo train {ICP.name} --set {ICP.name}.setting=leads' first"
            )
        check_models(models, shop=shop.name, currency=shop.currency, as_of=as_of)
        bundle = model.bundle
        columns = (*map(str, bundle.parameters["features"]), *bundle.parameters.get("categories", ()))
        read = read_side_table(shop, "leads", request.prospects, as_of=as_of, profile=columns)
        fields = _fields(read, bundle, request)
        doubts = [*models.notes, *_no_numbers(fields, bundle, request), *_never_seen(fields, bundle)]
        scored = prospect_columns(fields, model, _customers(shop, as_of))
        listed = scored.rename_axis("lead_id").reset_index()
        listed.insert(1, "as_of", str(as_of))
        with workspace.publishing() as draft:
            write_text(draft.prospects, table_csv(listed))
        ledger = _account(scored)
        facts["scored"] = ledger.scored
    lost = {**read.ledger.excluded, **read.ledger.quarantined}
    left_out = [f"{count:,} rows left out: {rule}" for rule, count in lost.items() if count]
    notes = (*read.notes, *left_out, *doubts)
    return ProspectsResult(workspace.prospects, read.ledger, ledger, notes, describe(models, ICP.name))


def _models(request: ProspectsRequest, workspace: Workspace) -> LoadedModels:
    """The champion of leads; where nothing was trained at all, the command that trains one is named."""
    shop = request.shop.name
    if request.exported is None:
        open_models(workspace, shop, (f"{ICP.name} --set {ICP.name}.setting=leads",))
    return serving_models(workspace, shop, only=(ICP.name,), exported=request.exported)


def _fields(read: SideTable, bundle: Bundle, request: ProspectsRequest) -> pd.DataFrame:
    """What the model reads of the leads that were known by then."""
    within = Horizon.of_days(bundle.settings.get("known_within_days", 1.0))
    fields = lead_fields(read.frame, request.as_of, within)
    if fields.empty:
        raise DataError(
            f"no lead came before {request.as_of} and was known by then", "score them as of a later day (--as-of)",
            file=request.prospects.name, count=read.ledger.rows_in,
        )  # fmt: skip
    return fields


def _customers(shop: ShopConfig, as_of: date) -> pd.Index:
    """Lead ids of those who were won before ``as_of``, where the shop has deals."""
    if "deals" not in shop.tables:
        return pd.Index([], dtype="str")
    deals = read_side_table(shop, "deals", as_of=as_of).frame
    won: pd.Index = pd.Index(won_deals(deals, as_of)["lead_id"].astype("str")).unique()
    return won


def _no_numbers(fields: pd.DataFrame, bundle: Bundle, request: ProspectsRequest) -> Iterator[str]:
    """Notes on texts where the model reads numbers; too many are a fault of the file."""
    names = bundle.parameters["features"] if "categories" in bundle.parameters else []
    for name in names:
        given = fields[name].notna()
        wrong = given & pd.to_numeric(fields[name], errors="coerce").isna()
        if wrong.sum() > request.shop.max_bad_share * max(given.sum(), 1):
            example = fields.loc[wrong, name].iloc[0]
            raise DataError(f"{example!r} is no number", "correct the export, or map the field to its own column",
                            file=request.prospects.name, column=name, count=int(wrong.sum()))  # fmt: skip
        if wrong.any():
            yield f"{name}: {int(wrong.sum()):,} values are no numbers and count as not known"


def _never_seen(fields: pd.DataFrame, bundle: Bundle) -> Iterator[str]:
    """Notes on fields that say nothing here, and on values that the model has never seen."""
    parameters = bundle.parameters
    levels: dict[str, set[str]] = {name: set() for name in parameters.get("categories", ())}
    for bag in parameters.get("levels_by_bag", ()):
        levels = {name: known | set(bag[name]) for name, known in levels.items()}
    if parameters.get("column") is not None:
        levels[parameters["column"]] = set(parameters["rates"])
    for name in (*parameters["features"], *parameters.get("categories", ())):
        if fields[name].isna().all():
            yield f"{name} is empty in the whole file: scored as not known"
    for name, known in levels.items():
        new = fields[name].dropna().astype("str")
        new = new[~new.isin(known)]
        if len(new):
            yield f"{name}: {len(new):,} prospects have a value that the model never saw (such as {new.iloc[0]!r})"


def _account(scored: pd.DataFrame) -> CustomerLedger:
    """People known = scored + ineligible, by reason."""
    reasons = scored.loc[scored[ICP.score].isna(), ICP.reason].value_counts()
    ineligible = {str(name): int(count) for name, count in reasons.items()}
    return CustomerLedger(len(scored), int(scored[ICP.score].notna().sum()), ineligible)
