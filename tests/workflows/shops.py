"""The seeded shop as files, a workspace to score it in, and whom to tell."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from cvo_ml.config.shops import ShopConfig
from tests.builders import seeded_shop

COLUMNS = ("order_id", "customer_id", "ordered_at", "net")


def seeded_files(folder: Path) -> ShopConfig:
    """The seeded shop's orders as a CSV, and the shop that reads it, by an absolute path."""
    folder.mkdir(parents=True, exist_ok=True)
    orders = seeded_shop().orders[list(COLUMNS)]
    times = orders["ordered_at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    orders.assign(ordered_at=times).to_csv(folder / "orders.csv", index=False)
    content = {
        "name": "seeded", "currency": "EUR", "source": {"path": str((folder / "orders.csv").resolve())},
        "columns": {name: name for name in COLUMNS},
    }  # fmt: skip
    return ShopConfig.model_validate(content)


class Heard:
    """Progress that is kept."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.told: list[str] = []

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """A part of the work."""
        self.steps.append(text)
        yield

    def tell(self, text: str) -> None:
        """What is being done."""
        self.told.append(text)

    def count(self, done: int, of: int) -> None:
        """How far it is."""
