"""One place says what data must hold: the readiness report and training read the same policy."""

from pathlib import Path

from cvo_ml.config.loader import config_dir, load_config
from cvo_ml.config.readiness import ReadinessPolicy
from cvo_ml.core.models import CHURN, CLV, ICP, MODEL_NAMES
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Silent, Workspace
from cvo_ml.workflows.train import training_settings
from tests.builders import SHOP_CUT
from training.jobs import train_at


def test_the_shipped_policy_says_what_its_defaults_are() -> None:
    assert load_config(config_dir() / "policies/readiness.yaml", ReadinessPolicy) == ReadinessPolicy()


def test_training_hands_the_policy_of_the_own_folder_to_its_jobs(shop: Tables, tmp_path: Path) -> None:
    """The shop can carry none of what the file asks for, and could carry what the packaged one does."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/readiness.yaml").write_text(
        "clv: {repeat_customers: 70001}\nchurn: {of_each_outcome: 80001}\nicp: {positives: 90001}\n"
    )
    settings = training_settings(
        MODEL_NAMES, ("churn.horizon=45D", "icp.age=30D"), "s", Workspace(tmp_path, tmp_path, tmp_path)
    )
    assert settings.minima.clv.repeat_customers == 70001
    models = train_at(shop, SHOP_CUT, settings, Silent())
    assert set(models.models) == {CLV.name}
    assert models.models[CLV.name].bundle.kind in ("clv.formula", "clv.last_period")
    assert set(models.refused) == {CHURN.name, ICP.name}
