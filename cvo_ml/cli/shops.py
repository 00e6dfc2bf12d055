"""From the command line to a shop: a file with columns, a YAML file, or the sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from cvo_ml.cli.options import CONFIGS
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.shops import ShopConfig, SourceConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import write_text
from cvo_ml.ingest import sample_shop, shop_from_columns
from cvo_ml.ingest.sources import headers_of

#: the shop that was scored, kept beside its scores
FILE: Final = "shop.yaml"


def choose(
    data: Path | None,
    shop: Path | None,
    columns: str,
    *,
    guests: bool = False,
    rows: str | None = None,
    max_bad_share: float | None = None,
    **dialect: Any,
) -> ShopConfig:
    """The shop that the options name; the sample where they name none.

    Raises
    ------
    UsageError
        If options contradict each other, or ``columns`` is missing or not ``meaning=header,...``.
    """
    if data is not None and shop is not None:
        raise UsageError("--data and --shop name two sources: give one of them")
    if data is None and columns:
        raise UsageError("--columns describes a file: name it too")
    if shop is not None:
        return _tolerant(load_config(_found(shop), ShopConfig), max_bad_share)
    if data is None:
        return _tolerant(sample_shop(), max_bad_share)
    if data.suffix in (".yaml", ".yml"):
        raise UsageError(f"{data}: is a configuration: give it as --shop {data}")
    if rows not in (None, "orders", "lines"):
        raise UsageError(f"--rows {rows!r} is unknown: use orders or lines")
    if not columns.strip():
        raise UsageError(_say_which(data, dialect))
    kind: Literal["orders", "lines"] | None = "lines" if rows == "lines" else "orders" if rows == "orders" else None
    declared = shop_from_columns(data, mapping(columns), rows=kind, guests="exclude" if guests else "fault", **dialect)
    return _tolerant(declared, max_bad_share)


def of_run(shop: Path | None, out: Path) -> ShopConfig:
    """The shop that is named, else the one whose scores ``out`` holds, else the sample."""
    scored = out / FILE
    return choose(None, shop or (scored if scored.is_file() else None), "")


def _say_which(data: Path, dialect: Mapping[str, Any]) -> str:
    """What to write, and of which headers, where a file stands alone."""
    given = {name: dialect[name] for name in ("delimiter", "encoding") if name in dialect}
    headers = headers_of(SourceConfig(path=str(data), **given))
    found = f"; its headers are {', '.join(map(repr, headers[:20]))}" if headers else ""
    return f"{data}: say which header means what, such as --columns customer_id=Client,ordered_at=Date,net=Total{found}"


def _tolerant(shop: ShopConfig, max_bad_share: float | None) -> ShopConfig:
    """The shop with the share that the command line gives, where it gives one."""
    return shop if max_bad_share is None else shop.model_copy(update={"max_bad_share": max_bad_share})


def mapping(columns: str) -> dict[str, str]:
    """``meaning=header,...`` as a mapping; a header with a comma stands in double quotes.

    Raises
    ------
    UsageError
        If a part has no ``=`` or a meaning stands twice.

    Examples
    --------
    >>> mapping('customer_id=Client,net="Total, net"')
    {'customer_id': 'Client', 'net': 'Total, net'}
    """
    import csv

    found: dict[str, str] = {}
    # quotes may stand around the header alone; csv wants them around the whole field
    for part in next(csv.reader([_quote_whole_fields(columns)]), []):
        meaning, equals, header = part.partition("=")
        if not equals or not meaning.strip() or not header.strip():
            raise UsageError(f"--columns {part!r} is not meaning=header, such as customer_id=Client")
        if meaning.strip() in found:
            raise UsageError(f"--columns names {meaning.strip()!r} twice: keep one")
        found[meaning.strip()] = header.strip()
    return found


def _quote_whole_fields(columns: str) -> str:
    import re

    return re.sub(r'([^,"=]+)="([^"]*)"', r'"\1=\2"', columns)


def save(shop: ShopConfig, path: Path) -> Path:
    """Write the shop as YAML, so that other commands and the training process can read it."""
    content = shop.resolved().model_dump(mode="json", exclude_defaults=True)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_text(path, "# Written by cvo; edit it, or keep your own under configs/shops/.\n" + text)
    return path


def _found(path: Path) -> Path:
    """The path, or the configuration of that name that comes with the package."""
    shipped = default_config(f"shops/{path.stem}.yaml", CONFIGS)
    return shipped if not path.is_file() and path.parent == Path() and shipped.is_file() else path
