"""``cvo score --prospects``: people who are not customers yet, into a file of their own."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml import pipeline
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import NoChampion, UsageError
from cvo_ml.core.files import write_text
from cvo_ml.core.units import Horizon
from cvo_ml.features.leads import lead_fields, won_deals
from cvo_ml.predict import ModelSet
from cvo_ml.predict.icp import prospect_columns
from cvo_ml.registry.bundle import Bundle
from cvo_ml.registry.tracking import Tracker
from cvo_ml.transactions.side_table import SideTable, read_side_table

FILE: Final = "prospects.csv"


def score_prospects(
    shop: ShopConfig, prospects: Path | None, as_of: date, out: Path, mlruns: Path, max_bad_share: float | None = None
) -> dict[str, Any]:
    """Score a list of prospects with the champion of leads and write ``out/prospects.csv``.

    Parameters
    ----------
    prospects:
        A file of leads with the headers of the shop's table ``leads``; None reads that table itself.

    Returns
    -------
    dict
        JSON-ready: the file, the ledger of its rows and of the people, and notes.

    Raises
    ------
    UsageError
        If there is neither a file nor a declared table.
    ModelRefused
        If there is no model of leads, or it was made for something else.
    """
    if prospects is None and "leads" not in shop.tables:
        raise UsageError(f"shop {shop.name} declares no table 'leads': name a file (--prospects leads.csv)")
    bundle = _champion(mlruns)
    pipeline.check_models(ModelSet({"icp": bundle}), shop=shop.name, currency=shop.currency, as_of=as_of)
    columns = tuple(str(name) for name in bundle.parameters["features"]) + tuple(
        bundle.parameters.get("categories", ())
    )
    read = read_side_table(shop, "leads", prospects, as_of=as_of, profile=columns, max_bad_share=max_bad_share)
    within = Horizon.of_days(bundle.settings.get("known_within_days", 1.0))
    scored = prospect_columns(lead_fields(read.frame, as_of, within), bundle, _customers(shop, as_of))
    write_text(out / FILE, as_csv(scored, as_of))
    return {
        "file": str(out / FILE),
        **_account(scored, read),
        "model": pipeline.describe(ModelSet({"icp": bundle}), "icp"),
    }


def as_csv(scored: pd.DataFrame, as_of: date) -> str:
    """The list as CSV, best first, that a spreadsheet cannot mistake for formulas."""
    names = ["lead_id", "as_of", *scored.columns]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for lead, row in zip(scored.index, scored.itertuples(index=False), strict=True):
        writer.writerow([pipeline.csv_cell(value) for value in (lead, str(as_of), *row)])
    return buffer.getvalue()


def _champion(mlruns: Path) -> Bundle:
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
