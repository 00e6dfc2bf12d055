"""The two ledgers that always balance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.core.ledger import CustomerLedger, LedgerError, RowLedger

COUNTS = st.dictionaries(st.sampled_from(["null id", "guests", "after as_of"]), st.integers(0, 50))


@st.composite
def ledgers(draw: st.DrawFn) -> RowLedger:
    used, bad, out = draw(st.integers(0, 100)), draw(COUNTS), draw(COUNTS)
    return RowLedger(used + sum(bad.values()) + sum(out.values()), used, bad, out)


@given(ledgers(), ledgers())
def test_the_sum_of_two_ledgers_balances_and_does_not_depend_on_their_order(a: RowLedger, b: RowLedger) -> None:
    both = a + b
    assert both.to_json() == (b + a).to_json()
    assert both.rows_in == a.rows_in + b.rows_in
    assert both.used + sum(both.quarantined.values()) + sum(both.excluded.values()) == both.rows_in


@pytest.mark.parametrize("used", [1, 3])
def test_a_row_lost_or_counted_twice_is_an_error(used: int) -> None:
    with pytest.raises(LedgerError, match="does not balance: 4 rows in"):
        RowLedger(4, used, {"null id": 1}, {"guests": 1})


def test_a_customer_lost_is_an_error() -> None:
    assert CustomerLedger(3, 2, {"gone_already": 1}).to_json()["ineligible"] == {"gone_already": 1}
    with pytest.raises(LedgerError, match="3 known, 2 accounted for"):
        CustomerLedger(3, 2)


def test_people_read_every_reason_with_its_count() -> None:
    assert RowLedger(6, 1, {"b": 2, "a": 1}, {"guests": 2}).lines() == [
        ("rows in", "", 6),
        ("used", "", 1),
        ("quarantined", "a", 1),
        ("quarantined", "b", 2),
        ("excluded by rule", "guests", 2),
    ]
