"""A shop declared on the command line: a file and its columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from cvo_ml.config.messages import place_of, remedy
from cvo_ml.config.shops import COLUMN_KINDS, NO_CURRENCY, ShopConfig
from cvo_ml.core.errors import UsageError


def shop_from_columns(
    path: str | Path,
    columns: Mapping[str, str],
    *,
    rows: Literal["orders", "lines"] | None = None,
    date_format: str | None = None,
    currency: str = NO_CURRENCY,
    delimiter: str = ",",
    encoding: str = "utf-8",
    decimal: str = ".",
    timezone: str = "UTC",
    guests: Literal["fault", "exclude"] = "fault",
) -> ShopConfig:
    """A shop from a file and a mapping of canonical column to header.

    Parameters
    ----------
    columns:
        At least customer_id, ordered_at and net (or quantity and unit_price). Without order_id, there is
        one order per customer and day. Names that are no canonical column become profile fields.
    rows:
        Default: ``lines`` where product_id, quantity or line_id is mapped, else ``orders``.

    Raises
    ------
    UsageError
        If the mapping is not complete, or a value is not allowed.

    Examples
    --------
    >>> shop = shop_from_columns("cdnow.csv", {"customer_id": "customer_id", "ordered_at": "date", "net": "amount"})
    >>> shop.rows, shop.order_id, shop.currency
    ('orders', 'generated', 'XXX')
    """
    source = {"path": str(path), "delimiter": delimiter, "encoding": encoding, "decimal": decimal}
    declared: dict[str, Any] = {
        "name": Path(path).name.split(".")[0] or "shop",
        "currency": currency,
        "source": {**source, "date_format": date_format},
        "timezone": timezone,
        "guests": guests,
        "rows": rows or ("lines" if {"product_id", "quantity", "line_id"} & set(columns) else "orders"),
        "columns": {name: header for name, header in columns.items() if name in COLUMN_KINDS},
        "profile": {name: header for name, header in columns.items() if name not in COLUMN_KINDS},
        "order_id": "column" if "order_id" in columns else "generated",
    }
    try:
        return ShopConfig.model_validate(declared)
    except ValidationError as error:
        raise UsageError(f"{path}: {'; '.join(dict.fromkeys(map(_sentence, error.errors())))}") from None


def _sentence(item: Any) -> str:
    place = place_of(item).removeprefix("source.")
    return f"{place}: {remedy(item)}" if place else remedy(item)
