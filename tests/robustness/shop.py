"""A small shop in its states, from a folder of tables to published scores with a challenger, and commands on it."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
from filelock import FileLock

from tests.builders import seeded_shop
from tests.frozen.scenario import FORMAT_1
from tests.robustness.driving import Ran, Warm

FIRST: Final = "2023-11-01"
LATER: Final = "2023-12-01"
SHORT: Final = "--set clv.horizon=60D --set clv.validation_horizon=60D"
PLAIN: Final = f"{SHORT} --set clv.oracle_customers=0 --set clv.hybrid.enabled=false"
COLUMNS: Final = ("order_id", "customer_id", "ordered_at", "net")
SHOP: Final = """\
name: seeded
currency: EUR
source: {path: orders.csv}
columns: {order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, net: net}
"""
PEOPLE: Final = (
    SHOP
    + """\
tables:
  customers:
    source: {path: customers.csv}
    columns: {customer_id: customer_id, marketing_consent: agreed}
    profile: {email: email}
"""
)
#: a walk of one cut: churn and lookalikes refuse so small a shop soon
WALK: Final = (
    f"backtest --shop shop.yaml --horizon 60D --from {FIRST} --until {FIRST} --out walk {PLAIN} "
    "--set churn.trees.rounds=2 --set churn.most_snapshots=2 --set churn.hazard.enabled=false --set churn.stack=never"
)


@dataclass(frozen=True)
class Command:
    """A command line with the state that it begins from.

    Parameters
    ----------
    state:
        Of ``STATES``.
    line:
        Without the leading ``cvo``.
    """

    state: str
    line: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words of the line."""
        return tuple(self.line.split())


#: each state: the one it begins from, and what is done then
STATES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "trained": ("bare", (f"train clv --shop shop.yaml --as-of {FIRST} {PLAIN}",)),
    "published": (
        "trained",
        (
            f"score --shop shop.yaml --as-of {FIRST}",
            f"segment --shop shop.yaml --as-of {FIRST} --months 1",
            "plan --shop shop.yaml --set holdout.share=0.4 --budget 300",
            "outcomes --shop shop.yaml --horizon 60D",
            "evaluate --shop shop.yaml --horizon 60D",
        ),
    ),
    "challenged": ("published", (f"train clv --shop shop.yaml --as-of {LATER} {PLAIN}",)),
    "promoted": (
        "challenged",
        ("models promote clv --force --reason better", "models export clv --version 1 --to dossiers"),
    ),
}
COMMANDS: Final = {
    "score_first": Command("trained", f"score --shop shop.yaml --as-of {FIRST}"),
    "score": Command("published", f"score --shop shop.yaml --as-of {LATER}"),
    "segment": Command("published", f"segment --shop shop.yaml --as-of {LATER} --months 1"),
    "recut": Command("published", f"segment --shop shop.yaml --as-of {LATER} --months 0 --recut"),
    "plan": Command("published", "plan --shop shop.yaml --budget 100"),
    "outcomes": Command("published", "outcomes --shop shop.yaml --horizon 30D"),
    "evaluate": Command("published", "evaluate --shop shop.yaml --horizon 30D"),
    "report": Command("published", "report"),
    "audience": Command("published", "audience --shop people.yaml --format meta --top 0.5"),
    "train_first": Command("bare", f"train clv --shop shop.yaml --as-of {FIRST} {PLAIN}"),
    "train": Command("published", f"train clv --shop shop.yaml --as-of {LATER} {PLAIN}"),
    "promote": Command("challenged", "models promote clv --force --reason better"),
    "rollback": Command("promoted", "models rollback clv --reason worse"),
    "export": Command("promoted", "models export clv --version 2 --to dossiers"),
    "migrate": Command("old_registry", "models migrate"),
    "old_folder": Command("old_folder", "plan --budget 100 --set holdout.share=0.4"),
    "backtest": Command("bare", WALK),
}


def tables(folder: Path) -> None:
    """The shop's files: orders, people and the two shops that read them."""
    shop = seeded_shop(220)
    orders = shop.orders[list(COLUMNS)]
    times = orders["ordered_at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    orders.assign(ordered_at=times).to_csv(folder / "orders.csv", index=False)
    ids = pd.Series(sorted(shop.orders["customer_id"].unique()))
    people = {"customer_id": ids, "email": ids + "@example.org", "agreed": "yes"}
    pd.DataFrame(people).to_csv(folder / "customers.csv", index=False)
    (folder / "shop.yaml").write_text(SHOP)
    (folder / "people.yaml").write_text(PEOPLE)


class Shop(Warm):
    """A warm process with the states of the small shop, each made when it is first asked for.

    Parameters
    ----------
    shared:
        Where several test processes find what one of them has made.
    """

    def __init__(self, folder: Path, shared: Path) -> None:
        super().__init__(folder)
        self._shared = shared
        shared.mkdir(exist_ok=True)
        self.undisturbed: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {}
        self.events: dict[str, int] = {}

    def begin(self, state: str) -> None:
        """Put the folder into a state."""
        if not self.has(state):
            with FileLock(self._shared / f"{state}.lock"):
                if (self._shared / state).is_dir():
                    self.take(self._shared / state)
                    if (self.work / "mlruns").is_dir():  # the addresses of artifacts follow the folder
                        succeeded(self.learn("models", "list"), state)
                else:
                    self._make(state)
                    shutil.copytree(self.work, self._shared / state, symlinks=True)
            self.keep(state)
        self.put_back(state)

    def _make(self, state: str) -> None:
        if state in STATES:
            before, lines = STATES[state]
            self.begin(before)
            for line in lines:
                succeeded(self.learn(*line.split()), line)
        else:
            shutil.rmtree(self.work)
            self.work.mkdir()
            {"bare": tables, "old_registry": old_registry, "old_folder": old_folder}[state](self.work)
        if state == "old_registry":
            succeeded(self.learn("models", "list"), state)


def old_registry(folder: Path) -> None:
    """A registry of two shops under one name, as the first edition wrote it."""
    with zipfile.ZipFile(FORMAT_1 / "mlruns.zip") as archive:
        archive.extractall(folder / "mlruns")


def old_folder(folder: Path) -> None:
    """A folder of results as an earlier version wrote it."""
    shutil.copytree(FORMAT_1, folder, dirs_exist_ok=True)


def succeeded(ran: Ran, line: str) -> Ran:
    """The same, if it ended well."""
    assert ran.code == 0, f"{line}: ended with {ran.code}: {ran.said[-3000:]}"
    return ran
