"""Who a guest is: the customer beside whose address the number stands elsewhere, else the address itself."""

from __future__ import annotations

import pandas as pd


def people(numbers: pd.Series, addresses: pd.Series) -> pd.Series:
    """(n,) the number of each row's customer; of a guest, the one that is known by the address, else the address.

    An address that stands beside several numbers names none of them.

    Parameters
    ----------
    numbers, addresses:
        (n,) texts; an empty number, or 0, is a guest's.

    Examples
    --------
    >>> addresses = pd.Series(["ada@example.org", "Ada@Example.org", "b@example.org", ""])
    >>> people(pd.Series(["7", "0", "", "0"]), addresses).tolist()
    ['7', '7', 'b@example.org', '']
    """
    known, keys = ~numbers.isin(["", "0"]), addresses.str.strip().str.lower()
    beside = numbers[known & (keys != "")].groupby(keys).agg(["nunique", "first"])
    of_address = keys.map(beside.loc[beside["nunique"] == 1, "first"])
    return numbers.where(known, of_address.fillna(keys))
