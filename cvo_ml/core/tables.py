"""A shop's tables as one object that cannot hold a frame that breaks its contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import ContractError, nearest_name


@dataclass(frozen=True)
class Tables:
    """A shop's tables, each checked against its contract when the object is made.

    Parameters
    ----------
    frames:
        Table name to frame; ``orders`` is required. Profile columns beyond a contract are kept.
    currency:
        The one currency of all money.

    Raises
    ------
    ContractError
        If ``orders`` is missing, a name is unknown or a frame breaks its contract.
    """

    frames: Mapping[str, pd.DataFrame]
    currency: str

    def __post_init__(self) -> None:
        if "orders" not in self.frames:
            raise ContractError("no table 'orders'", "give at least the orders", file="tables")
        for name, frame in self.frames.items():
            if name not in CONTRACTS:
                raise ContractError(
                    f"table {name!r} is unknown{nearest_name(name, list(CONTRACTS))}",
                    f"use one of {', '.join(sorted(CONTRACTS))}",
                    file="tables",
                )
            CONTRACTS[name].validate(frame)

    @property
    def orders(self) -> pd.DataFrame:
        """The orders, one row each."""
        return self.frames["orders"]

    @property
    def refunds(self) -> pd.DataFrame:
        """The refunds; an empty frame where there is no such table."""
        return self.get("refunds")

    def get(self, name: str) -> pd.DataFrame:
        """The table ``name``, or an empty frame with its columns."""
        return self.frames[name] if name in self.frames else CONTRACTS[name].empty()

    def __contains__(self, name: str) -> bool:
        return name in self.frames
