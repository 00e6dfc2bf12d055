"""Companies behind the customers: each customer is an account, and some accounts belong to a parent.

Leads are companies before they buy, and stand in their groups whether sales contact them or not: so whom sales
choose moves no other account's parent. A share of leads belongs to groups; from one lead to the next a new group
begins with probability b. If a lead belongs to a group and becomes an account with probability q, a group that has
accounts has 1 + q (1 - b) / b of them on average: ``size`` for b = q / (size - 1 + q), with the q of a sales team
that contacts by chance.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, constant, ids, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.saas.accounts import Accounts
from cvo_ml.simulate.saas.leads import texts_where

ACCOUNT, PARENT = "a########", "g########"


def group_of(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Numbers:
    """Each account's group as the row of the group's first lead, -1 for none; shape (accounts,)."""
    assert config.parents is not None
    draws = block.keyed("parents", np.arange(block.size))
    belongs, begins = draws.random() < config.parents.share, draws.random() < beginning(config)
    begins[:1] = True
    first = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    return np.where(belongs, first, -1)[accounts.lead]


def beginning(config: SimulatedSaasConfig) -> float:
    """P(a lead begins a new group): b = q / (size - 1 + q), q = share x P(contacted) x P(would buy)."""
    assert config.parents is not None
    q = config.parents.share * config.contact.share * config.win_share
    return q / (config.parents.size - 1.0 + q)


def account_columns(config: SimulatedSaasConfig, accounts: Accounts, group: Numbers, block: Block) -> Columns:
    """The table ``accounts``: parents, which nobody buys for, then the accounts of customers."""
    parents = np.unique(group[group >= 0])
    since = np.full(block.size, np.inf)
    np.minimum.at(since, group[group >= 0], accounts.start[group >= 0])
    parent = texts_where(ids(PARENT, block.first + np.maximum(group, 0)), group >= 0)
    names = [plan.name for plan in config.plans]
    return {
        "account_id": pa.concat_arrays([ids(PARENT, block.first + parents), ids(ACCOUNT, block.first + accounts.lead)]),
        "parent_id": pa.concat_arrays([pa.nulls(len(parents), pa.large_string()), parent]),
        "created_at": times(config.start, np.concatenate([since[parents], accounts.start])),
        "segment": pa.concat_arrays([constant("group", len(parents)), texts(names, accounts.plan)]),
    }
