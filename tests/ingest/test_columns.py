"""A shop in one line: what is misspelt, what is missing, and what maps itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cvo_ml as cvo
from cvo_ml.config.shops import COLUMN_KINDS
from cvo_ml.core.errors import UsageError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import shop_from_columns
from cvo_ml.workflows.shops import choose_shop

Write = Callable[..., Path]
NOWHERE = Workspace(Path("nowhere"), Path("nowhere"))
FRAME = pd.DataFrame({"customer_id": ["a", "b"], "ordered_at": ["2024-01-01", "2024-01-02"], "net": [1.0, 2.0],
                      "currency": ["EUR", "EUR"], "Tier": ["gold", "iron"]})  # fmt: skip


def test_a_misspelt_meaning_is_no_field_of_the_customers(write: Write) -> None:
    path = write(FRAME.to_csv(index=False))
    with pytest.raises(UsageError, match=r"no meaning is called 'curency' \(did you mean 'currency'\?\)") as refused:
        choose_shop(NOWHERE, data=path, columns="curency=currency,Test=Tier")
    assert "'Test'" in str(refused.value)
    assert "profile.curency=HEADER" in str(refused.value)
    with pytest.raises(UsageError, match="did you mean 'customer_id'"):
        cvo.read_orders(FRAME, custmer_id="customer_id")


def test_fields_of_customers_are_named_as_such(write: Write) -> None:
    path = write(FRAME.to_csv(index=False))
    shop = choose_shop(NOWHERE, data=path, columns="profile.tier=Tier")
    assert (shop.profile, shop.columns["currency"]) == ({"tier": "Tier"}, "currency")
    tables = cvo.read_orders(FRAME, profile={"tier": "Tier"})
    assert tables.get("customers")["tier"].tolist() == ["gold", "iron"]


def test_headers_that_are_called_as_what_they_mean_need_no_mapping(write: Write) -> None:
    path = write(FRAME.to_csv(index=False))
    shop = choose_shop(NOWHERE, data=path)
    assert shop.columns == {name: name for name in ("customer_id", "ordered_at", "net", "currency")}
    assert cvo.read_orders(path).orders["net"].sum() == 3.0
    mapped = shop_from_columns(
        path, {"gross": "net", "net": "gross"}, headers=["customer_id", "ordered_at", "net", "gross"]
    )
    assert (mapped.columns["net"], mapped.columns["gross"]) == ("gross", "net")


def test_all_that_is_missing_is_named_at_once(write: Write) -> None:
    path = write("Client,Day,Sum\na,2024-01-01,1\n")
    with pytest.raises(UsageError) as refused:
        choose_shop(NOWHERE, data=path)
    assert "--columns customer_id=Client,ordered_at=Day,net=" in str(refused.value)
    assert "its headers are 'Client', 'Day', 'Sum'" in str(refused.value)
    assert f"cvo init {path}" in str(refused.value)
    with pytest.raises(UsageError, match="--columns ordered_at=Day,net="):
        choose_shop(NOWHERE, data=path, columns="customer_id=Client")


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(COLUMN_KINDS)), place=st.integers(0, 20), sign=st.sampled_from("xq_"))
def test_one_wrong_letter_in_any_meaning_is_found(name: str, place: int, sign: str) -> None:
    wrong = name[: place % len(name)] + sign + name[place % len(name) + 1 :]
    if wrong in COLUMN_KINDS:
        return
    with pytest.raises(UsageError, match="no meaning is called"):
        shop_from_columns("x.csv", {wrong: "h"}, headers=["customer_id", "ordered_at", "net"])
