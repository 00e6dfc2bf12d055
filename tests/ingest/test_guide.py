"""The guide to bringing data: its configurations are valid, and it names what the code knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import AdapterName, ShopConfig
from cvo_ml.ingest import read_shop

from .conftest import REPOSITORY, orders_text, shop

GUIDE = REPOSITORY / "docs" / "data.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_its_configurations_are_valid(block: str) -> None:
    declared = {
        "name": "mine",
        "currency": "EUR",
        "source": {"path": "orders.csv"},
        "rows": "lines",
        "columns": shop().columns | {"product_id": "product", "unit_price": "price", "quantity": "units"},
    }
    said = yaml.safe_load(block)
    config = ShopConfig.model_validate(declared | said)
    assert said
    assert set(said) <= config.model_fields_set


def test_the_smallest_configuration_reads_a_file(tmp_path: Path) -> None:
    lines = orders_text(20)
    (tmp_path / "orders.csv").write_text("\n".join(["Order,Client,Date,Total", *lines[1:]]) + "\n")
    (tmp_path / "mine.yaml").write_text(BLOCKS[0].replace("orders.csv", str(tmp_path / "orders.csv")))
    assert read_shop(load_config(tmp_path / "mine.yaml", ShopConfig)).ledger.used == 20


def test_it_names_every_adapter() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in get_args(AdapterName))
