"""``cvo score --prospects``: people who are not customers yet, into a file of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml import workflows
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError, NoChampion
from cvo_ml.core.files import write_text
from cvo_ml.core.models import ICP
from cvo_ml.core.spreadsheet import table_csv
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.leads import lead_fields, won_deals
from cvo_ml.ingest.side_table import SideTable, read_side_table
from cvo_ml.predict.icp import prospect_columns
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.workflows.serving_models import serving_models

FILE: Final = "prospects.csv"


def score_prospects(
    shop: ShopConfig, prospects: Path, as_of: date, out: Path, mlruns: Path, folder: Path | None = None
) -> dict[str, Any]:
    """Score a list of prospects with the champion of leads and write ``out/prospects.csv``.

    Parameters
    ----------
    prospects:
        A file of leads with the headers of the shop's table ``leads``; of a shop without one, with canonical names.
    folder:
        Exported models, in place of the registered champion.

    Returns
    -------
    dict
        JSON-ready: the file, the ledger of its rows and of the people, and notes.

    Raises
    ------
    NoChampion
        If there is no lookalike model.
    ModelRefused
        If there is no model of leads, or it was made for something else.
    """
    models = serving_models(Workspace(out, mlruns), shop.name, only=(ICP.name,), exported=folder)
    model = models.get(ICP.name)
    if model is None:
        raise NoChampion(
            f"no champion for {ICP.name!r} is registered ({models.reason(ICP.name)}): "
            f"run 'cvo train {ICP.name} --set {ICP.name}.setting=leads' first"
        )
    workflows.check_models(models, shop=shop.name, currency=shop.currency, as_of=as_of)
    bundle = model.bundle
    columns = tuple(str(name) for name in bundle.parameters["features"]) + tuple(
        bundle.parameters.get("categories", ())
    )
    read = read_side_table(shop, "leads", prospects, as_of=as_of, profile=columns)
    within = Horizon.of_days(bundle.settings.get("known_within_days", 1.0))
    fields = lead_fields(read.frame, as_of, within)
    if fields.empty:
        raise DataError(f"no lead came before {as_of} and was known by then", "score them as of a later day (--as-of)",
                        file=prospects.name, count=read.ledger.rows_in)  # fmt: skip
    doubts = [*models.notes, *_no_numbers(fields, bundle, shop, prospects), *_never_seen(fields, bundle)]
    scored = prospect_columns(fields, model, _customers(shop, as_of))
    listed = scored.rename_axis("lead_id").reset_index()
    listed.insert(1, "as_of", str(as_of))
    write_text(out / FILE, table_csv(listed))
    return {
        "file": str(out / FILE),
        **_account(scored, read, doubts),
        "model": workflows.describe(models, ICP.name),
    }


def _customers(shop: ShopConfig, as_of: date) -> pd.Index:
    """Lead ids of those who were won before ``as_of``, where the shop has deals."""
    if "deals" not in shop.tables:
        return pd.Index([], dtype="str")
    deals = read_side_table(shop, "deals", as_of=as_of).frame
    won: pd.Index = pd.Index(won_deals(deals, as_of)["lead_id"].astype("str")).unique()
    return won


def _no_numbers(fields: pd.DataFrame, bundle: Bundle, shop: ShopConfig, prospects: Path) -> Iterator[str]:
    """Notes on texts where the model reads numbers; too many are a fault of the file."""
    names = bundle.parameters["features"] if "categories" in bundle.parameters else []
    for name in names:
        given = fields[name].notna()
        wrong = given & pd.to_numeric(fields[name], errors="coerce").isna()
        if wrong.sum() > shop.max_bad_share * max(given.sum(), 1):
            example = fields.loc[wrong, name].iloc[0]
            raise DataError(f"{example!r} is no number", "correct the export, or map the field to its own column",
                            file=prospects.name, column=name, count=int(wrong.sum()))  # fmt: skip
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


def _account(scored: pd.DataFrame, read: SideTable, doubts: Sequence[str]) -> dict[str, Any]:
    """The two ledgers: rows in = used + quarantined + excluded; people = scored + ineligible."""
    reasons = scored.loc[scored[ICP.score].isna(), ICP.reason].value_counts()
    ledger = {
        "known": len(scored),
        "scored": int(scored[ICP.score].notna().sum()),
        "ineligible": {str(name): int(count) for name, count in reasons.items()},
    }
    lost = {**read.ledger.excluded, **read.ledger.quarantined}
    left_out = [f"{count:,} rows left out: {rule}" for rule, count in lost.items() if count]
    notes = [*read.notes, *left_out, *doubts]
    return {"row_ledger": read.ledger.to_json(), "prospect_ledger": ledger, "notes": notes}
