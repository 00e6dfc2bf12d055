"""Companies behind the customers: each customer is an account, and some accounts belong to a parent.

A share of a block's accounts belongs to groups; from one account to the next a new group begins with
probability 1 / size, so groups have ``size`` members on average.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, constant, ids, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.saas.accounts import Accounts

ACCOUNT, PARENT = "a########", "g########"


def group_of(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Numbers:
    """Each account's group as the row of the group's first account, -1 for none; shape (accounts,)."""
    assert config.parents is not None
    draws = block.keyed("parents", accounts.lead)
    members = np.flatnonzero(draws.random() < config.parents.share)
    begins = draws.at(members).random() < 1.0 / config.parents.size
    begins[:1] = True
    first = members[np.flatnonzero(begins)[np.cumsum(begins) - 1]] if len(members) else members
    group = np.full(len(accounts.lead), -1)
    group[members] = first
    return group


def account_columns(config: SimulatedSaasConfig, accounts: Accounts, group: Numbers, block: Block) -> Columns:
    """The table ``accounts``: parents, which nobody buys for, then the accounts of customers."""
    parents = np.unique(group[group >= 0])
    since = np.full(len(group), np.inf)
    np.minimum.at(since, group[group >= 0], accounts.start[group >= 0])
    own, of = (ids(pattern, block.first + accounts.lead) for pattern in (ACCOUNT, PARENT))
    parent = of.take(pa.array(group, mask=group < 0))
    names = [plan.name for plan in config.plans]
    return {
        "account_id": pa.concat_arrays([of.take(pa.array(parents)), own]),
        "parent_id": pa.concat_arrays([pa.nulls(len(parents), pa.large_string()), parent]),
        "created_at": times(config.start, np.concatenate([since[parents], accounts.start])),
        "segment": pa.concat_arrays([constant("group", len(parents)), texts(names, accounts.plan)]),
    }
