"""Seed lists: whose address, in which form, with which value."""

from __future__ import annotations

import hashlib

import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.crm.audiences import normalised, seed_list

CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d", "e", "f"],
        "email": [" Ann.Lee@Gmail.com ", "annlee@gmail.com", "bob@example.org", "cy@example.org", None, "no address"],
        "marketing_consent": [True, True, True, False, True, True],
        "profiling_opt_out": [False] * 6,
    }
)
VALUE = pd.Series({"a": 50.0, "b": 90.0, "c": -3.0, "d": 900.0, "e": 800.0, "f": 700.0})


def hashed(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def test_meta_gets_hashes_of_trimmed_lower_addresses_with_a_value_that_is_not_negative() -> None:
    found = seed_list(CUSTOMERS, VALUE, "meta", top_share=1.0)
    expected = {hashed("annlee@gmail.com"): 90.0, hashed("ann.lee@gmail.com"): 50.0, hashed("bob@example.org"): 0.0}
    assert dict(zip(found["email"], found["value"], strict=True)) == expected
    assert found["value"].is_monotonic_decreasing


def test_google_gets_one_row_for_one_mailbox_under_its_own_header() -> None:
    found = seed_list(CUSTOMERS, VALUE, "google", top_share=1.0)
    assert found.columns.tolist() == ["Email"]
    assert found["Email"].tolist() == [hashed("annlee@gmail.com"), hashed("bob@example.org")]


def test_the_known_hash_of_a_known_address() -> None:
    # SHA-256 of "test@example.com", as published in many platforms' guides
    assert hashed(normalised(" Test@Example.com", "meta")).startswith("973dfe463ec85785f5f95af5ba3906ee")


def test_nobody_without_consent_and_only_the_best() -> None:
    assert len(seed_list(CUSTOMERS, VALUE, "meta", top_share=0.34)) == 1
    opted_out = CUSTOMERS.assign(profiling_opt_out=[True, True, False, False, False, False])
    assert seed_list(opted_out, VALUE, "meta", top_share=1.0)["email"].tolist() == [hashed("bob@example.org")]


def test_a_table_without_addresses_is_refused() -> None:
    with pytest.raises(UsageError, match="has no 'email'"):
        seed_list(CUSTOMERS.drop(columns="email"), VALUE, "meta")
