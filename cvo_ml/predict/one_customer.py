"""The rows of one customer: features are by customer, so these alone give the same features as the whole shop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.errors import UsageError, shortened
from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import visible_table
from cvo_ml.features.customer import scored_features, with_own_on
from cvo_ml.features.own import OwnFeatures


def of_customer(tables: Tables, customer_id: str, as_of: date) -> Tables:
    """The tables with the rows of one customer; tables that are about nobody stay whole.

    Raises
    ------
    UsageError
        If the id is no text, or no order of it is known before ``as_of``; names nobody else.
    """
    if not isinstance(customer_id, str):
        raise UsageError(
            f"the customer id {shortened(customer_id)} is of type {type(customer_id).__name__}: ids are text, so give "
            "one in quotes, as the file writes it"
        )
    known = visible_table(tables, "orders", as_of)["customer_id"]
    if not (known == customer_id).any():
        raise UsageError(_unknown(tables, customer_id, as_of, known))
    orders = tables.orders.loc[tables.orders["customer_id"] == customer_id]
    leads = _leads(tables, customer_id)
    frames = {name: _rows(name, frame, customer_id, orders, leads) for name, frame in tables.frames.items()}
    return Tables({**frames, "orders": orders}, tables.currency, tables.timezone, tables.complete_until)


def features_of(own: Tables, tables: Tables, as_of: date, more: Sequence[OwnFeatures]) -> pd.DataFrame:
    """The features of the customer whose rows ``own`` holds, as ``scored_features`` of the whole shop has them.

    Parameters
    ----------
    tables:
        The whole shop: a function of the user's own may look at all customers.
    """
    found = scored_features(own, as_of)
    return with_own_on(found, tables, as_of, more) if any(more) and len(found) else found


#: Columns that name a person by the id of a customer, an order or a lead; a row is somebody's by any of them.
_BY_CUSTOMER: Final = ("customer_id", "referrer_id", "referred_id", "unit_id")
#: Tables whose rows are of a customer by what else they name, beside the customer's own id or without it.
_BY_ORDER: Final = ("refunds", "order_lines", "deliveries")
_BY_LEAD: Final = ("leads", "touchpoints", "feature_requests")


def _rows(name: str, frame: pd.DataFrame, customer_id: str, orders: pd.DataFrame, leads: pd.Series) -> pd.DataFrame:
    """A table's rows of the customer, by its id, its orders or its leads."""
    of_one = [frame[column] == customer_id for column in _BY_CUSTOMER if column in frame]
    if name in _BY_ORDER and "order_id" in frame:
        of_one.append(frame["order_id"].isin(orders["order_id"]))
    if name in _BY_LEAD and "lead_id" in frame:
        of_one.append(frame["lead_id"].isin(leads))
    return frame[np.logical_or.reduce(of_one)] if of_one else frame


def _leads(tables: Tables, customer_id: str) -> pd.Series:
    """Ids of the leads that the customer was."""
    deals = tables.get("deals")
    if "customer_id" not in deals:
        return pd.Series([], dtype="str")
    return deals.loc[deals["customer_id"] == customer_id, "lead_id"]


def _unknown(tables: Tables, customer_id: str, as_of: date, known: pd.Series) -> str:
    """Why there is nothing to say of an id, without saying anybody else's."""
    distinct = known.drop_duplicates()
    text = f"no order of customer {shortened(customer_id)} is known before {as_of}"
    if "customers" in tables and (tables.get("customers")["customer_id"] == customer_id).any():
        return f"{text}: the customers table has it, so give a later --as-of, or wait for the first order"
    wanted = _plain(customer_id)
    twin = next((what for what, form in _FORMS if (distinct.map(form) == form(customer_id)).any()), None)
    if wanted and twin:
        return f"{text}, but of one that differs in {twin} alone: give the id as the file writes it"
    return (
        f"{text}, of {len(distinct):,} customers that are: ids are text, so give it exactly as the file writes "
        "it: leading zeros, a trailing .0, upper and lower case count"
    )


def _plain(text: str) -> str:
    return text.strip().casefold().removesuffix(".0").lstrip("0")


_FORMS = (
    ("leading zeros", lambda text: text.lstrip("0")),
    ("a trailing .0", lambda text: text.removesuffix(".0")),
    ("upper and lower case", lambda text: text.casefold()),
    ("zeros, .0, case or spaces", _plain),
)
