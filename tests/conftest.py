"""What several folders of tests share: the public data, a seeded shop and models fitted on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

# Two test processes with two threads each on two processors: a thread that waits by turning round and round takes its
# processor from the others. Set before anything loads OpenMP; programs that tests start inherit it. No result changes.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import FEATURES, window_outcome
from cvo_ml.features.customer import customer_features
from cvo_ml.features.first_order import FIRST_ORDER_FEATURES
from cvo_ml.models.churn import ChurnClassifier, RecencyChurn
from cvo_ml.models.icp import LookalikeClassifier
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from tests.builders import SHOP_CUT, seeded_shop

# a busy machine is no fault of the code
settings.register_profile("shared_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# the gate draws the same examples every time: what it says depends on the commit alone
settings.register_profile("gate", settings.get_profile("shared_machine"), derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "shared_machine")

REPOSITORY = Path(__file__).resolve().parents[1]
#: What takes longest comes first, so that no test process has a long file left when the others are done.
LONGEST: Final = (
    "tests/e2e/test_demo.py", "tests/frozen/test_shop.py", "tests/e2e/test_simulated.py",
    "tests/workflows/test_backtest.py",
    "tests/robustness/", "tests/frozen/", "tests/e2e/", "tests/training/", "tests/security/", "tests/workflows/",
    "tests/registry/",
)  # fmt: skip
CHURN_SETTINGS = {"horizon_days": 90.0, "definition": "no_order_within_horizon", "bands": {"low": 0.33, "medium": 0.66}}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order of ``LONGEST``; the rest as it was collected."""
    items.sort(
        key=lambda item: next((n for n, name in enumerate(LONGEST) if item.nodeid.startswith(name)), len(LONGEST))
    )


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """A folder of a name, filled by the first test process that asks for it and read by all of them."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, whole = shared / f"shared-{name}", shared / f"shared-{name}.whole"
        with FileLock(shared / f"shared-{name}.lock"):
            if not whole.exists():
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    return made


@pytest.fixture(autouse=True)
def no_database_where_tests_run() -> Iterator[None]:
    """MLflow makes a database in the current folder for whoever names none: such a test fails here."""
    stray = Path.cwd() / "mlflow.db"
    was_there = stray.exists()
    yield
    assert was_there or not stray.exists(), f"{stray} was made by this test, or by one that ran beside it"


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public data sets; the test is skipped where it is absent."""
    folder = Path(os.environ.get("CVO_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the public data sets are not here: set CVO_DATA to their folder")
    return folder


@pytest.fixture
def shared_data(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same folder, for configurations that name it as ``${CVO_DATA}``."""
    monkeypatch.setenv("CVO_DATA", str(public_data))
    return public_data


@pytest.fixture(scope="session")
def shop() -> Tables:
    """260 customers over 420 days, with lines, refunds and countries."""
    return seeded_shop()


@pytest.fixture(scope="session")
def shop_features(shop: Tables) -> pd.DataFrame:
    """What is known of the seeded shop's customers at its cut."""
    return customer_features(shop, SHOP_CUT)


@pytest.fixture(scope="session")
def shop_churned(shop: Tables, shop_features: pd.DataFrame) -> pd.Series:
    """Who did not order in the 90 days after the cut."""
    return window_outcome(shop, SHOP_CUT, Horizon("90D"), shop_features.index)["orders"] == 0


@pytest.fixture(scope="session")
def churn_bundle(shop_features: pd.DataFrame, shop_churned: pd.Series) -> Bundle:
    """Boosted churn on the seeded shop; each row stands twice, so that there are enough of both outcomes."""
    X, y = pd.concat([shop_features] * 2), pd.concat([shop_churned] * 2).to_numpy()
    model = (
        ChurnClassifier(FEATURES, ("country",), rounds=20).fit(X, y).calibrate(shop_features, shop_churned.to_numpy())
    )
    return bundle_of("churn", model, CHURN_SETTINGS, {"verdict": {"grade": "B"}})


@pytest.fixture(scope="session")
def recency_bundle(shop_features: pd.DataFrame, shop_churned: pd.Series) -> Bundle:
    """The churn baseline on the seeded shop."""
    return bundle_of("churn", RecencyChurn().fit(shop_features, shop_churned.to_numpy()), CHURN_SETTINGS)


@pytest.fixture(scope="session")
def icp_bundle(shop_features: pd.DataFrame) -> Bundle:
    """A lookalike model of the 40 % of customers with the highest value."""
    is_top = (shop_features["net_value"] > shop_features["net_value"].quantile(0.6)).to_numpy()
    model = LookalikeClassifier(FIRST_ORDER_FEATURES, ("country",), rounds=20).fit(shop_features, is_top)
    return bundle_of("icp", model, {"age_days": 60.0, "top_share": 0.4}, {"verdict": {"grade": "C"}})
