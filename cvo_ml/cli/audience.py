"""``cvo audience``: the best customers as a seed list that an ad platform reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from cvo_ml.cli.terminal import console, print_json, step
from cvo_ml.cli.views.check import notes
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.files import write_text
from cvo_ml.core.spreadsheet import table_csv
from cvo_ml.core.store import StoredRun, current_run, read_columns
from cvo_ml.crm.audiences import FEWEST_PEOPLE, PLATFORMS, Platform, seed_list
from cvo_ml.ingest import read_shop
from cvo_ml.workflows import check_shop

VALUES: Final = ("total_clv", "predicted_clv", "historic_clv")
REASONS: Final[Mapping[str, str]] = {
    "no_address": "without an e-mail address",
    "no_consent": "without consent, or with the address of one who refused it",
    "opted_out": "opted out of profiling, or with the address of one who did",
    "no_value": "without a value in the current run",
    "address_listed_already": "with the address of a more valuable customer",
    "below_the_top": "less valuable",
}


def audience(
    shop: ShopConfig,
    platform: str,
    out: Path,
    *,
    value: str = VALUES[0],
    top_share: float = 0.1,
    file: Path | None = None,
    consent_elsewhere: bool = False,
    as_json: bool = False,
) -> None:
    """Write the most valuable customers of the current run, hashed, as the platform's file.

    Raises
    ------
    UsageError
        If there is no such platform or value.
    DataError
        If there are no addresses, nobody's consent is known, or nobody may be listed.
    """
    if platform not in PLATFORMS:
        raise UsageError(f"--format {platform!r} is unknown: use {' or '.join(PLATFORMS)}")
    if value not in VALUES:
        raise UsageError(f"--value {value!r} is unknown: use {', '.join(VALUES)}")
    run = current_run(out / "scores")
    check_shop(run, shop.name)
    worth = _worth(run, value)
    with step(f"Reading {shop.source.path}", as_json):
        read = read_shop(shop)
    chosen = seed_list(read.tables.get("customers"), worth, cast(Platform, platform), top_share,
                       consent_elsewhere=consent_elsewhere)  # fmt: skip
    path = file or out / f"audience-{platform}.csv"
    write_text(path, table_csv(chosen.table))
    listed = len(chosen.table)
    said = {
        "file": str(path), "format": platform, "value": value, "as_of": run.manifest["as_of"], "run": run.name,
        "ledger": {"known": listed + sum(chosen.left_out.values()), "listed": listed, "left_out": chosen.left_out},
        "notes": _notes(listed, platform, consent_elsewhere),
    }  # fmt: skip
    if as_json:
        print_json(said)
    else:
        _tell(said)


def _worth(run: StoredRun, value: str) -> pd.Series:
    scores = read_columns(run, ["customer_id", value, "clv_reason"]).set_index("customer_id")
    if scores[value].isna().all():
        reason = next(iter(scores["clv_reason"].dropna()), "no scores")
        other = f"use --value {VALUES[-1]}, or " if value != VALUES[-1] else ""
        raise DataError(f"nobody has a {value} ({reason})", f"{other}train clv and score again", file=str(run.folder))
    return scores[value]


def _notes(listed: int, platform: str, consent_elsewhere: bool) -> list[str]:
    notes = []
    if listed < FEWEST_PEOPLE:
        notes.append(
            f"{listed:,} people are few: {platform} finds people like them from {FEWEST_PEOPLE} on, so raise --top"
        )
    if consent_elsewhere:
        notes.append("the consent of those listed is the caller's word: the data do not show it")
    return notes


def _tell(said: Mapping[str, Any]) -> None:
    ledger = said["ledger"]
    console.print(
        f"{ledger['listed']:,} of {ledger['known']:,} customers listed by {said['value']} as of {said['as_of']}: "
        f"{said['file']}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    for reason, count in ledger["left_out"].items():
        console.print(f"  {count:,} left out: {REASONS[reason]}", highlight=False)
    notes(console, said["notes"])
