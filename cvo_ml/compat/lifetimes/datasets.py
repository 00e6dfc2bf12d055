"""lifetimes' example data, read from the installed lifetimes: they are not this package's to give."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd

from cvo_ml.core.errors import UsageError


def load_dataset(filename: str, **kwargs: Any) -> pd.DataFrame:
    """A file of lifetimes' examples, by ``pandas.read_csv``.

    Raises
    ------
    UsageError
        If lifetimes is not installed, or has no such file.
    """
    found = importlib.util.find_spec("lifetimes")
    if found is None or found.origin is None:
        raise UsageError("the example data come with lifetimes: install lifetimes (pip install lifetimes)")
    path = Path(found.origin).parent / "datasets" / filename
    if not path.is_file():
        raise UsageError(f"lifetimes has no example data {filename!r}")
    table: pd.DataFrame = pd.read_csv(path, **kwargs)
    return table


def load_cdnow_summary(**kwargs: Any) -> pd.DataFrame:
    """CDNOW: 2,357 customers of an online music shop, in weeks."""
    return load_dataset("cdnow_customers_summary.csv", **kwargs)


def load_transaction_data(**kwargs: Any) -> pd.DataFrame:
    """5,000 simulated customers' transactions of 2014."""
    return load_dataset("example_transactions.csv", **kwargs)


def load_cdnow_summary_data_with_monetary_value(**kwargs: Any) -> pd.DataFrame:
    """CDNOW with the mean value of the repeat purchases."""
    table = load_dataset("cdnow_customers_summary_with_transactions.csv", **kwargs)
    table.columns = pd.Index(["customer_id", "frequency", "recency", "T", "monetary_value"])
    return table.set_index("customer_id")


def load_donations(**kwargs: Any) -> pd.DataFrame:
    """Donors of a public radio station by year, grouped."""
    return load_dataset("donations.csv", **kwargs)
