"""A shop at the door: chosen by a file or a configuration, saved beside its scores, read, and held to its own runs."""

from __future__ import annotations

import csv
import logging
import re
from datetime import date
from pathlib import Path
from typing import Final, Literal

import yaml

from cvo_ml.config.loader import as_file, default_config, load_config
from cvo_ml.config.shops import NO_CURRENCY, ShopConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import write_text
from cvo_ml.core.store import StoredRun, current_run
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, headers_at, read_shop, sample_shop, shop_from_columns

LOGGER: Final = logging.getLogger(__name__)


def choose_shop(
    workspace: Workspace,
    *,
    shop: Path | None = None,
    data: Path | None = None,
    columns: str = "",
    rows: str | None = None,
    date_format: str | None = None,
    currency: str = NO_CURRENCY,
    delimiter: str = ",",
    decimal: str = ".",
    encoding: str = "utf-8",
    guests: bool = False,
    max_bad_share: float | None = None,
) -> ShopConfig:
    """The shop that is named: by its YAML file, or by a file of orders and what its headers mean; else the sample.

    Parameters
    ----------
    shop:
        A YAML file, or the name of a configuration that comes with the package or lies in the workspace's.
    columns:
        With ``data``: ``meaning=header,...``, and ``profile.NAME=header`` for a field of the customers; headers that
        are called as what they mean need not be named.
    rows:
        With ``data``: ``orders`` or ``lines``.
    guests:
        With ``data``: rows without a customer are guests, not faults.
    max_bad_share:
        In [0, 1], in place of the shop's own.

    Raises
    ------
    UsageError
        If options contradict each other, ``columns`` is not ``meaning=header,...``, or something is not mapped.
    ConfigError
        If the YAML file is wrong.
    """
    if data is not None and shop is not None:
        raise UsageError("--data and --shop name two sources: give one of them")
    if data is None and columns:
        raise UsageError("--columns describes a file: name it too")
    if shop is not None:
        return _tolerant(load_config(_shop_file(shop, workspace), ShopConfig), max_bad_share)
    if data is None:
        return _tolerant(sample_shop(), max_bad_share)
    if data.suffix in (".yaml", ".yml"):
        raise UsageError(f"{data}: is a configuration: give it as --shop {data}")
    kind = _kind_of_rows(rows)
    declared = shop_from_columns(
        data, columns_of(columns), headers=headers_at(data, delimiter, encoding), rows=kind,
        guests="exclude" if guests else "fault",
        date_format=date_format, currency=currency, delimiter=delimiter, decimal=decimal, encoding=encoding,
    )  # fmt: skip
    return _tolerant(declared, max_bad_share)


def shop_of_run(workspace: Workspace, shop: Path | None) -> ShopConfig:
    """The shop that is named, else the one whose scores the workspace holds, else the sample."""
    scored = workspace.shop_file
    return choose_shop(workspace, shop=shop or (scored if scored.is_file() else None))


def save_shop(shop: ShopConfig, path: Path) -> Path:
    """Write the shop as YAML, so that later commands can read it; ``${NAME}`` stays what it is."""
    content = as_file(shop.resolved())
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_text(path, "# Written by cvo; edit it, or keep your own under configs/shops/.\n" + text)
    return path


def read_tables(shop: ShopConfig, workspace: Workspace, as_of: date | None = None) -> ReadResult:
    """The shop's tables, with what became of every row.

    Parameters
    ----------
    as_of:
        Rows on or after this day are left out.
    """
    with workspace.progress.step(f"Reading {shop.source.path}"):
        read = read_shop(shop, as_of=as_of)
    ledger = read.ledger
    lost = {"quarantined": sum(ledger.quarantined.values()), "excluded": sum(ledger.excluded.values())}
    facts = {"shop": shop.name, "rows_in": ledger.rows_in, "used": ledger.used, **lost}
    LOGGER.info("the shop's rows are read", extra={"facts": facts})
    return read


def run_of(shop: ShopConfig, workspace: Workspace) -> StoredRun:
    """The current run of this very shop.

    Raises
    ------
    StoreError
        If nothing was scored.
    UsageError
        If the run is another shop's.
    """
    run = current_run(workspace.scores)
    check_shop(run, shop.name)
    return run


def check_shop(run: StoredRun, shop: str) -> None:
    """Refuse to judge a run by the orders of another shop.

    Raises
    ------
    UsageError
        If the run is not of ``shop``.
    """
    if run.manifest["shop"] != shop:
        raise UsageError(
            f"{run.folder}: these scores are of shop {run.manifest['shop']!r} and this is {shop!r}: "
            "name the shop that was scored (--shop)"
        )


def columns_of(text: str) -> dict[str, str]:
    """``meaning=header,...`` as a mapping; a header with a comma stands in double quotes.

    Raises
    ------
    UsageError
        If a part has no ``=`` or a meaning stands twice.

    Examples
    --------
    >>> columns_of('customer_id=Client,net="Total, net"')
    {'customer_id': 'Client', 'net': 'Total, net'}
    """
    columns: dict[str, str] = {}
    # quotes may stand around the header alone; csv wants them around the whole field
    quoted = re.sub(r'([^,"=]+)="([^"]*)"', r'"\1=\2"', text)
    for part in next(csv.reader([quoted]), []):
        meaning, equals, header = part.partition("=")
        if not equals or not meaning.strip() or not header.strip():
            raise UsageError(f"--columns {part!r} is not meaning=header, such as customer_id=Client")
        if meaning.strip() in columns:
            raise UsageError(f"--columns names {meaning.strip()!r} twice: keep one")
        columns[meaning.strip()] = header.strip()
    return columns


def _kind_of_rows(rows: str | None) -> Literal["orders", "lines"] | None:
    if rows is None:
        return None
    if rows == "orders":
        return "orders"
    if rows == "lines":
        return "lines"
    raise UsageError(f"--rows {rows!r} is unknown: use orders or lines")


def _tolerant(shop: ShopConfig, max_bad_share: float | None) -> ShopConfig:
    """The shop with the share that is given, where one is."""
    return shop if max_bad_share is None else shop.model_copy(update={"max_bad_share": max_bad_share})


def _shop_file(path: Path, workspace: Workspace) -> Path:
    """The path, or the configuration of that name."""
    named = default_config(f"shops/{path.stem}.yaml", workspace.configs)
    return named if not path.is_file() and path.parent == Path() and named.is_file() else path
