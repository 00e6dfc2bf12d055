"""Lists of prospects as people have them: what is scored, noted, refused; nothing half-written."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cvo_ml.cli import main
from cvo_ml.cli.views import scores as view
from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import CvoError, NoChampion
from cvo_ml.core.workspace import Workspace
from cvo_ml.models.icp import PositiveUnlabelled, SourceRate
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.export import export
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.report.screen import Screen
from cvo_ml.workflows.prospects import ProspectsRequest, prospects

Run = Callable[..., tuple[int, str]]
SHOP = """name: vendor
currency: EUR
source: {path: orders.csv}
columns: {order_id: o, customer_id: c, ordered_at: d, net: n}
tables:
  leads:
    source: {path: leads.csv}
    columns: {lead_id: id, created_at: came}
    profile: {size: Size, source: Source, size_known_at: size_written, called_at: called}
  deals:
    source: {path: deals.csv}
    columns: {deal_id: deal, lead_id: lead, is_won: won, closed_at: closed}
"""
SETTINGS = {"setting": "leads", "known_within_days": 1.0}


@cache
def bundle() -> Bundle:
    random = np.random.default_rng(0)
    X = pd.DataFrame({"size": random.normal(size=1500), "source": random.choice(["web", "fair"], 1500)})
    y = random.random(1500) < 1 / (1 + np.exp(1 - X["size"]))
    return bundle_of("icp", PositiveUnlabelled(["size"], ["source"], 10, bags=2).fit(X, y, 1.0), SETTINGS)


@cache
def by_source() -> Bundle:
    X = pd.DataFrame({"source": ["web"] * 50 + ["fair"] * 50})
    return bundle_of("icp", SourceRate("source").fit(X, np.arange(100) < 30), SETTINGS)


def list_of(**columns: object) -> pd.DataFrame:
    """Two hundred prospects as a person exports them: without what sales write later."""
    random = np.random.default_rng(1)
    plain = {"id": [f"p{place:03}" for place in range(200)], "came": "2023-02-01", "Size": random.normal(size=200),
             "Source": random.choice(["web", "fair"], 200)}  # fmt: skip
    return pd.DataFrame({**plain, **columns})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Score a list with a model of leads; the exit code that a failure has, and what a person reads."""
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "deals.csv").write_text("deal,lead,won,closed\nd1,p007,yes,2023-02-20\nd2,p008,no,2023-02-20\n")
    monkeypatch.chdir(tmp_path)

    def _run(listed: pd.DataFrame | None, model: Bundle | None = None) -> tuple[int, str]:
        if listed is not None:
            listed.to_csv("list.csv", index=False)
        shop = load_config(Path("shop.yaml"), ShopConfig)
        request = ProspectsRequest(shop=shop, prospects=Path("list.csv"), as_of=date(2023, 3, 1))
        console = Screen(record=True, width=200, file=io.StringIO())
        try:
            result = prospects(request, Workspace(Path("out"), Path("mlruns")), LoadedModels.of(model or bundle()))
        except CvoError as error:
            return error.exit_code, str(error)
        view.prospects(console, result)
        return 0, " ".join(console.export_text().split())

    return _run


def test_the_command_scores_a_list_with_an_exported_model(
    run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run(list_of())
    expected = Path("out/prospects.csv").read_bytes()
    Path("out/prospects.csv").unlink()
    export(bundle(), "# a card", Path("models"))
    asked = "score --prospects list.csv --shop shop.yaml --as-of 2023-03-01 --models models --json"
    monkeypatch.setattr("sys.argv", ["cvo", *asked.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = json.loads(capfd.readouterr().out)
    assert said["prospect_ledger"] == {"known": 200, "scored": 199, "ineligible": {"customer_already": 1}}
    assert said["row_ledger"]["rows_in"] == 200
    assert said["file"] == "out/prospects.csv"
    assert Path("out/prospects.csv").read_bytes() == expected


def test_a_workspace_without_a_model_of_leads_names_the_command(run: Run) -> None:
    run(list_of())
    request = ProspectsRequest(
        shop=load_config(Path("shop.yaml"), ShopConfig), prospects=Path("list.csv"), as_of=date(2023, 3, 1)
    )
    with pytest.raises(
        NoChampion, match=r"mlruns: holds no models: run .cvo train icp --set icp\.setting=leads. first"
    ):
        prospects(request, Workspace(Path("out"), Path("mlruns")))
    with pytest.raises(NoChampion, match=r"cvo train icp --set icp\.setting=leads"):
        prospects(request, Workspace(Path("out"), Path("mlruns")), LoadedModels.of())


def test_a_list_without_what_sales_write_later_is_scored_best_first(run: Run) -> None:
    code, said = run(list_of())
    assert code == 0
    assert "199 of 200 prospects scored: out/prospects.csv" in said
    assert "1 without a score: customer_already" in said
    found = pd.read_csv("out/prospects.csv").set_index("lead_id")
    scored = found.drop(index="p007")
    assert scored["icp_score"].between(0, 1).all()
    assert scored["icp_percentile"].between(0, 100).all()
    assert scored["icp_score"].is_monotonic_decreasing
    assert found.loc["p007", "icp_reason"] == "customer_already"
    alone = list_of().iloc[[3]]
    run(alone)
    assert pd.read_csv("out/prospects.csv")["icp_percentile"].item() == found.loc["p003", "icp_percentile"]


def test_a_value_that_was_written_later_is_not_read_where_the_list_says_so(run: Run) -> None:
    run(list_of())
    plain = pd.read_csv("out/prospects.csv").set_index("lead_id")["icp_score"]
    run(list_of(size_written="2023-02-20"))
    late = pd.read_csv("out/prospects.csv").set_index("lead_id")["icp_score"]
    run(list_of(Size=None))
    unknown = pd.read_csv("out/prospects.csv").set_index("lead_id")["icp_score"]
    assert late.nunique() <= 2 < plain.nunique()  # the source alone is left
    assert late.dropna().to_dict() == unknown.dropna().to_dict()


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (list_of(other=1, email="a@b.de"), "199 of 200 prospects scored"),
        (pd.concat([list_of(), list_of().head(1)]), "note: 1 rows left out: exact duplicate by lead_id"),
        (list_of(Size=None), "note: size is empty in the whole file: scored as not known"),
        (list_of(Source="tiktok"), "source: 200 prospects have a value that the model never saw (such as 'tiktok')"),
        (list_of(Size=["big", *np.linspace(0, 1, 199)]), "note: size: 1 values are no numbers and count as not known"),
    ],
    ids=["more columns", "duplicate rows", "an empty column", "unseen values", "a text among numbers"],
)
def test_what_can_be_scored_is_scored_and_what_is_odd_is_said(run: Run, listed: pd.DataFrame, words: str) -> None:
    code, said = run(listed)
    assert code == 0
    assert words in said
    assert Path("out/prospects.csv").is_file()


@pytest.mark.parametrize(
    ("listed", "code", "words"),
    [
        (list_of().drop(columns="Size"), 3, "list.csv: column 'Size': no such column"),
        (pd.concat([list_of(), list_of(Size=9.0).head(20)]), 3, "key with conflicting rows"),
        (list_of().head(0), 3, "list.csv: has a header but no rows"),
        (list_of(Size="big"), 3, "list.csv: column 'size': 'big' is no number (200 rows): correct the export"),
        (list_of(came="31/01/2023"), 3, "dates are day-first (200 rows; first: 1, 2, 3): declare its date_format"),
        (list_of(came=["2023-02-30"] * 100 + ["soon"] * 100), 3, "list.csv: column 'came'"),
        (list_of(came="2023-03-01"), 3, "list.csv: no lead came before 2023-03-01 and was known by then (200 rows)"),
        (None, 2, "list.csv: no such file"),
    ],
    ids=["missing", "conflict", "no rows", "texts", "day first", "no dates", "later", "no file"],
)  # fmt: skip
def test_what_cannot_be_scored_is_one_sentence_and_the_old_scores_stay(
    run: Run, listed: pd.DataFrame | None, code: int, words: str
) -> None:
    Path("out").mkdir()
    Path("out/prospects.csv").write_text("of yesterday")
    found, said = run(listed)
    assert (found, "Traceback" in said) == (code, False)
    assert words in said
    assert [path.name for path in Path("out").iterdir()] == ["prospects.csv"]
    assert Path("out/prospects.csv").read_text() == "of yesterday"


def test_the_rate_by_source_scores_a_list_too(run: Run) -> None:
    code, said = run(list_of(Source=["web", "list"] * 100), model=by_source())
    assert code == 0
    assert "source: 100 prospects have a value that the model never saw (such as 'list')" in said
    assert pd.read_csv("out/prospects.csv")["icp_score"].between(0, 1).sum() == 199
