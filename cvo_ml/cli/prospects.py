"""``cvo score --prospects``: people who are not customers yet, into a file of their own."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml import pipeline
from cvo_ml.cli.champions import from_folder
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import NoChampion
from cvo_ml.core.files import write_text
from cvo_ml.core.spreadsheet import table_csv
from cvo_ml.core.units import Horizon
from cvo_ml.features.leads import lead_fields, won_deals
from cvo_ml.predict import ModelSet
from cvo_ml.predict.icp import prospect_columns
from cvo_ml.registry.bundle import Bundle
from cvo_ml.registry.tracking import Tracker
from cvo_ml.transactions.side_table import SideTable, read_side_table

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
    bundle = _champion(mlruns, folder)
    pipeline.check_models(ModelSet({"icp": bundle}), shop=shop.name, currency=shop.currency, as_of=as_of)
    columns = tuple(str(name) for name in bundle.parameters["features"]) + tuple(
        bundle.parameters.get("categories", ())
    )
    read = read_side_table(shop, "leads", prospects, as_of=as_of, profile=columns)
    within = Horizon.of_days(bundle.settings.get("known_within_days", 1.0))
    scored = prospect_columns(lead_fields(read.frame, as_of, within), bundle, _customers(shop, as_of))
    listed = scored.rename_axis("lead_id").reset_index()
    listed.insert(1, "as_of", str(as_of))
    write_text(out / FILE, table_csv(listed))
    return {
        "file": str(out / FILE),
        **_account(scored, read),
        "model": pipeline.describe(ModelSet({"icp": bundle}), "icp"),
    }


def _champion(mlruns: Path, folder: Path | None) -> Bundle:
    if folder is not None:
        found = from_folder(folder).bundles
        if "icp" not in found:
            raise NoChampion(f"{folder}: holds no exported icp: run 'cvo models export icp'")
        return found["icp"]
    tracker = Tracker.existing(mlruns)
    if tracker is None:
        raise NoChampion(f"{mlruns}: holds no models: run 'cvo train icp --set icp.setting=leads' first")
    return tracker.champion("icp")


def _customers(shop: ShopConfig, as_of: date) -> pd.Index:
    """Lead ids of those who were won before ``as_of``, where the shop has deals."""
    if "deals" not in shop.tables:
        return pd.Index([], dtype="str")
    deals = read_side_table(shop, "deals", as_of=as_of).frame
    won: pd.Index = pd.Index(won_deals(deals, as_of)["lead_id"].astype("str")).unique()
    return won


def _account(scored: pd.DataFrame, read: SideTable) -> dict[str, Any]:
    """The two ledgers: rows in = used + quarantined + excluded; people = scored + ineligible."""
    reasons = scored.loc[scored["icp_score"].isna(), "icp_reason"].value_counts()
    ledger = {
        "known": len(scored),
        "scored": int(scored["icp_score"].notna().sum()),
        "ineligible": {str(name): int(count) for name, count in reasons.items()},
    }
    return {"row_ledger": read.ledger.as_dict(), "prospect_ledger": ledger, "notes": list(read.notes)}
