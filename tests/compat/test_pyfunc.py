"""A registered model in MLflow's hands: orders in, Scores out, as from Python and from ``cvo score``."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import DataError, ModelRefused, UsageError
from cvo_ml.core.models import CHURN, CLV, ICP
from cvo_ml.core.scores import model_columns
from cvo_ml.core.tables import Tables
from cvo_ml.features.customer import scored_features
from cvo_ml.models.clv import CustomerLifetimeValue
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.predict import LoadedModels, score
from cvo_ml.registry.bundles.bundle import Bundle, save_bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.registry.tracking import Tracker
from tests.builders import SHOP_CUT

COLUMNS = ["customer_id", "ordered_at", "net", "order_id"]
AT = {"as_of": str(SHOP_CUT)}
FACTS = {"shop": "a", "currency": "EUR", "trained_as_of": str(SHOP_CUT), "verdict": {"grade": "B"}}


@pytest.fixture(scope="module")
def orders(shop: Tables) -> pd.DataFrame:
    """The seeded shop's orders as anybody has them: without refunds, lines or countries."""
    return shop.orders[COLUMNS]


@pytest.fixture(scope="module")
def bundles(shop_features: pd.DataFrame, churn_bundle: Bundle, icp_bundle: Bundle) -> dict[str, Bundle]:
    """One of each model, of shop ``a``."""
    model = CustomerLifetimeValue()
    scorer = BuyTillYouDie(model.fit(shop_features[["frequency", "recency", "T", "monetary_value"]]))
    clv = bundle_of(CLV.name, scorer, {"horizon_days": 90.0, "discount_rate": 0.1}, FACTS)
    others = {bundle.name: bundle for bundle in (churn_bundle, icp_bundle)}
    return {CLV.name: clv} | {
        name: Bundle(name, one.kind, one.parameters, one.settings, one.files, {**one.facts, **FACTS})
        for name, one in others.items()
    }


@pytest.fixture(scope="module")
def registry(bundles: dict[str, Bundle], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """All three as champions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        root = tmp_path_factory.mktemp("pyfunc")
        tracker = Tracker(root / "mlruns", "a")
        for name, bundle in bundles.items():
            with tracker.run(name, f"a {name}") as run:
                uri = run.log_bundle(save_bundle(bundle, root / name))
            tracker.register(uri, name, {}, "champion")
        patch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
        yield tracker


@pytest.fixture(scope="module")
def champions(registry: Tracker) -> dict[str, Any]:
    """The champions as MLflow's users load them."""
    return {name: mlflow.pyfunc.load_model(f"models:/a-{name}@champion") for name in (CLV.name, CHURN.name, ICP.name)}


def quietly(champion: Any, frame: pd.DataFrame, **params: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pd.DataFrame(champion.predict(frame, params=params or AT))


@pytest.fixture(scope="module")
def answers(champions: dict[str, Any], orders: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What each champion says of the orders."""
    return {name: quietly(champion, orders) for name, champion in champions.items()}


@pytest.fixture(scope="module")
def features(orders: pd.DataFrame) -> pd.DataFrame:
    """What is known from the orders alone."""
    return scored_features(Tables({"orders": orders}, "EUR"), SHOP_CUT)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    both = [name for name in expected if not name.startswith("reasons") or CHURN.reason in expected]
    pd.testing.assert_frame_equal(
        found[both], expected[both], rtol=1e-9, atol=1e-9, check_names=False, check_index_type=False
    )


@pytest.mark.parametrize("name", [CLV.name, CHURN.name, ICP.name])
def test_orders_give_what_python_gives(
    answers: dict[str, pd.DataFrame], bundles: dict[str, Bundle], features: pd.DataFrame, name: str
) -> None:
    found = answers[name]
    assert list(found) == model_columns(name)
    assert found["customer_id"].is_unique
    assert found.index.equals(pd.Index(found["customer_id"]))
    scores = score(features, LoadedModels.of(*bundles.values()), as_of=SHOP_CUT, currency="EUR")
    assert_same(found, scores[model_columns(name)])


@pytest.mark.parametrize("name", [CLV.name, CHURN.name, ICP.name])
def test_features_give_what_their_orders_give(
    champions: dict[str, Any], answers: dict[str, pd.DataFrame], features: pd.DataFrame, name: str
) -> None:
    wanted = champions[name].metadata.get_input_schema().input_names()
    ready = features[[column for column in features if column in wanted]]
    assert_same(quietly(champions[name], ready), answers[name])
    assert_same(quietly(champions[name], ready.rename_axis("customer_id").reset_index()), answers[name])


@pytest.mark.parametrize("name", [CLV.name, CHURN.name, ICP.name])
def test_the_models_own_columns_are_enough_and_need_no_day(
    champions: dict[str, Any], bundles: dict[str, Bundle], shop_features: pd.DataFrame, name: str
) -> None:
    """As before there was a signature: whoever called with features goes on, whole numbers included."""
    loaded = load_model(bundles[name])
    whole = shop_features[loaded.input_columns].copy()
    if "frequency" in whole:
        whole["frequency"] = whole["frequency"].astype("int64")
    found = champions[name].predict(whole)
    assert found.index.equals(shop_features.index)
    expected = loaded.predict(shop_features)
    scored = ~(found[f"{name}_reason"] == "gone_already")
    assert scored.any()
    for column in set(expected) & set(found):
        both = (frame.loc[scored, column].astype("float64") for frame in (found, expected))
        assert np.allclose(*both, rtol=0, atol=1e-12, equal_nan=True)
    assert found["as_of"].isna().all()
    if name == CLV.name:
        assert found["expected_date_of_next_order"].isna().all()
        assert found["clv_reason"].str.contains("no_as_of").all()
        assert found["historic_number_of_orders"].isna().all()


def test_rows_alone_and_in_any_order_give_the_same(
    champions: dict[str, Any], answers: dict[str, pd.DataFrame], orders: pd.DataFrame
) -> None:
    one = orders["customer_id"].iloc[0]
    alone = quietly(champions["clv"], orders[orders["customer_id"] == one].sample(frac=1.0, random_state=1))
    assert_same(alone, answers["clv"].loc[[one]])


@pytest.mark.parametrize(
    "told",
    [
        lambda frame: frame.assign(ordered_at=frame["ordered_at"].dt.strftime("%Y-%m-%dT%H:%M:%S")),
        lambda frame: frame.assign(ordered_at=frame["ordered_at"].dt.tz_localize("UTC").dt.tz_convert("Europe/Zurich")),
        lambda frame: frame.set_index("customer_id"),
        lambda frame: frame.assign(favourite="blue"),
    ],
    ids=["as text", "with a zone", "by index", "with more columns"],
)
def test_orders_may_be_told_in_several_ways(
    champions: dict[str, Any], answers: dict[str, pd.DataFrame], orders: pd.DataFrame, told: Any
) -> None:
    assert_same(quietly(champions["clv"], told(orders)), answers["clv"])


def test_whom_somebody_asks_about_is_a_customer(champions: dict[str, Any], orders: pd.DataFrame) -> None:
    """In a file, an id that holds all orders and is called 0 would be asked about."""
    assert quietly(champions[CLV.name], orders.assign(customer_id="0"))["customer_id"].tolist() == ["0"]


def test_later_orders_change_nothing(
    champions: dict[str, Any], answers: dict[str, pd.DataFrame], orders: pd.DataFrame
) -> None:
    before = orders[orders["ordered_at"] < pd.Timestamp(SHOP_CUT)]
    assert_same(quietly(champions["churn"], before), answers["churn"])


def test_without_order_ids_there_is_one_order_per_customer_and_day(champions: dict[str, Any]) -> None:
    times = ["2023-10-01T08:00:00", "2023-10-01T20:00:00", "2023-10-05T08:00:00"]
    three = pd.DataFrame({"customer_id": ["x"] * 3, "ordered_at": times, "net": [10, 5, 7]})
    found = quietly(champions["clv"], three)
    assert found["historic_number_of_orders"].tolist() == [2.0]
    assert found["historic_clv"].tolist() == [22.0]


def test_what_orders_cannot_tell_is_said(champions: dict[str, Any], orders: pd.DataFrame) -> None:
    with pytest.warns(UserWarning, match="churn also reads country, which orders do not tell"):
        champions["churn"].predict(orders, params=AT)
    with pytest.warns(UserWarning, match="icp also reads first_order_lines, .*, country, which orders do not tell"):
        champions["icp"].predict(orders, params=AT)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        champions["clv"].predict(orders, params=AT)


def test_rows_that_are_not_used_are_counted(champions: dict[str, Any], orders: pd.DataFrame) -> None:
    bad = orders.copy()
    bad.loc[bad.index[0], "net"] = np.nan
    with pytest.warns(UserWarning, match=rf"1 of {len(orders)} rows of the orders are not used"):
        champions["clv"].predict(bad, params=AT)


@pytest.mark.parametrize(
    ("change", "params", "kind", "sentence"),
    [
        (lambda o: o, {}, UsageError, 'orders need a day to score at.*params={"as_of": "YYYY-MM-DD"}'),
        (lambda o: o, {"as_of": "soon"}, UsageError, "'soon' is not a date"),
        (lambda o: o.rename(columns={"net": "amount"}), AT, UsageError, "orders without net: give customer_id,"),
        (lambda o: o.rename(columns={"ordered_at": "t"}), AT, UsageError, "neither orders.*nor features: frequency"),
        (lambda o: o.iloc[:0], AT, DataError, "no rows"),
        (lambda o: o.assign(net="dear"), AT, DataError, "net"),
        (lambda o: o, {"as_of": "2023-10-31"}, ModelRefused, "learned from data up to 2023-11-01"),
        (lambda o: o, {**AT, "currency": "CHF"}, ModelRefused, "trained on currency 'EUR' and this is 'CHF'"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(
    champions: dict[str, Any],
    orders: pd.DataFrame,
    change: Any,
    params: dict[str, str],
    kind: type[Exception],
    sentence: str,
) -> None:
    with pytest.raises(kind, match=sentence):
        champions["clv"].predict(change(orders), params=params)


def test_the_signature_and_the_example_hold_no_person(
    champions: dict[str, Any], registry: Tracker, shop: Tables
) -> None:
    model = champions["churn"]
    schema = model.metadata.get_input_schema()
    assert set(COLUMNS) < set(schema.input_names())
    assert "days_since_last_order" in schema.input_names()
    assert schema.required_input_names() == []
    assert model.metadata.get_output_schema().input_names() == model_columns("churn")
    assert [(param.name, param.default) for param in model.metadata.get_params_schema()] == [
        ("as_of", None), ("currency", None),
    ]  # fmt: skip
    assert set(model.input_example["customer_id"]) == {"customer-1", "customer-2"}
    people = set(shop.orders["customer_id"])
    files = [path for path in (registry.root / "artifacts").rglob("*") if path.suffix in (".json", "", ".yaml")]
    words = {json.dumps(who) for who in people}
    assert not [path for path in files if path.is_file() and any(word in path.read_text() for word in words)]


def test_the_example_is_answered(champions: dict[str, Any], registry: Tracker) -> None:
    for name, model in champions.items():
        served = next((registry.root / "artifacts" / f"a-{name}").rglob("serving_input_example.json"))
        asked = json.loads(served.read_text())
        found = quietly(model, model.input_example, **asked["params"])
        assert found["customer_id"].tolist() == ["customer-1", "customer-2"]


def test_a_version_of_before_gives_its_own_outputs(
    registry: Tracker, shop_features: pd.DataFrame, bundles: dict[str, Bundle]
) -> None:
    """Registered versions name ``cvo_ml.registry.pyfunc`` and have no signature: they answer as they did."""
    from cvo_ml.registry.pyfunc import BundleModel

    found = BundleModel(bundles["churn"]).predict(shop_features)
    assert list(found) == ["churn_probability"]


def test_nulls_are_nulls_in_json(champions: dict[str, Any], orders: pd.DataFrame) -> None:
    """As MLflow's server writes an answer."""
    from io import StringIO

    from mlflow.pyfunc.scoring_server import predictions_to_json

    written = StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictions_to_json(champions["churn"].predict(orders, params=AT), written)
    assert "NaN" not in written.getvalue()
    assert "NaT" not in written.getvalue()
    rows = json.loads(written.getvalue())["predictions"]
    assert any(row["churn_probability"] is None and row["churn_reason"] == "gone_already" for row in rows)


@pytest.mark.slow
def test_mlflow_serves_scores(registry: Tracker, champions: dict[str, Any], orders: pd.DataFrame) -> None:
    """``mlflow models serve`` is started, and asked in both ways in which its documentation asks."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "mlflow"), "models", "serve", "-m", "models:/a-churn@champion"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": registry.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with subprocess.Popen(
        [*command, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as server:  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/ping")
            text = orders.assign(ordered_at=orders["ordered_at"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
            expected = quietly(champions["churn"], orders)
            for orient in ("split", "records"):
                rows = json.loads(text.to_json(orient=orient))
                rows.pop("index", None) if isinstance(rows, dict) else None
                status, answer = _asked(port, {f"dataframe_{orient}": rows, "params": AT})
                assert (status, "NaN" in answer) == (200, False)
                found = pd.DataFrame(json.loads(answer)["predictions"]).set_index("customer_id", drop=False)
                assert np.allclose(
                    found["churn_probability"].astype("float64"),
                    expected["churn_probability"],
                    rtol=0, atol=1e-9, equal_nan=True,
                )  # fmt: skip
                assert found["churn_band"].isna().equals(expected["churn_band"].isna())
            status, answer = _asked(port, {"dataframe_records": rows})
            assert status == 400
            assert "orders need a day to score at" in answer
        finally:
            os.killpg(server.pid, 15)


def _asked(port: int, body: dict[str, Any]) -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def _wait_for(address: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server does not answer")
