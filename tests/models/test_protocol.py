"""The parts that a model becomes: strict about what they hold, and the same for every kind."""

from __future__ import annotations

from importlib import import_module

import pytest

from cvo_ml.core.errors import BundleError
from cvo_ml.models.clv.baselines import LastPeriod
from cvo_ml.models.icp import SourceRate
from cvo_ml.models.protocol import LifetimeScorer, Parts, ProbabilityScorer
from cvo_ml.registry.bundles.kinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_one_class_that_says_so_and_scores(kind: str) -> None:
    module, _, name = KINDS[kind].partition(":")
    model = getattr(import_module(module), name)
    assert model.kind == kind
    face = ProbabilityScorer if hasattr(model, "predict_proba") else LifetimeScorer
    asked = ("to_parts", "from_parts", "predict" if face is LifetimeScorer else "predict_proba")
    assert all(callable(getattr(model, each)) for each in asked)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [({}, "days is missing"), ({"days": "30"}, "days is '30', not int"), ({"days": 30.5}, "days")],
)
def test_a_parameter_that_is_missing_or_mistyped_is_named(parameters: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        LastPeriod.from_parts(Parts(parameters))


@pytest.mark.parametrize("rate", [None, float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_loaded(rate: float | None) -> None:
    with pytest.raises(BundleError, match="rate is"):
        SourceRate.from_parts(Parts({"column": None, "rate": rate, "rates": {}, "quantiles": [0.0, 1.0]}))


def test_parameters_of_later_versions_are_passed_over() -> None:
    assert LastPeriod.from_parts(Parts({"days": 30, "season": {"sine": 1.0}})).days == 30
