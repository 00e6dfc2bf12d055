"""What the tables say about who may be contacted, and what is left of a value after costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import Action, ContactCap
from cvo_ml.core.arrays import Flags
from cvo_ml.core.consent import consent_of
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.core.visibility import visible_table

#: the word of a treatment log for "nothing was done"
NO_ACTION: Final = "none"
#: costs count where at least this share of the orders carries one
COSTED_SHARE: Final = 0.9


@dataclass(frozen=True)
class ContactConstraints:
    """What a plan must respect beside its policy.

    Parameters
    ----------
    opted_out:
        Customers who must not be contacted or profiled.
    unsaid:
        Customers whose consent is empty where the table has the column: not contacted, unless the policy says so.
    treatments:
        ``customer_id, action, sent_at`` of past contacts, before ``as_of``.
    value_share:
        The share of a customer's value left after costs; 1 where no costs are known.
    """

    as_of: date
    opted_out: frozenset[str] = frozenset()
    treatments: pd.DataFrame = field(default_factory=lambda: CONTRACTS["treatments"].empty())
    value_share: float = 1.0
    unsaid: frozenset[str] = frozenset()

    def recently(self, customers: pd.Index, actions: Sequence[Action], cap: ContactCap) -> Flags:
        """Whom the cap or an action's cooldown protects, shape (customers, actions)."""
        age = midnight(self.as_of) - self.treatments["sent_at"]
        who = customers.get_indexer(pd.Index(self.treatments["customer_id"]))
        in_period = (who >= 0) & (age <= cap.period.delta).to_numpy()
        full = np.bincount(who[in_period], minlength=len(customers)) >= cap.most
        protected = np.repeat(full[:, None], len(actions), axis=1)
        for number, action in enumerate(actions):
            same = (self.treatments["action"] == action.name) & (age <= action.cooldown.delta)
            protected[who[(who >= 0) & same.to_numpy()], number] = True
        return protected


def contact_constraints(tables: Tables, as_of: date) -> ContactConstraints:
    """Opt-outs, past contacts and costs in a shop's tables.

    An opt-out counts whenever it was said; everything else must have happened before ``as_of`` and be known by then.
    """
    customers = tables.get("customers")
    said = consent_of(customers)
    said_no, unsaid = (
        frozenset(customers.loc[chosen, "customer_id"]) for chosen in (said.refused | said.opted_out, said.unsaid)
    )
    sent = visible_table(tables, "treatments", as_of)
    sent = sent[sent["action"] != NO_ACTION]
    return ContactConstraints(as_of, said_no, sent, value_share(tables, as_of), unsaid)


def value_share(tables: Tables, as_of: date) -> float:
    """1 - (cost of the orders + cost to serve) / (net - refunds), as known at ``as_of``; 1 where costs are not known.

    The costs are those of the orders' own ``cost`` and of ``costs_to_serve`` by customer; between 0 and 1.
    """
    orders = visible_table(tables, "orders", as_of)
    if "cost" not in orders or orders.empty or orders["cost"].notna().mean() < COSTED_SHARE:
        return 1.0
    costed = orders[orders["cost"].notna()]
    back = float(visible_table(tables, "refunds", as_of)["amount"].sum())
    served = visible_table(tables, "costs_to_serve", as_of)
    net = float(costed["net"].sum()) - back
    spent = float(costed["cost"].sum()) + float((served["quantity"] * served["unit_cost"]).sum())
    return min(1.0, max(0.0, 1.0 - spent / net)) if net > 0 else 0.0
