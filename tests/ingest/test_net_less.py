"""A value that its column holds together with what stands beside it: what is taken off, and from which rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest import read_shop

ROWS = """o,c,d,total,ship,vat
1,A,2024-01-02,119.00,0,19.00
2,A,2024-02-02,130.00,11,19.00
3,B,2024-02-03,50.00,,
4,A,2024-03-02,-119.00,0,19.00
"""


def shop(folder: Path, **declared: object) -> ShopConfig:
    """A shop whose totals hold shipping and tax."""
    (folder / "orders.csv").write_text(ROWS)
    columns = {"order_id": "o", "customer_id": "c", "ordered_at": "d", "net": "total", "shipping": "ship", "tax": "vat"}
    source = {"path": str(folder / "orders.csv")}
    return ShopConfig.model_validate({"name": "t", "currency": "EUR", "source": source, "columns": columns, **declared})


def test_shipping_and_tax_are_taken_off_each_row_and_refunds_get_smaller_too(tmp_path: Path) -> None:
    result = read_shop(shop(tmp_path, net_less=["shipping", "tax"]))
    assert result.tables.orders.sort_values("order_id")["net"].tolist() == [100.0, 100.0, 50.0]
    assert result.tables.refunds["amount"].tolist() == [100.0]
    assert any("3 amounts were read less their tax" in note for note in result.notes)


def test_nothing_is_taken_off_unasked(tmp_path: Path) -> None:
    assert read_shop(shop(tmp_path)).tables.orders["net"].sum() == 299.0


def test_what_is_taken_off_must_be_mapped(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="net_less: discount not mapped"):
        shop(tmp_path, net_less=["discount"])
