"""Refunds that hold tax and shipping, beside orders that do not: 120 back of 240 with 40 of tax is 100 of 200."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import CvoError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.workflows.init import InitRequest, init

Write = Callable[..., Path]
HEADER = "Order ID,Customer ID,Date,Subtotal,Shipping,Tax,Order Total,Refunded Amount"
ORDERS = [f"{number},C{number % 7},2024-03-{number % 28 + 1:02},200.00,0.00,40.00,240.00,0.00" for number in range(40)]
HALF = "900,C1,2024-03-20,200.00,0.00,40.00,240.00,120.00"
WHOLE = "901,C2,2024-03-21,200.00,10.00,42.00,252.00,252.00"
PLAIN = "902,C3,2024-03-22,200.00,10.00,42.00,252.00,200.00"


def looked_at(folder: Path, path: Path, **answers: str) -> ShopConfig:
    folder.mkdir(exist_ok=True)
    out = folder / "shop.yaml"
    init(InitRequest(files=(str(path),), out=out, currency="EUR", answers=answers), Workspace(folder, folder))
    return load_config(out, ShopConfig)


def test_a_refund_above_its_order_tells_that_they_hold_tax(tmp_path: Path, write: Write) -> None:
    shop = looked_at(tmp_path, write([HEADER, *ORDERS, HALF, WHOLE]))
    assert shop.tables["refunds"].columns["part_of"] == "Order Total"
    result = read_shop(shop)
    assert result.tables.refunds.set_index("order_id")["amount"].to_dict() == {"900": 100.0, "901": 200.0}
    assert "part_of" not in result.tables.refunds
    assert not any("above their value" in note for note in result.notes)


def test_a_refund_of_the_value_alone_tells_that_they_hold_none(tmp_path: Path, write: Write) -> None:
    shop = looked_at(tmp_path, write([HEADER, *ORDERS, HALF, PLAIN]))
    assert "part_of" not in shop.tables["refunds"].columns
    assert read_shop(shop).tables.refunds["amount"].tolist() == [120.0, 200.0]


@pytest.mark.parametrize(("answer", "back"), [("with_tax", 100.0), ("without_tax", 120.0)])
def test_refunds_of_parts_alone_are_asked_about(answer: str, back: float, tmp_path: Path, write: Write) -> None:
    path = write([HEADER, *ORDERS, HALF])
    with pytest.raises(CvoError, match="refund_amounts"):
        read_shop(looked_at(tmp_path / "first", path))
    shop = looked_at(tmp_path / "again", path, refund_amounts=answer)
    assert read_shop(shop).tables.refunds["amount"].tolist() == [back]
