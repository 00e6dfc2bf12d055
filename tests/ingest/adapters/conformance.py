"""What every adapter must hold: subclass :class:`Conformance` with an ``example`` of the vendor's format.

An example is a small export of invented people, whose tables are known by counting and adding up.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import pandas as pd
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import AdapterName, ShopConfig
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import ConfigError, CvoError, DataError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.ingest.adapters import ADAPTERS
from cvo_ml.ingest.known_exports import EXPORTS
from cvo_ml.workflows.init import InitRequest, init

Row = Mapping[str, Any]
_SHOP: Final = "order_id,customer_id,ordered_at,net,currency"


@dataclass(frozen=True)
class Held:
    """What a table holds: so many rows, and what the named columns add up to."""

    rows: int
    sums: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """A small export.

    Parameters
    ----------
    rows:
        Header to text of each row, for CSV; objects for JSON lines.
    tables:
        What each table holds that is read of it. The first is the one whose ledger accounts for every row.
    needed:
        A header, or field, whose absence must be named (None: JSON without a field that every object has).
    beside:
        Customers of the orders beside which it is read; None = it holds the orders, or the subscriptions, itself.
    settings:
        Of the shop (or of the table, beside orders), such as a timezone.
    above:
        Lines above the header.
    delimiter, encoding:
        Of the CSV.
    money_in:
        The header, or dotted path, that holds the currency of a row; None where the format has none.
    sent_again:
        Whether rows that are sent twice can be told by an id: then they count once.
    any_order:
        Whether rows may stand in any order.
    refunds_may_exceed:
        Why refunds may exceed their order.
    """

    adapter: AdapterName
    rows: Sequence[Row]
    tables: Mapping[str, Held]
    needed: str | None
    beside: Sequence[str] | None = None
    currency: str = "EUR"
    settings: Mapping[str, Any] = field(default_factory=dict)
    above: Sequence[str] = ()
    delimiter: str = ","
    encoding: str = "utf-8"
    money_in: str | None = None
    sent_again: bool = True
    any_order: bool = True
    refunds_may_exceed: str = ""

    @property
    def is_flat(self) -> bool:
        """Whether it is a CSV."""
        return ADAPTERS[self.adapter].unpack is None and not any(
            isinstance(value, (dict, list)) for row in self.rows for value in row.values()
        )

    @property
    def table(self) -> str:
        """The table whose ledger accounts for every row."""
        return next(iter(self.tables))

    def write(self, folder: Path) -> Path:
        """The export, and the orders beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.beside is not None:
            orders = [f"O{n},{one},2026-01-0{n % 9 + 1},10.00,{self.currency}" for n, one in enumerate(self.beside)]
            (folder / "orders.csv").write_text("\n".join([_SHOP, *orders]) + "\n", encoding="utf-8")
        path = folder / f"export.{'csv' if self.is_flat else 'jsonl'}"
        if not self.is_flat:
            path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
            return path
        headers = list(dict.fromkeys(header for row in self.rows for header in row))
        with path.open("w", newline="", encoding=self.encoding) as file:
            file.writelines(f"{line}\n" for line in self.above)
            writer = csv.DictWriter(file, headers, restval="", delimiter=self.delimiter, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        return path

    def shop(self, path: Path, adapter: AdapterName | None = None) -> ShopConfig:
        """The declaration that a person would write who knows the format."""
        name = adapter or self.adapter
        content: dict[str, Any] = {"name": "shop", "currency": self.currency}
        source = {"path": str(path), "delimiter": self.delimiter, "encoding": self.encoding}
        source |= {"header_row": len(self.above) + 1} if self.above else {}
        source |= self.settings.get("source", {})
        own = {key: value for key, value in self.settings.items() if key != "source"}
        if self.beside is None:
            return ShopConfig.model_validate({**content, "adapter": name, "source": source, **own})
        return ShopConfig.model_validate(
            {
                **content,
                "source": {"path": str(path.with_name("orders.csv"))},
                "columns": {header: header for header in _SHOP.split(",")},
                "tables": {table: {"source": source, "adapter": name, **own} for table in self.tables},
            }
        )


class Conformance:
    """What holds for every adapter."""

    example: ClassVar[Example]

    def read(self, folder: Path, example: Example | None = None) -> ReadResult:
        """The example as it is declared."""
        example = example or self.example
        return read_shop(example.shop(example.write(folder)), max_bad_share=1.0)

    def test_each_table_holds_what_the_example_says(self, tmp_path: Path) -> None:
        _refuse_other(self.read(tmp_path), self.example)

    def test_every_row_is_accounted_for(self, tmp_path: Path) -> None:
        result = self.read(tmp_path)
        assert result.ledger_of(self.example.table).rows_in == len(self.example.rows)
        for table in result.ledgers:
            ledger = result.ledger_of(table)
            assert ledger.rows_in == ledger.used + sum(ledger.quarantined.values()) + sum(ledger.excluded.values())
            assert (result.quarantine["table"] == table).sum() == sum(ledger.quarantined.values())

    def test_refunds_never_exceed_their_order(self, tmp_path: Path) -> None:
        tables = self.read(tmp_path).tables
        if "refunds" not in self.example.tables or self.example.refunds_may_exceed:
            pytest.skip(self.example.refunds_may_exceed or "the format holds no refunds")
        back = tables.get("refunds").groupby("order_id")["amount"].sum()
        net = tables.orders.set_index("order_id")["net"]
        assert (back <= net.reindex(back.index).fillna(0) + 0.005).all()
        assert (tables.get("refunds")["amount"] >= 0).all()

    def test_init_finds_it_by_its_headers_and_writes_what_reads_it(self, tmp_path: Path) -> None:
        path = self.example.write(tmp_path / "files")
        files = [path] if self.example.beside is None else [path.with_name("orders.csv"), path]
        out = tmp_path / "shop.yaml"
        zone = self.example.settings.get("timezone")
        request = InitRequest(files=tuple(map(str, files)), out=out, currency=self.example.currency, timezone=zone)
        init(request, Workspace(tmp_path, tmp_path))
        shop = load_config(out, ShopConfig)
        named = [shop.adapter, *(table.adapter for table in shop.tables.values())]
        assert self.example.adapter in named
        _refuse_other(read_shop(shop, max_bad_share=1.0), self.example)

    def test_another_delimiter_is_named(self, tmp_path: Path) -> None:
        """As a spreadsheet of another country saves it: not that columns are empty or rows have too few fields."""
        if not self.example.is_flat or self.example.delimiter != ",":
            pytest.skip("it is no CSV with commas")
        path = replace(self.example, delimiter=";").write(tmp_path)
        with pytest.raises(DataError, match="is not delimited by ',' but by ';'"):
            read_shop(self.example.shop(path), max_bad_share=1.0)

    def test_a_column_that_came_later_changes_nothing(self, tmp_path: Path) -> None:
        later = [{**row, "Added in a later version": "x"} for row in self.example.rows]
        _refuse_other(self.read(tmp_path, replace(self.example, rows=later)), self.example)

    def test_a_column_that_was_renamed_is_named_with_the_version_seen(self, tmp_path: Path) -> None:
        needed = self.example.needed
        if needed is None:
            pytest.skip("no field of these objects is in each of them")
        renamed = [_renamed(row, needed) for row in self.example.rows]
        export = EXPORTS[self.example.adapter]
        with pytest.raises((ConfigError, DataError)) as caught:
            self.read(tmp_path, replace(self.example, rows=renamed))
        for part in (needed, export.called, export.seen):
            assert part in str(caught.value)

    def test_another_adapter_is_refused_with_this_one_named(self, tmp_path: Path) -> None:
        path = self.example.write(tmp_path)
        others = [name for name in ADAPTERS if name != self.example.adapter and _can_be_declared(name, self.example)]
        for other in others:
            with pytest.raises(CvoError) as caught:
                read_shop(self.example.shop(path, other), max_bad_share=1.0)
            assert f"declare adapter: {self.example.adapter}" in str(caught.value), other

    def test_rows_that_are_sent_again_count_once(self, tmp_path: Path) -> None:
        if not self.example.sent_again:
            pytest.skip("nothing tells a row that was sent again from another one")
        twice = replace(self.example, rows=[*self.example.rows, *self.example.rows])
        _refuse_other(self.read(tmp_path, twice), self.example)

    def test_rows_may_stand_in_any_order(self, tmp_path: Path) -> None:
        if not self.example.any_order:
            pytest.skip("the format has an order of its own")
        backwards = replace(self.example, rows=[*reversed(self.example.rows)])
        _refuse_other(self.read(tmp_path, backwards), self.example)

    def test_two_currencies_are_refused(self, tmp_path: Path) -> None:
        if self.example.money_in is None:
            pytest.skip("the format does not say which currency a row is in")
        other = _with(self.example.rows[-1], self.example.money_in, "SEK")
        mixed = replace(self.example, rows=[*self.example.rows[:-1], other])
        with pytest.raises(DataError, match="SEK"):
            self.read(tmp_path, mixed)

    def test_a_zone_further_east_moves_the_clock_and_no_money(self, tmp_path: Path) -> None:
        if self.example.beside is not None or "timezone" in self.example.settings:
            pytest.skip("its zone is the shop's")
        settings = {**self.example.settings, "timezone": "Pacific/Auckland"}
        there = self.read(tmp_path, replace(self.example, settings=settings))
        here = self.read(tmp_path)
        for table, held in self.example.tables.items():
            for column in held.sums:
                assert there.tables.get(table)[column].sum() == pytest.approx(here.tables.get(table)[column].sum())


def _refuse_other(result: ReadResult, example: Example) -> None:
    """Fail where a table does not hold what the example says."""
    for table, held in example.tables.items():
        rows: pd.DataFrame = result.tables.get(table)
        assert len(rows) == held.rows, (table, dict(result.ledger_of(table).excluded), result.quarantine)
        for column, total in held.sums.items():
            assert rows[column].sum() == pytest.approx(total, abs=0.005), (table, column)


def _can_be_declared(other: AdapterName, example: Example) -> bool:
    adapter = ADAPTERS[other]
    if example.beside is None:
        return bool(adapter.declares)
    return set(example.tables) <= {*adapter.sides, adapter.main} and all(table in CONTRACTS for table in example.tables)


def _renamed(row: Row, path: str) -> dict[str, Any]:
    """The row with another name for what stands at a path."""
    first, _, rest = path.partition(".")
    if path in row:
        return {(f"{key} (new)" if key == path else key): value for key, value in row.items()}
    inner = row.get(first)
    return {**row, first: _renamed(inner, rest)} if rest and isinstance(inner, Mapping) else dict(row)


def _with(row: Row, path: str, value: str) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    if path in row or not rest:
        return {**row, path: value}
    return {**row, first: _with(row[first], rest, value)}
