"""Table contracts: a frame that breaks its contract goes no further."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.contract import has_kind, pandas_dtype
from cvo_ml.core.contracts import CONTRACTS, ORDERS
from cvo_ml.core.errors import ContractError
from cvo_ml.core.tables import Tables
from tests.builders import orders_of, refunds_of, shop_of

GOOD = orders_of(("1", "a", "2024-01-01", 10.0), ("2", "a", "2024-01-05", 0.0), ("3", "b", "2024-01-05", 5.5))


def test_a_good_frame_comes_back_unchanged() -> None:
    assert ORDERS.validate(GOOD) is GOOD


def test_columns_beyond_the_contract_are_kept() -> None:
    assert "colour" in Tables({"orders": GOOD.assign(colour="red")}, "EUR").orders


@pytest.mark.parametrize("name", ["order_id", "customer_id", "ordered_at", "net"])
def test_each_required_column_is_asked_for_by_name(name: str) -> None:
    with pytest.raises(ContractError, match=f"table orders: column '{name}': required column is missing"):
        ORDERS.validate(GOOD.drop(columns=name))


def test_a_missing_column_names_the_nearest_one() -> None:
    with pytest.raises(ContractError, match=r"missing \(did you mean 'custmer_id'\?\)"):
        ORDERS.validate(GOOD.rename(columns={"customer_id": "custmer_id"}))


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("net", [1.0, np.nan, 2.0], r"null in a required column \(1 row; first: 2\)"),
        ("net", [np.inf, 1.0, -np.inf], r"infinite amount \(2 rows; first: 1, 3\)"),
        ("net", ["1", "2", "3"], "has type str, not money"),
        ("net", [True, False, True], "has type bool, not money"),
        ("customer_id", [1, 2, 3], "has type int64, not id"),
        ("customer_id", pd.Series([1, "a", "b"], dtype=object), "has type object, not id"),
        ("customer_id", ["a", None, "b"], r"null in a required column \(1 row; first: 2\)"),
        ("ordered_at", ["2024-01-01"] * 3, "has type str, not time"),
        ("ordered_at", pd.to_datetime(["2024-01-01"] * 3, utc=True), "has type datetime64"),
        ("ordered_at", pd.to_datetime(["2024-01-01", None, "2024-01-02"]), "null in a required column"),
        ("order_id", ["1", "1", "2"], r"the key repeats \(1 row; first: 2\)"),
        ("gross", [np.inf, 0.0, 0.0], "infinite amount"),
        ("is_test", ["yes", "no", "no"], "has type str, not flag"),
        ("known_at", ["x", "y", "z"], "has type str, not time"),
    ],
)
def test_a_broken_column_is_named_with_the_count_and_first_rows(column: str, values: object, problem: str) -> None:
    with pytest.raises(ContractError, match=rf"table orders: column '{column}': {problem}"):
        ORDERS.validate(GOOD.assign(**{column: values}))


def test_nulls_in_optional_columns_are_fine() -> None:
    frame = GOOD.assign(gross=[1.0, np.nan, 2.0], channel=pd.Series(["web", None, "web"], dtype="str"))
    kept = Tables({"orders": frame}, "EUR").orders
    assert kept["gross"].isna().tolist() == kept["channel"].isna().tolist() == [False, True, False]


def test_texts_held_as_objects_are_texts() -> None:
    assert has_kind(pd.Series(["a", None, "b"], dtype=object), "text")
    assert not has_kind(pd.Series(["a", 1.5], dtype=object), "text")


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_the_empty_table_keeps_its_own_contract(name: str) -> None:
    contract = CONTRACTS[name]
    empty = contract.empty()
    assert len(contract.validate(empty)) == 0
    assert tuple(empty.columns) == contract.names
    assert all(has_kind(empty[column.name], column.kind) for column in contract.columns)


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_key_and_event_time_are_columns_of_the_contract_that_says_so(name: str) -> None:
    contract = CONTRACTS[name]
    assert contract.name == name
    assert set(contract.key) <= set(contract.required)
    assert len(set(contract.names)) == len(contract.names)
    if contract.event_time is not None:
        assert contract.column(contract.event_time).kind == "time"


def test_an_unknown_column_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="colour"):
        ORDERS.column("colour")
    assert pandas_dtype(ORDERS.column("net").kind) == "float64"


def test_orders_are_the_one_table_that_must_be_there() -> None:
    with pytest.raises(ContractError, match="no table 'orders'"):
        Tables({"refunds": refunds_of(("1", "2024-01-02", 1.0))}, "EUR")


def test_an_unknown_table_names_the_nearest() -> None:
    with pytest.raises(ContractError, match=r"table 'refund' is unknown \(did you mean 'refunds'\?\)"):
        Tables({"orders": GOOD, "refund": GOOD}, "EUR")


def test_every_table_is_checked_not_only_the_orders() -> None:
    with pytest.raises(ContractError, match="table refunds: column 'amount'"):
        Tables({"orders": GOOD, "refunds": refunds_of(("1", "2024-01-02", 1.0)).drop(columns="amount")}, "EUR")


def test_an_absent_table_reads_as_empty() -> None:
    shop = shop_of([("1", "a", "2024-01-01", 10.0)])
    assert "refunds" not in shop
    assert len(shop.refunds) == 0
    assert list(shop.refunds.columns) == list(CONTRACTS["refunds"].names)
