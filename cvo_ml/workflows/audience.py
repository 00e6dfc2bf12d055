"""The best customers, hashed, as a seed list for an ad platform's lookalike audiences."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.files import write_text
from cvo_ml.core.models import CLV
from cvo_ml.core.result import Json, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.spreadsheet import table_csv
from cvo_ml.core.store import StoredRun, read_columns
from cvo_ml.core.workspace import Workspace
from cvo_ml.crm.audiences import FEWEST_PEOPLE, PLATFORMS, Platform, seed_list
from cvo_ml.workflows.shops import read_tables, run_of

LOGGER: Final = logging.getLogger(__name__)

VALUES: Final = ("total_clv", "predicted_clv", "historic_clv")


class AudienceRequest(FrozenConfig):
    """Whom to list.

    Parameters
    ----------
    platform:
        Whose file: one of ``PLATFORMS``.
    value:
        The column of Scores that ranks them: one of ``VALUES``.
    top_share:
        In (0, 1]: of those who may be listed.
    file:
        None = the workspace's own place for it.
    consent_elsewhere:
        The caller's word that all agreed, where the data do not show it.
    """

    shop: ShopConfig
    platform: str
    value: str = VALUES[0]
    top_share: float = 0.1
    file: Path | None = None
    consent_elsewhere: bool = False


@dataclass(frozen=True)
class AudienceResult(Result):
    """The list, and what became of everybody.

    Parameters
    ----------
    listed, left_out:
        People known = listed + left out, by reason.
    """

    file: Path
    platform: str
    value: str
    as_of: str
    run: str
    listed: int
    left_out: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def known(self) -> int:
        """Everybody: those listed, and those left out."""
        return self.listed + sum(self.left_out.values())

    def to_json(self) -> dict[str, Json]:
        """The file, and the ledger of the people."""
        ledger: dict[str, Json] = {"known": self.known, "listed": self.listed, "left_out": dict(self.left_out)}
        return {
            "file": str(self.file), "format": self.platform, "value": self.value, "as_of": self.as_of, "run": self.run,
            "ledger": ledger, "notes": list(self.notes),
        }  # fmt: skip


def audience(request: AudienceRequest, workspace: Workspace) -> AudienceResult:
    """Write the most valuable customers of the current run, hashed, as the platform's file.

    Raises
    ------
    UsageError
        If there is no such platform or value, or the run is another shop's.
    DataError
        If there are no addresses, nobody's consent is known, or nobody may be listed.
    """
    platform, value = request.platform, request.value
    if platform not in PLATFORMS:
        raise UsageError(f"--format {platform!r} is unknown: use {' or '.join(PLATFORMS)}")
    if value not in VALUES:
        raise UsageError(f"--value {value!r} is unknown: use {', '.join(VALUES)}")
    with logged(LOGGER, "audience", shop=request.shop.name, platform=platform) as facts:
        run = run_of(request.shop, workspace.as_published())
        worth = _worth(run, value)
        customers = read_tables(request.shop, workspace).tables.get("customers")
        chosen = seed_list(
            customers, worth, cast(Platform, platform), request.top_share, consent_elsewhere=request.consent_elsewhere
        )
        path = request.file or workspace.audience(platform)
        if request.file is None:
            with workspace.publishing() as draft:
                write_text(draft.audience(platform), table_csv(chosen.table))
        else:
            write_text(path, table_csv(chosen.table))
        listed = facts["listed"] = len(chosen.table)
    notes = tuple(_notes(listed, platform, request.consent_elsewhere))
    return AudienceResult(
        path, platform, value, str(run.manifest["as_of"]), run.name, listed, dict(chosen.left_out), notes
    )


def _worth(run: StoredRun, value: str) -> pd.Series:
    scores = read_columns(run, ["customer_id", value, CLV.reason]).set_index("customer_id")
    if scores[value].isna().all():
        reason = next(iter(scores[CLV.reason].dropna()), "no scores")
        other = f"use --value {VALUES[-1]}, or " if value != VALUES[-1] else ""
        raise DataError(
            f"nobody has a {value} ({reason})", f"{other}train {CLV.name} and score again", file=str(run.folder)
        )
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
