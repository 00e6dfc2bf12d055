"""Who agreed to be contacted: one reading of the customers table for lists, plans and audiences."""

from __future__ import annotations

from typing import Final, NamedTuple

import pandas as pd

CONSENT: Final = "marketing_consent"
OPT_OUT: Final = "profiling_opt_out"


class Consent(NamedTuple):
    """What each customer said of being contacted and profiled; (n,) flags in the order of the rows.

    Parameters
    ----------
    refused:
        Said no to marketing.
    unsaid:
        Said nothing, though the table has the column: no agreement, unless a policy says otherwise.
    opted_out:
        Opted out of profiling.
    """

    refused: pd.Series
    unsaid: pd.Series
    opted_out: pd.Series


def consent_of(customers: pd.DataFrame) -> Consent:
    """What the customers said. Where there is no column ``marketing_consent``, nobody refused and nothing is unsaid.

    Examples
    --------
    >>> said = pd.DataFrame({"marketing_consent": pd.array([True, False, None], dtype="boolean")})
    >>> consent_of(said).refused.tolist(), consent_of(said).unsaid.tolist()
    ([False, True, False], [False, False, True])
    """
    nothing = pd.Series(True, index=customers.index)
    agreed = customers.get(CONSENT, nothing).astype("boolean")
    opted_out = customers.get(OPT_OUT, ~nothing).astype("boolean").fillna(False).astype(bool)
    return Consent(~agreed.fillna(True).astype(bool), agreed.isna().astype(bool), opted_out)
