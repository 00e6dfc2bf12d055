"""What the old edition wrote is read: a stored run, exported models, a bundle of the first format, a registry."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.frozen import scenario
from tests.frozen.asserting import check, named, steps


def scores_of(out: Path, run: str | None = None) -> pd.DataFrame:
    """The served scores under a folder, or those of a named run, read as plain Parquet."""
    served = run or (out / "scores" / "current").read_text().strip()
    frame = pd.read_parquet(out / "scores" / served / "part-0.parquet")
    return frame.sort_values("customer_id", ignore_index=True)


@pytest.mark.parametrize(("step", "known"), steps("stored"), ids=named)
def test_a_command_reads_what_the_old_edition_stored(
    step: scenario.Step, known: Mapping[str, Any] | None, ran: Any
) -> None:
    check(step, known, ran("stored"))


def test_the_report_of_the_stored_run_is_written(ran: Any) -> None:
    folder, _ = ran("stored")
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    for words in ("Whom to contact first", "Did the scores come true?", "Segments", "Models", "Data"):
        assert words in page, words


def test_the_stored_run_was_judged_and_stays_in_the_ledger(ran: Any) -> None:
    folder, results = ran("stored")
    said = next(result for (name, _), result in results.items() if name == "stored_outcomes")
    judged = json.loads(said["stdout"])
    assert {line["part"] for line in judged["ledger"]} == {"clv", "churn"}
    assert judged["churn"]["auc"]["estimate"] > 0.5
    # a plan made anew is a run of its own, and the ledger then holds the one that is served
    parts = [_parts(place / "out" / "outcomes") for place in (scenario.FORMAT_1, folder)]
    assert parts[0] == parts[1] == {("as_of=2023-02-01", "churn"), ("as_of=2023-02-01", "clv")}


def _parts(ledger: Path) -> set[tuple[str, str]]:
    """Dates and models that a ledger judged."""
    return {(path.parent.name, path.stem.rpartition("-")[2]) for path in ledger.rglob("*.parquet")}


@pytest.mark.parametrize("out", ["again", "first_again"])
def test_exported_models_give_the_stored_scores(out: str, ran: Any) -> None:
    folder, _ = ran("stored")
    made = json.loads((scenario.FORMAT_1 / "out" / "outcomes.json").read_text(encoding="utf-8"))["as_of"]
    assert made == scenario.FIRST
    stored, found = scores_of(scenario.FORMAT_1 / "out"), scores_of(folder / out)
    # the stored run was planned again under another policy, and segmented a second time
    planned = {"next_action", "channel", "priority_rank", "expected_profit_of_action", "holdout", "priority_reason"}
    planned |= {"rfm_group_previous", "rfm_change_cause"}
    compared = [name for name in stored if name not in planned]
    assert set(stored) <= set(found)
    for name in compared:
        if name == "reasons":  # format 1 had those of churn alone (decision 20)
            told = [None if pd.isna(text) else json.loads(text)["churn"] for text in found[name]]
            assert told == [None if pd.isna(text) else json.loads(text) for text in stored[name]]
        elif stored[name].dtype.kind == "f":
            assert np.allclose(found[name], stored[name], rtol=1e-9, atol=1e-12, equal_nan=True), name
        else:
            pd.testing.assert_series_equal(found[name], stored[name], check_dtype=False)


def test_the_stored_bundles_are_of_the_two_known_formats() -> None:
    formats = {
        path.relative_to(scenario.FORMAT_1).parts[0]: json.loads(path.read_text(encoding="utf-8"))["format_version"]
        for path in sorted(scenario.FORMAT_1.rglob("manifest.json"))
        if path.parts[-3] != "segments" and "scores" not in path.parts
    }
    assert formats == {"first_bundle": 1, "models": 2} | {key: 1 for key in formats if key == "out"}


def test_the_registry_of_the_old_edition_has_plain_names_of_two_shops(ran: Any) -> None:
    """Fresh from the archive: whatever migrates it later starts from here."""
    folder, _ = ran("stored")
    database = sqlite3.connect(f"{(folder / 'mlruns' / 'mlflow.db').as_uri()}?mode=ro", uri=True)
    query = "select name, version, value from model_version_tags where key = 'shop' order by name, version"
    assert database.execute(query).fetchall() == [
        ("churn", 1, "small"),
        ("churn", 2, "small"),
        ("clv", 1, "small"),
        ("icp", 1, "small"),
        ("icp", 2, "vendor"),
    ]
    database.close()
