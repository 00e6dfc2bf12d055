"""Seed lists for lookalike audiences of ad platforms: hashed e-mail addresses of the best customers, and their value.

Addresses are normalised as each platform says before it hashes, because one capital letter gives another hash: Meta and
Google trim and lower; Google also drops the dots of a gmail.com or googlemail.com name and what follows its plus sign.
Nobody without consent, or who opted out of profiling, is on a list, nor anybody with the address of one who did.

Sources: Meta, How to format a customer list (facebook.com/business/help/2082575038703844); Google Ads, Format your
customer data file (support.google.com/google-ads/answer/7659867).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import pandas as pd

from cvo_ml.core.consent import consent_of
from cvo_ml.core.errors import DataError, UsageError

Platform = Literal["meta", "google"]
PLATFORMS: Final[tuple[str, ...]] = get_args(Platform)
GOOGLE_MAIL: Final = ("gmail.com", "googlemail.com")
#: The header of hashed addresses, and of the value where a platform's file has one.
HEADERS: Final[Mapping[Platform, tuple[str, str | None]]] = {"meta": ("email", "value"), "google": ("Email", None)}
#: A platform finds no lookalikes of fewer people (Meta's guide: no lists of fewer than 100).
FEWEST_PEOPLE: Final = 100
ADDRESS: Final = r"[^@\s]+@[^@\s]+\.[^@\s]+"


@dataclass(frozen=True)
class SeedList:
    """A platform's file, and what became of everybody: known = listed + left out.

    Parameters
    ----------
    table:
        Most valuable first: the hashed address, and for Meta ``value``.
    left_out:
        People by reason: ``no_address, no_consent, opted_out, no_value, address_listed_already, below_the_top``.
    """

    table: pd.DataFrame
    left_out: Mapping[str, int]


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


def seed_list(
    customers: pd.DataFrame,
    value: pd.Series,
    platform: Platform,
    top_share: float = 0.1,
    *,
    consent_elsewhere: bool = False,
) -> SeedList:
    """The best customers as a file for the platform; of equal addresses the most valuable counts.

    Parameters
    ----------
    customers:
        The table ``customers`` with ``email``; ``marketing_consent`` must be given (an empty one is none), and
        ``profiling_opt_out`` must not.
    value:
        By ``customer_id``, currency: such as ``total_clv`` of Scores. Negative values count as 0, which Meta asks for.
    top_share:
        In (0, 1]: of those who may be listed.
    consent_elsewhere:
        The caller's word that all agreed where the table has no ``marketing_consent``.

    Raises
    ------
    UsageError
        If ``top_share`` is no share.
    DataError
        If there are no addresses, nobody's consent is known, or nobody is left.
    """
    if not 0 < top_share <= 1:
        raise UsageError(f"the top share {top_share:g} is not above 0 and at most 1")
    _check_columns(customers, consent_elsewhere)
    rows = customers.join(value.rename("value"), on="customer_id").reset_index(drop=True)
    plain = [normalised(str(address), platform) for address in rows["email"]]
    rows["address"] = pd.Series(plain, index=rows.index, dtype="str")
    rows = rows.sort_values(["value", "customer_id"], ascending=[False, True], kind="stable", ignore_index=True)
    why = _reasons(rows)
    able = why.isna()
    best = able & (able.cumsum() <= max(1, round(top_share * int(able.sum()))))
    left_out = why.mask(able & ~best, "below_the_top").value_counts()
    if not best.any():
        counted = ", ".join(f"{name} {count:,}" for name, count in left_out.items()) or "there are no customers"
        raise DataError(f"nobody may be listed: {counted}", "look at their email, marketing_consent and "
                        "profiling_opt_out", file="customers")  # fmt: skip
    return SeedList(_file(rows[best], platform), {str(name): int(count) for name, count in left_out.items()})


def _reasons(rows: pd.DataFrame) -> pd.Series:
    """Why each row is not listed, null where it may be; rows with the most valuable first.

    An address that anybody refused is refused for all who share it.
    """
    said = consent_of(rows)
    why = pd.Series(None, index=rows.index, dtype="object")
    no_address = ~rows["address"].str.fullmatch(ADDRESS) | rows["email"].isna()
    for name, inside in (
        ("no_address", no_address),
        ("opted_out", said.opted_out.groupby(rows["address"]).transform("any")),
        ("no_consent", said.refused.groupby(rows["address"]).transform("any") | said.unsaid),
        ("no_value", rows["value"].isna()),
    ):
        why = why.mask(why.isna() & inside.astype(bool), name)
    able = why.isna()
    again = rows.loc[able, "address"].duplicated()
    return why.mask(again.reindex(rows.index, fill_value=False), "address_listed_already")


def _file(best: pd.DataFrame, platform: Platform) -> pd.DataFrame:
    header, value_header = HEADERS[platform]
    hashed = [hashlib.sha256(address.encode("utf-8")).hexdigest() for address in best["address"]]
    listed = pd.DataFrame({header: pd.Series(hashed, dtype="str")})
    if value_header is not None:
        listed[value_header] = best["value"].clip(lower=0).round(2).to_numpy()
    return listed


def _check_columns(customers: pd.DataFrame, consent_elsewhere: bool) -> None:
    if "email" not in customers:
        raise DataError("no e-mail addresses", "map email under profile: of the shop, or of its table customers",
                        file="customers", column="email")  # fmt: skip
    if "marketing_consent" not in customers and not consent_elsewhere:
        raise DataError("nobody's consent is known",
                        "map marketing_consent, or say --consent-elsewhere if all agreed where the data do not show it",
                        file="customers", column="marketing_consent")  # fmt: skip
