"""What accounts do with features: use those that they have, ask for those that they miss."""

from __future__ import annotations

import numpy as np

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, constant, ids, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.saas.accounts import MONTH, Accounts
from cvo_ml.simulate.saas.features import event_name
from cvo_ml.simulate.saas.leads import account_ids


def use_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """Events of use: one per account month and adopted feature, named as in ``product_features.event_name``."""
    month, feature = np.nonzero(accounts.adopted[accounts.row])
    day = accounts.day[month] + MONTH * block.keyed("use", *keys_of(accounts)).below(month, feature).random()
    keep = np.flatnonzero(day < config.days)
    return {
        "customer_id": account_ids(block, accounts.lead[accounts.row[month[keep]]]),
        "at": times(config.start, day[keep]),
        "name": texts([event_name(feature.name) for feature in config.features], feature[keep]),
        "value": np.ones(len(keep)),
    }


def request_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """The table ``feature_requests``."""
    per_month = np.array([feature.asked_per_month for feature in config.features])
    power = np.array([feature.by_size for feature in config.features])
    seats = accounts.seats[:, None] / config.mean_seats
    mean = per_month * seats**power * ~accounts.adopted[accounts.row]
    month, feature = np.nonzero(mean)
    draws = block.keyed("requests", *keys_of(accounts)).below(month, feature)
    counts = draws.poisson(mean[month, feature])
    cell = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(cell)) - np.repeat(np.cumsum(counts) - counts, counts)
    day = accounts.day[month[cell]] + MONTH * draws.below(cell, number).random()
    keep = np.flatnonzero(day < config.days)
    at = month[cell[keep]]
    lead = accounts.lead[accounts.row[at]]
    numbers = (block.first + lead, accounts.month[at], feature[cell[keep]], number[keep])
    return {
        "request_id": ids("q########-####-##-###", *numbers),
        "customer_id": account_ids(block, lead),
        "requested_at": times(config.start, day[keep]),
        "feature_id": ids("f###", feature[cell[keep]]),
        "status": constant("open", len(keep)),
    }


def keys_of(accounts: Accounts) -> tuple[Numbers, Numbers]:
    """What account months are told apart by: the account's lead, and the month's number."""
    return accounts.lead[accounts.row], accounts.month
