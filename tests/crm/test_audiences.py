"""Seed lists: whose address, in which form, with which value, and why the others are not on it."""

from __future__ import annotations

import hashlib

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.crm.audiences import normalised, seed_list

CUSTOMERS = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d", "e", "f", "g"],
        "email": [
            " Ann.Lee@Gmail.com ", "annlee@gmail.com", "bob@example.org", "cy@example.org", None, "no address",
            "gus@example.org",
        ],
        "marketing_consent": pd.array([True, True, True, False, True, True, None], dtype="boolean"),
        "profiling_opt_out": [False] * 7,
    }
)  # fmt: skip
VALUE = pd.Series({"a": 50.0, "b": 90.0, "c": -3.0, "d": 900.0, "e": 800.0, "f": 700.0, "g": 600.0})


def hashed(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def test_meta_gets_hashes_of_trimmed_lower_addresses_with_a_value_that_is_not_negative() -> None:
    found = seed_list(CUSTOMERS, VALUE, "meta", top_share=1.0).table
    expected = {hashed("annlee@gmail.com"): 90.0, hashed("ann.lee@gmail.com"): 50.0, hashed("bob@example.org"): 0.0}
    assert dict(zip(found["email"], found["value"], strict=True)) == expected
    assert found["value"].is_monotonic_decreasing


def test_google_gets_one_row_for_one_mailbox_under_its_own_header() -> None:
    found = seed_list(CUSTOMERS, VALUE, "google", top_share=1.0)
    assert found.table.columns.tolist() == ["Email"]
    assert found.table["Email"].tolist() == [hashed("annlee@gmail.com"), hashed("bob@example.org")]
    assert found.left_out["address_listed_already"] == 1


def test_the_known_hash_of_a_known_address() -> None:
    # SHA-256 of "test@example.com", as published in many platforms' guides
    assert hashed(normalised(" Test@Example.com", "meta")).startswith("973dfe463ec85785f5f95af5ba3906ee")


def test_nobody_without_consent_and_only_the_best() -> None:
    assert len(seed_list(CUSTOMERS, VALUE, "meta", top_share=0.34).table) == 1
    opted_out = CUSTOMERS.assign(profiling_opt_out=[True, True, False, False, False, False, False])
    assert seed_list(opted_out, VALUE, "meta", top_share=1.0).table["email"].tolist() == [hashed("bob@example.org")]


def test_each_reason_is_counted_and_an_unsaid_consent_is_none() -> None:
    found = seed_list(CUSTOMERS, VALUE.drop("c"), "meta", top_share=0.5)
    assert found.left_out == {"no_address": 2, "no_consent": 2, "no_value": 1, "below_the_top": 1}


@pytest.mark.parametrize("column", ["marketing_consent", "profiling_opt_out"])
def test_who_refuses_takes_the_address_off_the_list_for_all_who_share_it(column: str) -> None:
    twice = pd.DataFrame(
        {
            "customer_id": ["old", "new", "other"],
            "email": ["Ann@example.org", "ann@example.org ", "bob@example.org"],
            "marketing_consent": [True, True, True],
            "profiling_opt_out": [False, False, False],
        }
    )
    refusing = twice.assign(
        **{column: [column == "profiling_opt_out", column == "marketing_consent", column[0] == "m"]}
    )
    found = seed_list(refusing, pd.Series({"old": 1.0, "new": 9.0, "other": 5.0}), "meta", top_share=1.0)
    assert found.table["email"].tolist() == [hashed("bob@example.org")]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x@a.de", "X@a.de", "y@a.de", "x.y@gmail.com", "xy@gmail.com", "", None, "z"]),
            st.sampled_from([True, False, None]),
            st.booleans(),
            st.one_of(st.none(), st.floats(-10, 10)),
        ),
        max_size=12,
    ),
    st.floats(0.05, 1.0),
    st.sampled_from(["meta", "google"]),
)
def test_everybody_is_listed_or_has_a_reason(rows, share, platform) -> None:
    mail, consent, out, value = zip(*rows, strict=True) if rows else ((), (), (), ())
    names = [f"c{place}" for place in range(len(rows))]
    customers = pd.DataFrame({"customer_id": pd.Series(names, dtype="str"), "email": pd.Series(mail, dtype="str"),
                              "marketing_consent": pd.array(consent, dtype="boolean"),
                              "profiling_opt_out": pd.array(out, dtype="boolean")})  # fmt: skip
    plain = [normalised(address or "", platform) for address in mail]
    refused = {address for address, (_, agreed, left, _) in zip(plain, rows, strict=True) if agreed is False or left}
    able = {address for address, (_, agreed, _, worth) in zip(plain, rows, strict=True)
            if "@" in address and agreed and worth is not None} - refused  # fmt: skip
    values = pd.Series(value, index=names, dtype="float64")
    if not able:
        with pytest.raises(DataError, match="nobody may be listed"):
            seed_list(customers, values, platform, share)
        return
    found = seed_list(customers, values, platform, share)
    assert len(found.table) + sum(found.left_out.values()) == len(rows)
    assert len(found.table) == max(1, round(share * len(able)))
    assert {*found.table.iloc[:, 0]} <= {hashed(address) for address in able}


def test_without_addresses_consent_or_anybody_left_the_list_is_refused() -> None:
    with pytest.raises(DataError, match=r"column 'email': no e-mail addresses: map email under profile:"):
        seed_list(CUSTOMERS.drop(columns="email"), VALUE, "meta")
    silent = CUSTOMERS.drop(columns="marketing_consent")
    with pytest.raises(DataError, match=r"'marketing_consent': nobody's consent is known: map .* --consent-elsewhere"):
        seed_list(silent, VALUE, "meta")
    assert len(seed_list(silent, VALUE, "meta", 1.0, consent_elsewhere=True).table) == 5
    with pytest.raises(DataError, match="nobody may be listed: no_consent 5, no_address 2"):
        seed_list(CUSTOMERS.assign(marketing_consent=False), VALUE, "meta")
    with pytest.raises(UsageError, match="the top share 0 is not above 0"):
        seed_list(CUSTOMERS, VALUE, "meta", 0.0)
