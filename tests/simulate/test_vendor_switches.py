"""An effect of a vendor that is switched off moves what it is defined to move, and not one row or column besides.

The definitions are those of docs/simulator.md, written down here as what may move (``MOVES``, and ``TRUTHS`` in the
truth) and whom it touches (``TOUCHED``), so a draw that is not common to both vendors has nowhere to hide.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, get_args

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.simulation import SaasEffect, switched_off
from cvo_ml.simulate import SimulatedSaas, saas_preset, simulate_saas
from cvo_ml.simulate.saas.accounts import MONTH

LEADS = 6_000
#: A rise that many leave for: that of the preset is felt at one renewal, by a handful of so few accounts.
STRONG_RISE = "price_rises=[{at: 2021-09-01, factor: 1.08, churn_factor: 8}]"
ROWS: Final = "rows come and go"
Moves = Mapping[str, str | set[str]]

#: What an account leaves behind month by month: as much of it as its life is long.
LIVES: Final[Moves] = dict.fromkeys(
    ("orders", "subscriptions", "events", "milestones", "tickets", "surveys", "costs_to_serve", "feature_requests"),
    ROWS,
)
EXPECTED: Final = {"expected_contribution", "is_winner"}
#: The months that were lived, and what was to be expected of each lead.
TRUE_LIVES: Final[Moves] = {
    "leads": EXPECTED, "accounts": {"ended_day", "ended_unpaid"}, "months": ROWS, "milestones": ROWS,
}  # fmt: skip

MOVES: Final[Mapping[str, Moves]] = {
    "milestones": LIVES,
    "features": LIVES,
    "failed_payments": LIVES,
    "price_rises": LIVES,
    "touches": {"touchpoints": ROWS},
    "usage": {"events": {"value"}},
    "satisfaction": {"surveys": {"score"}},
    "contact_selection": {
        **LIVES, "leads": {"contacted_at", "mql_at", "sql_at"}, "deals": ROWS, "customers": ROWS, "accounts": ROWS,
        "touchpoints": ROWS,
    },
    "part_worths": {"choices": {"chosen"}},
}  # fmt: skip
TRUTHS: Final[Mapping[str, Moves]] = {
    "milestones": TRUE_LIVES,
    "features": {
        **TRUE_LIVES, "accounts": {"ended_day", "ended_unpaid", "kept_by_features"}, "features": {"keeps"},
    },
    "failed_payments": TRUE_LIVES,
    "price_rises": TRUE_LIVES,
    "touches": {"leads": {"caused_by"}},
    "usage": {},
    "satisfaction": {},
    "contact_selection": {
        "leads": {*EXPECTED, "contact_propensity", "contacted", "caused_by"}, "accounts": ROWS, "months": ROWS,
        "milestones": ROWS, "adoption": ROWS,
    },
    "part_worths": {"part_worths": {"part_worth"}},
}  # fmt: skip


@cache
def vendor(effect: str | None = None) -> SimulatedSaas:
    """The full vendor, or the one without an effect."""
    off = () if effect is None else (f"without=[{effect}]",)
    return simulate_saas(saas_preset("saas_full", (STRONG_RISE, *off)), LEADS)


def milestone_reached(full: SimulatedSaas, _: SimulatedSaas) -> pd.Series:
    return full.truth.frames["milestones"]["lead_number"]


def kept_by_features(full: SimulatedSaas, _: SimulatedSaas) -> pd.Series:
    return full.truth.frames["accounts"].query("kept_by_features != 1")["lead_number"]


def ended_unpaid(full: SimulatedSaas, _: SimulatedSaas) -> pd.Series:
    return full.truth.frames["accounts"].query("ended_unpaid")["lead_number"]


def left_at_the_renewal_after_a_rise(full: SimulatedSaas, _: SimulatedSaas) -> pd.Series:
    """A rise acts once: at the renewal of the contract that ran when it came."""
    accounts = full.truth.frames["accounts"]
    contract = np.array([plan.contract_months for plan in full.config.plans])[accounts["plan_number"]] * MONTH
    (rise,) = full.config.price_rises
    waited = accounts["ended_day"] - (rise.at - full.config.start).days
    return accounts.loc[(waited >= 0) & (waited < contract), "lead_number"]


def won_by_a_touch(full: SimulatedSaas, _: SimulatedSaas) -> pd.Series:
    return numbers(full.truth.leads.dropna(subset=["caused_by"])["lead_id"])


def contacted_in_one_only(full: SimulatedSaas, without: SimulatedSaas) -> pd.Series:
    """Sales' choice acts through whom they contact, so leads that both contact, or neither, are the same."""
    leads, others = full.truth.leads, without.truth.leads
    return numbers(leads.loc[leads["contacted"] != others["contacted"], "lead_id"])


#: Numbers of the leads whose rows an effect may move; the other effects move one column of everybody's.
TOUCHED: Final[Mapping[str, Callable[[SimulatedSaas, SimulatedSaas], pd.Series]]] = {
    "milestones": milestone_reached,
    "features": kept_by_features,
    "failed_payments": ended_unpaid,
    "price_rises": left_at_the_renewal_after_a_rise,
    "touches": won_by_a_touch,
    "contact_selection": contacted_in_one_only,
}


def numbers(ids: pd.Series) -> pd.Series:
    return ids.str[1:].astype(int)


def lead_of(frame: pd.DataFrame) -> pd.Series | None:
    """The number of the lead to whom each row belongs, None where rows belong to none."""
    for name in ("lead_id", "customer_id", "account_id"):
        if name in frame:
            return numbers(frame[name]).where(~frame[name].str.startswith("g"), -1)  # parents belong to no lead
    return frame.get("lead_number")


def rows_of_others(frame: pd.DataFrame, touched: set[int], moved: set[str]) -> pd.DataFrame:
    """Rows of leads that are not touched, without the columns that move for everybody."""
    lead = lead_of(frame)
    frame = frame if lead is None else frame[~lead.isin(touched)]
    return frame.drop(columns=list(moved & set(frame))).reset_index(drop=True)


def without_parents_of(touched: set[int], frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Tables ``accounts`` without parents that have a touched account in one of them: they are there through it."""
    both = pd.concat(frames)
    parents = both.loc[lead_of(both).isin(touched), "parent_id"].dropna()
    return [frame[~frame["account_id"].isin(parents)] for frame in frames]


def same(frame: pd.DataFrame, other: pd.DataFrame, name: str) -> None:
    pd.testing.assert_frame_equal(frame, other, check_exact=True, obj=name)


@pytest.mark.parametrize("effect", get_args(SaasEffect))
def test_it_moves_what_its_definition_says_and_all_of_that(effect: str):
    full, without = vendor(), vendor(effect)
    for before, after, moves in (
        (full.tables.frames, without.tables.frames, MOVES[effect]),
        (full.truth.frames, without.truth.frames, TRUTHS[effect]),
    ):
        assert set(before) == set(after)
        assert set(moves) <= {name for name in before if not before[name].equals(after[name])}
        for name in before:
            moved = moves.get(name, set())
            if isinstance(moved, set):
                same(before[name].drop(columns=list(moved)), after[name].drop(columns=list(moved)), name)


@pytest.mark.parametrize("effect", TOUCHED)
def test_it_leaves_every_row_of_those_whom_it_does_not_touch(effect: str):
    full, without = vendor(), vendor(effect)
    touched = {*TOUCHED[effect](full, without)}
    accounts = set(full.truth.frames["accounts"]["lead_number"])
    assert touched & accounts
    assert accounts - touched
    for name in full.tables.frames:
        frames = [one.tables.frames[name] for one in (full, without)]
        if name == "accounts":
            frames = without_parents_of(touched, frames)
        same(*(rows_of_others(frame, touched, set()) for frame in frames), name)
    expected = {*EXPECTED, "contact_propensity", "keeps"}
    for name in full.truth.frames:
        same(*(rows_of_others(one.truth.frames[name], touched, expected) for one in (full, without)), name)


@pytest.mark.parametrize(
    ("effect", "keeps"), [("milestones", True), ("features", True), ("failed_payments", False), ("price_rises", False)]
)
def test_a_longer_life_is_the_shorter_one_and_more(effect: str, keeps: bool):
    """Whom an effect touches, it takes or keeps: what was lived until then stays as it was, row by row."""
    longer, shorter = (vendor(), vendor(effect)) if keeps else (vendor(effect), vendor())
    for name in LIVES:
        frame = shorter.tables.frames[name]
        if name == "costs_to_serve":  # minutes of a calendar month: the last may have been cut short
            frame = frame[frame["period"] < frame.groupby("customer_id")["period"].transform("max")]
        if name == "subscriptions":  # the last state ends otherwise
            frame = frame[["customer_id", "started_at", "mrr", "plan", "seats"]]
        found = frame.merge(longer.tables.frames[name], on=list(frame), how="left", indicator=True)["_merge"]
        assert found.eq("both").to_list() == [True] * len(frame), name
    days = [one.truth.frames["accounts"]["ended_day"] for one in (shorter, longer)]
    assert (days[0] <= days[1]).all()
    assert (days[0] < days[1]).any()


def test_without_touches_those_are_missing_that_caused_a_deal():
    full, without = (vendor(effect).tables.frames["touchpoints"] for effect in (None, "touches"))
    found = full.merge(without, how="outer", indicator=True)
    gone = found[found["_merge"] != "both"]
    assert (gone["_merge"] == "left_only").all()
    cause = vendor().truth.leads.set_index("lead_id")["caused_by"]
    assert (gone["channel"].to_numpy() == cause[gone["lead_id"]].to_numpy()).all()
    assert gone["lead_id"].is_unique


def test_without_usage_only_the_number_of_active_users_moves():
    full, without = (vendor(effect).tables.frames["events"] for effect in (None, "usage"))
    moved = full["value"] != without["value"]
    assert set(full.loc[moved, "name"]) == {"active_users"}


@pytest.mark.parametrize("effect", get_args(SaasEffect))
def test_every_effect_of_a_vendor_can_be_switched_off(effect: str):
    """Each at its neutral value: something changes, and switching it off twice is switching it off once."""
    config = switched_off(saas_preset("saas_full", (f"without=[{effect}]",)))
    assert config.model_copy(update={"without": ()}) != saas_preset("saas_full")
    assert switched_off(config) == config


def test_every_effect_of_a_vendor_has_its_definition():
    assert set(MOVES) == set(TRUTHS) == {*get_args(SaasEffect)}
    assert set(TOUCHED) == {*get_args(SaasEffect)} - {"usage", "satisfaction", "part_worths"}
