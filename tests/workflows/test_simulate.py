"""A simulated business comes with the configuration that reads it."""

from pathlib import Path

import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.simulate import read_simulated_saas, read_simulated_shop
from cvo_ml.workflows.simulate import SimulateRequest, simulate


@pytest.mark.parametrize(("kind", "truth"), [("shop", read_simulated_shop), ("saas", read_simulated_saas)])
def test_its_shop_file_reads_the_very_tables(tmp_path: Path, kind: str, truth) -> None:
    folder = tmp_path / "my world"
    result = simulate(SimulateRequest(kind=kind, folder=folder, size=300), Workspace(tmp_path / "out", tmp_path / "m"))
    declared = load_config(result.shop, ShopConfig)
    assert (declared.name, result.shop) == ("my_world", folder / "shop.yaml")
    read, made = read_shop(declared), truth(folder).tables
    assert not read.ledger.quarantined
    assert read.tables.currency == made.currency
    assert {name: len(frame) for name, frame in read.tables.frames.items()} == {
        name: len(made.get(name)) for name in read.tables.frames
    }
    assert read.tables.orders["net"].sum() == pytest.approx(made.orders["net"].sum())


def test_a_preset_in_place_of_a_kind_is_told_how_to_be_named(tmp_path: Path) -> None:
    request = SimulateRequest(kind="shop_full", folder=tmp_path / "world", size=300)
    with pytest.raises(UsageError, match="it is a preset: cvo simulate shop FOLDER --preset shop_full"):
        simulate(request, Workspace(tmp_path / "out", tmp_path / "m"))
