"""What a shop's models are called in a registry that many shops share: ``<prefix><shop>-<model>``."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from cvo_ml.core.errors import UsageError


@dataclass(frozen=True)
class RegisteredNames:
    """The registered names of a shop's models, and of its experiments, which are called the same.

    Parameters
    ----------
    shop:
        The name in the shop's configuration.
    prefix:
        What all names begin with, such as the schema of a catalog; ends where the shop begins.

    Examples
    --------
    >>> from cvo_ml.core.models import CHURN, CLV
    >>> RegisteredNames("Online Retail").of(CHURN.name), RegisteredNames("b", "prod.").of(CLV.name)
    ('online_retail-churn', 'prod.b-clv')
    """

    shop: str
    prefix: str = ""

    def of(self, what: str) -> str:
        """The registered name of a model, or the name of an experiment."""
        return f"{self.prefix}{slug(self.shop)}-{what}"


def slug(shop: str) -> str:
    """The shop's name as registries and file systems take it: ``[a-z0-9_]+``.

    Capitals become small, accents fall, anything else becomes ``_``.

    Raises
    ------
    UsageError
        If nothing is left.

    Examples
    --------
    >>> slug("my-shop"), slug("Café Zürich")
    ('my_shop', 'cafe_zurich')
    """
    plain = unicodedata.normalize("NFKD", shop).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9_]+", "_", plain).strip("_")
    if not found:
        raise UsageError(
            f"shop {shop!r} has no letter a-z and no digit in its name, and its models are registered under it: "
            "name it with some (name: my_shop)"
        )
    return found
