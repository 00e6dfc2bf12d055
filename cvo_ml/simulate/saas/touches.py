"""Contacts of marketing and sales with leads, whose true incremental effect is known.

A won deal is marked as caused by channel c with probability ``causes``: without c just those would not have
been won (as in ``shop/touchpoints.py``). It has a touch of c between the lead's creation and the decision;
other leads have one with probability ``follows``. Every lead has the touch by which it was created.
"""

from __future__ import annotations

import numpy as np

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.saas.leads import DAYS_TO_CONTACT, Leads, lead_ids


def caused_by(config: SimulatedSaasConfig, leads: Leads, block: Block) -> Numbers:
    """The channel without which each lead's deal would not have been won, -1 for none; shape (n,)."""
    edges = np.cumsum([touch.causes for touch in config.touchpoints])
    drawn = np.searchsorted(edges, block.keyed("causes", np.arange(block.size)).random(), side="right")
    won = np.zeros(block.size, bool)
    won[leads.won(config.days)] = True
    return np.where(won & (drawn < len(edges)), drawn, -1)


def touchpoint_columns(config: SimulatedSaasConfig, leads: Leads, caused: Numbers, block: Block) -> Columns:
    """The table ``touchpoints``, by lead and time."""
    everyone = np.arange(block.size)
    parts = [(everyone, leads.created, leads.source)]
    until = np.where(np.isnan(leads.closed), leads.created + DAYS_TO_CONTACT, leads.closed)
    for number, touch in enumerate(config.touchpoints):
        draws = block.keyed("touches", everyone).named(touch.channel)
        rows = np.flatnonzero((caused == number) | (draws.random() < touch.follows))
        day = leads.created[rows] + draws.at(rows).random() * (until - leads.created)[rows]
        parts.append((rows, day, np.full(len(rows), len(config.sources) + number)))
    who, day, code = (np.concatenate([part[item] for part in parts]) for item in range(3))
    keep = np.flatnonzero(day < config.days)
    keep = keep[np.lexsort([day[keep], who[keep]])]
    who, day, code = who[keep], day[keep], code[keep]
    touches, sources = config.touchpoints, len(config.sources)
    return {
        "lead_id": lead_ids(block, who),
        "at": times(config.start, day),
        "channel": texts([source.name for source in config.sources] + [touch.channel for touch in touches], code),
        "kind": texts(["lead_created"] * sources + [touch.kind for touch in touches], code),
        "cost": np.array([0.0] * sources + [touch.cost for touch in touches])[code],
        "is_offline": np.array([False] * sources + [touch.is_offline for touch in touches])[code],
    }
