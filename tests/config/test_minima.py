"""The readiness report and training refuse at the same numbers."""

from cvo_ml.config.jobs import ChurnJob, IcpJob
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.readiness import ReadinessPolicy
from cvo_ml.models.churn.boosted import FEWEST_OUTCOMES
from cvo_ml.models.clv import BetaGeoModel
from cvo_ml.models.icp.lookalike import FEWEST_POSITIVES


def test_the_shipped_minima_are_those_at_which_training_refuses() -> None:
    policy = load_config(default_config("policies/readiness.yaml"), ReadinessPolicy)
    assert policy.clv.repeat_customers == BetaGeoModel().minimum_repeat_customers
    assert policy.churn.of_each_outcome == FEWEST_OUTCOMES
    assert policy.churn.shortest_history == ChurnJob().shortest_history
    assert policy.icp.positives == FEWEST_POSITIVES
    assert (policy.icp.age, policy.icp.top_share, policy.icp.burn_in) == (
        IcpJob().age,
        IcpJob().top_share,
        IcpJob().burn_in,
    )
