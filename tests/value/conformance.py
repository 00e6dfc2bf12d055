"""What every analysis must hold: one suite over all of ``ANALYSES``, run by ``test_conformance.py``."""

from __future__ import annotations

import json
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.loader import default_config, load_config
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.result import from_json, to_json
from cvo_ml.core.tables import Tables
from cvo_ml.core.value_basis import BASES
from cvo_ml.core.visibility import visible_table
from cvo_ml.features.engine import engine
from cvo_ml.simulate import simulate_saas, simulate_shop
from cvo_ml.value import ANALYSES, AnalysisResult, Undefined

#: A date inside the simulated shops' lives.
CUT: Final = date(2023, 1, 20)
METHODS: Final = (Path(__file__).resolve().parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")


@cache
def business(kind: str) -> Tables:
    """A small simulated shop, with every table that analyses read, or a software vendor that lives by contracts."""
    if kind == "shop":
        return simulate_shop("shop", n_customers=160).tables
    vendor = simulate_saas("saas", n_leads=500).tables
    return vendor if "orders" in vendor else Tables({**vendor.frames, "orders": CONTRACTS["orders"].empty()}, "EUR")


@cache
def result(name: str, kind: str = "shop") -> AnalysisResult:
    """What an analysis finds in one of them with its defaults."""
    return ANALYSES[name]().run(business(kind), CUT)


def same(one: AnalysisResult, other: AnalysisResult) -> bool:
    """Whether two results say the same, to the last digit."""
    return to_json(one) == to_json(other)


def seen(tables: Tables) -> Tables:
    """The rows of a business that can be seen at ``CUT``, and no others."""
    frames = {name: visible_table(tables, name, CUT).reset_index(drop=True) for name in tables}
    return Tables(frames, tables.currency)


def turned(tables: Tables) -> Tables:
    """The same rows in another order."""
    frames = {name: rows.sample(frac=1, random_state=7).reset_index(drop=True) for name, rows in tables.frames.items()}
    return Tables(frames, tables.currency)


def empty() -> Tables:
    """A shop that has opened and sold nothing."""
    return Tables({"orders": CONTRACTS["orders"].empty()}, "EUR")


def halves(tables: Tables) -> tuple[Tables, Tables]:
    """Two shops that share no customer."""
    owner = tables.orders.set_index("order_id")["customer_id"]
    parts = []
    for half in (0, 1):
        frames: dict[str, pd.DataFrame] = {}
        for name, rows in tables.frames.items():
            ids = (
                rows["customer_id"]
                if "customer_id" in rows
                else rows.get("order_id", pd.Series(dtype="str")).map(owner)
            )
            if len(ids) == len(rows):
                number = ids.str.extract(r"(\d+)$")[0].astype("int64")
                frames[name] = rows[(number % 2 == half).to_numpy()].reset_index(drop=True)
        parts.append(Tables(frames, tables.currency))
    return parts[0], parts[1]


class Conformance:
    """The suite; each test takes the name of an analysis."""

    def test_later_rows_change_nothing(self, name: str) -> None:
        assert same(ANALYSES[name]().run(seen(business("shop")), CUT), result(name))

    def test_rows_in_any_order_give_the_same(self, name: str) -> None:
        assert same(ANALYSES[name]().run(turned(business("shop")), CUT), result(name))

    def test_an_empty_shop_gives_reasons_and_never_zeros(self, name: str) -> None:
        found = ANALYSES[name]().run(empty(), CUT)
        assert found.kpis
        assert all(isinstance(kpi.value, Undefined) and kpi.value.reason for kpi in found.kpis)
        assert found.sentences()
        assert not any(re.search(r"(?<![\d.,])0(?:\.0+)? (?:%|EUR)", said) for said in found.sentences())
        found.figures()

    def test_a_vendor_without_orders_is_answered(self, name: str) -> None:
        found = result(name, "saas")
        assert found.sentences()
        assert found.kpi_table().rows

    def test_it_goes_through_json(self, name: str) -> None:
        for kind in ("shop", "saas"):
            found = result(name, kind)
            text = json.dumps(found.to_json(), allow_nan=False)
            assert same(from_json(type(found), json.loads(text)), found)

    def test_every_key_figure_has_a_source_an_action_and_a_name_of_its_own(self, name: str) -> None:
        kpis = result(name).kpis
        assert len({kpi.name for kpi in kpis}) == len(kpis)
        for kpi in kpis:
            ids = re.findall(r"\b[A-N]\d+\b", kpi.source)
            assert kpi.source.startswith("methods ")
            assert ids
            assert all(f"\n| {one} |" in METHODS for one in (*ids, *ANALYSES[name].methods))
            assert len(kpi.action.split()) > 3

    def test_currency_and_basis_are_named(self, name: str) -> None:
        found = result(name)
        assert found.currency == "EUR"
        assert found.basis in BASES
        assert found.as_of == CUT
        if any(kpi.unit == "money" for kpi in found.kpis):
            assert any("EUR" in cell for row in found.kpi_table().rows for cell in row)

    def test_the_finding_comes_first_and_what_to_do_last(self, name: str) -> None:
        said = result(name).sentences()
        assert said[-1].startswith("What to do: ")
        assert re.search(r"\d", said[0])

    def test_tables_have_a_cell_a_column_and_figures_a_unit_an_axis(self, name: str) -> None:
        found = result(name)
        for table in (*found.tables(), found.kpi_table()):
            assert all(len(row) == len(table.columns) for row in table.rows)
        for figure in found.figures():
            assert figure.title
            assert figure.x
            assert figure.y
            assert all(len(series.x) == len(series.y) for series in figure.series)

    def test_halves_add_up(self, name: str) -> None:
        analysis = ANALYSES[name]()
        if not analysis.additive:
            return
        parts = []
        for tables in (*halves(business("shop")), business("shop")):
            with engine(tables) as opened:
                parts.append(analysis.statistics(opened, CUT))
        assert same(analysis.analyze(parts[0] + parts[1]), analysis.analyze(parts[2]))

    def test_its_configuration_is_its_constructor(self, name: str) -> None:
        kind = ANALYSES[name]
        assert load_config(default_config(f"analyses/{name}.yaml"), kind) == kind()

    def test_it_says_what_it_is(self, name: str) -> None:
        kind = ANALYSES[name]
        assert (kind.name, kind.question[-1]) == (name, "?")
        assert set(kind.reads.required) | set(kind.reads.optional) <= set(CONTRACTS)
