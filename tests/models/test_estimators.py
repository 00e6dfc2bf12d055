"""The public estimators in scikit-learn's manner, by its own checks and by what people do with estimators."""

from __future__ import annotations

import inspect
import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from cvo_ml.core.errors import CvoError, ModelRefused, UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.churn import ChurnClassifier, HazardChurn, LogisticChurn, RecencyChurn
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
    BetaGeoModel,
    CustomerLifetimeValue,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    PurchaseFeatures,
)
from cvo_ml.models.estimator import NotFitted, WrongInput
from cvo_ml.models.icp import FirstOrderValue, LookalikeClassifier, PositiveUnlabelled, SourceRate

from .clv.shops import simulate_with_future

#: Small trees for the small samples of scikit-learn's checks.
TINY = {"min_data_in_leaf": 1, "num_threads": 1, "learning_rate": 0.3, "num_leaves": 4}
CLASSIFIERS = [
    ChurnClassifier(rounds=8, parameters=TINY, fewest_outcomes=1),
    LookalikeClassifier(rounds=8, parameters=TINY, fewest_positives=1),
]
PURCHASES = [BetaGeoModel(), ModifiedBetaGeoModel(), ParetoNBDModel(), BetaGeoBinomialModel("D")]
OTHERS = [
    GammaGammaModel(), CustomerLifetimeValue(), CustomerLifetimeValue(ParetoNBDModel(penalty=1.0), GammaGammaModel()),
    RecencyChurn(), FirstOrderValue(), PurchaseFeatures(),
]  # fmt: skip
#: Parts of jobs, which name their columns: no default would do.
NAMING = [HazardChurn(["x"]), LogisticChurn(["x"]), PositiveUnlabelled(["x"]), SourceRate(None)]
NO_DATA = [
    checks.check_no_attributes_set_in_init, checks.check_get_params_invariance, checks.check_set_params,
    checks.check_estimator_cloneable, checks.check_estimator_repr, checks.check_valid_tag_types,
]  # fmt: skip

#: What scikit-learn asks and these classifiers answer otherwise, each with its reason.
EXPECTED = {
    "check_classifiers_one_label": "one outcome teaches nothing: ModelRefused, an error of this program's tree",
    "check_fit2d_1sample": "one customer teaches nothing: ModelRefused, an error of this program's tree",
}


@parametrize_with_checks(CLASSIFIERS, expected_failed_checks=lambda estimator: EXPECTED)
def test_classifiers_pass_scikit_learns_checks(estimator, check) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", [*PURCHASES, *OTHERS, *NAMING], ids=repr)
@pytest.mark.parametrize("check", NO_DATA, ids=lambda check: check.__name__)
def test_every_estimator_passes_the_checks_that_need_no_data(estimator, check) -> None:
    check(type(estimator).__name__, clone(estimator))


@pytest.mark.parametrize("estimator", [*PURCHASES, *OTHERS], ids=repr)
def test_every_public_estimator_can_be_made_without_a_word(estimator) -> None:
    checks.check_parameters_default_constructible(type(estimator).__name__, estimator)


X = pd.DataFrame(
    {
        "days": np.random.default_rng(1).exponential(60.0, 400),
        "orders": np.random.default_rng(2).poisson(3.0, 400),
        "country": np.random.default_rng(3).choice(["AT", "DE"], 400),
    }
)
LEFT = (X["days"] + np.random.default_rng(4).normal(0.0, 20.0, 400) > 60).to_numpy()
NUMBERS = ["days", "orders"]
SHOP = simulate_with_future(800, 0.6, 30.0, 0.8, 2.5, seed=3).drop(columns=["future", "worth"])


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
class TestClassifiers:
    def test_it_is_cross_validated_tuned_and_put_into_pipelines(self, model) -> None:
        assert cross_val_score(model, X, LEFT, cv=3, scoring="roc_auc").mean() > 0.85
        scaled = StandardScaler().set_output(transform="pandas")
        joined = make_pipeline(scaled, model).fit(X[NUMBERS], LEFT)
        assert joined[-1].feature_names_in_.tolist() == NUMBERS
        assert cross_val_predict(joined, X[NUMBERS], LEFT, cv=2, method="predict_proba").shape == (400, 2)
        searched = GridSearchCV(model, {"rounds": [1, 8]}, cv=2, scoring="neg_log_loss").fit(X, LEFT)
        assert searched.best_params_ == {"rounds": 8}

    def test_columns_are_read_by_name_in_frames_and_by_place_in_arrays(self, model) -> None:
        fitted = clone(model).fit(X, LEFT)
        assert (fitted.n_features_in_, fitted.feature_names_in_.tolist()) == (3, ["days", "orders", "country"])
        assert fitted.columns == ("days", "orders", "country")
        other = X[["country", "orders", "days"]].assign(more=1.0)
        assert np.array_equal(fitted.predict_proba(other), fitted.predict_proba(X))
        by_place = clone(model).fit(X[NUMBERS].to_numpy(), LEFT)
        assert by_place.predict_proba(X[NUMBERS].to_numpy()) == pytest.approx(
            clone(model).fit(X[NUMBERS], LEFT).predict_proba(X[NUMBERS])
        )
        assert not hasattr(by_place, "feature_names_in_")
        with pytest.raises(ValueError, match="expecting 2 features"):
            by_place.predict(X[["days"]].to_numpy())
        with pytest.raises(UsageError, match="missing: orders"):
            fitted.predict_proba(X[["days", "country"]])

    def test_labels_of_any_kind_come_back(self, model) -> None:
        named = clone(model).fit(X, np.where(LEFT, "left", "active"))
        assert named.classes_.tolist() == ["active", "left"]
        assert set(named.predict(X)) == {"active", "left"}
        assert np.array_equal(named.predict_proba(X), clone(model).fit(X, LEFT).predict_proba(X))
        with pytest.raises(WrongInput, match=r"Only binary classification is supported.*give two labels"):
            clone(model).fit(X, np.arange(400) % 3)
        with pytest.raises(ModelRefused):
            clone(model).fit(X, np.zeros(400))

    def test_parameters_stay_as_they_are_given(self, model) -> None:
        features, parameters = ["days"], {"num_leaves": 3}
        made = type(model)(features, parameters=parameters)
        assert made.get_params()["features"] is features
        assert made.get_params()["parameters"] is parameters
        assert clone(made).set_params(rounds=3).rounds == 3
        again = type(model).from_parts(clone(model).fit(X, LEFT).to_parts())
        assert again.predict(X).tolist() == (again.predict_proba(X)[:, 1] >= 0.5).astype(int).tolist()


def test_a_calibration_is_gone_with_the_next_fit() -> None:
    model = clone(CLASSIFIERS[0]).fit(X, LEFT)
    calibrated = model.calibrate(X, LEFT)
    assert not np.array_equal(calibrated.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(calibrated.fit(X, LEFT).predict_proba(X), model.predict_proba(X))


ASKED = [
    *((model, method) for model in PURCHASES for method in ("probability_alive", "predict", "expected_purchases")),
    (GammaGammaModel(), "predict"), (GammaGammaModel(), "expected_average_value"), (CustomerLifetimeValue(), "predict"),
    *((model, method) for model in CLASSIFIERS for method in ("predict", "predict_proba", "effects")),
    (HazardChurn(["days"]), "predict_proba"), (LogisticChurn(["days"]), "predict_proba"),
    (RecencyChurn(), "predict_proba"), (FirstOrderValue(), "predict_proba"), (SourceRate(None), "predict_proba"),
    (PositiveUnlabelled(["days"]), "predict_proba"), (PurchaseFeatures(), "transform"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "method"), ASKED, ids=str)
def test_what_is_not_fitted_says_so_to_both_worlds(model, method) -> None:
    row = {"frequency": 0.0, "recency": 0.0, "T": 9.0, "monetary_value": 0.0, "days_since_last_order": 1.0}
    rows = pd.DataFrame([{**row, "first_order_value": 1.0, "days": 1.0}])
    ask = getattr(clone(model), method)
    if "horizon" in inspect.signature(ask).parameters:
        ask = partial(ask, horizon=Horizon("90D"))
    for kind in (NotFittedError, UsageError, NotFitted, CvoError):
        with pytest.raises(kind, match=r"^this \w+ is not fitted: call fit first$"):
            ask(rows)
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(model))


def test_models_of_purchases_and_value_are_estimators_too() -> None:
    model = CustomerLifetimeValue(ParetoNBDModel(penalty=2.0))
    assert model.get_params()["transactions__penalty"] == 2.0
    model.set_params(transactions__penalty=0.5)
    assert model.fit(SHOP) is model
    check_is_fitted(model)
    assert model.transactions_.penalty == 0.5
    assert model.feature_names_in_.tolist() == ["frequency", "recency", "T", "monetary_value"]
    assert model.value_.n_features_in_ == 4
    before = model.get_params()
    again = pickle.loads(pickle.dumps(model))
    assert again.predict(SHOP, horizon=Horizon("90D")).equals(model.predict(SHOP, horizon=Horizon("90D")))
    assert {name: before[name] for name in ("transactions", "value")} == {
        name: model.get_params()[name] for name in ("transactions", "value")
    }
    assert not hasattr(clone(model), "transactions_")


def test_arrays_in_the_fields_order_will_do_for_models_of_purchases_and_value() -> None:
    array = SHOP.to_numpy()
    framed, placed = CustomerLifetimeValue().fit(SHOP), CustomerLifetimeValue().fit(array)
    assert placed.transactions_.params_ == framed.transactions_.params_
    horizon = Horizon("90D")
    assert placed.predict(array, horizon=horizon).equals(framed.predict(SHOP, horizon=horizon).reset_index(drop=True))
    purchases = framed.transactions_
    by_place = purchases.expected_purchases(array[:, :3], horizon)
    assert np.array_equal(by_place, purchases.expected_purchases(SHOP, horizon))
    assert framed.value_.predict(array[:, [0, 3]]).shape == (800, 1)
    with pytest.raises(WrongInput, match=r"shape \(800, 1\): give \(n, 3\) of frequency, recency, T"):
        purchases.probability_alive(array[:, :1])


def test_wrong_parameters_are_found_by_fit_and_not_before() -> None:
    model = BetaGeoModel(time_unit="Q", penalty=-1.0)
    with pytest.raises(UsageError, match="time unit 'Q' is unknown"):
        model.fit(SHOP)
    with pytest.raises(UsageError, match=r"transactions is the class BetaGeoModel: .*transactions=BetaGeoModel\(\)"):
        CustomerLifetimeValue(BetaGeoModel).fit(SHOP)


def test_what_a_model_of_purchases_knows_is_a_step_of_a_pipeline() -> None:
    shop = simulate_with_future(800, 0.6, 30.0, 0.8, 2.5, seed=3, span=90.0)
    shop.index = [f"c{place}" for place in range(len(shop))]
    silent = (shop["future"] == 0).to_numpy()
    step = PurchaseFeatures(ParetoNBDModel(), "90D").set_output(transform="pandas")
    made = step.fit_transform(shop)
    assert made.index.equals(shop.index)
    assert made.columns.tolist() == step.get_feature_names_out().tolist()
    assert np.array_equal(made["probability_alive"], step.model_.probability_alive(shop))
    joined = make_pipeline(PurchaseFeatures(), StandardScaler(), LogisticRegression())
    assert cross_val_score(joined, shop, silent, cv=3, scoring="roc_auc").mean() > 0.75
    assert joined.set_params(purchasefeatures__model=ParetoNBDModel()).fit(shop, silent).predict(shop).shape == (800,)
    assert np.array_equal(PurchaseFeatures().fit(shop).transform(shop), PurchaseFeatures().fit_transform(shop))
    with pytest.raises(UsageError, match="such as '90D'"):
        PurchaseFeatures(horizon=90).fit(shop)
