"""What a shop's models are called in a registry that many shops share: ``<prefix><shop>-<model>``."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from cvo_ml.core.errors import UsageError

#: Letters of a shop's name in registered names: with a prefix and a model's name they must fit into 250.
LONGEST: Final = 200
_PREFIX: Final = re.compile(r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*")


@dataclass(frozen=True)
class RegisteredNames:
    """The registered names of a shop's models, and of its experiments, which are called the same.

    Parameters
    ----------
    shop:
        The name in the shop's configuration.
    prefix:
        What all names begin with, such as the schema of a catalog; ends where the shop begins.

    Raises
    ------
    UsageError
        If the prefix holds a sign that a registry or a file system gives a meaning of its own.

    Examples
    --------
    >>> from cvo_ml.core.models import CHURN, CLV
    >>> RegisteredNames("Online Retail").of(CHURN.name), RegisteredNames("b", "prod.").of(CLV.name)
    ('online_retail-churn', 'prod.b-clv')
    """

    shop: str
    prefix: str = ""

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise UsageError(
                f"{self.prefix!r} is no beginning of registered names: use letters, digits, '_' and '-', with single "
                "dots between catalog and schema (CVO_REGISTRY_PREFIX=catalog.schema.)"
            )

    def of(self, what: str) -> str:
        """The registered name of a model, or the name of an experiment."""
        return f"{self.prefix}{slug(self.shop)}-{what}"


def slug(shop: str) -> str:
    """The shop's name as registries and file systems take it: ``[a-z0-9_]+``.

    Capitals become small, accents fall, anything else becomes ``_``.

    Raises
    ------
    UsageError
        If nothing is left, or more than a registry and a file system take.

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
    if len(found) > LONGEST:
        raise UsageError(
            f"the shop's name has {len(found)} letters, and its models are registered under it: use a shorter one"
        )
    return found
