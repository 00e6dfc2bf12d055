"""Every table of the full businesses goes through files and is read as it was made; what is broken is named by row."""

from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.config.simulation import Defects
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.simulate import simulate_saas, simulate_shop, write_saas, write_shop
from cvo_ml.workflows.init import InitRequest, init
from cvo_ml.workflows.simulate import SimulateRequest, shop_of_tables, simulate

SIZES = {"shop": 150, "saas": 1_000}
WRITERS = {"shop": write_shop, "saas": write_saas}
NOTHING_ELSE = {"late": 0.0, "duplicates": 0.0, "test_orders": 0.0, "zone_mix": 0.0}


def made(kind: str) -> Tables:
    business = simulate_shop if kind == "shop" else simulate_saas
    return business(f"{kind}_full", SIZES[kind]).tables


def same(read: ReadResult, tables: Tables) -> None:
    """Every table has the rows that were made, by what identifies them, and the same sums."""
    assert not read.ledger.quarantined, read.ledger.quarantined
    assert set(read.tables.frames) >= set(tables.frames)
    for name, frame in tables.frames.items():
        got = read.tables.frames[name]
        frame = frame[[column for column in CONTRACTS[name].names if column in frame]]  # the profile is for people
        assert len(got) == len(frame), name
        for column in frame.select_dtypes("number"):
            assert got[column].astype(float).sum() == pytest.approx(frame[column].astype(float).sum()), (name, column)
        for column in frame.select_dtypes("datetime"):
            assert got[column].notna().sum() == frame[column].notna().sum(), (name, column)
            assert got[column].min() == frame[column].min(), (name, column)


@pytest.mark.parametrize("kind", ["shop", "saas"])
def test_the_written_folder_is_read_as_it_was_made_without_a_note(tmp_path: Path, kind: str):
    request = SimulateRequest(kind=kind, folder=tmp_path / kind, preset=f"{kind}_full", size=SIZES[kind])
    result = simulate(request, Workspace(tmp_path / "out", tmp_path / "mlruns"))
    read = read_shop(load_config(result.shop, ShopConfig))
    same(read, made(kind))
    assert read.notes == ()


@pytest.mark.parametrize("kind", ["shop", "saas"])
def test_every_table_as_csv_is_understood_by_one_look(tmp_path: Path, kind: str):
    tables = made(kind)
    for name, frame in tables.frames.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    files = sorted(str(path) for path in tmp_path.glob("*.csv"))
    request = InitRequest(files=tuple(files), out=tmp_path / "shop.yaml", timezone="UTC", only_sure=True)
    result = init(request, Workspace(tmp_path / "out", tmp_path / "mlruns", tmp_path, tmp_path))
    assert result.questions == ()
    read = read_shop(load_config(tmp_path / "shop.yaml", ShopConfig))
    same(read, tables)
    assert read.notes == ()


@pytest.mark.parametrize("kind", ["shop", "saas"])
def test_a_broken_reference_is_named_by_its_row(tmp_path: Path, kind: str):
    WRITERS[kind](tmp_path / kind, f"{kind}_full", SIZES[kind], defects=Defects(broken_references=0.02, **NOTHING_ELSE))
    planted = pd.read_parquet(tmp_path / kind / "truth" / "broken_references.parquet")
    assert planted["id"].str.endswith("-gone").all()
    read = read_shop(shop_of_tables(kind, tmp_path / kind / "tables", "EUR"), max_bad_share=0.2)
    kept = planted["table"].eq("customers")  # an account nobody knows: their consent counts all the same
    named = read.quarantine[read.quarantine["reason"].str.startswith("names an unknown")]
    wanted = set(planted.loc[~kept, ["table", "row", "column"]].itertuples(index=False, name=None))
    assert set(named[["table", "row", "column"]].itertuples(index=False, name=None)) == wanted
    assert len(wanted) > 20
    assert any("unknown account" in note for note in read.notes) == bool(kept.any())


def test_without_faults_a_spoilt_business_is_the_same(tmp_path: Path):
    write_shop(tmp_path / "shop", "shop_full", 50, defects=Defects(broken_references=0.0, **NOTHING_ELSE))
    lines = pd.read_parquet(tmp_path / "shop" / "tables" / "order_lines.parquet")
    pd.testing.assert_frame_equal(lines, simulate_shop("shop_full", 50).tables.get("order_lines"))
