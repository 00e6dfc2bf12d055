"""Seed lists for lookalike audiences of ad platforms: hashed e-mail addresses of the best customers, and their value.

Addresses are normalised as each platform says before it hashes, because one capital letter gives another hash: Meta and
Google trim and lower; Google also drops the dots of a gmail.com or googlemail.com name and what follows its plus sign.
Nobody without consent, or who opted out of profiling, is on a list.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import pandas as pd

from cvo_ml.core.errors import UsageError

Platform = Literal["meta", "google"]
GOOGLE_MAIL: Final = ("gmail.com", "googlemail.com")
#: The header of hashed addresses, and of the value where a platform's file has one.
HEADERS: Final[dict[Platform, tuple[str, str | None]]] = {"meta": ("email", "value"), "google": ("Email", None)}


def normalised(address: str, platform: Platform) -> str:
    """The address as the platform hashes it.

    Examples
    --------
    >>> normalised(" Ada.Lovelace+shop@Gmail.com ", "google"), normalised(" Ada.Lovelace+shop@Gmail.com ", "meta")
    ('adalovelace@gmail.com', 'ada.lovelace+shop@gmail.com')
    """
    plain = address.strip().lower()
    name, at, host = plain.rpartition("@")
    if platform == "google" and host in GOOGLE_MAIL:
        return name.partition("+")[0].replace(".", "") + at + host
    return plain


def seed_list(customers: pd.DataFrame, value: pd.Series, platform: Platform, top_share: float = 0.1) -> pd.DataFrame:
    """The best customers as a file for the platform; of equal addresses the most valuable stays.

    Parameters
    ----------
    customers:
        The table ``customers`` with ``email``; ``marketing_consent`` must be given where the column exists, and
        ``profiling_opt_out`` must not.
    value:
        By ``customer_id``, currency: such as ``total_clv`` of Scores. Negative values count as 0, which Meta asks for.
    top_share:
        In (0, 1]: of those who may be listed.

    Returns
    -------
    pandas.DataFrame
        Most valuable first: the hashed address, and for Meta ``value``.

    Raises
    ------
    UsageError
        If there are no addresses.
    """
    if "email" not in customers:
        raise UsageError("the table customers has no 'email': map it under profile of tables: customers")
    if not 0 < top_share <= 1:
        raise UsageError(f"top_share {top_share:g} is not above 0 and at most 1")
    rows = customers[_may_be_listed(customers)].join(value.rename("value"), on="customer_id", how="inner")
    rows = rows[rows["value"].notna()].sort_values(["value", "customer_id"], ascending=[False, True], kind="stable")
    chosen = rows.head(max(1, round(top_share * len(rows))))
    plain = [normalised(str(address), platform) for address in chosen["email"]]
    header, value_header = HEADERS[platform]
    hashed = [hashlib.sha256(address.encode("utf-8")).hexdigest() for address in plain]
    found = pd.DataFrame({header: pd.Series(hashed, dtype="str")})
    if value_header is not None:
        found[value_header] = chosen["value"].clip(lower=0).round(2).to_numpy()
    return found.drop_duplicates(header, ignore_index=True)


def _may_be_listed(customers: pd.DataFrame) -> pd.Series:
    allowed = customers["email"].astype("str").str.contains("@", regex=False) & customers["email"].notna()
    if "marketing_consent" in customers:
        allowed &= customers["marketing_consent"].fillna(False).astype(bool)
    if "profiling_opt_out" in customers:
        allowed &= ~customers["profiling_opt_out"].fillna(False).astype(bool)
    return allowed
